"""What `layout` and `edges` share: how far they go at every sigma, and the rows that they look along."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from lib_pxl.control.canvas import Schedule
from lib_pxl.control.contrast import gains, orthonormal
from lib_pxl.hosts.fake import sigmas
from tests.control.stage import gaussian


def table(steps: int, strength: float) -> tuple[Tensor, Tensor, Tensor]:
    """The gains of what is short, what is too much, and the rest, at every place."""
    schedule = Schedule.parse(sigmas(steps), "cpu")
    raised, lowered, calmed = gains(schedule, torch.full_like(schedule.places, strength)).unbind(1)
    return raised, lowered, calmed


@pytest.mark.parametrize("steps", [1, 2, 4, 20, 100])
def test_no_step_goes_further_than_twice_the_way_to_its_aim(steps: int) -> None:
    schedule = Schedule.parse(sigmas(steps), "cpu")
    moves = 1 - schedule.leads_to / schedule.sigmas
    for gain in table(steps, 1):
        assert (gain[:: 64 if steps > 1 else 1] * moves).max() <= 2 + 1e-5


@pytest.mark.parametrize("steps", [1, 4, 20])
def test_what_is_too_much_never_goes_beyond_its_aim(steps: int) -> None:
    raised, lowered, _ = table(steps, 1)
    assert lowered.max() <= 1 and (lowered <= raised).all()


def test_gains_grow_with_strength_and_are_nothing_without() -> None:
    found = [torch.stack(table(20, i / 10)) for i in range(11)]
    assert not found[0].any() and all((more >= less).all() for less, more in pairwise(found))


def test_a_weak_layer_takes_little_of_the_rest_back() -> None:
    weak, whole = (table(20, strength)[2].max() for strength in (0.25, 1))
    assert weak < whole / 8


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lacking", [0, 1, 3])
def test_orthonormal_rows_span_what_the_rows_did(lacking: int, seed: int) -> None:
    rows = gaussian(2, 6, 40, seed=seed)
    rows[:, 6 - lacking :] = rows[:, :1] if lacking == 1 else 0
    made = orthonormal(rows @ rows.mT) @ rows
    assert (rows - rows @ made.mT @ made).abs().max() < 1e-4
    values = torch.linalg.eigvalsh(made @ made.mT)
    assert values.allclose(values.round(), atol=1e-4) and values.round().sum(1).eq(6 - lacking).all()


def test_no_rows_at_all_are_none() -> None:
    assert not orthonormal(torch.zeros(2, 3, 3)).any()
