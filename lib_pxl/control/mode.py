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
from lib_pxl.control.source import Frames
from lib_pxl.errors import ProgramError
from lib_pxl.knobs import Choice

Edit = Callable[[Tensor, Tensor, Tensor], Tensor]  # the estimate (B, C, H, W), a table's row (B, k), its place (B,)
_S0 = 1.0  # the usual deviation of clean latents, as every Stable Diffusion family scales them
_FLAT = 1e-5  # what rounding leaves of a flat map's deviation is less
_NIL = 1e-12  # added to a variance
_MOST = 1e6  # the tangent at full strength
_SLACK = 1e-5  # a correlation may come out a rounding above 1


@dataclass(frozen=True)
class Stage:
    """What a mode is given: the layer's frames, and its strength at every place (M,) of the schedule."""

    frames: Frames
    strength: Tensor
    schedule: Schedule
    canvas: Canvas
    where: str  # the layer's name in errors

    def latents(self) -> Tensor:
        """All frames as latents (K, C, H, W), or a ProgramError."""
        found = self.frames.latents().detach().to(self.canvas.device, torch.float32)
        wanted = (int(self.frames.which.max()) + 1, self.canvas.channels, self.canvas.height, self.canvas.width)
        if tuple(found.shape) != wanted or not found.isfinite().all():
            raise ProgramError(
                self.where, got=f"a target of shape {tuple(found.shape)}", wanted=f"finite latents {wanted}"
            )
        return found

    def chooser(self) -> Callable[[Tensor, Tensor], Tensor]:
        """Of a stack (K, …), the one that each image (B,) sees at its place (B,)."""
        which = self.frames.which.to(self.canvas.device)
        image = torch.arange(which.shape[1], device=which.device)
        if not which.any():
            return lambda stack, place: stack.expand(len(place), *stack.shape[1:])
        return lambda stack, place: stack[which[place, image]]


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
    target, w, choose = stage.latents(), stage.strength, stage.chooser()
    mean, deviation = target.mean((-2, -1)), target.std((-2, -1), correction=0)  # (K, C)
    flat = deviation[..., None, None] < _FLAT
    shapes = ((target - mean[..., None, None]) / deviation[..., None, None]).masked_fill(flat, 0)  # (K, C, H, W)
    moments = torch.stack([mean, deviation], dim=1)  # (K, 2, C)
    level = spread(levels(stage.schedule), stage.schedule.places)
    tangent = (w / (1 - w**2).clamp_min(1 / _MOST**2).sqrt()).clamp_max(_MOST)
    nothing, one = shapes.new_zeros(1), shapes.new_full((), 1 + _SLACK)

    def edit(denoised: Tensor, row: Tensor, place: Tensor) -> Tensor:
        b, c, h, wide = denoised.shape
        tangent, w4, level = row[:, 0:1], row[:, 1:2], row[:, 2:3]
        shape, (goal_centre, goal_spread) = choose(shapes, place), choose(moments, place).unbind(1)
        normal, centre, rate = torch.native_group_norm(denoised, None, None, b, c, h * wide, c, _NIL)
        both = normal.view(b * c, 1, -1), shape.reshape(b * c, -1, 1)
        rho = torch.baddbmm(nothing, *both, beta=0, alpha=1 / (h * wide)).view(b, c)
        rest = torch.addcmul(one, rho, rho, value=-1).sqrt()
        pull = torch.maximum(rest * tangent, rho) - rho
        mixed = torch.addcmul(normal, pull[..., None, None], shape).view(1, b * c, h, wide)
        spread = torch.lerp(rate.reciprocal(), goal_spread * level, w4)
        centre = torch.lerp(centre, goal_centre, w4)
        return torch.group_norm(mixed, b * c, spread.view(-1), centre.view(-1), _NIL).view_as(denoised)

    return Made(edit, torch.stack([tangent, w**4, level], dim=1))


MODES = {
    "color": Choice("Colour", "pull towards the map's own colours and shapes", color),
    "layout": Choice("Layout", "follow the map's structure and leave the colours free"),
    "edges": Choice("Edges", "grow edges where the map has them"),
    "texture": Choice("Texture", "add the map's fine detail"),
    "warp": Choice("Warp", "displace the picture, and come to rest"),
    "start": Choice("Start", "the map as the ground the picture starts from, in its first noise"),
    "hold": Choice("Hold", "carry one image of a batch into the next along the flow"),
}
