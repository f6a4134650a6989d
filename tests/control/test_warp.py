"""The mode `warp`: how far a picture is carried and that it comes home, by a denoiser that knows a spot everywhere."""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from lib_pxl.control import Plan
from lib_pxl.hosts.fake import sigmas
from tests.control.stage import canvas, gaussian, layer, painted, program

SIDE, HIGH, HEIGHT = 24, 3.0, 3.0
Y, X = torch.meshgrid(torch.arange(float(SIDE)), torch.arange(float(SIDE)), indexing="ij")
SEEDS = 4
WIDE = 48
SPOTS = ((18.0, 24.0), (24.0, 15.0), (30.0, 30.0), (27.0, 16.0))  # x and y
MOTIONS = ["drift", "swirl", "noise", *(["flow"] if importlib.util.find_spec("cv2") else [])]


def bumps(places: Tensor, side: int) -> Tensor:
    """A spot at each place (P,) of one direction, (P, side); a whole spot is a product of two."""
    return (-((torch.arange(float(side)) - places[:, None]) ** 2) / 8).exp()


def denoise(x: Tensor, sigma: Tensor) -> Tensor:
    """The exact estimate for pictures of one spot that is anywhere, the same in each channel."""
    side = x.shape[-1]
    line = bumps(torch.arange(2 * side) / 2, side)
    power = line.square().sum(1)
    evidence = HEIGHT * line @ x.mean(1) @ line.T - HEIGHT**2 / 2 * torch.outer(power, power)
    odds = (evidence * x.shape[1] / sigma[:, None, None] ** 2).flatten(1).softmax(1).view_as(evidence)
    return (HEIGHT * line.T @ odds @ line)[:, None].expand_as(x)


def places(d: Tensor) -> Tensor:
    """Where the spots are, (B, 2): x and y."""
    weight, line = d[:, 0].clamp(min=0) ** 2, torch.arange(float(d.shape[-1]))
    return torch.stack([weight.sum(1) @ line, weight.sum(2) @ line], 1) / weight.sum((1, 2))[:, None]


def ready(steps: int = 30, source: dict[str, Any] | None = None, side: int = SIDE, **motion: float | str) -> Plan:
    given = layer(source=source or {"kind": "noise"}, mode="warp", strength=1, motion=motion)
    board = canvas(steps=steps, height=side, width=side, sigmas=sigmas(steps, high=HIGH), batch=SEEDS, factor=8,
                   seeds=[1] * SEEDS)  # fmt: skip
    return program(given).prepare(board)


def panorama(folder: Path, frames: int = 8, pace: int = 8) -> dict[str, Any]:
    """A film in which all moves to the right."""
    whole = painted(48, 24).resize((2 * 8 * WIDE, 8 * WIDE), Image.Resampling.BICUBIC)
    for i in range(frames):
        left = (frames - i) * pace
        whole.crop((left, 0, left + 8 * WIDE, 8 * WIDE)).save(folder / f"{i}.png")
    return {"kind": "frames", "path": str(folder)}


def path(plan: Plan | None, steps: int = 30, x: float = 9.0, y: float = 12.0, side: int = SIDE) -> Tensor:
    """Where the spot is estimated at each model call and at the end, the mean over seeds (N+1, 2).

    It starts from noises that have decided on a place already.
    """
    schedule = sigmas(steps, high=HIGH)
    spot = HEIGHT * torch.outer(*(bumps(torch.tensor([at]), side)[0] for at in (y, x)))
    now = torch.stack([spot + gaussian(3, side, side, seed=seed) * schedule[0] for seed in range(SEEDS)])
    seen = []
    for sigma, leads_to in pairwise(schedule):
        d = denoise(now, sigma.expand(SEEDS))
        seen.append(places(d))
        d = plan.apply(d, sigma.expand(SEEDS)) if plan else d
        now = d + leads_to / sigma * (now - d)
    return torch.stack([*seen, places(now)]).mean(1)


def away(kind: str, steps: int, rest: float, folder: Path) -> Tensor:
    """How far four spots are from where they would be without pxl, at each call and at the end, on average (N+1,)."""
    source = panorama(folder) if kind == "flow" else None
    plan = ready(steps, source, side=WIDE, kind=kind, amount=0.1, rest=rest, seed=2)
    ways = [path(plan, steps, *spot, WIDE) - path(None, steps, *spot, WIDE) for spot in SPOTS]
    return torch.stack(ways).norm(dim=2).mean(0)


