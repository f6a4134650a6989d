"""The mode `layout`: laws of the edit, and whole runs with an ideal denoiser."""

from __future__ import annotations

import numpy
import pytest
import torch
from PIL import Image
from torch import Tensor

from bench.structure import Realm, controlled, variety
from bench.worlds import CROSSES, RAMPS, World
from lib_pxl.control.layout import structure
from lib_pxl.control.map import pixels
from lib_pxl.hosts.fake import sigmas
from tests.control.stage import canvas, gaussian, painted
from tests.control.structure import (
    DISC,
    ESTIMATES,
    FINE,
    SIDE,
    STEPS,
    TWO,
    X,
    edited,
    nothing_is_read_back,
    ready,
    shown,
    turned,
)

MAPS = {"disc": DISC, "two": TWO, "ramp": X / FINE}


def field(name: str) -> Tensor:
    """The map at the latents' size, of zero mean and unit power (H*W,)."""
    small = torch.tensor(numpy.asarray(MAPS[name], float)).reshape(SIDE, 8, SIDE, 8).mean((1, 3)).flatten()
    return ((small - small.mean()) / small.std(correction=0)).float()


def shares(d: Tensor, name: str) -> Tensor:
    """What each channel has of the map (B, C)."""
    return d.flatten(2) @ field(name) / SIDE**2


@pytest.mark.parametrize("d", ESTIMATES.values(), ids=ESTIMATES)
@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("call", [0, 5, 9])
def test_means_and_the_colour_of_the_contrast_stay_the_picture_s_own(name: str, d: Tensor, call: int) -> None:
    made = edited(ready("layout", shown(MAPS[name])), d, call)
    assert made.mean((-2, -1)).allclose(d.mean((-2, -1)), atol=1e-4)
    before, after = shares(d, name), shares(made, name)
    assert torch.cosine_similarity(before, after).min() > 0.999


@pytest.mark.parametrize("name", MAPS)
def test_a_picture_that_does_not_follow_gets_more_contrast_the_more_the_stronger(name: str) -> None:
    d = ESTIMATES["faint"]
    found = [shares(edited(ready("layout", shown(MAPS[name]), i / 10), d), name).norm(dim=1) for i in range(1, 11)]
    assert torch.stack([shares(d, name).norm(dim=1), *found]).diff(dim=0).min() > 0


def test_a_picture_of_the_map_alone_is_left_alone() -> None:
    d = 0.3 + 0.7 * field("disc").view(1, 1, SIDE, SIDE) * torch.tensor([1.0, -0.5, 0.2, 0.4])[:, None, None]
    assert edited(ready("layout", shown(DISC)), d).allclose(d, atol=0.02)


def test_more_contrast_than_pictures_have_is_lowered_and_never_turned() -> None:
    d = 20 * field("disc").view(1, 1, SIDE, SIDE) * torch.tensor([1.0, -0.5, 0.2, 0.4])[:, None, None]
    for call in (0, 5, 9):
        made = shares(edited(ready("layout", shown(DISC)), d, call), "disc")
        assert torch.cosine_similarity(made, shares(d, "disc")) > 0.999 and 0 < made.norm() < shares(d, "disc").norm()


@pytest.mark.parametrize("d", ESTIMATES.values(), ids=ESTIMATES)
@pytest.mark.parametrize("name", MAPS)
def test_inverted_or_paler_the_map_says_the_same(name: str, d: Tensor) -> None:
    wanted = edited(ready("layout", shown(MAPS[name])), d)
    for low, high in ((255, 0), (55, 155), (200, 100)):
        assert edited(ready("layout", shown(MAPS[name], low, high)), d).allclose(wanted, atol=0.05, rtol=0.02)


@pytest.mark.parametrize("d", ESTIMATES.values(), ids=ESTIMATES)
def test_no_colour_is_preferred(d: Tensor) -> None:
    plan = ready("layout", shown(TWO))
    assert edited(plan, turned(d)).allclose(turned(edited(plan, d)), atol=1e-3)


def test_a_map_of_two_colours_as_bright_as_each_other_is_a_map_too() -> None:
    values = numpy.where(DISC[..., None], (200, 0, 0), (0, 60, 0)).astype(numpy.uint8)
    plan, grey = ready("layout", Image.fromarray(values)), ready("layout", shown(DISC))
    assert edited(plan, ESTIMATES["any"]).allclose(edited(grey, ESTIMATES["any"]), atol=0.02)


