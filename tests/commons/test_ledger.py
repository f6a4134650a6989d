"""A rater's page: it comes back as it was written, and of one erased nothing else is left on it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl import wire
from lib_pxl.commons import ledger
from lib_pxl.commons.ledger import BLOCKED, ERASED, Ledger
from lib_pxl.errors import WireError
from tests.commons.memory import Memory
from tests.commons.people import ANN, NOW, key

keys = st.lists(st.binary(min_size=16, max_size=16), max_size=4)
FULL = Ledger().add(key(1), "a", [b"\n" * 16, b"k" * 16]).add(key(2), "b", [])


@given(st.lists(st.tuples(st.integers(0, 99), keys), max_size=5), st.sampled_from(["", BLOCKED, ERASED]))
def test_a_page_comes_back_as_it_was_written(added: list[tuple[int, list[bytes]]], why: str) -> None:
    page = Ledger()
    for number, some in added:
        page = page.add(key(number), f"name {number}", some)
    assert page.records == sum(len(some) for _, some in added)
    assert page.known == {each for _, some in added for each in some}
    page = page.close(why, NOW)
    assert Ledger.parse(page.format()) == page


def test_erased_is_forever_and_keeps_nothing_but_the_day() -> None:
    gone = FULL.close(BLOCKED, NOW).close(ERASED, NOW)
    assert gone == Ledger(ERASED, wire.stamp(NOW))
    later = NOW + timedelta(days=1)
    assert gone.close(ERASED, later) == gone.close(BLOCKED, later) == gone.open() == gone


def test_blocked_keeps_all_and_can_be_opened() -> None:
    assert FULL.close(BLOCKED, NOW).open() == FULL and FULL.close(BLOCKED, NOW).records == 2


def test_a_page_of_a_later_version_is_not_guessed_at() -> None:
    with pytest.raises(WireError, match="got version 2, wanted version 1"):
        Ledger.parse(b'{"v":2}\n')


def test_a_change_that_another_overtakes_is_made_anew() -> None:
    bucket, turns = Memory(), iter([True])

    def edit(page: Ledger) -> Ledger:
        if next(turns, False):
            ledger.change(bucket, ANN.name, lambda page: page.add(key(1), "other", [b"o" * 16]))
        return page.add(key(2), "mine", [b"m" * 16])

    assert ledger.change(bucket, ANN.name, edit).known == {b"o" * 16, b"m" * 16}
    assert ledger.load(bucket, ANN.name)[0].records == 2
