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
from lib_pxl.control.canvas import Canvas
from lib_pxl.control.contrast import bases, contrasted
from lib_pxl.control.part import Parts, borders, covers, parted
from lib_pxl.control.stage import Made, Stage

_PARTS = 12  # the largest so many, counted with the lines that bound nothing
_CELLS, _FINEST = 256, 8  # outlines are followed on so many cells along the shorter side, at most so many a latent
_AT_ONCE = 16  # frames whose outlines are followed together
_BLUR = 64  # an outline is about a so-manieth of the shorter side wide


def edges(stage: Stage) -> Made:
    """Grow edges where the map has them and leave the colours between them free."""
    canvas = stage.canvas
    fine = max(1, min(_FINEST, _CELLS // min(canvas.height, canvas.width)))
    pictures = (_small(each, fine, canvas) for each in stage.frames.pixels(max(1, fine // 2)))
    found = torch.empty(int(stage.which.max()) + 1, _PARTS + 1, canvas.height * canvas.width)
    for first in range(0, len(found), _AT_ONCE):
        some = found[first : first + _AT_ONCE]
        shown = torch.stack(list(islice(pictures, len(some))))
        outlines = shown if stage.map == "edges" else maps.edges(shown, canvas)
        cells = shown.shape[-2] // canvas.height
        _span(cut(outlines[:, 0] > 0.5, cells), cells, some)
    return contrasted(stage, found, fields=2)


def cut(lines: Tensor, fine: int) -> Parts:
    """The part, of _PARTS, that each cell is in of what lines (K, H*fine, W*fine) bound."""
    return parted(lines.numpy(), _PARTS, fine**2, max(fine, min(lines.shape[1:]) // _BLUR))


def _span(own: Parts, fine: int, found: Tensor) -> None:
    """Fill in what spans the parts beside the two fields, and these, (K, P + 1, H*W)."""
    meets, places = torch.from_numpy(borders(own, _PARTS)), found.shape[-1]
    if fine == 1:  # a latent is of one part alone, whose sums it takes
        cell = torch.from_numpy(own).flatten(1).long()
        sizes = torch.zeros(len(own), _PARTS).scatter_add_(1, cell, torch.ones(()).expand_as(cell))
        products = sizes.diag_embed()
        sums = bases(products, fields(products, meets), places)
        torch.gather(sums, 2, cell[:, None].expand(-1, sums.shape[1], -1), out=found)
    else:
        parts = torch.from_numpy(covers(own, _PARTS, fine))
        products = parts @ parts.mT
        torch.bmm(bases(products, fields(products, meets), places), parts, out=found)


def fields(products: Tensor, meets: Tensor) -> Tensor:
    """The two fields that part what meets, of zero mean and at right angles, as sums of parts (K, 2, P)."""
    both, products = sides(meets).double(), products.double()
    total = products.sum(-1, keepdim=True)  # of each part, as all together cover every place once
    first, second = (both - both @ (total / total.sum(1, keepdim=True)))[:, :, None].unbind(1)
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
    every, alike = _every(meets.shape[-1])
    within = meets.flatten(1) @ alike
    return every[within.argmin(-1)] * (meets.sum(-1) > 0)


@cache
def _every(count: int) -> tuple[Tensor, Tensor]:
    """All ways to put so many parts on two sides (N, P), where the last may stay; and which then are alike (P*P, N)."""
    rest = torch.arange(count - 1)
    every = F.pad(torch.arange(2 ** (count - 1))[:, None] >> rest & 1, [0, 1]) * 2.0 - 1
    return every, (every[:, :, None] * every[:, None]).flatten(1).mT.contiguous()


def _small(pixels: Tensor, fine: int, canvas: Canvas) -> Tensor:
    """A frame of so many cells a latent, or of as few as it has."""
    fine = min(fine, pixels.shape[-1] // canvas.width)
    size = (canvas.height * fine, canvas.width * fine)
    return pixels if pixels.shape[-2:] == size else F.interpolate(pixels[None], size, mode="area")[0]
