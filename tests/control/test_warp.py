"""The mode `warp`: how far a picture is carried and that it comes home, by a denoiser that knows a spot everywhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from lib_pxl.control import Plan
from lib_pxl.hosts.fake import sigmas
from tests.control.stage import canvas, gaussian, layer, program

SIDE, HIGH = 24, 3.0
Y, X = torch.meshgrid(torch.arange(float(SIDE)), torch.arange(float(SIDE)), indexing="ij")
HALVES = torch.arange(2 * SIDE) / 2
SPOTS = torch.stack([3 * (-((X - x) ** 2 + (Y - y) ** 2) / 8).exp() for y in HALVES for x in HALVES])  # a spot anywhere
SEEDS = 4


def denoise(x: Tensor, sigma: Tensor) -> Tensor:
    """The exact estimate for pictures of one spot that is anywhere, the same in each channel."""
    spots = SPOTS.flatten(1)
    evidence = x.mean(1).flatten(1) @ spots.T - spots.square().sum(1) / 2
    odds = (evidence * x.shape[1] / sigma[:, None] ** 2).softmax(1)
    return (odds @ spots).view(len(x), 1, SIDE, SIDE).expand_as(x)


def places(d: Tensor) -> Tensor:
    """Where the spots are, (B, 2): x and y."""
    weight = d[:, 0].clamp(min=0) ** 2
    return torch.stack([(weight * X).sum((1, 2)), (weight * Y).sum((1, 2))], 1) / weight.sum((1, 2))[:, None]


def ready(steps: int = 30, **motion: float | str) -> Plan:
    given = layer(source={"kind": "noise"}, mode="warp", strength=1, motion=motion)
    board = canvas(
        steps=steps, height=SIDE, width=SIDE, sigmas=sigmas(steps, high=HIGH), batch=SEEDS, seeds=[1] * SEEDS
    )
    return program(given).prepare(board)


def path(plan: Plan | None, steps: int = 30, x: float = 9.0, y: float = 12.0) -> Tensor:
    """Where the spot is estimated at each model call and at the end, the mean over seeds (N+1, 2).

    It starts from noises that have decided on a place already.
    """
    schedule = sigmas(steps, high=HIGH)
    spot = 3 * (-((X - x) ** 2 + (Y - y) ** 2) / 8).exp()
    now = torch.stack([spot + gaussian(3, SIDE, SIDE, seed=seed) * schedule[0] for seed in range(SEEDS)])
    seen = []
    for sigma, leads_to in pairwise(schedule):
        d = denoise(now, sigma.expand(SEEDS))
        seen.append(places(d))
        d = plan.apply(d, sigma.expand(SEEDS)) if plan else d
        now = d + leads_to / sigma * (now - d)
    return torch.stack([*seen, places(now)]).mean(1)


@pytest.mark.parametrize("steps", [20, 40])
def test_with_a_rest_the_picture_is_carried_away_and_comes_home(steps: int) -> None:
    away = path(ready(steps, kind="drift", amount=0.2, rest=0.7), steps) - path(None, steps)
    assert away[:, 0].max() >= 3 and away[:, 1].abs().max() < 0.5
    assert away[-1].abs().max() <= 0.5


@pytest.mark.parametrize("steps", [20, 40])
def test_without_a_rest_it_stays_where_it_was_carried(steps: int) -> None:
    away = path(ready(steps, kind="drift", amount=0.2), steps) - path(None, steps)
    assert float(away[-1, 0]) == pytest.approx(0.2 * SIDE, abs=0.8)


def test_half_the_amount_is_half_the_way() -> None:
    still = path(None)[-1, 0]
    far, near = (float(path(ready(kind="drift", amount=amount))[-1, 0] - still) for amount in (0.24, 0.12))
    assert near == pytest.approx(far / 2, abs=0.5)


def test_a_swirl_turns_about_the_middle_and_leaves_it() -> None:
    middle = (SIDE - 1) / 2
    turn = ready(kind="swirl", amount=0.15)
    kept = path(turn, x=middle, y=middle)[-1] - path(None, x=middle, y=middle)[-1]
    assert kept.abs().max() < 0.5
    x, y = path(turn, x=middle, y=middle - 6)[-1].tolist()
    assert x - middle > 1.5 and y < middle


def test_curl_noise_keeps_what_is_flat_and_moves_each_seed_another_way() -> None:
    d, sigma = torch.ones(1, 3, SIDE, SIDE), torch.ones(1)
    assert ready(kind="noise", amount=0.2, seed=1).apply(d, sigma).allclose(d, atol=1e-5)
    ramp = X.expand(1, 3, -1, -1).contiguous()
    early = sigmas(30, high=HIGH)[10:11]
    moved = [ready(kind="noise", amount=0.2, seed=seed).apply(ramp, early) - ramp for seed in (1, 1, 2)]
    assert torch.equal(moved[0], moved[1]) and not torch.allclose(moved[0], moved[2], atol=0.05)
    assert moved[0].abs().max() > 0.05


@pytest.mark.parametrize("kind", ["drift", "swirl", "noise"])
def test_at_no_amount_nothing_moves(kind: str) -> None:
    d = gaussian(1, 3, SIDE, SIDE)
    assert ready(kind=kind, amount=0).apply(d, torch.ones(1)).allclose(d, atol=1e-5)


def test_after_the_rest_the_estimate_is_left_alone() -> None:
    plan, d = ready(kind="swirl", amount=0.3, rest=0.5), gaussian(1, 3, SIDE, SIDE)
    for step in range(16, 30):
        assert plan.apply(d, sigmas(30, high=HIGH)[step : step + 1]).allclose(d, atol=1e-4)


@pytest.mark.parametrize(("kind", "most"), [("drift", 0.001), ("swirl", 0.075), ("noise", 0.15)])
def test_where_the_way_depends_on_the_place_it_leads_home_all_the_same(kind: str, most: float) -> None:
    """A ramp of 1 in each latent, carried step by step, ends as it began; `most` is what resampling leaves."""
    ramps = torch.stack([X, Y, X]).expand(1, -1, -1, -1).contiguous()
    plan, schedule, now, furthest = ready(kind=kind, amount=0.1, rest=0.7, seed=3), sigmas(30, high=HIGH), ramps, 0.0
    for sigma, leads_to in pairwise(schedule):
        edited = plan.apply(now, sigma[None])
        now = edited + leads_to / sigma * (now - edited)  # the picture is known, and there is no noise
        furthest = max(furthest, float((now - ramps)[..., 4:-4, 4:-4].abs().max()))
    assert furthest > 1.5
    assert (now - ramps)[..., 6:-6, 6:-6].abs().mean() < most
