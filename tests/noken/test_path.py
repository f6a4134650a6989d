"""A morph's path: exact at its ends and bends, never far from the curves between, with as few knots as it needs."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lib_pxl.control.canvas import Schedule
from lib_pxl.control.curve import Curve
from lib_pxl.hosts.fake import sigmas
from lib_pxl.noken.breeding import breed
from lib_pxl.noken.path import MOST, REACH, between, path
from tests.noken.people import noken

CURVES = [
    "0:0, 1:1",
    "0:1, 1:0",
    "0:0, 60%:1",
    "0:0, 50%:1, 1:0",
    "0:0, 1:1 smooth",
    "0:0, 30%:1 hold",
    "20%:0.2, 80%:0.9 out",
]


def mixes(*curves: str, steps: int = 20) -> Tensor:
    u = Schedule.parse(sigmas(steps), "cpu").progress
    return torch.stack([Curve.parse(each)(u) for each in curves], 1)


def walked(values: Tensor) -> tuple[Tensor, int]:
    """Where a path is at every place, and its number of knots."""
    way = path(values)
    knots = torch.tensor(way.knots, dtype=torch.float64)
    assert 1 <= len(knots) <= MOST and len(set(way.knots)) == len(knots)
    assert ((way.share >= 0) & (way.share <= 1)).all()
    return torch.lerp(knots[way.left], knots[way.right], way.share.double()[:, None]), len(knots)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("steps", [1, 2, 4, 20, 60])
def test_one_morph_goes_exactly_along_its_curve(curve: str, steps: int) -> None:
    values = mixes(curve, steps=steps)
    way, count = walked(values)
    assert torch.allclose(way, values.double(), atol=1e-3)
    assert count == (1 if steps == 1 else count)


@pytest.mark.parametrize("first", CURVES)
@pytest.mark.parametrize("second", CURVES)
def test_two_morphs_go_together_and_stay_near_their_curves(first: str, second: str) -> None:
    values = mixes(first, second)
    way, _ = walked(values)
    assert (way - values.double()).abs().max() < 0.05
    assert torch.equal(way[[0, -1]], values[[0, -1]].double())


@settings(max_examples=60)
@given(st.lists(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=40))
def test_any_path_begins_and_ends_where_it_should_and_stays_between_its_knots(rows: list[list[float]]) -> None:
    values = torch.tensor(rows)
    way, _ = walked(values)
    assert torch.equal(way[[0, -1]], values[[0, -1]].double())
    assert way.min() >= values.min() - 1e-6 and way.max() <= values.max() + 1e-6


def test_knots_are_no_farther_apart_than_need_be_and_no_more_than_need_be() -> None:
    assert walked(mixes("0:0, 1:1"))[1] == MOST
    assert walked(mixes("0:0.4, 1:0.5"))[1] == 2
    assert walked(mixes("0:0, 30%:1 hold"))[1] == 2
    assert walked(mixes("0:0.3, 1:0.3"))[1] == 1
    knots = torch.tensor(sorted(path(mixes("0:0, 1:1 smooth")).knots))
    assert knots.diff(dim=0).max() < 1.1 * REACH


def test_a_morph_is_its_parents_at_its_ends_and_their_child_between() -> None:
    a, b = noken(3, 1, name="a"), noken(3, 2, name="b")
    assert between(a, b, 0) is a and between(a, b, 1) is b and between(a, a, 0.5) is a
    assert between(a, b, 0.5) == breed([a, b], n=1, seed=1, method="slerp", mix=0.5)[0]


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(1, 6), st.floats(0, 1))
def test_of_unlike_lengths_each_token_comes_or_goes_once(one: int, other: int, mix: float) -> None:
    lengths = [len(between(noken(one, 1), noken(other, 2), share)) for share in (0.0, mix / 2, mix, 1.0)]
    assert lengths == sorted(lengths, reverse=one > other)
