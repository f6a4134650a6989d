"""The mode `layout`: the picture takes the map's structure, in colours of its own.

The map is one field M̂ of zero mean and unit power. Each channel of the estimate has its share a of it; together they
are the contrast that the picture shows along the map, whose colour and sign are the picture's own choice. It is raised,
the more the less the picture follows the map as yet, and what the map does not explain is taken back. Both go beyond
their aim by a gain that grows with sigma, so that what a step leaves in the noisy picture weighs the same at any sigma.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lib_pxl.control.canvas import Canvas, Schedule, spread
from lib_pxl.control.stage import Made, Stage, joined

_S0 = 1.0  # the usual deviation of clean latents, as every Stable Diffusion family scales them
_LEAST = 1.65  # the contrast of a picture that does not follow yet; 1 is what two usual colours have between them
_MOST = 1.3  # the most contrast, alike
_CALM, _CALMEST = 1.5, 4.5  # the gain of the rest at a sigma of 1, and where it ends: more leaves a ghost behind
_AHEAD = 2.0  # a step moves the picture at most so many times the way to its aim
_SLACK = 1e-5  # a correlation may come out a rounding above 1
_FLAT = 1e-5  # what rounding leaves of a flat map's deviation is less
_NIL = 1e-6


def layout(stage: Stage) -> Made:
    """Follow the map's structure and leave the colours free."""
    canvas, choose = stage.canvas, stage.chooser()
    fields = torch.stack([structure(each, canvas) for each in stage.frames.pixels(1)])  # (K, H, W)
    deviation = fields.std((-2, -1), correction=0)
    flat = deviation < _FLAT
    shapes = (fields / deviation[:, None, None]).masked_fill(flat[:, None, None], 0).flatten(1)[:, :, None]
    span = (fields.amax((-2, -1)) - fields.amin((-2, -1))).clamp_min(_NIL)
    one_apart = usual(canvas.channels) * deviation / span  # in the share that a field of unit power has of it
    bounds = torch.stack([_LEAST * one_apart, _MOST * one_apart], dim=1)  # (K, 2)
    live = (~flat).float()[:, None]
    table = joined(gains(stage.schedule, stage.strength)[:, None] * stage.seen(live), stage.seen(bounds))
    shapes = shapes.to(canvas.device)
    nothing, nil, one = shapes.new_zeros(1), shapes.new_full((1, 1, 1), _FLAT**2), shapes.new_full((), 1 + _SLACK)

    def edit(denoised: Tensor, row: Tensor, shown: Tensor) -> Tensor:
        b, c, h, wide = denoised.shape
        raised, calmed, least, most = row[..., None].unbind(1)  # (B, 1) each
        shape = choose(shapes, shown)  # (B, H*W, 1)
        # Without the mean, or the rounding of a flat estimate would count as contrast.
        rest = denoised - denoised.mean((-2, -1), keepdim=True)
        own = torch.baddbmm(nothing, rest.view(b, c, -1), shape, beta=0, alpha=1 / (h * wide))  # (B, C, 1)
        length = torch.linalg.vector_norm(own, dim=1)
        power = torch.baddbmm(nil, rest.view(b, 1, -1), rest.view(b, -1, 1), alpha=1 / (h * wide))[:, 0]  # (B, 1)
        missing = torch.addcdiv(one, length.square(), power, value=-1).sqrt()
        lift = lifted(length, least * missing, most, raised)
        calm = torch.addcmul(denoised, rest, calmed[..., None, None], value=-1)
        return torch.baddbmm(calm.view(b, c, -1), own * (lift + calmed)[..., None], shape.mT).view_as(denoised)

    return Made(edit, table)


def structure(pixels: Tensor, canvas: Canvas) -> Tensor:
    """A map at the latents' size (H, W), of zero mean: its colours, along the line on which they differ most."""
    small = F.adaptive_avg_pool2d(pixels.float(), (canvas.height, canvas.width))
    colours = (small - small.mean((-2, -1), keepdim=True)).flatten(1)
    axes = torch.linalg.eigh(colours @ colours.T).eigenvectors
    along: Tensor = axes[:, -1] @ colours
    return along.view(canvas.height, canvas.width)


def usual(channels: int) -> float:
    """The contrast that two colours of a picture have between them, as a length over all channels."""
    return _S0 * math.sqrt(2 * channels)


def lifted(length: Tensor, least: Tensor, most: Tensor, raised: Tensor) -> Tensor:
    """How many times itself must be added to a contrast; one that is too much never falls below the most."""
    short = torch.clamp(length, least, most) / length.clamp_min(_NIL) - 1
    return torch.maximum(short * raised, short.clamp_max(0))


def gains(schedule: Schedule, strength: Tensor) -> Tensor:
    """How far contrast and rest are taken at every place, where 1 is to their aims, times the strength, (M, 2).

    A step that keeps r of the noisy picture goes no further than 2/(1 − r), or few steps would overshoot. Near the end
    the rest, which is then the picture's own detail, is left alone.
    """
    sigma = schedule.sigmas / _S0
    reach = _AHEAD / (1 - schedule.leads_to / schedule.sigmas).clamp_min(_NIL)
    both = torch.stack([1 + sigma, (_CALM * sigma).clamp_max(_CALMEST)], dim=1).minimum(reach[:, None])
    return spread(both, schedule.places) * strength[:, None]
