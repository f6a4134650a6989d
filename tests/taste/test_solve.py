"""The posterior: against quadrature, against plain algebra, and one way of solving against the other."""

from __future__ import annotations

import itertools
import math
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.taste import Duel, Item, Rating, Taste
from lib_pxl.taste import model as module
from lib_pxl.taste.answers import DUEL, FINE, NOISE, Answers, answers, scales
from lib_pxl.taste.opinion import Opinion
from lib_pxl.taste.solve import Strength, by_rows, evidence, mode
from tests.taste.people import duels, items, words

SMALL: list[Opinion] = [
    Duel("a", "b", "x", "a"), Duel("a", "b", "x", None), Duel("b", "c", "x", "c"),
    Rating("a", "y", 3), Rating("b", "y", 1), Rating("c", "y", 2), Rating("a", "y", 3),
]  # fmt: skip


def test_laplace_is_near_the_exact_posterior() -> None:
    """Two features, two categories: four weights on a grid, against the closed form."""
    torch.manual_seed(0)
    features = {name: 0.5 * torch.randn(2) for name in "abc"}
    table = torch.stack([features[each.first] - features[each.second] if isinstance(each, Duel) else
                         features[each.item] for each in SMALL])  # fmt: skip
    categories, strength = ["x", "y"], Strength(1.5, 0.6)
    rows = answers(SMALL, categories, scales(SMALL, categories), strength.variance, 0.2)
    learned = by_rows(table, torch.ones(2), rows, strength, 2)

    line = torch.linspace(-5, 5, 41, dtype=torch.float64)
    weights = torch.cartesian_prod(*[line] * 4).reshape(-1, 2, 2)  # (grid, category, feature)
    between = strength.between(torch.arange(2)[:, None], torch.arange(2)).double().inverse()
    log = -torch.einsum("gcf,cd,gdf->g", weights, between, weights) / 2
    for row, category in enumerate(rows.category.tolist()):
        utility = weights[:, category] @ table[row].double()
        log += rows.at(torch.tensor([row])).log_chance(utility[:, None])[:, 0]
    chance = torch.softmax(log, 0)
    for name, category in itertools.product("abc", (0, 1)):
        utility = weights[:, category] @ features[name].double()
        mean = float((chance * utility).sum())
        std = float((chance * (utility - mean).square()).sum().sqrt())
        along = features[name] @ learned.basis
        reach = learned.factors[0] @ (along * learned.scale[category])
        found = float((strength.variance * features[name].square().sum() - reach.square().sum()).sqrt())
        assert float(along.double() @ learned.mean[category]) == pytest.approx(mean, abs=0.25 * std)
        assert found == pytest.approx(std, rel=0.1)


def test_a_fine_scale_alone_is_ridge_regression() -> None:
    torch.manual_seed(1)
    table, values = torch.randn(30, 5), torch.randn(30)
    opinions: list[Opinion] = [Rating(f"i{row}", "x", float(value)) for row, value in enumerate(values)]
    rows = answers(opinions, ["x"], scales(opinions, ["x"]), 2.0, 0.1)
    learned = by_rows(table, torch.ones(5), rows, Strength(2.0, 0.5), 1)
    ridge = torch.linalg.solve(table.T @ table + NOISE**2 / 2 * torch.eye(5), table.T @ rows.outcome.float())
    assert torch.allclose(learned.basis @ learned.mean[0].float(), ridge, atol=1e-4)


def test_the_mode_is_where_the_slope_is_nil() -> None:
    torch.manual_seed(2)
    rows = answers(SMALL, ["x", "y"], scales(SMALL, ["x", "y"]), 50.0, 0.2)
    half = torch.randn(7, 7, dtype=torch.float64) * 9
    found = mode(half @ half.T, rows)
    slope, _ = rows.slope(found.utility)
    assert torch.allclose(found.weight, slope, atol=1e-4)


@pytest.mark.parametrize("ratings", [False, True])
def test_both_ways_of_solving_agree(ratings: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every feature known, the posterior over weights is that over rows."""
    some = [Item(each.id, " ".join(sorted(words(each))[:4])) for each in items(60)]
    draw = random.Random(3)
    opinions: list[Opinion] = list(duels(some, lambda item: "neon" in item.prompt, 80))
    if ratings:
        opinions += [Rating(each.id, "mood", draw.choice((1, 2, 3))) for each in some]
        opinions += [Rating(each.id, "depth", draw.random()) for each in some]
    monkeypatch.setattr(module, "choose", lambda *_: (module.Choice(), module.card([], module.NOTHING.right).right))
    exact = Taste.fit(some, opinions)
    monkeypatch.setattr(module, "EXACT", 0)
    other = Taste.fit(some, opinions)
    assert not exact.learned.over_weights and other.learned.over_weights
    unseen = items(20, seed=9)
    for category in ("overall", "mood", "never judged"):
        for one, two in zip(exact.score(some + unseen, category), other.score(some + unseen, category), strict=True):
            assert torch.allclose(one, two, atol=2e-2)
        one, two = exact.joint(some[:5] + unseen, category)[1], other.joint(some[:5] + unseen, category)[1]
        assert torch.allclose(one, two, atol=2e-2)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_the_evidence_of_fine_scales_is_a_gaussian_density(seed: int, count: int) -> None:
    """Laplace's method is exact where likelihoods are Gaussian: the same as the closed form."""
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randn(count, 5, generator=draw, dtype=torch.float64)
    told, low = (torch.randn(count, generator=draw, dtype=torch.float64) for _ in range(2))
    gram, nothing = rows @ rows.mT, torch.zeros(count, dtype=torch.float64)
    rows_of = Answers(torch.full((count,), FINE), torch.zeros(count, dtype=torch.long), told, low, nothing)
    spread = gram + NOISE**2 * torch.eye(count, dtype=torch.float64)
    exact = torch.distributions.MultivariateNormal(nothing, spread).log_prob(told) + low.sum()
    assert evidence(mode(gram, rows_of), rows_of) == pytest.approx(float(exact), abs=1e-6)


@given(st.floats(0.1, 20), st.sampled_from([1.0, -1.0, 0.0]), st.floats(-3, 3))
def test_the_evidence_of_a_duel_is_close_to_its_integral(variance: float, outcome: float, tie: float) -> None:
    rows_of = Answers(*(torch.tensor([each]) for each in (DUEL, 0)), *torch.tensor([[outcome], [tie], [0.0]]).double())
    at = torch.linspace(-60, 60, 20001, dtype=torch.float64)
    weighed = rows_of.log_chance(at[:, None])[:, 0] - at.square() / (2 * variance)
    exact = torch.logsumexp(weighed, 0) + math.log(120 / 20000) - math.log(2 * math.pi * variance) / 2
    found = evidence(mode(torch.tensor([[variance]], dtype=torch.float64), rows_of), rows_of)
    assert found == pytest.approx(float(exact), abs=0.15)
