"""Which tokens stand for which: in order, at the least cost, and the rest left out."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.noken.align import align, cheapest
from tests.noken.people import noken

COSTS = st.integers(1, 5).flatmap(
    lambda rows: st.integers(rows, 6).flatmap(
        lambda columns: st.lists(
            st.lists(st.integers(0, 8).map(float), min_size=columns, max_size=columns), min_size=rows, max_size=rows
        )
    )
)


@given(COSTS)
def test_no_other_rising_choice_costs_less(cost: list[list[float]]) -> None:
    found = cheapest(cost)
    assert sorted(set(found)) == found and len(found) == len(cost)
    choices = combinations(range(len(cost[0])), len(cost))
    sums = {choice: sum(row[at] for row, at in zip(cost, choice, strict=True)) for choice in choices}
    assert sums[tuple(found)] == min(sums.values())


@pytest.mark.parametrize("length", [1, 2, 75])
def test_equal_sequences_are_aligned_with_themselves(length: int) -> None:
    rows = noken(length).vectors
    assert align(rows, rows) == list(range(length))


@given(st.integers(0, 99), st.integers(1, 12), st.data())
def test_a_copy_is_found_again_wherever_it_lies(seed: int, length: int, data: st.DataObject) -> None:
    whole = noken(length, seed).vectors
    kept = sorted(data.draw(st.sets(st.integers(0, length - 1), min_size=1)))
    part = {letter: rows[kept] * 3 for letter, rows in whole.items()}  # longer, but in the same directions
    assert align(part, whole) == kept


def test_all_encoders_have_a_say() -> None:
    whole = {"l": torch.eye(3), "g": torch.eye(3)}
    assert align({"l": torch.eye(3)[:1], "g": 0.1 * torch.eye(3)[2:]}, {**whole, "l": torch.ones(3, 3)}) == [2]
