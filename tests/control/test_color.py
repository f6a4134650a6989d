"""The mode `color`: the design's closed formula as an oracle, and what it does to whole runs on unit-Gaussian data."""

from __future__ import annotations

import math

import numpy
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from lib_pxl.hosts.fake import SAMPLERS, sigmas
from tests.control.stage import correlation, gaussian, plan, sample

Array = NDArray[numpy.float64]
SHAPE = (4, 32, 32)
SEEDS = list(range(8))
MAPS = {
    "white": gaussian(1, *SHAPE, seed=99) + 0.2,
    "weak": gaussian(1, *SHAPE, seed=98) * 0.3,
    "strong": gaussian(1, *SHAPE, seed=97) * 3 - 1,
    "smooth": torch.nn.functional.avg_pool2d(gaussian(1, 4, 38, 38, seed=96), 7, 1) * 7,
    "flat": torch.full((1, *SHAPE), 0.7),
    "black": torch.zeros(1, *SHAPE),
}
ESTIMATES = {
    "any": gaussian(2, *SHAPE, seed=1),
    "faint": gaussian(2, *SHAPE, seed=2) * 0.07,
    "loud": gaussian(2, *SHAPE, seed=3) * 5 + 2,
    "flat": torch.full((2, *SHAPE), -0.4),
}


def oracle(d: Array, t: Array, w: float, share: float) -> Array:
    """The design's formula for one channel (H, W), to the letter."""
    mu, s, mu_t, s_t = d.mean(), d.std(), t.mean(), t.std()
    t_hat = (t - mu_t) / s_t
    rho = float(((d - mu) / s * t_hat).mean())
    r_hat = ((d - mu) / s - rho * t_hat) / math.sqrt(1 - rho**2)
    aim = max(rho, w)
    mu, s = mu + w**4 * (mu_t - mu), s + w**4 * (s_t * share - s)
    return numpy.asarray(mu + s * (aim * t_hat + math.sqrt(1 - aim**2) * r_hat))


def last(target: Tensor, d: Tensor, w: float, steps: int = 10) -> Tensor:
    """The edited estimate at the last call of a run."""
    return plan(target, w, steps).apply(d, sigmas(steps)[-2:-1].expand(len(d)))


@pytest.mark.parametrize("name", ["white", "weak", "strong", "smooth"])
@pytest.mark.parametrize("w", [0.02, 0.15, 0.3, 0.5, 0.8, 0.97, 1.0])
@pytest.mark.parametrize("call", [0, 4, 9])
def test_the_edit_is_the_design_s_formula(name: str, w: float, call: int) -> None:
    target, d = MAPS[name], torch.cat([ESTIMATES["any"], ESTIMATES["loud"] + MAPS[name]])
    schedule = sigmas(10)
    found = plan(target, w).apply(d, schedule[call].expand(4)).double().numpy()
    share = 1 / math.sqrt(1 + float(schedule[call + 1]) ** 2)
    for image in range(4):
        for channel in range(4):
            wanted = oracle(d[image, channel].double().numpy(), target[0, channel].double().numpy(), w, share)
            assert numpy.abs(found[image, channel] - wanted).max() < 2e-5 * max(1, numpy.abs(wanted).max())


@pytest.mark.parametrize("w", [0.15, 0.3, 0.7, 1.0])
def test_mean_deviation_and_correlation_are_those_that_the_formula_aims_at(w: float) -> None:
    target, d = MAPS["strong"], ESTIMATES["any"]
    found = last(target, d, w)
    towards = (1 - w**4, w**4)
    for moment in (torch.mean, torch.std):
        wanted = moment(d, (-2, -1)) * towards[0] + moment(target, (-2, -1)) * towards[1]
        assert moment(found, (-2, -1)).allclose(wanted, atol=1e-4)
    assert correlation(found, target.expand_as(d)).allclose(torch.tensor(w).double(), atol=1e-4)


@pytest.mark.parametrize("steps", [1, 2, 4, 20])
@pytest.mark.parametrize("estimate", ESTIMATES)
@pytest.mark.parametrize("name", MAPS)
def test_full_strength_at_the_last_call_is_the_map(name: str, estimate: str, steps: int) -> None:
    target, d = MAPS[name], ESTIMATES[estimate]
    assert last(target, d, 1, steps).allclose(target.expand_as(d), atol=1e-4)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 4, 20])
