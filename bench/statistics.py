"""What `color` does to a picture's statistics, on unit-Gaussian data, whose exact denoiser is x / (1 + sigma²)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from bench.scene import board, program
from lib_pxl.hosts.fake import SAMPLERS, sigmas

SHAPE = (4, 64, 64)
BATCH = 8
STEPS = (10, 20, 40)
Rows = Iterator[list[str]]


def noise(seed: int, batch: int) -> Tensor:
    """White noise (B, C, H, W) of unit deviation."""
    return torch.randn(batch, *SHAPE, generator=torch.Generator().manual_seed(seed))


def sample(target: Tensor, strength: float | str, steps: int, sampler: str = "euler") -> Tensor:
    """The pictures (B, C, H, W) that a batch ends in."""
    schedule = sigmas(steps)
    plan = program(strength).prepare(board(schedule, target))

    def model(x: Tensor, sigma: Tensor) -> Tensor:
        return plan.apply(x / (1 + sigma[:, None, None, None] ** 2), sigma)

    x = noise(1, BATCH) * schedule[0]
    for sigma, leads_to in pairwise(schedule):
        x = SAMPLERS[sampler](model, x, sigma.expand(BATCH), leads_to.expand(BATCH))
    return x


def correlation(x: Tensor, target: Tensor) -> float:
    """The mean over images and channels."""
    a, b = (each - each.mean((-2, -1), keepdim=True) for each in (x, target))
    return float(((a * b).mean((-2, -1)) / (a.square().mean((-2, -1)) * b.square().mean((-2, -1))).sqrt()).mean())


def deviation() -> Rows:
    """Deviation relative to the run without pxl, and correlation with a map of unit deviation."""
    yield ["sampler", "strength", "until", *(f"{steps} steps" for steps in STEPS)]
    target = noise(99, 1)
    for sampler in SAMPLERS:
        off = {steps: sample(target, 0, steps, sampler).std() for steps in STEPS}
        for w in (0.15, 0.3, 0.6):
            for until, curve in (("the end", w), ("60%", f"0:{w}, 60%:0 hold")):
                on = {steps: sample(target, curve, steps, sampler) for steps in STEPS}
                cells = [f"{float(on[n].std() / off[n]):.3f} {correlation(on[n], target):6.3f}" for n in STEPS]
                yield [sampler, f"{w:g}", until, *cells]


def distance() -> Rows:
    """Root mean square distance to the map after 20 Euler steps; 1 is the distance without pxl."""
    strengths = [i / 10 for i in range(11)]
    yield ["deviation of the map", *(f"w {w:g}" for w in strengths)]
    for scale in (0.3, 1, 3):
        target = noise(99, 1) * scale
        away = [float((sample(target, w, 20) - target).square().mean().sqrt()) for w in strengths]
        yield [f"{scale:g}", *(f"{each / away[0]:.3f}" for each in away)]
