"""The film strip: what each layer does to the picture, at a handful of places of the progress, without any model.

A cell is the layer's map, laid on a neutral ground as thickly as strength, gate and mask say. It is made as a plan is,
by the same sources, maps, gates and motions, on a canvas as small as the cell, whose latents are its pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from lib_pxl.control.canvas import FINE, Canvas, Schedule
from lib_pxl.control.color import FINE_BAND, detail
from lib_pxl.control.layer import Layer
from lib_pxl.control.map import edges, luma
from lib_pxl.control.program import share_of, staged
from lib_pxl.control.stage import Stage
from lib_pxl.control.start import low_band
from lib_pxl.control.warp import carry, grid_of, journey
from lib_pxl.errors import PxlError
from lib_pxl.knobs import Flag, Knob

SIDE = 96  # a cell's longer side
_LEAST = 16  # and the least that a side may have
GROUND = (0.69, 0.69, 0.7)  # where nothing acts
_PIXELS = 8  # pixels of a picture for each of its latents, in every Stable Diffusion family
_SEEN = 0.2  # a detail band's deviation
_FLAT = 1e-3
_SQUARES = 8  # of a checkerboard, along the shorter side
_BOARD = 0.22  # how far its squares are from the ground

KNOBS: dict[str, Knob] = {
    "width": Knob("width", "Width", "of the picture, in pixels", 512, 8, 16384, whole=True),
    "height": Knob("height", "Height", "of the picture, in pixels", 512, 8, 16384, whole=True),
    "steps": Knob("steps", "Steps", "sampling steps", 20, 1, 150, whole=True),
    "seed": Knob("seed", "Seed", "the picture's seed", 1, -1, 2**63 - 1, whole=True),
    "columns": Knob("columns", "Columns", "cells in each row, from the first step to the last", 8, 1, 64, whole=True),
    "hires": Flag("hires", "Hires pass", "show the hires pass"),
}


@dataclass(frozen=True)
class Shot:
    """What picture the program is to act on, and how much of that is shown; `KNOBS` says what each may be."""

    width: int = KNOBS["width"].default
    height: int = KNOBS["height"].default
    steps: int = KNOBS["steps"].default
    seed: int = KNOBS["seed"].default
    columns: int = KNOBS["columns"].default
    hires: bool = False
    side: int = SIDE

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a cell."""
        scale = self.side / max(self.width, self.height)
        return max(_LEAST, round(self.width * scale)), max(_LEAST, round(self.height * scale))

    def canvas(self, **more: Any) -> Canvas:
        """A pass as large as a cell; `more` says what a Canvas may be told of pictures."""
        width, height = self.size
        return Canvas(batch=1, channels=3, height=height, width=width, factor=1,
                      sigmas=torch.linspace(1, 0, self.steps + 1), seeds=[self.seed], device="cpu", dtype=torch.float32,
                      rgb=torch.eye(3), encode=lambda pixels: pixels, hires=self.hires, **more)  # fmt: skip

    @property
    def schedule(self) -> Schedule:
        """The whole pass."""
        return Schedule.parse(torch.linspace(1, 0, self.steps + 1), "cpu")

    @property
    def places(self) -> Tensor:
        """The places that are shown, spread evenly from the first model call to the last (K,), counted in calls."""
        last = (self.steps - 1) * FINE
        return torch.linspace(0, last, min(self.columns, last + 1)).round() / FINE

    @property
    def fine(self) -> int:
        """The width in a cell's pixels of what counts as detail in the picture's latents."""
        return max(3, round(FINE_BAND * _PIXELS * self.side / max(self.width, self.height)) | 1)

    @property
    def progress(self) -> list[float]:
        """u in each column."""
        return [round(u, 4) for u in self.schedule.only(self.places).progress.tolist()]