def test_full_strength_to_the_end_gives_the_map(sampler: str, steps: int) -> None:
    target = MAPS["smooth"]
    found = sample(plan(target, 1, steps), [1, 2], SHAPE, steps, sampler)
    assert found.allclose(target.expand_as(found), atol=1e-4)


@pytest.mark.parametrize("estimate", ESTIMATES)
@pytest.mark.parametrize("name", MAPS)
def test_the_distance_to_the_map_falls_steadily_with_the_strength(name: str, estimate: str) -> None:
    target, d = MAPS[name], ESTIMATES[estimate]
    away = torch.stack([(last(target, d, i / 25) - target).square().mean((1, 2, 3)).sqrt() for i in range(26)])
    assert away.diff(dim=0).max() <= 1e-4 * (away[0].max() + 1)
    assert away[-1].max() < 1e-4
    if estimate != "flat" and name not in ("flat", "black"):
        assert away[1:].diff(dim=0).max() < 0  # every bit of strength is felt


@pytest.mark.parametrize("name", ["white", "weak", "strong", "smooth"])
def test_the_distance_to_the_map_falls_steadily_over_whole_runs(name: str) -> None:
    target = MAPS[name]
    runs = [sample(plan(target, i / 10, 10), SEEDS, SHAPE, 10) for i in range(11)]
    away = torch.stack([(x - target).square().mean((1, 2, 3)).sqrt() for x in runs])
    assert away.diff(dim=0).max() < 0
    assert away[-1].max() < 1e-4


@pytest.mark.parametrize("w", [0.1, 0.5, 0.9, 1.0])
def test_an_estimate_that_is_the_map_already_stays_where_it_is(w: float) -> None:
    for name, target in MAPS.items():
        assert last(target, target, w).allclose(target, atol=1e-4), name


def test_an_estimate_that_follows_the_map_more_closely_than_asked_is_hardly_touched() -> None:
    target = MAPS["white"]
    d = target + ESTIMATES["faint"]
    assert last(target, d, 0.3).allclose(d, atol=2e-3)


def test_two_maps_that_differ_in_contrast_and_brightness_alone_pull_the_same_way_at_little_strength() -> None:
    target, d = MAPS["white"], ESTIMATES["any"]
    assert last(target, d, 0.1).allclose(last(target * 3 + 2, d, 0.1), atol=2e-3)


@pytest.mark.parametrize("steps", [10, 20, 40])
@pytest.mark.parametrize("w", [0.15, 0.3])
@pytest.mark.parametrize("name", ["white", "smooth"])
@pytest.mark.parametrize("end", ["never", "60%"])
def test_the_deviation_stays_that_of_the_run_without_pxl(name: str, w: float, steps: int, end: str) -> None:
    curve = w if end == "never" else f"0:{w}, 60%:0 hold"
    off = sample(plan(MAPS[name], 0, steps), SEEDS, SHAPE, steps)
    on = sample(plan(MAPS[name], curve, steps), SEEDS, SHAPE, steps)
    assert 0.97 < on.std() / off.std() < 1.03


@pytest.mark.parametrize("w", [0.15, 0.3])
@pytest.mark.parametrize("end", ["never", "60%"])
def test_the_same_curve_leaves_the_same_trace_in_any_number_of_steps(w: float, end: str) -> None:
    target, curve = MAPS["white"], w if end == "never" else f"0:{w}, 60%:0 hold"
    traces = [
        correlation(found, target.expand_as(found)).mean().item()
        for found in (sample(plan(target, curve, steps), SEEDS, SHAPE, steps) for steps in (10, 20, 40))
    ]
    assert min(traces) > 0.85 * max(traces)
    assert traces[0] == pytest.approx(w, abs=1e-3) if end == "never" else 0.4 * w < traces[0] < w


@pytest.mark.parametrize("name", ["flat", "black", "white"])
def test_hostile_statistics_give_finite_pictures(name: str) -> None:
    for d in (*ESTIMATES.values(), torch.zeros(2, *SHAPE), torch.full((2, *SHAPE), 1e4), gaussian(2, *SHAPE) * 1e-12):
        for w in (1e-6, 0.5, 0.999999, 1):
            assert last(MAPS[name], d, w).isfinite().all()
