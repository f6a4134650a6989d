"""The mode `start`: the first noise holds the map's low band and keeps its variance."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from lib_pxl.control import Plan
from tests.control.stage import canvas, correlation, gaussian, layer, program, sent

SHAPE = (4, 64, 64)
MAP = torch.nn.functional.interpolate(gaussian(1, 4, 4, 4, seed=3), (64, 64), mode="bicubic")


def ready(strength: Any, target: Tensor = MAP, **more: Any) -> Plan:
    return program(layer(mode="start", strength=strength, **more)).prepare(canvas(target))


@pytest.mark.parametrize("w", [0.02, 0.1, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("gate", [None, {"cover": 0.4, "soft": 0.5}])
def test_the_noise_keeps_unit_variance_within_2_percent(w: float, gate: Any) -> None:
    noise = torch.stack([gaussian(*SHAPE, seed=seed) for seed in range(24)])
    found = ready(w, gate=gate).noise(noise)
    assert found.square().mean() == pytest.approx(1, abs=0.02)
    assert found.mean() == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("w", [0.1, 0.5, 1.0])
def test_the_noise_correlates_with_the_map_as_strongly_as_asked(w: float) -> None:
    noise = torch.stack([gaussian(*SHAPE, seed=seed) for seed in range(24)])
    found = correlation(ready(w).noise(noise), MAP.expand_as(noise)).mean()
    assert found == pytest.approx(w, abs=0.03)


def test_only_the_first_noise_is_touched_and_by_the_strength_at_the_beginning() -> None:
    plan, noise = ready("0:0.5, 50%:1"), gaussian(1, *SHAPE)
    assert torch.equal(plan.apply(noise, torch.ones(1)), noise)
    assert torch.equal(plan.noise(noise), ready(0.5).noise(noise))
    late = ready("0:0, 50%:1")
    assert torch.equal(late.noise(noise), noise)


def test_where_no_layer_starts_the_noise_is_the_very_same_tensor() -> None:
    noise = gaussian(1, 3, 8, 8)
    assert program(layer()).prepare(canvas()).noise(noise) is noise


def test_a_flat_map_takes_nothing_from_the_noise() -> None:
    noise = gaussian(1, *SHAPE)
    assert torch.equal(ready(0.9, torch.full((1, *SHAPE), 0.3)).noise(noise), noise)


def test_under_a_black_mask_the_noise_is_the_sampler_s_own() -> None:
    mask = Image.new("L", (512, 512), 0)
    mask.paste(255, (0, 0, 256, 512))
    noise = gaussian(1, *SHAPE)
    found = ready(0.6, mask=sent(mask)).noise(noise)
    assert torch.equal(found[..., 32:], noise[..., 32:])
    assert correlation(found[..., :32], MAP[..., :32]).mean() == pytest.approx(0.6, abs=0.1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_noise_comes_back_in_its_own_precision(dtype: torch.dtype) -> None:
    assert ready(0.5).noise(gaussian(1, *SHAPE).to(dtype)).dtype == dtype
