"""Annotators read a map off a picture: the host's own, each asked once for each picture."""

from __future__ import annotations

import hashlib
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy
from PIL import Image

from lib_pxl.errors import ProgramError, PxlError, Words

_KEPT = 64  # maps; 64 of 1024² are 64 MiB
_TOLD = 80  # letters of a failure; an error cuts what is longer in its middle
# ControlNet's, by the folder of their weights, the best first.
DEPTH = {
    "depth_anything_v2": "depth_anything_v2",
    "depth_anything": "depth_anything",
    "depth_zoe": "zoedepth",
    "depth_midas": "midas",
    "depth_leres": "leres",
}
EASIEST = "depth_midas"  # to fetch: the least to download, and no further package


@dataclass(frozen=True)
class Annotator:
    """One annotator; equal keys, equal maps."""

    key: str
    see: Callable[[Image.Image], Image.Image]
    wanted: str  # what it needs, should it fail


class Annotations:
    """Asks whatever annotator it is given, and remembers by content."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Image.Image] = OrderedDict()

    def through(self, annotators: Mapping[str, Annotator]) -> dict[str, Callable[[Image.Image], Image.Image]]:
        """The same annotators, each asked once for each picture."""
        return {name: partial(self._see, annotator) for name, annotator in annotators.items()}

    def _see(self, annotator: Annotator, picture: Image.Image) -> Image.Image:
        key = (
            annotator.key,
            hashlib.sha256(repr((picture.mode, picture.size)).encode() + picture.tobytes()).hexdigest(),
        )
        if key not in self._kept:
            try:
                self._kept[key] = annotator.see(picture)
            except PxlError:
                raise
            except Exception as problem:  # whatever a stranger's model raises, or fetching it
                told = f"{annotator.key}, which failed with {type(problem).__name__}: {problem}"
                got = Words(told if len(told) <= _TOLD else f"{told[: _TOLD - 1]}…")
                raise ProgramError("map", got=got, wanted=annotator.wanted) from problem
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def of_webui() -> dict[str, Annotator]:
    """Those of Forge, or of A1111's ControlNet extension, where it is loaded: nothing is imported to find out."""
    extension = getattr(sys.modules.get("scripts.supported_preprocessor"), "Preprocessor", None)
    known: dict[str, Any] = {
        **getattr(extension, "all_processors", {}),  # sd-webui-controlnet, scripts/supported_preprocessor.py
        **getattr(sys.modules.get("modules_forge.shared"), "supported_preprocessors", {}),  # Forge dfdcbab6
    }
    folder = getattr(sys.modules.get("annotator.annotator_path"), "models_path", None)
    name = _choose(known, Path(folder) if folder else None)
    if name is None:
        return {}
    wanted = f"its weights in {folder}, or a connection over which the host can fetch them"
    return {"depth": Annotator(name, partial(_ask, known[name]), wanted)}


def _choose(known: Mapping[str, Any], folder: Path | None) -> str | None:
    """The best whose weights are on the disk; else the one that the host can fetch most easily."""
    there = [name for name in DEPTH if name in known]
    lying = [name for name in there if folder and any((folder / DEPTH[name]).glob("*"))]
    return next(iter([*lying, *(name for name in there if name == EASIEST), *there]), None)


def _ask(preprocessor: Any, picture: Image.Image) -> Image.Image:
    """A preprocessor of ControlNet's, at the picture's own resolution and its usual settings."""
    usual = {
        name: getattr(preprocessor, name).gradio_update_kwargs["value"] for name in ("slider_1", "slider_2", "slider_3")
    }
    pixels = numpy.asarray(picture.convert("RGB"))
    found = numpy.asarray(preprocessor(input_image=pixels, resolution=min(picture.size), **usual))
    return Image.fromarray(found.astype(numpy.uint8)).convert("L")
