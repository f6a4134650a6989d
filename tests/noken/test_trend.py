"""A trend leads up as far as scores are sure of, and by their order alone; where they say nothing, nobody is led."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lib_pxl.errors import PxlError
from lib_pxl.noken import Noken, evolution
from lib_pxl.noken.evolution import bear, evolve, headings
from lib_pxl.noken.mutation import mutants
from lib_pxl.noken.trend import Trend, ranked
from tests.noken.people import noken, words

TABLE = words()
WIDTH = 6
T11 = 2.201  # Student's t for 95 % of twelve
HOSTILE = [1e308, -1e308, 5e-324, 0.0, -0.0, 1e-300]


def people(count: int, length: int = 1, seed: int = 0) -> list[Noken]:
    return [noken(length, 1000 * seed + each, {"l": WIDTH}) for each in range(count)]


def draws(trend: Trend, shape: tuple[int, int], count: int) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    prior = torch.randn((count, *shape), generator=draw, dtype=torch.float64)
    return torch.stack([trend.drawn({"l": each}, draw)["l"] for each in prior])


def sure(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and the half width of its 95 % interval."""
    found = torch.tensor(values, dtype=torch.float64)
    return float(found.mean()), T11 * float(found.std()) / math.sqrt(len(found))


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=50))
def test_only_the_order_of_scores_counts(values: list[int]) -> None:
    found = ranked([float(each) for each in values])
    assert torch.equal(found, ranked([math.exp(each / 200) for each in values]))
    if len(set(values)) == 1:
        assert not found.any()
    else:
        assert float(found.mean()) == pytest.approx(0, abs=1e-9)
        assert float(found.pow(2).mean()) == pytest.approx(1)
        order = torch.tensor(values).argsort()
        assert bool((found[order].diff() >= -1e-12).all()) and found[order[-1]] > found[order[0]]


@pytest.mark.parametrize("length", [1, 3])
def test_draws_are_those_of_bayesian_linear_regression(length: int) -> None:
    """Against the posterior worked out by weights instead of by nokens."""
    seen = people(9, length)
    scores = [float(each.vectors["l"][0, 0]) for each in seen]
    trend = Trend(seen, scores)
    points = torch.stack(
        [each.vectors["l"].double() / each.vectors["l"].double().norm(dim=1)[:, None] for each in seen]
    )
    parts = (points - points.mean(0)).flatten(1)
    parts = parts / parts.pow(2).sum(1).mean().sqrt()
    worth = ranked(scores)
    spread = worth @ torch.linalg.solve(parts @ parts.T + trend.noise * torch.eye(9), worth) / 9
    precision = parts.T @ parts / trend.noise + torch.eye(length * WIDTH)
    middle = torch.linalg.solve(precision, parts.T @ worth / trend.noise / spread.sqrt())
    found = draws(trend, (length, WIDTH), 4_000).flatten(1)
    assert torch.allclose(found.mean(0), middle, atol=0.1)
    assert torch.allclose(found.T.cov(), torch.linalg.inv(precision), atol=0.1)


def test_of_nokens_of_unlike_length_each_token_is_led_for_itself() -> None:
    seen = [noken(1 + each % 3, each, {"l": WIDTH}) for each in range(60)]
    up = torch.eye(WIDTH)[2]
    trend = Trend(seen, (headings(seen) @ up.double()).tolist())
    found = draws(trend, (2, WIDTH), 200)
    assert bool((torch.nn.functional.cosine_similarity(found.mean(0), up.double()[None]) > 0.8).all())


def test_scores_by_chance_count_for_less_than_those_that_are_a_slope() -> None:
    slope, chance = [], []
    for seed in range(12):
        seen = people(40, seed=seed)
        chance.append(Trend(seen, torch.rand(40, generator=torch.Generator().manual_seed(seed)).tolist()).noise)
        slope.append(Trend(seen, headings(seen)[:, 0].tolist()).noise)
    middle, within = sure([math.log(a / b) for a, b in zip(chance, slope, strict=True)])
    assert middle - within > 0


def test_mutants_are_led_up_the_slope() -> None:
    seen, start = people(40), people(1, seed=9)[0]
    trend = Trend(seen, headings(seen)[:, 0].tolist())
    led, free = (mutants([start] * 200, range(200), 20.0, None, [None] * 200, each) for each in (trend, None))
    gains = [float((headings(each) - headings([start]))[:, 0].mean()) for each in (led, free)]
    assert gains[0] > 0.1 > 0.03 > abs(gains[1])