def test_the_structure_of_any_map_has_zero_mean_and_the_latents_size() -> None:
    board = canvas(height=3, width=5, factor=4)
    found = structure(pixels(painted(20, 12)), board)
    assert found.shape == (3, 5) and found.mean().abs() < 1e-6


@pytest.mark.parametrize("level", [0, 100, 255])
def test_a_flat_map_does_nothing(level: int) -> None:
    plan = ready("layout", Image.new("RGB", (FINE, FINE), (level, level, 40)))
    for d in ESTIMATES.values():
        assert edited(plan, d).allclose(d, atol=1e-5)


@pytest.mark.parametrize("strength", [0, "0:0, 100%:0"])
def test_no_strength_is_no_layer(strength: float | str) -> None:
    assert ready("layout", shown(DISC), strength).tracks == ()


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1)])
def test_latents_of_a_single_line_are_finite(size: tuple[int, int]) -> None:
    plan = ready("layout", painted(8, 8), height=size[0], width=size[1])
    for d in (gaussian(2, 4, *size), torch.zeros(2, 4, *size), torch.full((2, 4, *size), 1e4)):
        assert edited(plan, d).isfinite().all()


def test_an_estimate_without_a_trace_of_anything_stays_finite_and_flat() -> None:
    for value in (0.0, 0.7, -1e4):
        d = torch.full((2, 4, SIDE, SIDE), value)
        assert edited(ready("layout", shown(DISC)), d).allclose(d, rtol=1e-4)


def test_nothing_is_read_back() -> None:
    nothing_is_read_back(ready("layout", shown(DISC), 0.5))


def test_it_does_the_same_whatever_else_is_in_the_batch() -> None:
    plan, d = ready("layout", shown(TWO)), ESTIMATES["any"]
    alone = torch.cat([edited(plan, d[i : i + 1]) for i in range(3)])
    assert edited(plan, d).allclose(alone, atol=1e-4)


def test_each_image_follows_its_own_map() -> None:
    maps = CROSSES.draw(3, seed=5).structures
    plan, d = controlled("layout", maps), gaussian(3, 3, SIDE, SIDE, seed=4)
    sigma = sigmas(20)[5].expand(3)
    made = plan.apply(d, sigma)
    for i in range(3):
        single = controlled("layout", maps[i : i + 1]).apply(d[i : i + 1], sigma[:1])
        assert made[i : i + 1].allclose(single, atol=1e-4)


@pytest.mark.parametrize("world", [CROSSES, RAMPS], ids=lambda each: each.name)
def test_pictures_follow_the_map_and_keep_their_colours(world: World) -> None:
    """A small version of the bench's figures; it has their means within the sampling error of this size."""
    realm, count = Realm(world), 256
    maps = world.draw(count, seed=1).structures
    free, held, pulled = (
        realm.sample(edit, count, 1) for edit in (None, controlled("layout", maps).apply, realm.lerp(maps))
    )
    none, mine, lerp = (world.likeness(each, maps) for each in (free, held, pulled))
    error = float((mine.var() / count + lerp.var() / count).sqrt())
    assert mine.mean() > none.mean() + 0.3
    assert mine.mean() > lerp.mean() - error
    left = variety(world, [held], [maps]) / variety(world, [free], [maps])
    assert 0.9 < left < 1.15 and variety(world, [pulled], [maps]) < 0.7 * variety(world, [free], [maps])


def test_more_strength_is_more_of_the_map() -> None:
    realm, maps = Realm(CROSSES, 2000), CROSSES.draw(128, seed=1).structures
    found = [
        CROSSES.likeness(realm.sample(controlled("layout", maps, w).apply, 128, 1), maps).mean()
        for w in (0.1, 0.3, 0.6, 1.0)
    ]
    assert torch.stack(found).diff().min() > 0


def test_as_many_steps_as_one_likes() -> None:
    realm, maps = Realm(CROSSES, 1500), CROSSES.draw(96, seed=1).structures
    for steps in (6, STEPS, 40):
        none = CROSSES.likeness(realm.sample(None, 96, 1, steps), maps).mean()
        held = controlled("layout", maps, steps=steps)
        assert CROSSES.likeness(realm.sample(held.apply, 96, 1, steps), maps).mean() > none + 0.2
