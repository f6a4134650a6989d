"""The card's figures: intervals, consistency, and what always the same answer would get."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.taste import Duel, Rating, Taste
from lib_pxl.taste.card import Card, Share, card, consistency, told_apart
from tests.taste.people import duels, items


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_share_lies_in_its_interval(hits: int, more: int) -> None:
    low, high = Share(hits, hits + more).interval
    assert 0 <= low <= Share(hits, hits + more).value + 1e-12 and Share(hits, hits + more).value - 1e-12 <= high <= 1
    wider = Share(hits * 4, (hits + more) * 4).interval
    assert wider[1] - wider[0] <= high - low + 1e-12


def test_the_interval_is_wilsons() -> None:
    assert Share(8, 10).interval == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_repeated_duels_are_compared_whatever_their_sides() -> None:
    told = [
        Duel("a", "b", winner="a"), Duel("b", "a", winner="a"), Duel("a", "b", winner="b"),
        Duel("a", "b", "mood", winner="b"), Duel("a", "c", winner=None), Duel("c", "a", winner=None),
    ]  # fmt: skip
    assert consistency(told) == Share(2, 3)


def test_pairs_of_ratings_and_duels_are_told_apart() -> None:
    ratings = [Rating("a", value=1), Rating("b", value=2), Rating("c", value=3), Rating("d", value=3)]
    assert told_apart([*ratings, Duel("a", "b", winner="a"), Duel("a", "b")], [0, 1, 5, 4, -1, 9]) == Share(1, 2)


def test_a_card_says_how_good_a_taste_is_and_survives_json() -> None:
    pool = items(120)
    some = duels(pool, lambda item: float(item.settings["model"] == "sdxl") + 0.1 * len(item.prompt), 200)
    found = Taste.fit(pool, [*some, *some[:10]]).card
    assert found.right.value > 0.7 and found.right.of > 50 and found.same.hits == found.same.of >= 10
    assert found.duels == 210 and found.opinions == {"overall": 210} and 0.4 < found.base.value < 0.6
    assert Card.parse(found.format()) == found and len(found.spoken()) == 4
    noise = Taste.fit(pool, duels(pool, lambda item: 0.0, 200)).card
    assert noise.right.interval[0] < 0.5
    assert card([], Share(0, 0)).spoken() == ["0 ratings and 0 duels"]
