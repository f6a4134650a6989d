"""Why: planted preferences are found, and noise is never called sure."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lib_pxl.taste import Item, Taste
from lib_pxl.taste.explain import explain, lessons
from lib_pxl.taste.opinion import Opinion
from lib_pxl.taste.propose import propose, scorer
from tests.taste.people import EXTRAS, agree, duels, items, words

POOL = items(200, seed=5)
PLANTED: dict[str, tuple[Callable[[Item], float], str]] = {
    "a word": (lambda item: 1.0 * ("neon" in words(item)), "neon"),
    "a word not liked": (lambda item: -1.0 * ("night" in words(item)), "night"),
    "a setting": (lambda item: 1.0 * (item.settings["model"] == "sdxl"), "model="),
    "a number": (lambda item: item.settings["steps"] / 20, "steps="),
    "a pair of words": (lambda item: 1.0 * ({"oil", "painting"} <= words(item)), "oil + painting"),
}
SEEDS = range(6)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_preference_is_among_the_three_strongest(name: str) -> None:
    utility, label = PLANTED[name]
    found = 0
    for seed in SEEDS:
        taste = Taste.fit(POOL, duels(POOL, utility, 100, seed=seed, wrong=0.2))
        names = [pull.label for pull in lessons(taste, POOL, least=5)[:3]]
        found += any(label in each or each in label.split(" + ") for each in names)
    assert found >= 0.8 * len(SEEDS)


def test_a_preference_of_one_category_is_found_there() -> None:
    some: list[Opinion] = [
        *duels(POOL, PLANTED["a word"][0], 60, seed=1, category="mood"),
        *duels(POOL, PLANTED["a word not liked"][0], 60, seed=2, category="depth"),
    ]
    taste = Taste.fit(POOL, some)
    mood, depth = (lessons(taste, POOL, category, least=5)[:3] for category in ("mood", "depth"))
    assert [pull.mean > 0 for pull in mood if pull.label == "neon"] == [True]
    assert [pull.mean < 0 for pull in depth if pull.label == "night"] == [True]


def test_noise_is_never_called_sure_and_what_is_plain_is() -> None:
    for seed in SEEDS:
        taste = Taste.fit(POOL, duels(POOL, lambda item: 0.0, 150, seed=seed))
        assert not [pull for pull in lessons(taste, POOL) if pull.sure]
    taste = Taste.fit(POOL, duels(POOL, PLANTED["a word"][0], 1000))
    assert {pull.label for pull in lessons(taste, POOL) if pull.sure} & set(EXTRAS) == {"neon"}


def test_the_parts_of_two_items_differ_by_as_much_as_their_scores() -> None:
    taste = Taste.fit(POOL, duels(POOL, PLANTED["a word"][0], 80))
    item = Item("x", "(neon:1.3) fox, <lora:ink:0.5>", "blurry", {"model": "new", "cfg": 7}, {"l": [1.0]})
    sums = []
    for each in (item, *POOL[:5]):
        pulls = explain(taste, each)
        assert len({pull.label for pull in pulls}) == len(pulls)
        sums.append(sum(pull.mean for pull in pulls))
    scores = taste.score([item, *POOL[:5]])[0].tolist()
    apart = [[value - values[-1] for value in values[:-1]] for values in (sums, scores)]
    assert apart[0] == pytest.approx(apart[1], abs=1e-4)
    labels = {pull.label for pull in explain(taste, item)}
    assert {
        "neon",
        "fox",
        "fox + neon",
        "<lora:ink>",
        "negative: blurry",
        "model=new",
        "cfg=7",
        "words=3",
        "l",
    } <= labels


def test_proposals_are_good_different_and_repeatable() -> None:
    utility = PLANTED["a word"][0]
    taste = Taste.fit(POOL, duels(POOL, utility, 100))
    candidates = items(400, seed=8)
    chosen = propose(taste, candidates, n=10, seed=3)
    assert [each.item for each in chosen] == [each.item for each in propose(taste, candidates, n=10, seed=3)]
    assert len({each.place for each in chosen}) == 10 and all(candidates[each.place] is each.item for each in chosen)
    usual = sum(map(utility, candidates)) / len(candidates)
    assert sum(utility(each.item) for each in chosen) / 10 > 2 * usual
    assert [each.item for each in propose(taste, candidates, n=10, seed=4)] != [each.item for each in chosen]


def test_novelty_makes_proposals_less_alike() -> None:
    taste = Taste.fit(POOL, duels(POOL, PLANTED["a word"][0], 60))
    twins = [Item(f"{item.id} {copy}", item.prompt, settings=item.settings) for item in POOL[:60] for copy in range(5)]

    def different(novelty: float) -> int:
        return len({each.item.prompt for each in propose(taste, twins, n=20, novelty=novelty)})

    assert different(3.0) > different(0.0)


def test_without_boldness_or_novelty_the_best_come_first() -> None:
    taste = Taste.fit(POOL, duels(POOL, PLANTED["a word"][0], 60))
    chosen = propose(taste, POOL, n=5, boldness=0.0, novelty=0.0)
    best = taste.score(POOL)[0].sort(descending=True).values[:5].tolist()
    assert [each.mean for each in chosen] == pytest.approx(best, abs=1e-4)
    assert propose(taste, [], n=5) == [] and len(propose(taste, POOL[:3], n=5)) == 3


def test_evolution_can_select_by_a_taste() -> None:
    taste = Taste.fit(POOL, duels(POOL, PLANTED["a word"][0], 100))
    mean, std = taste.score(POOL)
    assert scorer(taste)(POOL) == pytest.approx(mean.tolist())
    assert scorer(taste, caution=1.0)(POOL) == pytest.approx((mean - std).tolist(), abs=1e-5)
    assert agree(scorer(taste)(POOL[:60]), [PLANTED["a word"][0](item) for item in POOL[:60]]) > 0.8
