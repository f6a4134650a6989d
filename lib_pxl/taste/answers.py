"""How likely an answer is, given a utility: duels with ties, stars, and fine scales.

Every opinion is one row: the difference of two items' utilities, or the utility of one. Before anything is learned,
each answer is as frequent as it was among all; that settles the share of ties, and where one star ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy
import torch
from torch import Tensor

from lib_pxl.taste.opinion import Duel, Opinion, Rating

DUEL, STARS, FINE = 0, 1, 2
MOST_STARS = 11
NOISE = math.pi / math.sqrt(3)  # of one judgement: the deviation of a logistic
FAR = 1e4  # no utility lies beyond
_nodes, _weights = map(torch.from_numpy, numpy.polynomial.hermite_e.hermegauss(9))
NODES, WEIGHTS = _nodes, _weights / _weights.sum()


class Answers(NamedTuple):
    """The rows: what kind of answer each is, in which category, and what makes its likelihood.

    A duel has `outcome` 1, -1 or 0 and in `low` the logarithm of the weight of a tie; a star lies between `low` and
    `high`; a fine scale has the utility that it reports in `outcome`, and in `low` the logarithm of its stretching.
    """

    kind: Tensor
    category: Tensor
    outcome: Tensor
    low: Tensor
    high: Tensor

    def at(self, rows: Tensor) -> Answers:
        """Some of the rows."""
        return Answers(*(each[rows] for each in self))

    def log_chance(self, utility: Tensor) -> Tensor:
        """The logarithm of each answer's chance (or density) at (…, rows) utilities."""
        duel = utility * self.outcome / 2 + torch.where(self.outcome == 0, self.low, 0.0) - _sum(utility, self.low)
        softplus = torch.nn.functional.softplus
        width = torch.log(-torch.expm1(self.low - self.high))
        stars = width - softplus(utility - self.high) - softplus(self.low - utility)
        fine = self.low - ((utility - self.outcome) / NOISE).square() / 2 - math.log(NOISE * math.sqrt(2 * math.pi))
        return torch.where(self.kind == DUEL, duel, torch.where(self.kind == STARS, stars, fine))

    def slope(self, utility: Tensor) -> tuple[Tensor, Tensor]:
        """The first derivative of the logarithm, and minus its second, which is never below 0."""
        total = _sum(utility, self.low)
        first, second = torch.exp(utility / 2 - total), torch.exp(-utility / 2 - total)
        above, below = torch.sigmoid(utility - self.high), torch.sigmoid(self.low - utility)
        duel = (self.outcome - first + second) / 2, (first + second - (first - second).square()) / 4
        stars = below - above, above * (1 - above) + below * (1 - below)
        fine = (self.outcome - utility) / NOISE**2, torch.full_like(utility, NOISE**-2)
        one, two = (
            torch.where(self.kind == DUEL, a, torch.where(self.kind == STARS, b, c))
            for a, b, c in zip(duel, stars, fine, strict=True)
        )
        return one, two.clamp(min=1e-9)

    def expected(self, mean: Tensor, variance: Tensor) -> Tensor:
        """The logarithm of each answer's chance where the utility is only known that well."""
        at = mean + NODES[:, None] * variance.sqrt()
        return torch.logsumexp(self.log_chance(at) + WEIGHTS.log()[:, None], 0)


class Scale(NamedTuple):
    """How a category's ratings are told: by the borders of its stars, or by the middle and spread of a fine scale."""

    levels: tuple[float, ...]  # of stars; empty for a fine scale
    counts: tuple[int, ...]
    middle: float
    spread: float


def scales(opinions: Sequence[Opinion], categories: Sequence[str]) -> list[Scale]:
    """The scale of every category: stars where few and regular values are in use."""
    values: dict[str, list[float]] = {name: [] for name in categories}
    for each in opinions:
        if isinstance(each, Rating):
            values[each.category].append(each.value)
    return [_scale(values[name]) for name in categories]


def _scale(values: list[float]) -> Scale:
    if not values:
        return Scale((), (), 0.0, 1.0)
    numbers = torch.tensor(values, dtype=torch.float64)
    size = max(1.0, float(numbers.abs().max()))  # so that nothing overflows
    middle = float((numbers / size).mean()) * size
    spread = float((numbers / size).std(correction=0)) * size
    levels, counts = torch.unique(numbers, return_counts=True)
    few = len(levels) <= MOST_STARS and bool(((levels * 2) % 1 == 0).all())
    if not few or len(levels) == 1:
        return Scale((), (), middle, spread)
    return Scale(tuple(levels.tolist()), tuple(counts.tolist()), middle, spread)


def answers(
    opinions: Sequence[Opinion], categories: Sequence[str], told: Sequence[Scale], variance: float, ties: float
) -> Answers:
    """The rows of opinions where utilities are known beforehand to that variance; `ties` is their share of duels."""
    index = {name: place for place, name in enumerate(categories)}
    tie, stretched = tie_weight(ties, variance), math.sqrt(1 + math.pi * variance / 8)
    borders = [_borders(scale, stretched) for scale in told]
    rows = []
    for each in opinions:
        place = index[each.category]
        scale = told[place]
        if isinstance(each, Duel):
            rows.append((DUEL, place, float(each.outcome), tie, 0.0))
        elif scale.levels:
            star = scale.levels.index(each.value)
            rows.append((STARS, place, 0.0, borders[place][star], borders[place][star + 1]))
        else:
            told_as = (each.value - scale.middle) / scale.spread if scale.spread > 0 else 0.0
            width = math.sqrt(variance + NOISE**2)
            rows.append((FINE, place, told_as * width, math.log(width), math.log(width) + 1))
    table = torch.tensor(rows, dtype=torch.float64).reshape(-1, 5)
    return Answers(table[:, 0].long(), table[:, 1].long(), table[:, 2], table[:, 3], table[:, 4])


def _borders(scale: Scale, stretched: float) -> list[float]:
    """Where one star ends and the next begins, as often as each was given."""
    found, below, total = [-FAR], 0.0, sum(scale.counts) + 0.5 * len(scale.counts)
    for count in scale.counts[:-1]:
        below += count + 0.5
        found.append(stretched * math.log(below / (total - below)))
    return [*found, FAR]


@lru_cache(maxsize=64)
def tie_weight(share: float, variance: float) -> float:
    """The logarithm of the weight of a tie, so that in duels of unknown items it has that share."""
    low, high = -12.0, 12.0
    at = NODES * math.sqrt(2 * variance)
    for _ in range(40):
        middle = (low + high) / 2
        chance = float((WEIGHTS * torch.exp(middle - _sum(at, torch.tensor(middle)))).sum())
        low, high = (middle, high) if chance < share else (low, middle)
    return low


def _sum(utility: Tensor, tie: Tensor) -> Tensor:
    """The logarithm of the weights of all three outcomes of a duel (Davidson 1970)."""
    return torch.logaddexp(torch.logaddexp(utility / 2, -utility / 2), tie)