@dataclass(frozen=True)
class Row:
    """One layer's cells from left to right, (K, 3, h, w) in [0, 1], and the strength in each (K,)."""

    cells: Tensor
    strength: Tensor

    def images(self, which: slice = slice(None)) -> list[Image.Image]:
        """Each cell, or some."""
        values = (self.cells[which] * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
        return [Image.fromarray(each) for each in values]

    def strip(self) -> Image.Image:
        """All cells side by side without gaps."""
        return Row(torch.cat(list(self.cells), dim=-1)[None], self.strength).images()[0]


def film(layers: Iterable[Layer | PxlError], shot: Shot, canvas: Canvas) -> Iterator[Row | PxlError]:
    """A row for each layer, or what keeps it from having one."""
    for i, layer in enumerate(layers):
        try:
            yield layer if isinstance(layer, PxlError) else shoot(layer, i, shot, canvas)
        except PxlError as problem:
            yield problem


def shoot(layer: Layer, i: int, shot: Shot, canvas: Canvas) -> Row:
    """The row of a program's i-th layer; a PxlError says why it has none."""
    where, strength = f"layers[{i}]", _strength(layer, i, shot)
    few = shot.schedule.only(shot.places)
    shown = strength[(shot.places * FINE).long()]  # (K,)
    if layer.mode == "warp":
        with staged(layer, canvas, shot.schedule, strength, where) as stage:
            pictures = _carried(layer, stage)[few.steps]
        weight = (shown > 0).float()  # the strength is in the way that they go
    else:
        if layer.map == "depth" and layer.map not in canvas.annotators:
            raise PxlError(f"layer {i + 1} follows the depth, which a host finds only when it generates")
        with staged(layer, canvas, few, shown, where) as stage:
            look = LOOKS.get(layer.mode, _whole)
            looked = torch.stack([look(each, layer, shot, canvas) for each in stage.frames.pixels()])
            pictures = looked[stage.frames.which[:, 0]]
        weight = shown
    share = share_of(layer, canvas, few, shown > 0, where)
    weight = weight[:, None, None, None] * (1 if share is None else share[:, 0])  # (K, 1, h or 1, w or 1)
    return Row(torch.lerp(_ground().expand_as(pictures), pictures, weight.expand_as(pictures)), shown)


def _strength(layer: Layer, i: int, shot: Shot) -> Tensor:
    """At every place of the schedule (M,); a PxlError where the layer does not act."""
    strength = layer.strengths(shot.schedule.progress, shot.hires)
    if layer.muted:
        why = "is muted"
    elif shot.hires and layer.hires == "off":
        why = "is off in the hires pass"
    elif not strength.any():
        never = "the first step, the only one where start acts" if layer.mode == "start" else "every step"
        why = f"has strength 0 at {never}"
    else:
        return strength
    raise PxlError(f"layer {i + 1} {why}")


def _carried(layer: Layer, stage: Stage) -> Tensor:
    """The film's first frame, or a checkerboard, as it lies after each step (N, 3, h, w)."""
    come = journey(stage)
    picture = next(stage.frames.pixels()) if layer.looks else _board(*come.shape[-2:])
    return carry(picture.expand(len(come), -1, -1, -1), grid_of(come))


def _board(h: int, w: int) -> Tensor:
    """A checkerboard (3, h, w)."""
    side = min(h, w) / _SQUARES
    y, x = (((torch.arange(n) + 0.5 - n / 2) / side).floor() for n in (h, w))
    odd = (y[:, None] + x) % 2
    light, dark = _ground() + _BOARD, _ground() - _BOARD
    return torch.lerp(light, dark, odd.expand(3, -1, -1))


def _ground() -> Tensor:
    return torch.tensor(GROUND)[:, None, None]


def _whole(picture: Tensor, layer: Layer, shot: Shot, canvas: Canvas) -> Tensor:
    """The map itself."""
    return picture


def _structure(picture: Tensor, layer: Layer, shot: Shot, canvas: Canvas) -> Tensor:
    """Its masses in grey."""
    return luma((picture - detail(picture, shot.fine)).clamp(0, 1), canvas)


def _lines(picture: Tensor, layer: Layer, shot: Shot, canvas: Canvas) -> Tensor:
    """Its outlines, as ink on paper."""
    return 1 - (picture if layer.map == "edges" else edges(picture, canvas))


def _grain(picture: Tensor, layer: Layer, shot: Shot, canvas: Canvas) -> Tensor:
    """Its fine band about the ground, always as easy to see."""
    band = detail(picture, shot.fine)
    return (_ground() + band * (_SEEN / band.std().clamp_min(_FLAT))).clamp(0, 1)


def _haze(picture: Tensor, layer: Layer, shot: Shot, canvas: Canvas) -> Tensor:
    """What the first noise can tell of it."""
    return low_band(picture[None])[0]


# How a map is shown for what a mode takes of it; for any other mode, the map itself.
LOOKS: dict[str, Callable[[Tensor, Layer, Shot, Canvas], Tensor]] = {
    "layout": _structure,
    "edges": _lines,
    "texture": _grain,
    "start": _haze,
}
