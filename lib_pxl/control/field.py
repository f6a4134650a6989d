"""3-D noise: x and y are the picture, z the progress.

A field is a sum of plane waves, so it is the same picture at any size, needs no table, and moves as smoothly as z does.
A wave over a grid is a product of one vector down and one across, so that a whole schedule is one matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy
import torch
from torch import Tensor

WAVES = 32  # in each octave
_LEVELS, _NIL = 2**16 - 1, 1e-12
_FAR = 3.0  # a step of 1 in z leaves a correlation of exp(-3²/2), about a hundredth


@dataclass(frozen=True)
class Field:
    """Plane waves of unit variance in sum; frequencies are cycles per shorter side, and radians per unit of z."""

    across: Tensor  # (F, J)
    down: Tensor
    deep: Tensor
    phase: Tensor
    height: Tensor  # (J,)

    @classmethod
    def draw(cls, seeds: Sequence[int], scale: float, octaves: int = 1) -> Field:
        """One field for each seed, whose features are `scale` shorter sides wide."""
        drawn = [_waves(seed, scale, octaves) for seed in seeds]
        across, down, deep, phase = (torch.stack(each) for each in zip(*drawn, strict=True))
        height = 0.5 ** torch.arange(octaves).repeat_interleave(WAVES)
        return cls(across, down, deep, phase, height / (height.square().sum() / 2).sqrt())

    def some(self, which: slice) -> Field:
        """Those of the fields alone."""
        across, down, deep, phase = (each[which] for each in (self.across, self.down, self.deep, self.phase))
        return Field(across, down, deep, phase, self.height)

    def __call__(self, z: Tensor, height: int, width: int, device: torch.device | str = "cpu") -> Tensor:
        """The fields at each z (M,), as (M, F, height, width) of about zero mean and unit variance."""
        side = min(height, width)
        y, x = ((torch.arange(n) + 0.5 - n / 2) / side * math.tau for n in (height, width))
        turned = self.down[..., None] * y + self.phase[..., None]  # (F, J, H)
        turned = turned + (self.deep * z[:, None, None])[..., None]  # (M, F, J, H)
        rows = torch.cat([turned.cos(), -turned.sin()], dim=-2) * self.height.repeat(2)[:, None]  # (M, F, 2J, H)
        flat = self.across[..., None] * x  # (F, J, W)
        columns = torch.cat([flat.cos(), flat.sin()], dim=-2)  # (F, 2J, W)
        return rows.to(device).mT @ columns.to(device)


def _waves(seed: int, scale: float, octaves: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    numbers = torch.Generator().manual_seed(seed % 2**63)
    count = WAVES * octaves
    turn, size, phase = torch.rand(3, count, generator=numbers)
    deep = torch.randn(count, generator=numbers) * _FAR
    octave = 2.0 ** torch.arange(octaves).repeat_interleave(WAVES)
    cycles = (0.75 + 0.5 * size) * octave / (2 * scale)
    return cycles * (turn * math.tau).cos(), cycles * (turn * math.tau).sin(), deep, phase * math.tau


def cover(field: Tensor, share: float, soft: float) -> Tensor:
    """1 where a field (..., H, W) is highest, on exactly that share of it, 0 elsewhere, with soft borders between.

    Places are ranked, so the share is a count of pixels; the border takes as much from the one side as from the other.
    """
    flat = field.flatten(-2)
    rank = (torch.arange(flat.shape[-1], device=flat.device) + 0.5) / flat.shape[-1]
    border = max(soft * 2 * min(share, 1 - share), 1e-6)
    t = ((rank - (1 - share)) / border + 0.5).clamp(0, 1)
    through = (t * t * (3 - 2 * t)).expand_as(flat)
    return torch.empty_like(flat).scatter_(-1, _order(flat), through).reshape(field.shape)


def _order(x: Tensor) -> Tensor:
    """The order that sorts x to 16 bits, what is equal then as it lies; numpy sorts so few bits ten times as fast."""
    low = x.amin(-1, keepdim=True)
    span = (x.amax(-1, keepdim=True) - low).clamp_min(_NIL)
    levels = ((x - low) * (_LEVELS / span)).cpu().numpy().astype(numpy.uint16)
    return torch.from_numpy(numpy.argsort(levels, axis=-1, kind="stable")).to(x.device)
