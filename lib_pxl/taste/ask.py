"""Which duel to ask next: the one whose answer is expected to say most about all the others."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from lib_pxl.errors import TasteError, Words
from lib_pxl.taste.answers import tie_weight
from lib_pxl.taste.choice import VARIANCE
from lib_pxl.taste.opinion import Item

LOOKED_AT = 32  # items between which the duel is sought
GOALS = 128  # other items, of whose duels it is to teach
AT_RANDOM, AGAIN = 0.05, 0.05  # shares of duels that keep the model honest, and measure the person's own consistency
EARLY = 20  # duels before which none is asked again: they have more to teach


class Asking(Protocol):
    """What a taste must tell for this."""

    ties: float
    asked: list[tuple[str, str]]

    def joint(self, items: Sequence[Item], category: str) -> tuple[Tensor, Tensor]:
        """Mean and covariance of utilities."""


def next_duel(taste: Asking, items: Sequence[Item], category: str, seed: int) -> tuple[Item, Item]:
    """Two of the items; the same seed and the same taste give the same two."""
    distinct = list({item.id: item for item in items}.values())
    if len(distinct) < 2:
        raise TasteError("a duel", got=Words(f"{len(distinct)} items"), wanted="at least two with different ids")
    draw = random.Random(f"{seed} {category}")
    kind, some = draw.random(), draw.sample(distinct, min(LOOKED_AT + 2 * GOALS, len(distinct)))
    if kind < AT_RANDOM:
        return some[0], some[1]
    if kind < AT_RANDOM + AGAIN and (again := _before(taste, distinct, draw)):
        return again
    looked_at, goals = some[:LOOKED_AT], _goals(some)
    mean, covariance = taste.joint([*looked_at, *goals], category)
    one, other = torch.combinations(torch.arange(len(looked_at))).unbind(1)
    goal = torch.arange(len(looked_at), len(mean))
    gain = teaching(mean, covariance, (one, other), (goal, goal.roll(1)), tie_weight(taste.ties, VARIANCE))
    best = int(gain.argmax())
    first, second = looked_at[int(one[best])], looked_at[int(other[best])]
    return (first, second) if draw.random() < 0.5 else (second, first)


def _goals(some: Sequence[Item]) -> Sequence[Item]:
    """Those of other prompts than the ones looked at come first: what a duel tells of its own prompt helps no other."""
    looked_at = some[:LOOKED_AT]
    own = {item.prompt for item in looked_at}
    return [*sorted(some[LOOKED_AT:], key=lambda item: item.prompt in own), *looked_at][:GOALS]


def teaching(
    mean: Tensor, covariance: Tensor, duel: tuple[Tensor, Tensor], goal: tuple[Tensor, Tensor], tie: float
) -> Tensor:
    """By how much each duel's answer is expected to lessen the variance of the goals, where all is taken as Gaussian.

    A goal counts the less, the surer its winner is already. On simulated raters with real scores this asked better than
    the information of the answer itself (BALD) or of the goals in nats: both are drawn to what is odd.
    """
    apart = mean[duel[0]] - mean[duel[1]]
    first, second = (torch.exp(way - _weights(apart, tie)) for way in (apart / 2, -apart / 2))
    noise = 4 / (first + second - (first - second).square()).clamp(min=1e-6)
    between = covariance[duel[0]] - covariance[duel[1]]  # (duels, items)
    shared = between[:, goal[0]] - between[:, goal[1]]
    own = (between.gather(1, duel[0][:, None]) - between.gather(1, duel[1][:, None]))[:, 0]
    spread = covariance.diagonal()[goal[0]] + covariance.diagonal()[goal[1]] - 2 * covariance[goal]
    sure = (mean[goal[0]] - mean[goal[1]]).square() / spread.clamp(min=1e-9)
    return shared.square() @ torch.exp(-sure / 2) / (own.clamp(min=1e-9) + noise)


def _weights(apart: Tensor, tie: float) -> Tensor:
    return torch.logaddexp(torch.logaddexp(apart / 2, -apart / 2), torch.tensor(tie))


def _before(taste: Asking, items: Sequence[Item], draw: random.Random) -> tuple[Item, Item] | None:
    """A duel that was asked before, with its sides changed."""
    known = {item.id: item for item in items}
    there = [(known[a], known[b]) for a, b in taste.asked if a in known and b in known]
    if len(there) < EARLY:
        return None
    first, second = draw.choice(there)
    return second, first
