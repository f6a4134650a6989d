"""Modes that pull towards the map's own latents: all of them, or their detail alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lib_pxl.control.canvas import Schedule, spread
from lib_pxl.control.stage import Made, Stage

_S0 = 1.0  # the usual deviation of clean latents, as every Stable Diffusion family scales them
_FLAT = 1e-5  # what rounding leaves of a flat map's deviation is less
_NIL = 1e-12  # added to a variance
_MOST = 1e6  # the tangent at full strength
_SLACK = 1e-5  # a correlation may come out a rounding above 1
FINE_BAND = 5  # latents: what a mean over so many takes away is detail


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

    return Made(edit, torch.stack([_tangent(w), w**4, level], dim=1))


def texture(stage: Stage) -> Made:
    """Add the map's detail: the same aim, of the fine band alone, and never less of it than w times the map's."""
    target, w, choose = stage.latents(), stage.strength, stage.chooser()
    fine = detail(target)
    deviation = fine.square().mean((-2, -1)).sqrt()[..., None, None]  # (K, C, 1, 1)
    shapes = (fine / deviation).masked_fill(deviation < _FLAT, 0)
    level = spread(levels(stage.schedule), stage.schedule.places)

    def edit(denoised: Tensor, row: Tensor, place: Tensor) -> Tensor:
        tangent, least = row[:, :1, None, None], row[:, 1:, None, None]
        shape = choose(shapes, place)
        rest = detail(denoised)
        power = rest.square().mean((-2, -1), keepdim=True).sqrt()  # (B, C, 1, 1)
        rho = (rest * shape).mean((-2, -1), keepdim=True) / power.clamp_min(_FLAT)
        pull = torch.maximum((1 + _SLACK - rho**2).sqrt() * tangent, rho) - rho
        mixed = torch.addcmul(rest, pull * power.clamp_min(_FLAT), shape)
        goal = torch.maximum(power, least * choose(deviation, place))
        whole = mixed * (goal / mixed.square().mean((-2, -1), keepdim=True).sqrt().clamp_min(_FLAT))
        return denoised - rest + whole

    return Made(edit, torch.stack([_tangent(w), w * level], dim=1))


def _tangent(w: Tensor) -> Tensor:
    """Of the angle whose sine is w: how much of the map a correlation of w needs beside one part of the rest."""
    return (w / (1 - w**2).clamp_min(1 / _MOST**2).sqrt()).clamp_max(_MOST)


def detail(x: Tensor, wide: int = FINE_BAND) -> Tensor:
    """The fine band (…, C, H, W): what a mean takes away, twice, or broad slopes would leave a trace."""
    for _ in range(2):
        x = x - F.avg_pool2d(x, wide, 1, wide // 2, count_include_pad=False)
    return x
