"""The mode `texture`: the fine band follows the map's, and what is coarser is left alone."""

from __future__ import annotations

import numpy
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lib_pxl.control import Plan
from lib_pxl.control.color import detail
from lib_pxl.hosts.fake import sigmas
from tests.control.stage import canvas, correlation, gaussian, layer, program, sample

SHAPE = (4, 32, 32)
COARSE = F.interpolate(gaussian(1, 4, 4, 4, seed=1), (32, 32), mode="bicubic")
FINE = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 2.0 - 1
MAP = COARSE * 2 + 0.5 * FINE + 0.3


def ready(strength: float | str, target: Tensor = MAP, steps: int = 10) -> Plan:
    return program(layer(mode="texture", strength=strength)).prepare(canvas(target, steps))


def fine(x: Tensor) -> Tensor:
    """What a mean over five latents takes away, twice along each side, by another road."""
    low = x.double().numpy()
    for axis in (-1, -2):
        rest = low - mean_of_five(low, axis)
        low = low - (rest - mean_of_five(rest, axis))
    return x - torch.from_numpy(low).float()


def mean_of_five(x: NDArray[numpy.float64], axis: int) -> NDArray[numpy.float64]:
    wide = [(0, 0)] * x.ndim
    wide[axis] = (2, 2)
    return numpy.lib.stride_tricks.sliding_window_view(numpy.pad(x, wide, "symmetric"), 5, axis).mean(-1)


def last(d: Tensor, w: float) -> Tensor:
    return ready(w).apply(d, sigmas(10)[-2:-1].expand(len(d)))


@pytest.mark.parametrize("w", [0.2, 0.6, 1.0])
def test_the_fine_band_correlates_with_the_map_s_at_least_as_asked(w: float) -> None:
    d = gaussian(2, *SHAPE, seed=2)
    found = last(d, w) - (d - fine(d))
    assert correlation(found, fine(MAP).expand_as(d)).min() > w - 1e-3


@pytest.mark.parametrize("w", [0.2, 0.6, 1.0])
def test_what_is_coarse_is_left_alone(w: float) -> None:
    d = F.interpolate(gaussian(2, 4, 4, 4, seed=2), (32, 32), mode="bicubic") * 2
    found = last(d, w)
    change = (found - d)[..., 4:-4, 4:-4]  # at the border a mean has one side alone
    assert F.avg_pool2d(change, 8).square().mean() < 0.03 * change.square().mean()


def test_a_smooth_estimate_gets_as_much_detail_as_its_share_of_the_map_s() -> None:
    d = F.interpolate(gaussian(1, 4, 3, 3, seed=2), (32, 32), mode="bicubic")
    for w in (0.3, 1.0):
        power = (last(d, w) - (d - fine(d))).square().mean().sqrt()
        assert power == pytest.approx(w * float(fine(MAP).square().mean().sqrt()), rel=0.1)


def test_it_does_not_compound_over_the_steps() -> None:
    found = [fine(sample(ready(0.4, steps=n), [1, 2, 3], SHAPE, n)).square().mean().sqrt() for n in (10, 20, 40)]
    assert max(found) / min(found) < 1.15


def test_a_map_without_detail_adds_none() -> None:
    d = gaussian(1, *SHAPE)
    flat = ready(0.0001, torch.full((1, *SHAPE), 0.4)).apply(d, torch.ones(1))
    assert flat.allclose(d, atol=1e-3)
    assert ready(1, torch.full((1, *SHAPE), 0.4)).apply(d, torch.ones(1)).isfinite().all()


@pytest.mark.parametrize("side", [1, 2, 4, 5, 33])
def test_the_fine_band_is_what_a_mean_of_five_takes_away_and_sums_to_nothing(side: int) -> None:
    x = gaussian(2, 4, side, 7, seed=5) + 3
    assert detail(x).allclose(fine(x), atol=1e-5)
    assert detail(x).mean((-2, -1)).abs().max() < 1e-5


def test_a_slope_is_no_detail() -> None:
    slope = (torch.arange(40.0)[:, None] * 0.3 + torch.arange(40.0)).expand(1, 4, -1, -1)
    assert detail(slope)[..., 8:-8, 8:-8].abs().max() < 1e-4
