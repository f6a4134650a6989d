"""The mode `edges`: where the map has outlines, the picture gets them too, and the parts between keep their colours.

The outlines cut the picture into parts. Each part is on one of two sides, so that as much outline as can lies between
sides; what lies within a side is parted by a second pair of sides, as far as it can be: four colours are enough for any
map. The two are fields, along which the picture gets a usual contrast whatever its colours are. Inside a part, what is
not its own colour is taken back while the picture is forming.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from lib_pxl.control import map as maps
from lib_pxl.control.contrast import contrasted
from lib_pxl.control.part import borders, covers, parted
from lib_pxl.control.stage import Made, Stage

_PARTS = 12  # the largest so many, counted with the lines that bound nothing
_CELLS, _FINEST = 256, 8  # outlines are followed on so many cells along the shorter side, at most so many a latent
_BLUR = 64  # an outline is about a so-manieth of the shorter side wide


def edges(stage: Stage) -> Made:
    """Grow edges where the map has them and leave the colours between them free."""
    side = min(stage.canvas.height, stage.canvas.width)
    fine = max(1, min(_FINEST, _CELLS // side))
    found = [_parted(each, fine, stage) for each in stage.frames.pixels(max(1, fine // 2))]
    parts, both = (torch.stack(each) for each in zip(*found, strict=True))
    return contrasted(stage, parts, both)


def cut(lines: Tensor, fine: int) -> tuple[Tensor, Tensor]:
    """The parts that lines (H*fine, W*fine) bound, (P, H*W), and how long a border each has with each, (P, P)."""
    own = parted(lines.numpy(), _PARTS, fine**2, max(fine, min(lines.shape) // _BLUR))
    return torch.from_numpy(covers(own, _PARTS, fine)), torch.from_numpy(borders(own, _PARTS))


def fields(parts: Tensor, meets: Tensor) -> Tensor:
    """The two fields that part what meets, of zero mean and at right angles, (2, H*W)."""
    both = sides(meets) @ parts
    first, second = both - both.mean(-1, keepdim=True)
    along = (second @ first) / (first @ first).clamp_min(1)
    return torch.stack([first, second - along * first])


def sides(meets: Tensor) -> Tensor:
    """The side, 1 or -1, that each part is on in two fields, (2, P), for how much each meets each, (P, P).

    A part is on none, 0, where it meets no other, or none that the first field has not set apart from it.
    """
    first = _sides(meets)
    return torch.stack([first, _sides(meets * (first[:, None] == first))])


def _sides(meets: Tensor) -> Tensor:
    """The sides that part most of what meets, of all that there are."""
    every = _every(len(meets))
    within = ((every @ meets) * every).sum(-1)
    return every[within.argmin()] * (meets.sum(-1) > 0)


@cache
def _every(count: int) -> Tensor:
    """All ways to put so many parts on two sides (N, P); the last may stay where it is."""
    rest = torch.arange(count - 1)
    return F.pad(torch.arange(2 ** (count - 1))[:, None] >> rest & 1, [0, 1]) * 2.0 - 1


def _parted(pixels: Tensor, fine: int, stage: Stage) -> tuple[Tensor, Tensor]:
    """A frame's parts and the fields that part them, on a grid no finer than the frame is."""
    canvas = stage.canvas
    fine = min(fine, pixels.shape[-1] // canvas.width)
    size = (canvas.height * fine, canvas.width * fine)
    if pixels.shape[-2:] != size:
        pixels = F.interpolate(pixels[None], size, mode="area")[0]
    outlines = pixels if stage.map == "edges" else maps.edges(pixels, canvas)
    parts, meets = cut(outlines[0] > 0.5, fine)
    return parts, fields(parts, meets)
