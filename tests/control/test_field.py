"""3-D noise: unit variance, the same at every size, as alike from step to step as asked, and covers counted exactly."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_pxl.control.field import Field, cover
from tests.control.stage import correlation, gaussian

SEEDS = range(200)


def test_a_seed_is_the_same_field_every_time_and_another_is_another() -> None:
    z = torch.tensor([0.0, 0.7])
    one, again, other = (Field.draw([seed], 0.2)(z, 16, 24) for seed in (5, 5, 6))
    assert torch.equal(one, again) and one.shape == (2, 1, 16, 24)
    assert correlation(one, other).abs().max() < 0.6


@pytest.mark.parametrize("seed", [0, 2**63 - 1, 2**64 + 3])
def test_any_seed_that_a_host_has_draws_a_field(seed: int) -> None:
    assert Field.draw([seed], 0.2)(torch.zeros(1), 8, 8).isfinite().all()


def test_drawing_leaves_the_global_random_numbers_alone() -> None:
    state = torch.get_rng_state()
    Field.draw([1, 2], 0.2, 3)(torch.zeros(1), 8, 8)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("octaves", [1, 3])
def test_over_many_seeds_mean_and_variance_are_nought_and_one_everywhere(octaves: int) -> None:
    fields = Field.draw(SEEDS, 0.3, octaves)(torch.tensor([0.0, 3.3]), 6, 9)  # (2, 200, 6, 9)
    assert fields.mean(1).abs().max() < 0.35
    assert fields.square().mean(1).min() > 0.7 and fields.square().mean(1).max() < 1.35
    assert fields.square().mean() == pytest.approx(1, abs=0.05)


def test_a_field_is_the_same_picture_at_any_size() -> None:
    field, z = Field.draw([1], 0.25, 2), torch.tensor([0.4])
    small, large = field(z, 24, 32), field(z, 96, 128)
    assert (torch.nn.functional.avg_pool2d(large[0], 4)[None] - small).abs().max() < 0.12


@pytest.mark.parametrize("scale", [0.1, 0.25, 0.5])
def test_a_feature_is_as_wide_as_asked(scale: float) -> None:
    """Two places a feature apart have turned against each other; places near each other are alike."""
    side = 80
    fields = Field.draw(SEEDS, scale)(torch.zeros(1), side, side)[0]
    apart = round(scale * side)
    assert (fields[..., apart:] * fields[..., :-apart]).mean() < 0
    near = max(1, apart // 8)
    assert (fields[..., near:] * fields[..., :-near]).mean() > 0.85


@pytest.mark.parametrize("far", [0.02, 0.1, 0.3, 1.0])
def test_steps_in_z_correlate_as_a_gaussian_says(far: float) -> None:
    fields = Field.draw(SEEDS, 0.2)(torch.tensor([0.5, 0.5 + far]), 12, 12)
    found = (fields[0] * fields[1]).mean() / fields.square().mean()
    assert found == pytest.approx(math.exp(-((3 * far) ** 2) / 2), abs=0.04)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**32))
@settings(deadline=None)
def test_the_cover_is_exact_to_a_pixel_in_every_field(share: float, soft: float, seed: int) -> None:
    field = gaussian(3, 1, 12, 17, seed=seed % 2**31)
    found = cover(field, share, soft)
    assert found.shape == field.shape and found.min() >= 0 and found.max() <= 1
    pixel = 1 / (12 * 17)
    assert (found.mean((-2, -1)) - share).abs().max() <= pixel
    assert ((found > 0.5).float().mean((-2, -1)) - share).abs().max() <= pixel


def test_the_cover_is_where_the_field_is_highest_and_its_borders_are_as_soft_as_asked() -> None:
    field = gaussian(1, 1, 20, 20, seed=3)
    hard, soft = cover(field, 0.3, 0), cover(field, 0.3, 1)
    assert set(hard.unique().tolist()) == {0.0, 1.0}
    assert ((soft > 0) & (soft < 1)).float().mean() == pytest.approx(0.6, abs=0.01)
    low, high = field.flatten()[:, None], field.flatten()
    apart = high - low > (field.max() - field.min()) / 2**16  # places are ranked by so much of their span
    for found in (hard.flatten(), soft.flatten()):
        assert (found[:, None] <= found)[apart].all()


@pytest.mark.parametrize(("share", "value"), [(0, 0.0), (1, 1.0)])
def test_no_cover_is_nothing_and_a_whole_one_is_all(share: float, value: float) -> None:
    assert torch.equal(cover(gaussian(2, 1, 9, 9), share, 0.5), torch.full((2, 1, 9, 9), value))


def test_a_flat_field_is_covered_as_exactly_as_any() -> None:
    assert cover(torch.zeros(1, 1, 10, 10), 0.25, 0).mean() == pytest.approx(0.25)
