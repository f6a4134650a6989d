"""The mode `start`: the map as the ground that the picture starts from, in its first noise."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from lib_pxl.control.stage import Made, Stage

_FLAT = 1e-5
_BANDS = 8  # the map's low band has so many waves along the shorter side, which is all that first noise can tell


def start(stage: Stage) -> Made:
    """√(1 − w²)·noise + w·map, of the map's low band at unit deviation: the noise keeps its own variance."""
    target, choose = stage.latents(), stage.chooser()
    low = low_band(target)
    low = low - low.mean((-2, -1), keepdim=True)
    deviation = low.square().mean((-2, -1), keepdim=True).sqrt()
    shapes = (low / deviation).masked_fill(deviation < _FLAT, 0)
    flat = (deviation < _FLAT).float()
    w = stage.strength[0]

    def noise(noise: Tensor, shown: Tensor, share: Tensor | None) -> Tensor:
        own = (w if share is None else w * share) * (1 - choose(flat, shown))  # a flat map takes nothing away
        shape = choose(shapes, shown)
        if share is not None:  # there, too, at unit deviation
            shape = shape - (own * shape).sum((-2, -1), keepdim=True) / own.sum((-2, -1), keepdim=True).clamp_min(_FLAT)
            power = (own * shape).square().sum((-2, -1), keepdim=True) / own.square().sum(
                (-2, -1), keepdim=True
            ).clamp_min(_FLAT)
            shape = shape / power.sqrt().clamp_min(_FLAT)
        return (1 - own**2).sqrt() * noise + own * shape

    return Made(noise=noise)


def low_band(x: Tensor) -> Tensor:
    """What first noise can tell of pictures (…, C, H, W)."""
    h, wide = x.shape[-2:]
    side = max(1, min(h, wide) // (2 * _BANDS))
    low = F.avg_pool2d(x, side, ceil_mode=True, count_include_pad=False)
    return F.interpolate(low, (h, wide), mode="bilinear", align_corners=False)
