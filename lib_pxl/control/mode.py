"""A mode is what a layer does to the clean estimate. A new one is one entry of MODES.

A mode prepares, once, whatever it needs from the target's latents, and returns the edit: a function of the
estimate, the weight and the place in the schedule, tensors in and a new tensor out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lib_pxl.control.canvas import Canvas, Schedule
from lib_pxl.knobs import Choice

Edit = Callable[[Tensor, Tensor, "Level"], Tensor]
_S0 = 1.0  # the usual deviation of clean latents, as every Stable Diffusion family scales them
_TINY = 1e-6
_FLAT = 1e-5  # what rounding leaves of a flat map's deviation is less


@dataclass(frozen=True)
class Level:
    """The share of the target's deviation that an estimate has at this point of the schedule, (B, 1, 1, 1)."""

    share: Tensor


def levels(schedule: Schedule) -> Tensor:
    """That share at every model call, (N,): s0/sqrt(s0² + sigma²) for the sigma the step leads to, so 1 at the last."""
    return _S0 / (_S0**2 + schedule.leads_to**2).sqrt()


def color(target: Tensor, canvas: Canvas) -> Edit:
    """Pull towards the map's own latents: aim at a correlation, so that edits do not compound over the steps."""
    mean = target.mean((-2, -1), keepdim=True)  # (1, C, 1, 1)
    deviation = target.std((-2, -1), keepdim=True, correction=0)
    shape = ((target - mean) / deviation).masked_fill(deviation < _FLAT, 0)  # unit deviation; nothing in a flat map

    def edit(denoised: Tensor, w: Tensor, level: Level) -> Tensor:
        middle = denoised.mean((-2, -1), keepdim=True)  # (B, C, 1, 1)
        rest = denoised - middle
        spread = rest.square().mean((-2, -1), keepdim=True).sqrt()
        rho = (rest * shape).mean((-2, -1), keepdim=True) / spread.clamp_min(_TINY)
        aim = torch.maximum(rho, w)
        w4 = w**4
        goal_middle = torch.lerp(middle, mean.expand_as(middle), w4.expand_as(middle))
        goal_spread = torch.lerp(spread, (deviation * level.share).expand_as(spread), w4.expand_as(spread))
        kept = ((1 - aim**2).clamp_min(0) / (1 - rho**2).clamp_min(_TINY)).sqrt()
        kept = kept * goal_spread / spread.clamp_min(_TINY)
        pull = goal_spread * aim - kept * spread * rho
        return torch.addcmul(torch.addcmul(goal_middle, kept, rest), pull, shape)

    return edit


MODES = {
    "color": Choice("Colour", "pull towards the map's own colours and shapes", color),
    "layout": Choice("Layout", "follow the map's structure and leave the colours free"),
    "edges": Choice("Edges", "grow edges where the map has them"),
    "texture": Choice("Texture", "add the map's fine detail"),
    "warp": Choice("Warp", "displace the picture, and come to rest"),
    "start": Choice("Start", "the map as the ground the picture starts from, in its first noise"),
    "hold": Choice("Hold", "carry one image of a batch into the next along the flow"),
}
