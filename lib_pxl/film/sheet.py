"""The film strip as a picture: a labelled row for each layer, its curve above its cells, the progress at the foot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import torch
from PIL import Image, ImageDraw

from lib_pxl.control.curve import Curve
from lib_pxl.control.film import Row, Shot
from lib_pxl.control.layer import Layer
from lib_pxl.control.map import MAPS
from lib_pxl.control.mode import MODES
from lib_pxl.control.source import SOURCES
from lib_pxl.errors import PxlError
from lib_pxl.hosts.lettering import font

PAPER, INK, SOFT, HAIR, WASH, ACCENT = "#fbfaf7", "#2a2a2e", "#85858c", "#dedcd5", "#f6ded2", "#cf5a33"
MARGIN, LABEL, GAP, CURVE, BETWEEN, FOOT = 32, 190, 4, 34, 30, 20
_ABOVE = 52  # the title's height
_BOX = 92  # the height of the box that a sentence stands in
_LEAST = 360  # the least room for a sentence
_LINES = 4  # of a sentence at most
_NAME = 260  # a longer name is a picture in base64
_MANY = 4  # a curve is drawn so many times larger, and then made smooth
Lines = list[tuple[str, int, str]]  # text, size and colour


@dataclass(frozen=True)
class Sheet:
    """The layers, their rows and what they were made for; cells are `columns` a row."""

    layers: Sequence[Layer | PxlError]
    rows: Sequence[Row | PxlError]
    shot: Shot
    columns: int

    @property
    def across(self) -> int:
        """The width of a row of cells."""
        return self.columns * (self.shot.size[0] + GAP) - GAP

    @property
    def _wide(self) -> int:
        return max(self.across, _LEAST) if any(isinstance(row, PxlError) for row in self.rows) else self.across

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole."""
        high = sum(self._height(row) + BETWEEN for row in self.rows)
        return 2 * MARGIN + LABEL + self._wide, MARGIN + _ABOVE + high + FOOT + MARGIN - BETWEEN // 2

    def draw(self, first: int = 0) -> Image.Image:
        """The picture, with each row's cells from the first one given."""
        page = Image.new("RGB", self.size, PAPER)
        pen = ImageDraw.Draw(page)
        shot, left, top = self.shot, MARGIN + LABEL, MARGIN + _ABOVE
        told = f"{shot.width} x {shot.height} · {shot.steps} steps · seed {shot.seed}" + " · hires pass" * shot.hires
        pen.text((MARGIN, MARGIN), "Film strip", INK, font(22))
        pen.text((left, MARGIN + 7), _legible(told), SOFT, font(14))
        for i, (layer, row) in enumerate(zip(self.layers, self.rows, strict=True)):
            self._write(pen, MARGIN, top, [(f"{i + 1}", 22, ACCENT)], LABEL)
            self._write(pen, MARGIN + 30, top, _label(layer), LABEL - 46)
            if isinstance(row, Row):
                self._lay(page, layer, row, first, left, top)
            else:
                self._explain(pen, str(row), left, top)
            top += self._height(row) + BETWEEN
        for column, u in enumerate(shot.progress[first : first + self.columns]):
            middle = left + column * (shot.size[0] + GAP) + shot.size[0] // 2
            text = f"{100 * u:.0f} %"
            pen.text((middle - pen.textlength(text, font(13)) / 2, top - BETWEEN + 8), text, SOFT, font(13))
        return page

    def _height(self, row: Row | PxlError) -> int:
        return CURVE + 6 + self.shot.size[1] if isinstance(row, Row) else _BOX

    def _lay(self, page: Image.Image, layer: Layer | PxlError, row: Row, first: int, left: int, top: int) -> None:
        """A row's curve and cells."""
        curve = layer.curve(self.shot.hires) if isinstance(layer, Layer) else None
        assert curve is not None  # or it would have no row
        page.paste(self._curve(curve, first), (left, top))
        for column, image in enumerate(row.images(slice(first, first + self.columns))):
            page.paste(image, (left + column * (image.width + GAP), top + CURVE + 6))

    def _curve(self, curve: Curve, first: int) -> Image.Image:
        """The strength, from the middle of the first cell to the middle of the last, with a point for each cell."""
        wide, high, edge = self.across * _MANY, CURVE * _MANY, 4 * _MANY
        cell = wide / self.columns
        x = torch.arange(0, wide + 1, _MANY)
        whole = self.columns == 1  # one cell is the whole progress, and the point moves
        u = x / wide if whole else ((x - cell / 2) / (wide - cell)).clamp(0, 1)
        shown = self.shot.progress[first : first + self.columns]
        at = [u * wide if whole else cell / 2 + u * (wide - cell) for u in shown]
        heights = [high - edge - (high - 2 * edge) * curve(each) for each in (u.float(), torch.tensor(shown))]
        line, points = (list(zip(*pair, strict=True)) for pair in ((x.tolist(), heights[0].tolist()),
                                                                    (at, heights[1].tolist())))  # fmt: skip
        image = Image.new("RGB", (wide, high), PAPER)
        pen = ImageDraw.Draw(image)
        pen.polygon([(0, high - edge), *line, (wide, high - edge)], WASH)
        pen.line([(0, high - edge), (wide, high - edge)], HAIR, _MANY)
        pen.line(line, ACCENT, 2 * _MANY, joint="curve")
        radius = 3 * _MANY
        for px, py in points:
            pen.ellipse((px - radius, py - radius, px + radius, py + radius), PAPER, ACCENT, round(1.5 * _MANY))
        return image.reduce(_MANY)

    def _explain(self, pen: ImageDraw.ImageDraw, sentence: str, left: int, top: int) -> None:
        """Why there are no cells."""
        wide = self._wide
        pen.rounded_rectangle((left, top, left + wide, top + _BOX), 8, "#f1efe9")
        lines: list[str] = [""]
        for word in sentence.split(" "):
            longer = f"{lines[-1]} {word}".strip()
            lines = [*lines[:-1], longer] if _length(longer, 14) < wide - 40 else [*lines, word]
        if len(lines) > _LINES:
            lines = [*lines[: _LINES - 1], " ".join(lines[_LINES - 1 :])]
        high = 19 * len(lines)
        self._write(pen, left + 20, top + (_BOX - high) // 2, [(line, 14, INK) for line in lines], wide - 40)

    @staticmethod
    def _write(pen: ImageDraw.ImageDraw, left: int, top: int, lines: Lines, wide: int) -> None:
        """Lines below one another, each cut where it would be too long."""
        for line, size, colour in lines:
            text = _legible(line)
            while _length(text, size) > wide:
                text = text.removesuffix("...")[:-1] + "..."
            pen.text((left, top), text, colour, font(size))
            top += round(size * 1.35)


def _label(layer: Layer | PxlError) -> Lines:
    """What a layer is, in a few words."""
    if isinstance(layer, PxlError):
        return []
    source = SOURCES[layer.source["kind"]][0].label if layer.looks else ""
    name = (layer.source.get("image") or layer.source.get("path") or "") if layer.looks else ""
    short = "" if len(name) > _NAME or name.startswith("data:") else PurePath(name.replace("\\", "/")).name
    more = [short, f"{MAPS[layer.map].label.lower()} of it" if layer.map != "color" else ""]
    if layer.motion is not None and layer.mode == "warp":
        more.append(f"motion {layer.motion['kind']}, {100 * layer.motion['amount']:.0f} %")
    if layer.gate is not None:
        more.append(f"gate {100 * layer.gate['cover']:.0f} %")
    more.append("mask" if layer.mask is not None else "")
    return [(MODES[layer.mode].label, 18, INK), *((each, 13, SOFT) for each in (source, *more) if each)]


def _length(text: str, size: int) -> float:
    return float(font(size).getlength(_legible(text)))


def _legible(text: str) -> str:
    """What the default font has."""
    return text.encode("latin-1", "replace").decode("latin-1")
