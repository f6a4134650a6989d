"""The film strip as the panel asks for it: one strip for each layer, as a data URL."""

from __future__ import annotations

import base64
import io
from functools import lru_cache
from typing import Any

from PIL import Image

from lib_pxl.control.film import KNOBS, SIDE, Shot, shoot
from lib_pxl.control.layer import Layer
from lib_pxl.control.program import Program
from lib_pxl.errors import ProgramError, PxlError
from lib_pxl.film.read import layers_of
from lib_pxl.hosts.base import Host
from lib_pxl.hosts.desk import Desk
from lib_pxl.knobs import Knob, parse_group
from lib_pxl.store.maps import PREFIX

_KEPT = 64  # rows, of about ten kilobytes each
_QUALITY = 85
_ENOUGH = 4 * SIDE  # of the last picture; more would not be seen in a cell


class LayersAsked(Knob):
    """The program whose strip is asked for."""

    def parse(self, value: Any, where: str) -> list[Layer | ProgramError]:
        """Its layers, each by itself."""
        return layers_of(value)


FILM: dict[str, Knob] = {
    "program": LayersAsked("program", "Program", "a program in {}, or a job's control", required=True),
    **KNOBS,
}


class Answer:
    """Draws rows, and remembers them by their layer, so that only the one that is being changed is drawn again."""

    def __init__(self, desk: Desk, host: Host) -> None:
        self.desk, self.host = desk, host
        self._kept = lru_cache(_KEPT)(lambda text, i, shot: self._drawn(_read(text), i, shot))

    def __call__(self, data: Any) -> dict[str, Any]:
        """The answer to a request's dictionary; a ProgramError where that cannot be understood."""
        asked = parse_group(FILM, data, "")
        layers = asked.pop("program")
        shot = Shot(**asked)
        return {"progress": shot.progress, "layers": [self._row(layer, i, shot) for i, layer in enumerate(layers)]}

    def _row(self, layer: Layer | ProgramError, i: int, shot: Shot) -> dict[str, Any]:
        try:
            if isinstance(layer, ProgramError):
                raise layer
            if _lasting(layer):
                return self._kept(Program((layer,)).format(), i, shot)
            return self._drawn(self._settled(layer), i, shot)
        except PxlError as problem:
            return {"problem": str(problem)}

    def _settled(self, layer: Layer) -> Layer:
        last = self.desk.previous
        return layer if last is None else Program((layer,)).settle(lambda: _sent(last)).layers[0]

    def _drawn(self, layer: Layer, i: int, shot: Shot) -> dict[str, Any]:
        canvas = shot.canvas(maps=self.desk.maps.path, roots=self.host.readable)
        row = shoot(layer, i, shot, canvas)
        image = _url(row.strip(), "webp", quality=_QUALITY, method=2)
        return {"image": image, "strength": [round(each, 4) for each in row.strength.tolist()]}


def _read(text: str) -> Layer:
    return Program.parse(text).layers[0]


def _lasting(layer: Layer) -> bool:
    """True where the layer's text alone says what will be seen: a path's file may change, a kept map never does."""
    named = [layer.source.get("image"), layer.source.get("path"), layer.mask]
    return layer.source["kind"] != "previous" and all(name is None or name.startswith(PREFIX) for name in named)


def _sent(picture: Image.Image) -> str:
    """As much of the last picture as a cell can show."""
    small = picture.convert("RGB")
    small.thumbnail((_ENOUGH, _ENOUGH))
    return _url(small, "png", compress_level=1)


def _url(picture: Image.Image, kind: str, **how: Any) -> str:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
