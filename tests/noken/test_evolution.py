"""Generations: what survives, what never gets worse, and that it can all be had again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.errors import PxlError
from lib_pxl.noken import Noken, breed, mutate
from lib_pxl.noken.evolution import bear, derived, distances, evolve, headings, survive
from tests.noken.people import degrees, noken, words

PARENTS = [noken(2, seed) for seed in range(3)]
TABLE = words()
AIM = headings([noken(2, 99)])[0]


def near_aim(nokens: Sequence[Noken]) -> list[float]:
    return (headings(nokens) @ AIM).tolist()


def hashes(**options: Any) -> list[list[str]]:
    return [[each.hash for each in one.born + one.survivors] for one in evolve(PARENTS, near_aim, **options)]


@given(st.integers(0, 2**53), st.integers(1, 3), st.floats(0, 1))
def test_the_best_score_never_falls_where_there_is_an_elite(seed: int, elite: int, novelty: float) -> None:
    best = max(near_aim(PARENTS))
    for each in evolve(PARENTS, near_aim, 4, 4, elite, novelty, seed, angle=20):
        assert max(each.scores) >= best
        best = max(each.scores)
        assert each.scores == pytest.approx(near_aim(each.survivors))


def test_some_children_are_led_to_a_word_near_by_and_the_others_go_anywhere() -> None:
    told: dict[str, Any] = {"seed": 3, "angle": 20.0, "table": TABLE}
    none, some, all_led = (bear(PARENTS, 60, near=near, **told) for near in (0.0, 0.5, 1.0))
    led = [one == other for one, other in zip(some, all_led, strict=True)]
    assert all((one == other) != mark for one, other, mark in zip(some, none, led, strict=True))
    assert 15 < sum(led) < 45
    straight = breed(PARENTS, n=60, seed=3, table=TABLE)
    wanted = [mutate(each, derived(3, place, "angle"), 20.0, TABLE, "near") for place, each in enumerate(straight)]
    assert all_led == wanted


def test_a_score_is_climbed() -> None:
    *_, last = evolve(PARENTS, near_aim, generations=12, litter=20, elite=2, angle=25)
    assert max(last.scores) > max(near_aim(PARENTS)) + 0.1


def test_the_same_seed_gives_the_same_generations_and_another_others() -> None:
    assert hashes(seed=5) == hashes(seed=5) != hashes(seed=6)


def test_more_generations_begin_with_the_fewer_and_a_generation_is_not_the_one_before() -> None:
    few, many = hashes(generations=2), hashes(generations=4)
    assert many[:2] == few and len({tuple(each[:6]) for each in many}) == 4


def test_as_many_survive_as_there_were_parents_all_of_them_born_or_there_before() -> None:
    before = {each.hash for each in PARENTS}
    for number, each in enumerate(evolve(PARENTS, near_aim, litter=5, elite=3), 1):
        assert (each.number, len(each.born), len(each.survivors)) == (number, 5, 3)
        now = {one.hash for one in each.survivors}
        assert len(now) == 3 and now <= before | {one.hash for one in each.born}
        before = now


def test_those_who_survive_are_the_parents_of_the_next() -> None:
    last = [each.hash for each in PARENTS]
    for each in evolve(PARENTS, near_aim, generations=3, angle=4):
        assert all(list(one.lineage.parents) == last for one in each.born)
        assert {one.lineage.generation for one in each.born} <= set(range(each.number + 1))
        last = [one.hash for one in each.survivors]


def test_without_an_elite_the_parents_die() -> None:
    gone = {each.hash for each in PARENTS}
    for each in evolve(PARENTS, near_aim, elite=0):
        assert not gone & {one.hash for one in each.survivors}


def nearest(nokens: list[Noken], others: list[Noken]) -> float:
    return float(distances(headings(nokens), headings(others)).mean())


@pytest.mark.parametrize("seed", range(5))
def test_full_novelty_picks_farther_than_none(seed: int) -> None:
    """Between one another, and from what was there."""
    far, near = (
        next(iter(evolve(PARENTS, near_aim, 1, 30, 0, novelty, seed, angle=30))).survivors for novelty in (1.0, 0.0)
    )
    spread = [sum(nearest([one], [o for o in kind if o is not one] + PARENTS) for one in kind) for kind in (far, near)]
    assert spread[0] > spread[1]


def test_the_first_choice_of_full_novelty_is_the_farthest_of_all() -> None:
    born = bear(PARENTS, 30, 3, angle=40)
    (first,) = survive([0.0] * 30, born, headings(PARENTS), 1, 0, 1.0)
    assert first == int(distances(headings(born), headings(PARENTS)).argmax())


def test_an_elite_is_the_best_even_where_novelty_is_all() -> None:
    born = bear(PARENTS, 30, 3, angle=40)
    scores = near_aim(born)
    chosen = survive(scores, born, headings(PARENTS), 3, 2, 1.0)
    assert chosen[:2] == sorted(range(30), key=lambda i: -scores[i])[:2]


def test_who_is_there_twice_survives_once() -> None:
    born = bear(PARENTS, 3, 3)
    assert survive([1.0, 1.0, 0.5, 0.2], [born[0], born[0], born[1], born[2]], headings(PARENTS), 3, 2, 0.0) == [
        0,
        2,
        3,
    ]


def test_stop_stops_before_the_next_generation() -> None:
    seen: list[int] = []
    for each in evolve(PARENTS, generations=10, stop=lambda: len(seen) == 2):
        seen.append(each.number)
    assert seen == [1, 2]


def test_without_a_score_all_are_equal_and_one_generation_is_a_litter() -> None:
    (only,) = evolve(PARENTS, generations=1, litter=4, elite=0, angle=0, seed=8)
    assert only.born == breed(PARENTS, n=4, seed=derived(8, 1)) and only.scores == [0.0, 0.0, 0.0]
    assert only.survivors == only.born[:3]


def test_a_turned_child_stands_at_the_angle_and_knows_who_bred_it() -> None:
    plain, turned = (bear(PARENTS, 4, 2, mix=0.4, angle=angle) for angle in (0.0, 12.0))
    for a, b in zip(plain, turned, strict=True):
        assert a.lineage == b.lineage and a != b
        for letter, rows in a.vectors.items():
            torch.testing.assert_close(
                degrees(rows, b.vectors[letter]), torch.full((2,), 12.0).double(), atol=1e-3, rtol=0
            )


def test_children_are_held_among_the_words() -> None:
    table = words()
    (one,) = evolve(PARENTS, generations=1, angle=60, elite=0, table=table)
    norms = torch.cat([rows.norm(dim=1) for each in one.born for rows in each.vectors.values()])
    assert float(norms.min()) > 0.3 and float(norms.max()) < 0.55


def test_nokens_of_any_length_can_be_told_apart() -> None:
    a, longer = noken(2, 1), noken(5, 2)
    twice = Noken({letter: rows.repeat(2, 1) * 3 for letter, rows in a.vectors.items()})
    assert float(distances(headings([a]), headings([twice]))[0]) == pytest.approx(0, abs=1e-6)
    assert float(distances(headings([a]), headings([longer]))[0]) > 0.1


@pytest.mark.parametrize(
    "wrong",
    [{"generations": 0}, {"litter": 1}, {"elite": 4}, {"elite": -1}, {"novelty": 1.1}, {"seed": -1}, {"angle": 181},
     {"method": "slurp"}, {"novelty": float("nan")}],
)  # fmt: skip
def test_what_cannot_be_is_said_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(PxlError, match=next(iter(wrong))):
        evolve(PARENTS, **wrong)


@pytest.mark.parametrize("parents", [[], PARENTS[:1], [PARENTS[0], noken(2, 1, {"l": 5})]])
def test_what_are_no_parents_is_said_at_once(parents: list[Noken]) -> None:
    with pytest.raises(PxlError, match="wanted"):
        evolve(parents, elite=0)


@pytest.mark.parametrize("found", [[1.0], [float("nan")] * 3, [float("inf")] * 3])
def test_a_score_that_is_none_is_refused(found: list[float]) -> None:
    with pytest.raises(PxlError, match="finite numbers"):
        list(evolve(PARENTS, lambda nokens: found))
