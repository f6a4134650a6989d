"""Few answers already help, and what is asked teaches more than what comes at random."""

from __future__ import annotations

import math
import random
from statistics import fmean

from lib_pxl.taste import Duel, Item, Taste
from tests.taste.people import agree, duels, items, words

POOL, UNSEEN = items(150, seed=11), items(80, seed=12)
SEEDS = range(6)
PULLS = {"neon": 2.0, "night": -2.0, "fox": 1.0, "photo": 1.0, "dark": -1.0}


def likes(item: Item) -> float:
    return sum(PULLS.get(word, 0.0) for word in words(item)) + 2.0 * (item.settings["model"] == "sdxl")


def learned(seed: int, count: int, asking: bool) -> float:
    """How many unseen pairs are told apart after so many answers of a rater who is sometimes wrong."""
    draw = random.Random(seed)
    some: list[Duel] = []
    taste = Taste.fit(POOL, [])
    for number in range(count):
        one, other = taste.next_duel(POOL, seed=1000 * seed + number) if asking else draw.sample(POOL, 2)
        first = draw.random() < 1 / (1 + math.exp(likes(other) - likes(one)))
        some.append(Duel(one.id, other.id, winner=one.id if first else other.id))
        if asking or number == count - 1:
            taste = Taste.fit(POOL, some, like=taste if (number + 1) % 10 else None)
    return agree(taste.score(UNSEEN)[0].tolist(), [likes(item) for item in UNSEEN])


def doubt(taste: Taste) -> float:
    """The mean variance of what unseen items differ by."""
    _, covariance = taste.joint(UNSEEN)
    return float(2 * (covariance.diagonal().mean() - covariance.mean()))


def test_what_is_asked_lessens_the_doubt_more_than_what_comes_at_random() -> None:
    draw = random.Random(0)
    before = duels(POOL, likes, 20)
    taste = Taste.fit(POOL, before)
    asked = [taste.next_duel(POOL, seed=seed) for seed in range(12)]
    drawn = [(one, other) for one, other in (draw.sample(POOL, 2) for _ in range(12))]
    after = [
        fmean(doubt(Taste.fit(POOL, [*before, Duel(a.id, b.id, winner=a.id)], like=taste)) for a, b in pairs)
        for pairs in (asked, drawn)
    ]
    assert after[0] < after[1] < doubt(taste)


def test_twenty_answers_are_better_than_chance_for_everyone() -> None:
    assert min(learned(seed, 20, asking=True) for seed in SEEDS) > 0.5
