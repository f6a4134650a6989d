"""A taste: what it learns, how sure it says it is, what it asks, and what it takes and refuses."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lib_pxl.errors import TasteError
from lib_pxl.taste import Duel, Item, Rating, Taste, solve
from lib_pxl.taste import ask as asking
from lib_pxl.taste import model as module
from lib_pxl.taste.ask import GOALS, LOOKED_AT, teaching
from lib_pxl.taste.opinion import Opinion
from tests.taste.people import agree, duels, items, words

POOL, UNSEEN = items(120, seed=1), items(80, seed=2)


def likes_neon(item: Item) -> float:
    return 1.0 * ("neon" in words(item)) + 0.7 * (item.settings["model"] == "sdxl")


def right(taste: Taste, utility: Any, category: str = "overall") -> float:
    return agree(taste.score(UNSEEN, category)[0].tolist(), [utility(item) for item in UNSEEN])


def test_what_is_liked_is_learned_and_more_opinions_teach_more() -> None:
    share = [right(Taste.fit(POOL, duels(POOL, likes_neon, count, wrong=0.1)), likes_neon) for count in (0, 20, 200)]
    assert share[0] == 0.0 and share[1] > 0.55 and share[2] > 0.9


def test_ratings_teach_as_duels_do() -> None:
    stars: list[Opinion] = [Rating(item.id, value=round(1 + 2 * likes_neon(item))) for item in POOL]
    fine: list[Opinion] = [Rating(item.id, value=likes_neon(item) * 31.7 - 1e6) for item in POOL]
    assert right(Taste.fit(POOL, stars), likes_neon) > 0.85 and right(Taste.fit(POOL, fine), likes_neon) > 0.85


def test_a_taste_knows_how_sure_it_is() -> None:
    few, many = (Taste.fit(POOL, duels(POOL, likes_neon, count)) for count in (10, 400))
    sure = [float((taste.score(POOL)[0] / taste.score(POOL)[1]).abs().mean()) for taste in (few, many)]
    assert sure[1] > 1.5 * sure[0]
    strange = Item("x", "zyzzyva qoph, wholly unknown things of another kind", settings={"model": "flux"})
    known = Item("y", "a fox, photo, neon", settings={"model": "sdxl", "steps": 20})
    _, std = many.score([known, strange])
    assert std[1] > std[0] and bool(std.isfinite().all()) and bool((std > 0).all())


@pytest.mark.parametrize("seed", range(3))
def test_of_pairs_predicted_at_80_percent_about_that_many_are_right(seed: int) -> None:
    """A rater who draws their weights from the prior, and answers with the noise of the model."""
    draw = random.Random(seed)
    pull = {word: draw.gauss(0, 0.8) for item in (*POOL, *UNSEEN) for word in sorted(words(item))}

    def utility(item: Item) -> float:
        return sum(pull[word] for word in words(item))

    def answer(a: Item, b: Item) -> Duel:
        wins = draw.random() < 1 / (1 + math.exp(utility(b) - utility(a)))
        return Duel(a.id, b.id, winner=a.id if wins else b.id)

    taste = Taste.fit(POOL, [answer(*draw.sample(POOL, 2)) for _ in range(150)])
    told = [(taste.chance(a, b), answer(a, b).outcome > 0) for a, b in (draw.sample(UNSEEN, 2) for _ in range(300))]
    sure = [won if chance > 0.5 else not won for chance, won in told if 0.7 < max(chance, 1 - chance) < 0.9]
    assert len(sure) > 30 and 0.65 < sum(sure) / len(sure) < 0.95


def test_the_same_opinions_give_the_same_taste() -> None:
    some = duels(POOL, likes_neon, 40)
    one, two = (Taste.fit(POOL, some).score(UNSEEN) for _ in range(2))
    assert torch.equal(one[0], two[0]) and torch.equal(one[1], two[1])


def test_sides_do_not_matter() -> None:
    some = duels(POOL, likes_neon, 60)
    turned = [Duel(each.second, each.first, winner=each.winner) for each in some]
    one, two = Taste.fit(POOL, some).score(UNSEEN)[0], Taste.fit(POOL, turned).score(UNSEEN)[0]
    assert torch.allclose(one, two, atol=1e-4)


def test_ratings_mean_the_same_on_any_scale() -> None:
    values = [likes_neon(item) + random.Random(item.id).random() for item in POOL]
    one, two = (
        Taste.fit(
            POOL, [Rating(item.id, value=scale * value + shift) for item, value in zip(POOL, values, strict=True)]
        )
        for scale, shift in ((1.0, 0.0), (-1e-3, 5.0))
    )
    assert torch.allclose(one.score(UNSEEN)[0], -two.score(UNSEEN)[0], atol=1e-3)


def test_categories_help_each_other_and_keep_their_own() -> None:
    def own(item: Item) -> float:
        return likes_neon(item) - 1.5 * ("dark" in words(item))

    some = duels(POOL, likes_neon, 150, category="mood")
    other = duels(POOL, own, 25, seed=1, category="depth")
    alone, pooled = Taste.fit(POOL, other), Taste.fit(POOL, some + other)
    assert right(pooled, own, "depth") > right(alone, own, "depth")
    mean = pooled.score(UNSEEN, "mood")[0] - pooled.score(UNSEEN, "depth")[0]
    dark = torch.tensor(["dark" in words(item) for item in UNSEEN])
    assert float(mean[dark].mean()) > float(mean[~dark].mean())
    assert right(pooled, likes_neon, "never judged") > 0.7


def test_a_vector_alone_is_enough() -> None:
    draw = torch.Generator().manual_seed(0)
    some = [Item(f"v{place}", vectors={"text": torch.randn(32, generator=draw)}) for place in range(150)]

    def first(item: Item) -> float:
        return float(item.vectors["text"][0])

    taste = Taste.fit(some[:100], duels(some[:100], first, 150))
    assert agree(taste.score(some[100:])[0].tolist(), [first(item) for item in some[100:]]) > 0.7


def test_a_score_stands_beside_what_was_judged() -> None:
    taste = Taste.fit(POOL, duels(POOL, lambda item: "neon" in item.prompt, 100))
    judged = {which for pair in taste.asked for which in pair}
    mean = taste.score([item for item in POOL if item.id in judged])[0]
    assert float(mean.mean()) == pytest.approx(0, abs=1e-4) and float(mean.std()) > 0.2


@pytest.mark.parametrize("many", [False, True])
def test_what_all_items_have_makes_no_score_less_sure(many: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if many:
        monkeypatch.setattr(module, "EXACT", 10)
    said = duels(POOL, lambda item: "neon" in item.prompt, 60)
    bare = [replace(item, settings={}) for item in POOL]
    alike = [replace(item, settings={"cfg": 7, "sampler": "Euler"}, vectors={"l": [1.0, 2.0]}) for item in POOL]
    known = Taste.fit(POOL, said)
    plain, full = Taste.fit(bare, said, like=known), Taste.fit(alike, said, like=known)
    assert full.score(alike)[1].mean() < 1.3 * plain.score(bare)[1].mean()


def test_what_an_item_does_not_tell_is_taken_as_usual() -> None:
    said = duels(POOL, lambda item: "neon" in item.prompt, 60)
    taste = Taste.fit([replace(item, settings={"cfg": 7}) for item in POOL], said)
    silent, told, other = (
        taste.score([replace(item, settings=each) for item in POOL])[1].mean().item()
        for each in ({}, {"cfg": 7}, {"cfg": 30})
    )
    assert silent == pytest.approx(told, rel=0.1) and other > 1.2 * told


@pytest.mark.parametrize("many", [False, True])
def test_scores_of_one_and_of_a_few_together_agree(many: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if many:
        monkeypatch.setattr(module, "EXACT", 10)
    taste = Taste.fit(POOL, duels(POOL, lambda item: "neon" in item.prompt, 60))
    some = [*UNSEEN[:8], replace(UNSEEN[8], settings={}), replace(UNSEEN[9], vectors={"l": [1.0, 0.0]})]
    mean, covariance = taste.joint(some)
    one, std = taste.score(some)
    assert mean.tolist() == pytest.approx(one.tolist(), abs=1e-4)
    assert covariance.diagonal().sqrt().tolist() == pytest.approx(std.tolist(), rel=1e-3)


def test_missing_features_are_no_error() -> None:
    mixed = [
        Item("a", "fox"), Item("b", settings={"model": "x"}), Item("c", vectors={"l": [1.0, 2.0]}),
        Item("d", caption="a fox", negative="blurry"), Item("e"),
    ]  # fmt: skip
    taste = Taste.fit(mixed, [Duel("a", "b", winner="a"), Duel("c", "d", winner="d"), Rating("e", value=1)])
    assert all(bool(each.isfinite().all()) for each in taste.score(mixed))


EDGES: dict[str, list[Opinion]] = {
    "none": [],
    "one rating": [Rating("i0", value=4.0)],
    "one duel": [Duel("i0", "i1", winner="i0")],
    "one tie": [Duel("i0", "i1")],
    "all the same stars": [Rating(f"i{place}", value=3) for place in range(30)],
    "all the same fine": [Rating(f"i{place}", value=0.123) for place in range(30)],
    "always the first": [Duel("i0", f"i{place}", winner="i0") for place in range(1, 30)],
    "all ties": [Duel("i0", f"i{place}") for place in range(1, 30)],
    "a thousand times the same": [Duel("i0", "i1", winner="i0")] * 1000,
    "contradictions": [Duel("i0", "i1", winner=which) for which in ("i0", "i1") * 20],
    "a circle": [Duel("i0", "i1", winner="i0"), Duel("i1", "i2", winner="i1"), Duel("i2", "i0", winner="i2")] * 9,
    "huge": [Rating(f"i{place}", value=(-1) ** place * 1e299) for place in range(20)],
    "tiny": [Rating(f"i{place}", value=place * 1e-300) for place in range(20)],
    "many categories": [Rating(f"i{place}", f"c{place}", place) for place in range(40)],
}


@pytest.mark.parametrize("name", EDGES)
def test_odd_opinions_give_finite_scores(name: str) -> None:
    taste = Taste.fit(POOL, EDGES[name])
    for category in ("overall", "c3", "other"):
        mean, std = taste.score([*POOL, Item("x", "🦊 " * 3000), Item("y", "(" * 10_000)], category)
        assert bool(mean.isfinite().all()) and bool((std > 0).all()) and bool(std.isfinite().all())
    first, second = taste.next_duel(POOL, seed=3)
    assert first.id != second.id and 0 < taste.chance(first, second) < 1
    assert all(len(line) < 200 for line in taste.card.spoken())


def test_always_the_same_answer_is_believed() -> None:
    taste = Taste.fit(POOL, EDGES["always the first"])
    assert taste.chance(POOL[0], POOL[5]) > 0.75
    taste = Taste.fit(POOL, EDGES["contradictions"])
    assert taste.chance(POOL[0], POOL[1]) == pytest.approx(0.5, abs=0.1)


WRONG: dict[str, Any] = {
    "an unknown id": lambda: Taste.fit(POOL, [Rating("nobody", value=1)]),
    "an unknown duelist": lambda: Taste.fit(POOL, [Duel("i0", "nobody", winner="i0")]),
    "a winner who did not fight": lambda: Duel("a", "b", winner="c"),
    "a duel with itself": lambda: Duel("a", "a", winner="a"),
    "nan": lambda: Rating("a", value=math.nan),
    "infinity": lambda: Rating("a", value=math.inf),
    "a huge whole number": lambda: Rating("a", value=10**400),
    "true": lambda: Rating("a", value=True),
    "text": lambda: Rating("a", value="good"),  # type: ignore[arg-type]
    "an empty id": lambda: Item(""),
    "a long category": lambda: Rating("a", "x" * 1000, 1),
    "an empty category": lambda: Rating("a", "  ", 1),
    "a number for a prompt": lambda: Item("a", 5),  # type: ignore[arg-type]
    "a list for settings": lambda: Item("a", settings=[1]),  # type: ignore[arg-type]
    "a list in settings": lambda: Item("a", settings={"a": [1]}),
    "two items with one id": lambda: Taste.fit([Item("a", "fox"), Item("a", "owl")], [Rating("a", value=1)]),
    "no item": lambda: Taste.fit(["a"], []),  # type: ignore[list-item]
    "no opinion": lambda: Taste.fit(POOL, [("a", 4)]),  # type: ignore[list-item]
    "a duel with nobody": lambda: Taste.fit(POOL, []).next_duel([POOL[0], POOL[0]]),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_has_one_sentence(name: str) -> None:
    with pytest.raises(TasteError, match="wanted") as error:
        WRONG[name]()
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_many_opinions_are_learned_with_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT", 300)
    monkeypatch.setattr(solve, "FIRST", 100)
    monkeypatch.setattr(solve, "BLOCK", 64)
    shares: list[float] = []
    some = duels(POOL, likes_neon, 600)
    taste = Taste.fit(POOL, some, progress=shares.append)
    assert taste.learned.over_weights and right(taste, likes_neon) > 0.95
    assert shares == sorted(shares) and shares[-1] == 1.0


@settings(max_examples=25)
@given(st.data())
def test_any_opinions_can_be_learned_from(data: st.DataObject) -> None:
    some = [Item(str(place), data.draw(st.text(max_size=30))) for place in range(4)]
    names = st.sampled_from([item.id for item in some])
    rating = st.builds(Rating, names, st.sampled_from(["x", "y"]), st.floats(-1e299, 1e299))
    pair = st.tuples(names, names).filter(lambda pair: pair[0] != pair[1])
    duel = pair.flatmap(lambda pair: st.builds(Duel, *map(st.just, pair), winner=st.sampled_from([*pair, None])))
    taste = Taste.fit(some, data.draw(st.lists(rating | duel, max_size=12)))
    mean, std = taste.score(some, "x")
    assert bool(mean.isfinite().all()) and bool((std > 0).all())


def test_the_next_duel_is_repeatable_and_of_two_different_items() -> None:
    taste = Taste.fit(POOL, duels(POOL, likes_neon, 20))
    asked = [tuple(item.id for item in taste.next_duel(POOL, seed=seed)) for seed in range(100)]
    assert asked == [tuple(item.id for item in taste.next_duel(POOL, seed=seed)) for seed in range(100)]
    assert all(a != b for a, b in asked) and len(set(asked)) > 60
    before = {frozenset(pair) for pair in taste.asked}
    assert 1 <= sum(frozenset(pair) in before for pair in asked) <= 15


def test_the_first_duels_are_not_asked_again() -> None:
    few = Taste.fit(POOL, duels(POOL, likes_neon, 19))
    before = {frozenset(pair) for pair in few.asked}
    assert not before & {frozenset(item.id for item in few.next_duel(POOL, seed=seed)) for seed in range(100)}


def test_the_next_duel_is_where_there_is_something_to_learn() -> None:
    """Of items that differ in what is known well, or in what is not known at all, the latter are asked."""
    known = [Item(f"k{place}", "red" if place % 2 else "blue") for place in range(8)]
    taste = Taste.fit(known, [Duel("k1", "k0", winner="k1")] * 60)
    fresh = [Item("f0", "owl"), Item("f1", "ship")]
    asked = [taste.next_duel(known[:2] + fresh, seed=seed) for seed in range(40)]
    assert sum({item.id for item in pair} == {"k0", "k1"} for pair in asked) < 12


def test_what_is_decided_already_is_no_reason_to_ask() -> None:
    """Two duels teach alike of one goal each; the one is asked whose goal is open, and neither where both are alike."""
    covariance = torch.eye(8, dtype=torch.float64)
    for one, other in ((0, 4), (1, 5), (2, 6), (3, 7)):  # who stands for whom
        covariance[one, other] = covariance[other, one] = 0.5
    duel, goal = torch.tensor([[0, 2], [1, 3]]).unbind(0), torch.tensor([[4, 6], [5, 7]]).unbind(0)
    level = torch.zeros(8, dtype=torch.float64)
    first, second = teaching(level, covariance, duel, goal, tie=-2.0).tolist()
    assert first == pytest.approx(second)
    level[4] = 3.0
    decided, still = teaching(level, covariance, duel, goal, tie=-2.0).tolist()
    assert decided < 0.2 * still and still == pytest.approx(second)


@pytest.mark.parametrize("count", [2, 3, 31, 32, 33, 34, 60, 161])
def test_of_few_pictures_too_the_duel_that_teaches_most_is_asked(count: int) -> None:
    """Goals are never fewer than there are pictures, so no two duels teach alike by chance."""
    pool = items(count, seed=4)
    taste, seen = Taste.fit(pool, duels(pool, likes_neon, 12)), list[Tensor]()

    def listening(*given: Any) -> Tensor:
        seen.append(teaching(*given))
        return seen[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "teaching", listening)
        for seed in range(6):
            taste.next_duel(pool, seed=seed)
    wanted = min(count, LOOKED_AT)
    assert seen and all(len(gain) == wanted * (wanted - 1) // 2 and float(gain.max()) > 0 for gain in seen)
    assert all(len(gain.unique()) > len(gain) / 3 for gain in seen)


@pytest.mark.parametrize(("prompts", "strangers"), [(400, True), (30, False), (1, False)])
def test_what_is_to_be_learned_lies_in_other_prompts_where_there_are_enough(prompts: int, strangers: bool) -> None:
    """Each of 400 prompts has two pictures; with few prompts, goals are whatever pictures there are."""
    pool = [Item(f"i{place}", f"a {place % prompts}") for place in range(800)]
    taste, seen = Taste.fit(pool, []), list[list[Item]]()
    told = taste.joint

    def listening(some: Sequence[Item], category: str) -> tuple[Tensor, Tensor]:
        seen.append([*some])
        return told(some, category)

    taste.joint = listening  # type: ignore[method-assign]
    asked = [taste.next_duel(pool, seed=seed) for seed in range(8)]
    assert seen and all(len(some) == LOOKED_AT + GOALS for some in seen)
    for some in seen:
        looked_at, goals = some[:LOOKED_AT], some[LOOKED_AT:]
        assert strangers is not bool({item.prompt for item in looked_at} & {item.prompt for item in goals})
    assert all(first.id != second.id for first, second in asked)
