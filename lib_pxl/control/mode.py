"""A mode is what a layer does to the clean estimate. A new one is one entry of MODES.

A mode makes ready, once, whatever it needs from the target's latents and from the strength over the schedule, and
returns an edit: tensors in, a new tensor out. What moves over the steps it tables; the plan reads all tables at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lib_pxl.control.canvas import Canvas, Schedule, spread
from lib_pxl.knobs import Choice

Edit = Callable[[Tensor, Tensor], Tensor]  # the estimate (B, C, H, W) and this step's row of the table (B, k)
_S0 = 1.0  # the usual deviation of clean latents, as every Stable Diffusion family scales them
_FLAT = 1e-5  # what rounding leaves of a flat map's deviation is less
_NIL = 1e-12  # added to a variance
_MOST = 1e6  # the tangent at full strength
_SLACK = 1e-5  # a correlation may come out a rounding above 1


@dataclass(frozen=True)
class Stage:
    """What a mode is given: the target's latents (1, C, H, W), and the strength at every place (M,) of the schedule."""

    target: Tensor
    strength: Tensor
    schedule: Schedule
    canvas: Canvas


@dataclass(frozen=True)
class Made:
    """A mode made ready: its edit, and the table (M, k) of which the edit gets a row."""

    edit: Edit
    table: Tensor


def levels(schedule: Schedule) -> Tensor:
    """The share of a clean picture's deviation that an estimate has, (N,).

    s0/sqrt(s0² + sigma²), for the sigma that the step leads to, so that it is 1 at the last call.
    """
    return _S0 / (_S0**2 + schedule.leads_to**2).sqrt()


def color(stage: Stage) -> Made:
    """Pull towards the map's own latents: aim at a correlation, so that edits do not compound over the steps.

    The estimate and the map at unit deviation have a correlation ρ; what must be added of the map for one of w is
    w/√(1−w²)·√(1−ρ²) − ρ, or nothing where it is there already.
    """
    target, w = stage.target, stage.strength
    mean, deviation = target.mean((-2, -1)), target.std((-2, -1), correction=0)  # (1, C)
    shape = ((target - mean[..., None, None]) / deviation[..., None, None]).masked_fill(
        deviation[..., None, None] < _FLAT, 0
    )
    level = spread(levels(stage.schedule), stage.schedule.places)
    tangent = (w / (1 - w**2).clamp_min(1 / _MOST**2).sqrt()).clamp_max(_MOST)
    goal = level[:, None] * deviation.cpu()  # (M, C)
    nothing, one = shape.new_zeros(1), shape.new_full((), 1 + _SLACK)

    def edit(denoised: Tensor, row: Tensor) -> Tensor:
        b, c, h, wide = denoised.shape
        tangent, w4, goal_spread = row[:, :1], row[:, 1:2], row[:, 2:]
        normal, middle, rate = torch.native_group_norm(denoised, None, None, b, c, h * wide, c, _NIL)
        both = normal.view(b * c, 1, -1), shape.expand(b, -1, -1, -1).reshape(b * c, -1, 1)
        rho = torch.baddbmm(nothing, *both, beta=0, alpha=1 / (h * wide)).view(b, c)
        rest = torch.addcmul(one, rho, rho, value=-1).sqrt()
        pull = torch.maximum(rest * tangent, rho) - rho
        mixed = torch.addcmul(normal, pull[..., None, None], shape)
        spread = torch.lerp(rate.reciprocal(), goal_spread, w4)
        centre = torch.lerp(middle, mean.expand(b, -1), w4)
        whole = mixed.view(1, b * c, h, wide)
        return torch.group_norm(whole, b * c, spread.view(-1), centre.view(-1), _NIL).view_as(denoised)

    return Made(edit, torch.cat([tangent[:, None], w[:, None] ** 4, goal], dim=1))


MODES = {
    "color": Choice("Colour", "pull towards the map's own colours and shapes", color),
    "layout": Choice("Layout", "follow the map's structure and leave the colours free"),
    "edges": Choice("Edges", "grow edges where the map has them"),
    "texture": Choice("Texture", "add the map's fine detail"),
    "warp": Choice("Warp", "displace the picture, and come to rest"),
    "start": Choice("Start", "the map as the ground the picture starts from, in its first noise"),
    "hold": Choice("Hold", "carry one image of a batch into the next along the flow"),
}
