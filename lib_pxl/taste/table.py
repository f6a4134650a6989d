"""Opinions as rows of a table: which items each compares, and their features as columns of a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lib_pxl.errors import TasteError, Words
from lib_pxl.taste.features import Features, features
from lib_pxl.taste.opinion import Duel, Item, Opinion

CHUNK = 2048  # items whose features are held at once


@dataclass(frozen=True)
class Sparse:
    """Features of items in a vocabulary, item by item; `spare` is what lies outside of it, as energy."""

    starts: Tensor  # (items + 1,)
    column: Tensor
    value: Tensor
    spare: Tensor  # (items,)
    told: Tensor  # (items, kinds): 1 where an item says something of a kind, 0 where it is silent
    width: int

    @property
    def item(self) -> Tensor:
        """Whose each feature is."""
        return torch.repeat_interleave(torch.arange(len(self.spare)), self.starts.diff())

    def summed(self, values: Tensor) -> Tensor:
        """What each item's features add up to, given a value for each of them."""
        return torch.zeros(len(self.spare)).index_add_(0, self.item, values)

    def dense(self, items: Tensor) -> Tensor:
        """Some of the items as full rows; -1 is none at all, and its row is 0."""
        there = items >= 0
        first, last = self.starts[items.clamp(min=0)], self.starts[items.clamp(min=0) + 1]
        counts = torch.where(there, last - first, 0)
        row = torch.repeat_interleave(torch.arange(len(items)), counts)
        at = torch.arange(len(row)) - (counts.cumsum(0) - counts)[row] + first[row]
        full = torch.zeros(len(items), self.width)
        return full.index_put_((row, self.column[at]), self.value[at], accumulate=True)


@dataclass(frozen=True)
class Vocabulary:
    """The features that a taste knows, in the order of their keys, and what each may explain."""

    keys: Tensor
    kinds: Tensor
    shares: Tensor  # by kind
    usual: Tensor  # what the items that were judged have of each feature, on average

    @property
    def prior(self) -> Tensor:
        """What each feature may explain."""
        return self.shares[self.kinds.long()]

    def find(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Which of these keys are known, and the columns of those."""
        if not len(self.keys):
            return torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long)
        column = torch.searchsorted(self.keys, keys).clamp(max=len(self.keys) - 1)
        known = (self.keys[column] == keys).nonzero()[:, 0]
        return known, column[known]

    def sparse(self, items: Sequence[Item]) -> Sparse:
        """What it knows of these items."""
        parts = [self.known(features(items[at : at + CHUNK])) for at in range(0, max(1, len(items)), CHUNK)]
        counts = torch.cat([part.starts.diff() for part in parts])
        starts = torch.cat([torch.zeros(1, dtype=torch.long), counts.cumsum(0)])
        column, value, spare, told = (
            torch.cat([getattr(part, name) for part in parts]) for name in ("column", "value", "spare", "told")
        )
        return Sparse(starts, column, value, spare, told, len(self.keys))

    def among(self, seen: Sparse) -> Vocabulary:
        """The same, where these items are the usual ones: of each kind those that tell of it."""
        total = torch.zeros(len(self.keys)).index_add_(0, seen.column, seen.value)
        return replace(self, usual=total / seen.told.sum(0).clamp(min=1)[self.kinds.long()])

    def known(self, given: Features) -> Sparse:
        """What it knows of these features."""
        known, column = self.find(given.key)
        item, value = given.item[known], given.value[known]
        order = torch.argsort(item, stable=True)
        counts = torch.bincount(item, minlength=given.size)
        inside = value.square() * self.shares[given.kind[known].long()]
        inside = torch.zeros(given.size).index_add_(0, item, inside)
        starts = torch.cat([torch.zeros(1, dtype=torch.long), counts.cumsum(0)])
        spare = (given.energy(self.shares) - inside).clamp(min=0)
        return Sparse(starts, column[order], value[order], spare, given.told(), len(self.keys))


def vocabulary(given: Features, shares: Tensor, most: int) -> Vocabulary:
    """Of these features those that explain most, if there are more than so many."""
    keys, of = torch.unique(given.key, return_inverse=True)
    kinds = torch.zeros(len(keys), dtype=torch.uint8).index_put_((of,), given.kind)
    energy = torch.zeros(len(keys)).index_add_(0, of, given.value.square()) * shares[kinds.long()]
    kept = torch.topk(energy, min(most, len(keys))).indices.sort().values
    return Vocabulary(keys[kept], kinds[kept], shares, torch.zeros(len(kept)))


@dataclass(frozen=True)
class Pairs:
    """The rows of opinions by items: a duel has two, a rating only the first."""

    items: list[Item]
    first: Tensor
    second: Tensor  # -1 where there is none

    def at(self, rows: Tensor) -> Pairs:
        """Some of the rows, and only the items that they need."""
        used, places = torch.unique(torch.cat([self.first[rows], self.second[rows]]), return_inverse=True)
        shift = int(used[0] < 0) if len(used) else 0
        items = [self.items[which] for which in used.tolist()[shift:]]
        first, second = (places - shift).chunk(2)
        return Pairs(items, first, second)


def pairs(items: Sequence[Item], opinions: Sequence[Opinion]) -> Pairs:
    """The rows of these opinions, over those items that they name."""
    known: dict[str, Item] = {}
    for item in items:
        if not isinstance(item, Item):
            raise TasteError("items", got=item, wanted="a list of Item")
        if known.setdefault(item.id, item) != item:
            raise TasteError(
                "items", got=Words(f"two different ones with the id {item.id!r}"), wanted="one for each id"
            )
    places: dict[str, int] = {}

    def place(which: str) -> int:
        if which not in known:
            raise TasteError("opinion", got=Words(f"one of {which!r}"), wanted="the id of an item that is given too")
        return places.setdefault(which, len(places))

    rows = [
        (place(each.first), place(each.second)) if isinstance(each, Duel) else (place(each.item), -1)
        for each in opinions
    ]
    table = torch.tensor(rows, dtype=torch.long).reshape(-1, 2)
    return Pairs([known[which] for which in places], table[:, 0], table[:, 1])
