"""What `layout` and `edges` share: contrasts along a few fields are raised, and the rest is taken back.

Each channel of an estimate has its share of a field; together they are the contrast that the picture shows along it,
whose colour and sign are the picture's own choice. It is brought to the usual one, but to no more than what is left of
the picture besides, so that a picture of the map alone is left alone. Contrast and rest go beyond their aim by a gain
that grows with sigma, so that what a step leaves in the noisy picture weighs the same at any sigma.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lib_pxl.control.canvas import Schedule, spread
from lib_pxl.control.stage import Made, Stage, joined

_S0 = 1.0  # the usual deviation of clean latents, as every Stable Diffusion family scales them
_USUAL = 1.08  # the contrast that is aimed at; 1 is what two usual colours have between them
_FURTHER = 0.25  # power of 1/strength: a weak layer, which goes but part of the way, aims further
_BESIDE = 4.0  # times what is left besides, which a contrast is not raised above
_CALM, _STEEP = 0.85, 1.5  # the gain of the rest at a sigma of 1, and its power of sigma
_CALMEST = 9.0  # times the strength, where that gain ends: more leaves a ghost behind
_AHEAD = 2.0  # a step moves the picture at most so many times the way to its aim
_FLAT = 1e-5  # what rounding leaves of a flat map's deviation is less
_SLIGHT = 1e-4  # of a span of rows, what is thinner is rounding's
_NIL = 1e-12


def bases(products: Tensor, along: Tensor, places: int) -> Tensor:
    """What spans rows (K, P, H*W) beside some fields, then the fields, all at right angles, as sums (K, P - 1 + F, P).

    Fields are sums of rows (K, F, P), of zero mean and at right angles to one another; one that is flat is all 0. All
    that is asked of the rows is found in their products with one another (K, P, P).
    """
    products, along = products.double(), along.double()
    size = (along @ products * along).sum(-1).clamp_min(0).sqrt()  # (K, F)
    units = along / size.masked_fill(size < _FLAT * math.sqrt(places), math.inf)[..., None]
    others = torch.eye(products.shape[-1]) - products @ units.mT @ units
    others = orthonormal(others @ products @ others.mT) @ others
    # A field takes one row's place, so that the first of the others is none.
    return torch.cat([others[:, 1:], units], dim=1).float()


def contrasted(stage: Stage, bases: Tensor, fields: int) -> Made:
    """Raise what an estimate has of the last so many of some bases, and take back what is of none of them."""
    choose = stage.chooser()
    first = bases.shape[1] - fields
    shown = bases[:, first:]
    span = shown.amax(-1) - shown.amin(-1)  # (K, F)
    flat = span == 0
    most = _USUAL * _S0 * math.sqrt(2 * stage.canvas.channels) / span.masked_fill(flat, 1)
    live = (~flat).any(1).float()[:, None]
    further = stage.strength.clamp_min(_FLAT) ** -_FURTHER
    gain = gains(stage.schedule, stage.strength)[:, None] * stage.seen(live)
    table = joined(gain, stage.seen(most) * further[:, None, None])
    bases = bases.to(stage.canvas.device)
    nil, less = bases.new_full((1,), _NIL), bases.new_full((1,), -1.0)

    def edit(denoised: Tensor, row: Tensor, frame: Tensor) -> Tensor:
        b, c, _, _ = denoised.shape
        gain, calmed, most = row[:, None, None, :2], row[:, 2:3, None], row[:, None, 3:]
        basis = choose(bases, frame)
        own = denoised.view(b, c, -1)
        found = torch.baddbmm(nil, own, basis.mT)  # (B, C, P + F)
        rest = torch.baddbmm(own, found, basis, beta=_BESIDE, alpha=-_BESIDE)
        besides = torch.linalg.vector_norm(rest, dim=(1, 2), keepdim=True)
        contrast = found[..., first:]
        length = torch.linalg.vector_norm(contrast, dim=1, keepdim=True)  # (B, 1, F)
        short = torch.addcdiv(less, torch.clamp(length, besides, most), length)
        lift = (short[..., None] * gain).amax(-1)
        calm = torch.addcmul(own, rest, calmed, value=-1 / _BESIDE)
        return torch.baddbmm(calm, contrast * lift, basis[:, first:]).view_as(denoised)

    return Made(edit, table)


def gains(schedule: Schedule, strength: Tensor) -> Tensor:
    """How far at every place what is short, what is too much, and the rest are taken, where 1 is to their aims, (M, 3).

    A step that keeps r of the noisy picture goes no further than 2/(1 − r), or few steps would overshoot, and what is
    too much never goes beyond its aim. Near the end the rest, which is then the picture's own detail, is left alone.
    """
    sigma = schedule.sigmas / _S0
    reach = _AHEAD / (1 - schedule.leads_to / schedule.sigmas).clamp_min(_NIL)
    both = torch.stack([1 + sigma, _CALM * sigma**_STEEP], dim=1).minimum(reach[:, None])
    raised, calmed = spread(both, schedule.places).unbind(1)
    raised, calmed = raised * strength, calmed.minimum(_CALMEST * strength) * strength
    return torch.stack([raised, raised.clamp_max(1), calmed], dim=1)


def orthonormal(products: Tensor) -> Tensor:
    """Of rows whose products with one another these are (K, P, P), the sums that span the same, as (K, P, P).

    They are of unit length and at right angles, the weakest first; where the rows span less, the first are 0.
    """
    values, axes = torch.linalg.eigh(products)
    least = _SLIGHT * values[:, -1:].clamp_min(_SLIGHT)
    found: Tensor = (axes * torch.where(values > least, values, math.inf).rsqrt()[:, None]).mT
    return found