@pytest.mark.parametrize("steps", [10, 20, 40])
@pytest.mark.parametrize("kind", MOTIONS)
def test_with_a_rest_the_picture_is_carried_away_and_comes_home(kind: str, steps: int, tmp_path: Path) -> None:
    gone = away(kind, steps, 0.7, tmp_path)
    assert gone.max() >= 3 and gone[-1] <= 0.5


@pytest.mark.parametrize("steps", [10, 20, 40])
@pytest.mark.parametrize("kind", MOTIONS)
def test_without_a_rest_it_stays_where_it_was_carried(kind: str, steps: int, tmp_path: Path) -> None:
    gone = away(kind, steps, 0, tmp_path)
    assert gone.max() >= 3
    assert gone[-1] >= (2 if kind == "noise" else 3)  # curl noise goes on changing its way


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


def test_what_is_replaced_in_one_step_is_moved_without_a_ghost() -> None:
    d = gaussian(1, 3, SIDE, SIDE)
    moved = ready(1, kind="drift", amount=0.25).apply(d, torch.full((1,), HIGH))
    assert moved[..., 6:].allclose(d[..., :-6], atol=1e-4)


def test_after_the_rest_the_estimate_is_left_alone() -> None:
    plan, d = ready(kind="swirl", amount=0.3, rest=0.5), gaussian(1, 3, SIDE, SIDE)
    for step in range(16, 30):
        assert plan.apply(d, sigmas(30, high=HIGH)[step : step + 1]).allclose(d, atol=1e-4)


def test_a_way_of_no_length_leaves_the_estimate_alone() -> None:
    d = gaussian(1, 3, SIDE, SIDE)
    assert torch.equal(ready(kind="swirl", amount=0).apply(d, torch.ones(1)), d)


@pytest.mark.parametrize("further", [1, 1.5])
@pytest.mark.parametrize(("kind", "most"), [("drift", 0.01), ("swirl", 0.04), ("noise", 0.1)])
def test_where_the_way_depends_on_the_place_it_leads_home_all_the_same(kind: str, most: float, further: float) -> None:
    """A ramp of 1 in each latent, carried step by step, ends as it began, however far the sampler goes."""
    ramps = torch.stack([X, Y, X]).expand(1, -1, -1, -1).contiguous()
    plan, schedule, now, furthest = ready(kind=kind, amount=0.1, rest=0.7, seed=3), sigmas(30, high=HIGH), ramps, 0.0
    for sigma, leads_to in pairwise(schedule):
        change = (plan.apply(now, sigma[None]) - now) * (
            1 - leads_to / sigma
        )  # the picture is known; there is no noise
        now = now + further * change
        furthest = max(furthest, float((now - ramps)[..., 4:-4, 4:-4].abs().max()))
    assert furthest > 1.5 * further
    assert (now - ramps)[..., 6:-6, 6:-6].abs().mean() < most * further**2


@pytest.mark.parametrize("steps", [10, 20, 40])
def test_a_picture_that_is_carried_and_comes_home_has_the_contrast_it_would_have_had(steps: int) -> None:
    """On Gaussian pictures whose spectrum falls as those of photographs do, whose exact estimate is known."""
    x, y = torch.meshgrid(*[torch.fft.fftfreq(SIDE) * SIDE] * 2, indexing="ij")
    power = 1 / (x**2 + y**2).clamp(min=1)
    power = power / power.mean()
    schedule, plan, ends = sigmas(steps), _spanning(steps), []
    for edited in (True, False):
        now = gaussian(SEEDS, 3, SIDE, SIDE) * schedule[0]
        for sigma, leads_to in pairwise(schedule):
            d = torch.fft.ifft2(torch.fft.fft2(now) * power / (power + sigma**2)).real
            d = plan.apply(d, sigma.expand(SEEDS)) if edited else d
            now = d + leads_to / sigma * (now - d)
        ends.append(now.std())
    assert float(ends[0] / ends[1]) == pytest.approx(1, abs=0.15)


def _spanning(steps: int) -> Plan:
    motion = {"kind": "drift", "amount": 0.15, "rest": 0.7}
    given = layer(source={"kind": "noise"}, mode="warp", strength=1, motion=motion)
    return program(given).prepare(canvas(steps=steps, height=SIDE, width=SIDE, batch=SEEDS, seeds=[1] * SEEDS))
