"""Which tokens stand for which: at the least cost, in whatever order, and the rest left out."""

from __future__ import annotations

from itertools import permutations

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
def test_no_other_choice_costs_less(cost: list[list[float]]) -> None:
    found = cheapest(torch.tensor(cost))
    assert len(set(found)) == len(found) == len(cost)
    choices = permutations(range(len(cost[0])), len(cost))
    sums = {choice: sum(row[at] for row, at in zip(cost, choice, strict=True)) for choice in choices}
    assert sums[tuple(found)] == min(sums.values())


@pytest.mark.parametrize("length", [1, 2, 75])
def test_equal_sequences_are_aligned_with_themselves(length: int) -> None:
    rows = noken(length).vectors
    assert align(rows, rows) == list(range(length))


@given(st.integers(0, 99), st.integers(1, 12), st.data())
def test_a_copy_is_found_again_wherever_and_in_whatever_order_it_lies(
    seed: int, length: int, data: st.DataObject
) -> None:
    whole = noken(length, seed).vectors
    kept = data.draw(st.lists(st.integers(0, length - 1), min_size=1, unique=True))
    part = {letter: rows[kept] * 3 for letter, rows in whole.items()}  # longer, but in the same directions
    assert align(part, whole) == kept


def test_all_encoders_have_a_say() -> None:
    whole = {"l": torch.eye(3), "g": torch.eye(3)}
    assert align({"l": torch.eye(3)[:1], "g": 0.1 * torch.eye(3)[2:]}, {**whole, "l": torch.ones(3, 3)}) == [2]


def test_of_two_alike_the_one_whose_neighbours_fit_is_taken() -> None:
    """`on green` goes to `on violet`, not to `violet star`."""
    on, colour, star, square = torch.eye(4)
    clauses = {"l": torch.stack([colour, square, on, colour])}
    assert align({"l": torch.stack([on, colour])}, clauses) == [2, 3]
    assert align({"l": torch.stack([colour, star])}, {"l": torch.stack([on, colour, colour, star])}) == [2, 3]