@pytest.mark.parametrize("score", [None, lambda nokens: [7.0] * len(nokens)])
def test_without_a_score_or_with_equal_ones_the_middle_of_a_litter_stays(score: Any) -> None:
    start, angle = people(1, 2)[0], 20.0
    born = [
        one for seed in range(10) for one in next(evolve([start, start], score, 1, 100, 0, 0.0, seed, angle=angle)).born
    ]
    lengths = start.vectors["l"].norm(dim=1)[:, None]
    middle = torch.stack([each.vectors["l"] / lengths for each in born]).mean(0)
    straight = math.cos(math.radians(angle)) * start.vectors["l"] / lengths
    chance = math.sin(math.radians(angle)) / math.sqrt(len(born))
    assert float((middle - straight).norm(dim=1).max()) < 3 * chance


def climbed(seed: int, score: Callable[[Sequence[Noken]], list[float]], **way: Any) -> float:
    parents = [noken(2, 10 * seed + each) for each in range(4)]
    *_, last = evolve(parents, score, 8, 6, 2, 0.1, seed, angle=25, table=TABLE, **way)
    return max(score(last.survivors))


@pytest.mark.parametrize("method", ["cross", "slerp"])
def test_an_even_slope_is_climbed_higher_than_by_chance_and_than_without_a_trend(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_chance, by_choice, led = [], [], []
    for seed in range(30):  # of 12, whether it is sure depends on how a processor rounds
        aim = headings([noken(2, 5000 + seed)])[0]

        def score(nokens: Sequence[Noken], aim: Tensor = aim) -> list[float]:
            return (headings(nokens) @ aim).tolist()

        parents = [noken(2, 10 * seed + each) for each in range(4)]
        by_chance.append(max(score(bear(parents, 48, seed, method, angle=25, table=TABLE, near=0.5))))
        led.append(climbed(seed, score, method=method))
        with monkeypatch.context() as patch:
            patch.setattr(Trend, "drawn", lambda self, prior, draw: prior)
            by_choice.append(climbed(seed, score, method=method))
    for others in (by_chance, by_choice):
        middle, within = sure([a - b for a, b in zip(led, others, strict=True)])
        assert middle - within > 0


@settings(max_examples=20)
@given(st.lists(st.sampled_from(HOSTILE), min_size=6, max_size=6), st.integers(0, 2**53))
def test_no_score_makes_a_vector_that_is_none(scores: list[float], seed: int) -> None:
    parents = [noken(2, 1), noken(1, 2)]
    for each in evolve(parents, lambda nokens: scores[: len(nokens)], 2, 6, 1, 0.5, seed, angle=40, table=TABLE):
        for one in each.born:
            assert all(bool(rows.isfinite().all()) and bool(rows.any()) for rows in one.vectors.values())


def test_an_evolution_forgets_all_but_the_latest_and_the_living(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a long one would fill the memory; an elite of another length is still there when its children are turned."""
    told: list[int] = []
    begin = Trend.__init__

    def counted(self: Trend, nokens: Sequence[Noken], *more: Any) -> None:
        told.append(len(nokens))
        begin(self, nokens, *more)

    monkeypatch.setattr(Trend, "__init__", counted)
    monkeypatch.setattr(evolution, "LATEST", 5)
    parents = [noken(3, 1, {"l": WIDTH}), *people(2)]
    generations = list(evolve(parents, lambda nokens: [float(len(each)) for each in nokens], 12, 4, 1, seed=2))
    assert len(generations) == 12 and max(told) <= 5 + len(parents)


def test_equal_scores_lead_nowhere() -> None:
    assert bool((draws(Trend(people(20), [1.0] * 20), (1, WIDTH), 2000).mean(0).abs() < 0.1).all())


def test_a_trend_of_the_very_same_noken_leads_nowhere() -> None:
    (one,) = people(1)
    prior = torch.ones(1, WIDTH, dtype=torch.float64)
    found = Trend([one, one], [0.0, 1.0]).drawn({"l": prior}, torch.Generator())["l"]
    assert torch.equal(found, prior)


def test_nokens_of_two_families_cannot_be_compared() -> None:
    with pytest.raises(PxlError, match="those of one family"):
        Trend([noken(1, 1), noken(1, 1, {"l": WIDTH})], [0.0, 1.0])
