"""The gate: where and how much of a layer is let through at each step."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from lib_pxl.control import Plan
from lib_pxl.hosts.fake import sigmas
from tests.control.stage import canvas, correlation, gaussian, layer, program, sent

STEPS, SIDE = 12, 16


def ready(batch: int = 1, seeds: list[int] | None = None, mask: Image.Image | None = None, **gate: Any) -> Plan:
    more = {"mask": sent(mask)} if mask else {}
    given = layer(strength=1, gate=gate, **more)
    board = canvas(steps=STEPS, batch=batch, seeds=seeds or list(range(batch)), height=SIDE, width=SIDE)
    return program(given).prepare(board)


def through(plan: Plan, step: int, batch: int = 1) -> Tensor:
    """How much of the edit each place takes (B, H, W), read off what the plan does."""
    free = program(layer(strength=1)).prepare(canvas(steps=STEPS, batch=batch, height=SIDE, width=SIDE))
    d, sigma = gaussian(batch, 3, SIDE, SIDE), sigmas(STEPS)[step].expand(batch)
    whole = free.apply(d, sigma) - d
    return ((plan.apply(d, sigma) - d) * whole).sum(1) / whole.square().sum(1)


@pytest.mark.parametrize("cover", [0, 0.1, 0.5, 0.93, 1])
@pytest.mark.parametrize("soft", [0, 0.3, 1])
def test_the_covered_share_is_exact_at_every_step(cover: float, soft: float) -> None:
    plan = ready(cover=cover, soft=soft, seed=4)
    for step in range(STEPS):
        assert float(through(plan, step).mean()) == pytest.approx(cover, abs=1 / SIDE**2 + 1e-4)


def test_no_cover_leaves_the_estimate_alone_and_a_whole_one_is_no_gate() -> None:
    d, sigma = gaussian(1, 3, SIDE, SIDE), torch.ones(1)
    assert torch.equal(ready(cover=0).apply(d, sigma), d)
    free = program(layer(strength=1)).prepare(canvas(steps=STEPS, height=SIDE, width=SIDE))
    assert torch.equal(ready(cover=1).apply(d, sigma), free.apply(d, sigma))


def mean_alike(**gate: Any) -> Tensor:
    """How alike the gates of neighbouring steps are, over many seeds."""
    plans = [ready(soft=1.0, cover=0.5, scale=0.15, seed=seed, **gate) for seed in range(40)]
    fields = torch.stack([torch.stack([through(plan, step)[0] for step in range(STEPS)]) for plan in plans])
    return correlation(fields[:, :-1], fields[:, 1:]).mean(0)


def test_neighbouring_steps_are_as_alike_as_the_speed_says() -> None:
    for speed in (0.5, 2.0):
        far = speed / (STEPS - 1)
        assert mean_alike(speed=speed).mean() == pytest.approx(math.exp(-((3 * far) ** 2) / 2), abs=0.06)
    assert mean_alike(speed=0.0).min() > 0.999


def test_reroll_makes_every_step_another_field() -> None:
    assert mean_alike(reroll=True).abs().mean() < 0.06


def test_each_image_has_a_gate_of_its_own_unless_a_seed_is_given() -> None:
    own = through(ready(2, [1, 2], cover=0.5), 3, 2)
    assert not torch.allclose(own[0], own[1], atol=0.1)
    same = through(ready(2, [1, 2], cover=0.5, seed=1), 3, 2)
    assert torch.allclose(same[0], same[1], atol=1e-4) and torch.allclose(same[0], own[0], atol=1e-4)


def test_a_batch_is_its_images_one_by_one() -> None:
    d, sigma = gaussian(3, 3, SIDE, SIDE), torch.tensor([5.0, 1.0, 0.2])
    together = ready(3, [7, 8, 9]).apply(d, sigma)
    alone = [ready(1, [seed]).apply(d[i : i + 1], sigma[i : i + 1]) for i, seed in enumerate((7, 8, 9))]
    assert torch.equal(together, torch.cat(alone))


def test_a_mask_and_a_gate_are_one_inside_the_other() -> None:
    mask = Image.new("L", (SIDE, SIDE), 0)
    mask.paste(255, (0, 0, SIDE // 2, SIDE))
    both, gate = through(ready(mask=mask, seed=1), 2), through(ready(seed=1), 2)
    assert torch.allclose(both[..., : SIDE // 2], gate[..., : SIDE // 2], atol=1e-4)
    assert both[..., SIDE // 2 :].abs().max() == 0


def test_in_the_hires_pass_the_gate_is_the_same_at_another_size() -> None:
    small = ready(seed=5, soft=1.0).shares
    given = layer(strength=1, gate={"seed": 5, "soft": 1.0})
    large = program(given).prepare(canvas(steps=STEPS, height=4 * SIDE, width=4 * SIDE, hires=True)).shares
    shrunk = torch.nn.functional.avg_pool2d(large, 4)
    assert (shrunk - small).abs().max() < 0.15
