"""Which tokens of one noken stand for which of another that has more of them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from lib_pxl.noken.vocabulary import unit

BESIDE = 0.3  # what the neighbours count beside the token itself: of two colours, "on green" goes with "on violet"


def align(fewer: Mapping[str, Tensor], more: Mapping[str, Tensor]) -> list[int]:
    """The place of each of the fewer tokens among the more, whichever order, at the least cost over all encoders."""
    return cheapest(torch.stack([_cost(fewer[letter], more[letter]) for letter in fewer]).mean(0))


def cheapest(cost: Tensor) -> list[int]:
    """A column for each row, none twice, with the least sum of costs."""
    from scipy.optimize import linear_sum_assignment  # only those who breed unequal lengths wait for it

    return [int(column) for column in linear_sum_assignment(cost.numpy())[1]]


def _cost(fewer: Tensor, more: Tensor) -> Tensor:
    """By cosine: how unlike the tokens are (N, M), and those beside them."""
    alone, beside = ([unit(rows.double()) for rows in (fewer, more)], [_beside(rows) for rows in (fewer, more)])
    return 1 - alone[0] @ alone[1].T + BESIDE * (1 - beside[0] @ beside[1].T)


def _beside(rows: Tensor) -> Tensor:
    """The direction in which the tokens before and after each one lie together."""
    units = torch.nn.functional.pad(unit(rows.double()), (0, 0, 1, 1))
    return unit(units[:-2] + units[2:])
