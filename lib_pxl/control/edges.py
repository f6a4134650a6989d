"""The mode `edges`: where the map has outlines, the picture gets them too, and the parts between keep their colours.

The outlines cut the picture into parts. Each part is on one of two sides, so that as much outline as can lies between
sides; what lies within a side is parted by a second pair of sides, as far as it can be: four colours are enough for any
map. The two are fields, along which the picture gets a usual contrast whatever its colours are. Inside a part, what is
not its own colour is taken back while the picture is forming.
"""

from __future__ import annotations

from functools import cache
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor

from lib_pxl.control import map as maps
from lib_pxl.control.contrast import contrasted
from lib_pxl.control.part import borders, covers, parted
from lib_pxl.control.stage import Made, Stage

_PARTS = 12  # the largest so many, counted with the lines that bound nothing
_CELLS, _FINEST = 256, 8  # outlines are followed on so many cells along the shorter side, at most so many a latent
_AT_ONCE = 32  # frames whose outlines are followed together
_BLUR = 64  # an outline is about a so-manieth of the shorter side wide


def edges(stage: Stage) -> Made:
    """Grow edges where the map has them and leave the colours between them free."""
    side, found = min(stage.canvas.height, stage.canvas.width), []
    fine = max(1, min(_FINEST, _CELLS // side))
    outlines = (_outlined(each, fine, stage) for each in stage.frames.pixels(max(1, fine // 2)))
    while some := list(islice(outlines, _AT_ONCE)):
        parts, meets = cut(torch.stack(some), some[0].shape[1] // stage.canvas.width)
        found.append((parts, fields(parts, meets)))
    return contrasted(stage, *(torch.cat(each) for each in zip(*found, strict=True)))


def cut(lines: Tensor, fine: int) -> tuple[Tensor, Tensor]:
    """The parts that lines (K, H*fine, W*fine) bound, (K, P, H*W), and how long a border each has with each."""
    own = parted(lines.numpy(), _PARTS, fine**2, max(fine, min(lines.shape[1:]) // _BLUR))
    return torch.from_numpy(covers(own, _PARTS, fine)), torch.from_numpy(borders(own, _PARTS))


def fields(parts: Tensor, meets: Tensor) -> Tensor:
    """The two fields that part what meets, of zero mean and at right angles, as sums of parts (K, 2, P)."""
    both, products = sides(meets).double(), (parts @ parts.mT).double()
    means = products.sum(-1, keepdim=True) / parts.shape[-1]  # as all parts together cover every place once
    first, second = (both - both @ means)[:, :, None].unbind(1)
    products = first @ products
    along = (second @ products.mT) / (first @ products.mT).clamp_min(1)
    return torch.cat([first, second - along * first], dim=1)


def sides(meets: Tensor) -> Tensor:
    """The side, 1 or -1, that each part is on in two fields, (K, 2, P), for how much each meets each, (K, P, P).

    A part is on none, 0, where it meets no other, or none that the first field has not set apart from it.
    """
    first = _sides(meets)
    return torch.stack([first, _sides(meets * (first[:, :, None] == first[:, None]))], dim=1)


def _sides(meets: Tensor) -> Tensor:
    """The sides that part most of what meets, of all that there are, (K, P)."""
    every = _every(meets.shape[-1])
    within = ((every @ meets) * every).sum(-1)
    return every[within.argmin(-1)] * (meets.sum(-1) > 0)


@cache
def _every(count: int) -> Tensor:
    """All ways to put so many parts on two sides (N, P); the last may stay where it is."""
    rest = torch.arange(count - 1)
    return F.pad(torch.arange(2 ** (count - 1))[:, None] >> rest & 1, [0, 1]) * 2.0 - 1


def _outlined(pixels: Tensor, fine: int, stage: Stage) -> Tensor:
    """Where a frame has outlines, on a grid no finer than the frame is."""
    canvas = stage.canvas
    fine = min(fine, pixels.shape[-1] // canvas.width)
    size = (canvas.height * fine, canvas.width * fine)
    if pixels.shape[-2:] != size:
        pixels = F.interpolate(pixels[None], size, mode="area")[0]
    outlines = pixels if stage.map == "edges" else maps.edges(pixels, canvas)
    return outlines[0] > 0.5
