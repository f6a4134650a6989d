"""The judge reads what the world painted, bears what models do to it, and can say no."""

from __future__ import annotations

import random

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lib_pxl.world import Wish, caption, draw, see
from lib_pxl.world.judge import ROWS, Seen, components, score, tally
from lib_pxl.world.scene import scenes

RNG = random.Random(7)
SCENES = scenes(7, 300)
WISHES = [caption(scene, RNG) for scene in SCENES]


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return draw(SCENES)


@pytest.fixture(scope="module")
def seen(pictures: Tensor) -> list[Seen]:
    """What the judge sees in them, which takes it seconds."""
    return see(pictures)


def test_it_reads_at_least_99_of_100_of_each_trait(seen: list[Seen]) -> None:
    found = tally(WISHES, seen)
    assert set(found) == set(ROWS)
    for row, each in found.items():
        assert each.asked > 150 and each.share >= 0.99, row


def test_it_sees_every_thing_of_a_scene_where_it_was_put(seen: list[Seen]) -> None:
    for scene, found in zip(SCENES, seen, strict=True):
        assert found.ground == scene.ground and len(found.things) == len(scene.things)
        for thing in scene.things:
            spot = min(found.things, key=lambda each: abs(each.x - thing.x) + abs(each.y - thing.y))
            assert (spot.colour, spot.size, spot.place) == (thing.colour, thing.size, thing.place)
            assert max(abs(spot.x - thing.x), abs(spot.y - thing.y)) < 0.04
            assert spot.radius == pytest.approx(thing.radius, rel=0.15)


@pytest.mark.parametrize(
    ("what", "worse"),
    [
        ("noise", lambda p: (p + 0.03 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)),
        ("another size", lambda p: F.interpolate(p, (256, 256), mode="bilinear")),
        ("a blur", lambda p: F.avg_pool2d(p, 3, 1, 1, count_include_pad=False)),
        ("dim light", lambda p: p * 0.85),
    ],
)
def test_it_bears(what: str, worse: object, pictures: Tensor) -> None:
    found = score(WISHES[:150], worse(pictures[:150]))  # type: ignore[operator]
    assert all(each.share >= 0.96 for each in found.values()), (what, found)


def test_another_wish_is_right_no_more_often_than_by_chance(seen: list[Seen]) -> None:
    found = tally(WISHES[1:] + WISHES[:1], seen)
    chances = {"ground": 1 / 8, "colour": 1 / 8, "place": 1 / 5, "size": 1 / 2, "shape": 1 / 8}
    for row, chance in chances.items():
        assert found[row].share < chance + 0.15, row


def test_what_is_not_there_is_wrong() -> None:
    blank = torch.ones(1, 3, 128, 128)
    assert see(blank)[0].things == () and see(blank)[0].ground == "white"
    wish = Wish("", "white", ({"shape": "star", "colour": None, "size": "big", "place": None},))
    found = score([wish], blank)
    assert {row: (each.right, each.asked) for row, each in found.items()} == {
        "ground": (1, 1), "colour": (0, 0), "place": (0, 0), "size": (0, 1), "shape": (0, 1),
    }  # fmt: skip


@pytest.mark.parametrize("make", [torch.rand, torch.zeros, torch.ones])
def test_any_picture_can_be_judged(make: object) -> None:
    (seen,) = see(make(1, 3, 40, 72))  # type: ignore[operator]
    assert all(0 < spot.area <= 1 for spot in seen.things)


def flood(mask: Tensor) -> list[set[tuple[int, int]]]:
    """The components, found one pixel at a time."""
    left, found = {(int(y), int(x)) for y, x in mask.nonzero()}, []
    while left:
        group, edge = set(), [left.pop()]
        while edge:
            y, x = edge.pop()
            group.add((y, x))
            near = {(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            edge += near
        found.append(group)
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.05, 0.9))
def test_components_are_those_of_a_flood_fill(seed: int, share: float) -> None:
    masks = torch.rand(2, 9, 13, generator=torch.Generator().manual_seed(seed)) < share
    for mask, labels in zip(masks, components(masks), strict=True):
        assert torch.equal(labels > 0, mask)
        groups = [{(int(y), int(x)) for y, x in (labels == n).nonzero()} for n in labels[mask].unique()]
        assert {frozenset(group) for group in groups} == {frozenset(group) for group in flood(mask)}
