"""Likelihoods: chances sum to one, derivatives are autograd's, and what is not yet known is as frequent as it was."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lib_pxl.taste import Duel, Rating
from lib_pxl.taste.answers import NODES, WEIGHTS, Answers, answers, scales, tie_weight
from lib_pxl.taste.opinion import Opinion

STARS: list[Opinion] = [Rating(f"s{value}", "stars", value) for value in (1, 2, 2, 3, 5)]
FINE: list[Opinion] = [Rating(f"f{value}", "fine", value) for value in (-1.25, 0.1, 7.77)]
DUELS: list[Opinion] = [Duel("a", "b", "duel", winner) for winner in ("a", "b", None)]
ALL = STARS + FINE + DUELS
CATEGORIES = ["duel", "fine", "stars"]


def told(opinions: list[Opinion], variance: float = 2.0, ties: float = 0.2) -> Answers:
    return answers(opinions, CATEGORIES, scales(opinions, CATEGORIES), variance, ties)


@given(st.lists(st.floats(-30, 30), min_size=len(ALL), max_size=len(ALL)))
def test_slopes_are_those_of_the_logarithm(values: list[float]) -> None:
    utility = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(told(ALL).log_chance(utility).sum(), utility, create_graph=True)
    (second,) = torch.autograd.grad(slope.sum(), utility)
    one, two = told(ALL).slope(utility.detach())
    assert torch.allclose(one, slope, atol=1e-9) and torch.allclose(two, (-second).clamp(min=1e-9), atol=1e-9)
    assert bool((two > 0).all())


@pytest.mark.parametrize("utility", [-40.0, -2.0, 0.0, 0.3, 40.0])
def test_the_chances_of_all_answers_sum_to_one(utility: float) -> None:
    at = torch.full((3,), utility, dtype=torch.float64)
    assert float(told(DUELS).log_chance(at).exp().sum()) == pytest.approx(1)
    each: list[Opinion] = [Rating("a", "stars", value) for value in (1, 2, 3, 5)]
    rows = answers(each, CATEGORIES, scales(STARS, CATEGORIES), 2.0, 0.2)
    assert float(rows.log_chance(torch.full((4,), utility, dtype=torch.float64)).exp().sum()) == pytest.approx(1)


@pytest.mark.parametrize("share", [0.02, 0.2, 0.6])
@pytest.mark.parametrize("variance", [0.5, 8.0])
def test_ties_between_unknown_items_are_as_frequent_as_they_were(share: float, variance: float) -> None:
    tie: list[Opinion] = [Duel("a", "b", "duel", None)]
    at = (NODES * math.sqrt(2 * variance))[:, None]
    chance = (told(tie, variance, share).log_chance(at).exp()[:, 0] * WEIGHTS).sum()
    assert float(chance) == pytest.approx(share, abs=1e-3)
    assert tie_weight(share, variance) == tie_weight(share, variance)


def test_stars_of_unknown_items_are_about_as_frequent_as_they_were() -> None:
    counts = {1: 10, 2: 30, 3: 40, 4: 20}
    given_stars: list[Opinion] = [Rating("a", "stars", value) for value, count in counts.items() for _ in range(count)]
    each: list[Opinion] = [Rating("a", "stars", value) for value in counts]
    rows = answers(each, CATEGORIES, scales(given_stars, CATEGORIES), 2.0, 0.1)
    variance = torch.full((4,), 2.0, dtype=torch.float64)
    found: Tensor = rows.expected(torch.zeros(4, dtype=torch.float64), variance).exp()
    assert found.tolist() == pytest.approx([0.1, 0.3, 0.4, 0.2], abs=0.02)


def test_a_scale_is_stars_where_values_are_few_and_regular() -> None:
    def levels(*values: float) -> int:
        return len(scales([Rating("a", "x", value) for value in values], ["x"])[0].levels)

    assert levels(1, 2, 2.5, 5) == 4 and levels(1.3, 2, 5) == 0 and levels(*range(40)) == 0 and levels(3, 3) == 0
    assert levels(1e299, -1e299) == 2 and math.isfinite(scales([Rating("a", "x", 1e299)], ["x"])[0].middle)
