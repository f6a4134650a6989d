"""Which tokens of one noken stand for which of another that has more of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lib_pxl.noken.vocabulary import unit

if TYPE_CHECKING:
    from torch import Tensor

Vectors = Mapping[str, "Tensor"]


def align(fewer: Vectors, more: Vectors) -> list[int]:
    """The place of each of the fewer tokens among the more, in order, at the least cost over all encoders."""
    cost = sum(1 - unit(fewer[letter].double()) @ unit(more[letter].double()).T for letter in fewer)
    return cheapest((cost / len(fewer)).tolist())  # type: ignore[union-attr]


def cheapest(cost: list[list[float]]) -> list[int]:
    """The rising columns, one for each row, with the least sum of costs; of several such, the earliest."""
    rows, columns = len(cost), len(cost[0])
    best = [[0.0] * (columns + 1)] + [[float("inf")] * (columns + 1) for _ in range(rows)]
    for i in range(1, rows + 1):
        for j in range(i, columns + 1):
            best[i][j] = min(best[i][j - 1], best[i - 1][j - 1] + cost[i - 1][j - 1])
    places, j = [0] * rows, columns
    for i in range(rows, 0, -1):
        while best[i][j] == best[i][j - 1]:
            j -= 1
        j -= 1
        places[i - 1] = j
    return places
