"""Modes that pull towards the map's own latents: all of them, or their detail alone."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lib_pxl.control.canvas import Schedule, spread
from lib_pxl.control.stage import Made, Stage, joined

_S0 = 1.0  # the usual deviation of clean latents, as every Stable Diffusion family scales them
_FLAT = 1e-5  # what rounding leaves of a flat map's deviation is less
_NIL = 1e-12  # added to a variance
_MOST = 1e6  # the tangent at full strength
_SLACK = 1e-5  # a correlation may come out a rounding above 1
FINE_BAND = 5  # latents: what a mean over so many along each side takes away is detail


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
    target, w, choose = stage.latents(), stage.strength[:, None, None], stage.chooser()
    centred = target - target.mean((-2, -1), keepdim=True)  # (K, C, H, W)
    deviation = _power(centred)
    places = math.prod(target.shape[-2:])
    # Of unit deviation, over -places: so that a product with one of unit deviation is -ρ.
    shapes = centred / deviation.masked_fill(deviation < _FLAT, math.inf) / -places
    centre, deviations = (stage.seen(each.flatten(1)) for each in (target.mean((-2, -1)), deviation))  # (M, B or 1, C)
    follow = w**4
    table = joined(_tangent(w), 1 - follow, follow * centre, follow * _rise(stage.schedule) * deviations)
    one = shapes.new_full((), 1 + _SLACK)

    def edit(denoised: Tensor, row: Tensor, shown: Tensor) -> Tensor:
        b, c, h, wide = denoised.shape
        tangent, keep, (goal_centre, goal_spread) = row[:, :1], row[:, 1:2], row[:, 2:].view(b, 2, c).unbind(1)
        shape = choose(shapes, shown)
        normal, centre, rate = torch.native_group_norm(denoised, None, None, b, c, h * wide, c, _NIL)
        against = torch.linalg.vecdot(normal.flatten(2), shape.flatten(2))  # quicker than a product of matrices
        rest = torch.addcmul(one, against, against, value=-1).sqrt()
        pull = torch.addcmul(against, rest, tangent).relu()
        mixed = torch.addcmul(normal, pull[..., None, None], shape, value=-places).view(1, b * c, h, wide)
        spread = torch.addcdiv(goal_spread, keep, rate)
        centre = torch.addcmul(goal_centre, keep, centre)
        return torch.group_norm(mixed, b * c, spread.view(-1), centre.view(-1), _NIL).view_as(denoised)

    return Made(edit, table)


def texture(stage: Stage) -> Made:
    """Add the map's detail: the same aim, of the fine band alone, and never less of it than w times the map's.

    Bands are vectors as long as they deviate. Each comes as a pair, beside nothing and beside the map's, so that one
    operation finds both the band's own length and that of what is not the map's in it, and one both their aims.
    """
    target, w, choose = stage.latents(), stage.strength[:, None, None], stage.chooser()
    h, wide = target.shape[-2:]
    fine = detail(target)
    deviation = _power(fine)  # (K, C, 1, 1)
    pairs = fine.new_zeros(*fine.shape[:2], 2, h, wide)  # (K, C, 2, H, W)
    pairs[:, :, 1] = fine.div_(deviation.masked_fill(deviation < _FLAT, math.inf) * (h * wide) ** 0.5)
    least = w * _rise(stage.schedule) * stage.seen(deviation.flatten(1))  # (M, B or 1, C)
    least = torch.stack([least, torch.full_like(least, _FLAT)], dim=-1)  # a band of no length takes the map's direction
    tangent = _tangent(w)
    table = joined(torch.ones_like(tangent), tangent, least.flatten(2))
    down, across = (_mean_twice(n).to(target.device)[None] for n in (h, wide))

    def edit(denoised: Tensor, row: Tensor, shown: Tensor) -> Tensor:
        b, c, _, _ = denoised.shape
        scale, least = row[:, None, :2], row[:, 2:].reshape(b * c, 2, 1)
        whole, left, right = denoised.view(b * c, h, wide), down.expand(b * c, -1, -1), across.mT.expand(b * c, -1, -1)
        low = torch.bmm(whole, right)  # along the rows alone
        length = (h * wide) ** -0.5
        band = torch.baddbmm(whole, left, low, beta=length, alpha=-length).view(b * c, 1, -1)
        pair = choose(pairs, shown).reshape(b * c, 2, -1)
        along = torch.baddbmm(least, pair, band.mT)
        apart = torch.addcmul(band, along, pair, value=-1)
        beside = torch.linalg.vector_norm(apart, dim=-1).view(b, c, 2)
        power, pull = torch.maximum(beside * scale, along.view(b, c, 2)).view(b * c, 2).unbind(1)
        mixed = torch.addcmul(apart[:, 1], pull[:, None], pair[:, 1]).view(1, b * c, h, wide)
        aim = torch.group_norm(mixed, b * c, power, None, _NIL**2)
        return torch.sub(aim, band.view_as(aim), alpha=1 / length).view_as(denoised)

    return Made(edit, table, adds=True)


def _tangent(w: Tensor) -> Tensor:
    """Of the angle whose sine is w: how much of the map a correlation of w needs beside one part of the rest."""
    return (w / (1 - w**2).clamp_min(1 / _MOST**2).sqrt()).clamp_max(_MOST)


def _rise(schedule: Schedule) -> Tensor:
    """The levels at every place, (M, 1, 1)."""
    return spread(levels(schedule), schedule.places)[:, None, None]


def _power(x: Tensor) -> Tensor:
    return x.square().mean((-2, -1), keepdim=True).sqrt()


def detail(x: Tensor, wide: int = FINE_BAND) -> Tensor:
    """The fine band (…, C, H, W): what a mean along both sides takes away."""
    down, across = (_mean_twice(n, wide).to(x.device) for n in x.shape[-2:])
    return x - down @ x @ across.mT


def _mean_twice(n: int, wide: int = FINE_BAND) -> Tensor:
    """What a mean keeps of n places in a row (n, n), and of the rest once more, or slopes would leave a trace.

    Beyond its ends the row is mirrored, so that the sum stays.
    """
    near = (torch.arange(n)[:, None] + torch.arange(wide) - wide // 2) % (2 * n)
    mean = F.one_hot(torch.minimum(near, 2 * n - 1 - near), n).float().mean(1)
    return 2 * mean - mean @ mean
