"""Which pictures to set against each other next, of those that can still be seen."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from itertools import combinations

from lib_pxl.taste.model import Taste
from lib_pxl.taste.record import Record
from lib_pxl.taste.shelf import Shelf

AMONG = 160  # pictures between which a duel is sought
REPEATED = 6  # earlier duels of which one may be asked again
LOOKED_BACK = 300  # duels
TRIES = 6
Pair = tuple[Record, Record]


class Duels:
    """The questions for one person."""

    def __init__(self, shelf: Shelf, is_seen: Callable[[Record], bool]) -> None:
        self.shelf, self.is_seen = shelf, is_seen

    def next(self, taste: Taste | None, category: str, n: int, seed: int, avoid: Iterable[Sequence[str]]) -> list[Pair]:
        """Up to n pairs that are none of those to avoid; fewer where there are no more."""
        draw, kept = random.Random(seed), self.shelf.opinions
        before = self.shelf.asked(category, LOOKED_BACK)
        before = draw.sample(before, min(REPEATED, len(before)))
        records = {each.item.id: each for each in self.shelf.some(AMONG, draw)}
        for which in {each for pair in before for each in pair} - records.keys():
            records[which] = kept.get(which)
        asking = copy(taste or Taste.fit([], []))
        asking.asked = before
        told, found = {frozenset(pair) for pair in avoid}, list[Pair]()
        while len(found) < n and (pair := self._one(asking, records, category, told, draw)):
            told.add(frozenset(each.item.id for each in pair))
            found.append(pair)
        return found

    def _one(
        self, taste: Taste, records: dict[str, Record], category: str, told: set[frozenset[str]], draw: random.Random
    ) -> Pair | None:
        for _ in range(TRIES):
            if len(records) < 2:
                return None
            items = [each.item for each in records.values()]
            first, second = taste.next_duel(items, category, draw.randrange(2**32))
            pair = records[first.id], records[second.id]
            if frozenset((first.id, second.id)) not in told and self._all_seen(pair, records):
                return pair
        return self._any(records, told, draw)

    def _any(self, records: dict[str, Record], told: set[frozenset[str]], draw: random.Random) -> Pair | None:
        """One that is left over, where nearly all have been asked."""
        left = draw.sample(list(records.values()), len(records))
        for pair in combinations(left, 2):
            ids = {each.item.id for each in pair}
            if ids <= records.keys() and frozenset(ids) not in told and self._all_seen(pair, records):
                return pair
        return None

    def _all_seen(self, pair: Pair, records: dict[str, Record]) -> bool:
        """Whether both can be looked at; one that cannot is asked for no more."""
        gone = [each for each in pair if not self.is_seen(each)]
        for each in gone:
            records.pop(each.item.id, None)
        return not gone
