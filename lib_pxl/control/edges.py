"""The mode `edges`: where the map has outlines, the picture gets them too, and the parts between keep their colours.

The outlines cut the picture into parts. Two parts that meet at an outline get at least a usual contrast between them,
whatever their colours are; inside a part, what is not its own colour is taken back while the picture is forming.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lib_pxl.control import map as maps
from lib_pxl.control.canvas import Canvas
from lib_pxl.control.layout import gains, lifted, usual
from lib_pxl.control.stage import Made, Stage, joined

_LEAST, _MOST = 0.9, 1.2  # the contrast between two parts that meet; 1 is what two usual colours have
_PARTS = 12  # the largest so many, counted with the lines that bound nothing
_GRID = 4  # cells per latent
_SMALL = 1  # latents: a part that is smaller goes to its neighbours
_NEAR = 4  # cells: a line so near to a border is that border's


def edges(stage: Stage) -> Made:
    """Grow edges where the map has them and leave the colours between them free."""
    canvas, choose = stage.canvas, stage.chooser()
    found = [_parted(each, stage) for each in stage.frames.pixels(_GRID)]
    covers, weights = (torch.stack(each).to(canvas.device) for each in zip(*found, strict=True))
    means = (covers / covers.sum(-1, keepdim=True).clamp_min(1)).mT  # (K, H*W, P)
    live = stage.seen(weights.flatten(1).any(1).float()[:, None])  # (M, B or 1, 1)
    gain = gains(stage.schedule, stage.strength)[:, None] * live
    least, most = covers.new_tensor([_LEAST, _MOST]) * usual(canvas.channels)

    def edit(denoised: Tensor, row: Tensor, shown: Tensor) -> Tensor:
        b, c, _, _ = denoised.shape
        raised, calmed, kept = row[..., None, None].unbind(1)  # (B, 1, 1) each
        own = denoised.view(b, c, -1)
        colours = own @ choose(means, shown)  # (B, C, P)
        apart = colours[..., None] - colours[:, :, None]
        lift = lifted(torch.linalg.vector_norm(apart, dim=1), least, most, raised) * choose(weights, shown)
        moved = torch.addcmul((apart * lift[:, None]).sum(-1), colours, calmed)
        return torch.baddbmm(own * kept, moved, choose(covers, shown)).view_as(denoised)

    return Made(edit, joined(gain, 1 - gain[..., 1:]))


def parts(lines: Tensor) -> tuple[Tensor, Tensor]:
    """The parts that lines (4H, 4W) bound: how much of each latent is each one's, (P, H*W), and who meets whom, (P, P).

    What meets is the share of a part's border that it has with the other, times what the other's area is of both.
    """
    own = _grown(_enclosed(lines), lines)
    down, along = own[1:] != own[:-1], own[:, 1:] != own[:, :-1]
    border = F.pad(down, [0, 0, 0, 1]) | F.pad(along, [0, 1])
    wide = 2 * _NEAR + 1
    loose = lines & (F.max_pool2d(border[None].float(), wide, 1, _NEAR)[0] == 0)
    if loose.sum() >= _SMALL * _GRID**2:
        own = own.masked_fill(loose, _PARTS - 1)
    one = F.one_hot(own, _PARTS).float()  # (4H, 4W, P)
    pairs = torch.einsum("hwp,hwq->pq", one[1:], one[:-1]) + torch.einsum("hwp,hwq->pq", one[:, 1:], one[:, :-1])
    meets = (pairs + pairs.T).fill_diagonal_(0)
    area = one.sum((0, 1))
    weights = meets / meets.sum(1, keepdim=True).clamp_min(1) * area / (area + area[:, None]).clamp_min(1)
    return F.avg_pool2d(one.permute(2, 0, 1), _GRID).flatten(1), weights


def _parted(pixels: Tensor, stage: Stage) -> tuple[Tensor, Tensor]:
    canvas: Canvas = stage.canvas
    outlines = pixels if stage.map == "edges" else maps.edges(pixels, canvas)
    size = (canvas.height * _GRID, canvas.width * _GRID)
    return parts(F.adaptive_max_pool2d(outlines[:1], size)[0] > 0.5)


def _enclosed(lines: Tensor) -> Tensor:
    """Each cell's part, counted from 1 by size; 0 on lines, and where a part is too small."""
    free = ~lines
    names = (torch.arange(lines.numel()).view_as(lines) + 1) * free
    while True:
        spread = _along(_along(names.mT, free.mT).mT, free)
        if torch.equal(spread, names):
            break
        names = spread
    found, sizes = torch.unique(names[names > 0], return_counts=True)
    order = sizes.argsort(descending=True, stable=True)[: _PARTS - 1]
    own = torch.zeros_like(names)
    for i, each in enumerate(order[sizes[order] >= _SMALL * _GRID**2]):
        own[names == found[each]] = i + 1
    return own


def _along(names: Tensor, free: Tensor) -> Tensor:
    """The largest name of each run of free cells along the last dimension."""
    runs = free.long().diff(dim=-1, prepend=torch.zeros_like(free[:, :1]).long()).clamp(min=0).cumsum(dim=-1)
    largest = names.new_zeros(len(names), names.shape[1] + 1).scatter_reduce(-1, runs, names, "amax")
    return largest.gather(-1, runs) * free


def _grown(own: Tensor, lines: Tensor) -> Tensor:
    """Every cell with the part that is nearest, counted from 0."""
    while own.any() and not own.all():
        near = F.max_pool2d(own[None].float(), 3, 1, 1)[0].long()
        own = torch.where(own == 0, near, own)
    return (own - 1).clamp_min(0)
