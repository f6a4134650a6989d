"""What a taste was made of and how good it is, in figures that go with it."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from lib_pxl.taste.opinion import Duel, Opinion, Rating

SURE = 1.96  # deviations of a 95 % interval


class Share(NamedTuple):
    """So many of so many, and where the share lies in 95 of 100 cases (Wilson 1927)."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """The share itself, and a half of nothing."""
        return self.hits / self.of if self.of else 0.5

    @property
    def interval(self) -> tuple[float, float]:
        """From where to where."""
        if not self.of:
            return 0.0, 1.0
        square = SURE**2 / self.of
        middle = (self.value + square / 2) / (1 + square)
        half = SURE / (1 + square) * math.sqrt(self.value * (1 - self.value) / self.of + square / (4 * self.of))
        return max(0.0, middle - half), min(1.0, middle + half)


NONE = Share(0, 0)


@dataclass(frozen=True)
class Card:
    """The figures: `right` of held-out pairs, `same` of the pairs judged twice, `base` for always the same answer."""

    opinions: dict[str, int] = field(default_factory=dict)  # by category
    ratings: int = 0
    duels: int = 0
    right: Share = NONE
    same: Share = NONE
    base: Share = NONE

    def format(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Card:
        """From JSON of our own; it raises whatever is wrong with another's."""
        data: dict[str, Any] = json.loads(text)
        shares = {name: Share(*map(int, data[name])) for name in ("right", "same", "base")}
        counts = {str(name): int(count) for name, count in data["opinions"].items()}
        return cls(counts, int(data["ratings"]), int(data["duels"]), **shares)

    def spoken(self) -> list[str]:
        """In words."""
        told = [" and ".join((_so_many(self.ratings, "rating"), _so_many(self.duels, "duel")))]
        for share, what in (
            (self.right, "of held-out pairs are told apart"),
            (self.base, "would be for always the same answer"),
            (self.same, "of your own repeated duels came out the same"),
        ):
            if share.of:
                low, high = share.interval
                told.append(f"{share.value:.0%} ({low:.0%} to {high:.0%}, of {share.of:,}) {what}")
        return told


NOTHING = Card()


def _so_many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def card(opinions: Sequence[Opinion], right: Share) -> Card:
    """The card of a taste fitted to these opinions."""
    duels = [each for each in opinions if isinstance(each, Duel)]
    outcomes = Counter(each.outcome for each in duels)
    return Card(
        opinions=dict(Counter(each.category for each in opinions)),
        ratings=len(opinions) - len(duels),
        duels=len(duels),
        right=right,
        same=consistency(duels),
        base=Share(max(outcomes.values(), default=0), len(duels)),
    )


def consistency(duels: Sequence[Duel]) -> Share:
    """How often a pair that was judged again came out as the time before."""
    known: dict[tuple[str, frozenset[str]], str | None] = {}
    same = of = 0
    for each in duels:
        pair = each.category, frozenset((each.first, each.second))
        if pair in known:
            of += 1
            same += known[pair] == each.winner
        known[pair] = each.winner
    return Share(same, of)


def told_apart(opinions: Sequence[Opinion], means: Sequence[float]) -> Share:
    """How many pairs these predictions put in the right order: each duel that was no tie, and ratings two by two."""
    pairs = [(each.outcome, mean) for each, mean in zip(opinions, means, strict=True) if isinstance(each, Duel)]
    ratings: dict[str, list[tuple[Rating, float]]] = {}
    for each, mean in zip(opinions, means, strict=True):
        if isinstance(each, Rating):
            ratings.setdefault(each.category, []).append((each, mean))
    for some in ratings.values():
        pairs += [
            (int(a.value > b.value) - int(a.value < b.value), one - other)
            for (a, one), (b, other) in zip(some[::2], some[1::2], strict=False)
        ]
    judged = [(outcome, mean) for outcome, mean in pairs if outcome]
    return Share(sum(outcome * mean > 0 for outcome, mean in judged), len(judged))
