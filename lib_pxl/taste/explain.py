"""Why: which words and settings of an item pull its score up or down, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import NormalDist
from typing import NamedTuple

import torch

from lib_pxl.taste.features import KINDS, Features, features, key_of, length_traits, traits
from lib_pxl.taste.model import Taste
from lib_pxl.taste.opinion import OVERALL, Item
from lib_pxl.taste.reading import read

DOUBT = 0.01  # of calling anything sure that is not, among all that are named
_OF_TWO = ("phrase", "pair")


class Pull(NamedTuple):
    """One part of items, and what it adds to their utility; `sure` where its direction is beyond doubt."""

    label: str
    mean: float
    std: float
    sure: bool
    items: int  # that have it


def explain(taste: Taste, item: Item, category: str = OVERALL, among: Sequence[Item] = ()) -> list[Pull]:
    """The parts of one item, the clearest first; where others are given, its settings beside what theirs are."""
    labels = {*_labels([item], features([item]))}
    if among:
        return [pull for pull in lessons(taste, [item, *among], category) if pull.label in labels]
    return _told(taste, _Table([item], 1), category)


def together(taste: Taste, item: Item, groups: Sequence[Sequence[str]], category: str = OVERALL) -> list[Pull]:
    """What the words of each group add, with the phrases and pairs that they make among themselves."""
    table = _Table([item], 1)
    place = {name: number for number, name in enumerate(table.names)}
    inside = [[*{*group}, *(" + ".join(pair) for pair in combinations(sorted({*group}), 2))] for group in groups]
    table.gather([[place[name] for name in names if name in place] for names in inside])
    table.names, table.counts = [" ".join(group) for group in groups], torch.ones(len(groups), dtype=torch.long)
    found = {pull.label: pull for pull in _told(taste, table, category)}
    return [found[name] for name in table.names]


def lessons(taste: Taste, items: Sequence[Item], category: str = OVERALL, least: int = 1) -> list[Pull]:
    """What each part that at least so many of these items have adds where it is, the clearest first.

    A word adds beside its absence; a setting or a length, which every item has, beside what the items have on average;
    two together what both add and what they are as a pair, where that is clearer than either alone.
    """
    table = _Table(items, least)
    table.compare()
    table.join()
    found = _told(taste, table, category)
    clear = {pull.label: abs(pull.mean) / pull.std for pull in found}
    return [pull for pull in found if all(clear[pull.label] > clear.get(each, 0.0) for each in _members(pull.label))]


class _Table:
    """The parts of items as rows of features: each row says how much of a feature a part is on average."""

    def __init__(self, items: Sequence[Item], least: int) -> None:
        given = features(items)
        labels = _labels(items, given)
        names = sorted({*labels})
        number = {name: place for place, name in enumerate(names)}
        of = torch.tensor([number[label] for label in labels], dtype=torch.long)
        counts = torch.bincount(torch.unique(of * len(items) + given.item) // len(items), minlength=len(names))
        kept = (counts >= least).nonzero()[:, 0]
        place = torch.full((len(names),), -1).index_put_((kept,), torch.arange(len(kept)))[of]
        there = place >= 0
        self.names, self.counts = [names[which] for which in kept.tolist()], counts[kept]
        self.part, self.key, self.kind = place[there], given.key[there], given.kind[there]
        self.value = given.value[there] / self.counts[self.part]
        self._merge()

    def compare(self) -> None:
        """Take from each setting what all values of this setting are on average."""
        of = {name: _setting(name) for name in self.names if _setting(name)}
        for setting in sorted({*of.values()}):
            parts = torch.tensor([place for place, name in enumerate(self.names) if of.get(name) == setting])
            rows = torch.isin(self.part, parts).nonzero()[:, 0]
            share = self.counts[self.part[rows]] / self.counts[parts].sum()
            part = parts.repeat_interleave(len(rows))
            self.part = torch.cat([self.part, part])
            self.key, self.kind = (torch.cat([each, each[rows].repeat(len(parts))]) for each in (self.key, self.kind))
            self.value = torch.cat([self.value, -(self.value[rows] * share).repeat(len(parts))])
        self._merge()

    def join(self) -> None:
        """Give to two together what each of them has alone."""
        place = {name: number for number, name in enumerate(self.names)}
        self.gather([[place[each] for each in (name, *_members(name)) if each in place] for name in self.names])

    def gather(self, groups: Sequence[Sequence[int]]) -> None:
        """Make of the parts others, each of all that some of them have."""
        pairs = [(number, part) for number, group in enumerate(groups) for part in group]
        whole, member = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T.contiguous()
        first, last = (torch.searchsorted(self.part, member, right=right) for right in (False, True))
        counts = last - first
        at = torch.arange(int(counts.sum())) + (first - counts.cumsum(0) + counts).repeat_interleave(counts)
        self.part = whole.repeat_interleave(counts)
        self.key, self.kind, self.value = self.key[at], self.kind[at], self.value[at]
        self._merge()

    def _merge(self) -> None:
        """Make one row of those that are one part's share of one feature."""
        both, which = torch.unique(torch.stack([self.part, self.key]), dim=1, return_inverse=True)
        self.value = torch.zeros(both.shape[1]).index_add_(0, which, self.value)
        self.kind = torch.zeros(both.shape[1], dtype=torch.uint8).index_put_((which,), self.kind)
        self.part, self.key = both[0].contiguous(), both[1].contiguous()


def _told(taste: Taste, table: _Table, category: str) -> list[Pull]:
    size = len(table.names)
    energy = table.value.square() * taste.vocabulary.shares[table.kind.long()]
    energy = torch.zeros(size).index_add_(0, table.part, energy)
    known, column = taste.vocabulary.find(table.key)
    along = torch.zeros(size, taste.learned.basis.shape[1])
    along.index_add_(0, table.part[known], taste.learned.basis[column] * table.value[known][:, None])
    mean, std = taste.means(along, category), taste.variance(energy, along, category).clamp(min=1e-9).sqrt()
    enough = NormalDist().inv_cdf(1 - DOUBT / 2 / max(1, size))
    columns = (table.names, mean.tolist(), std.tolist(), table.counts.tolist())
    found = [
        Pull(name, pull, doubt, abs(pull) > enough * doubt, count)
        for name, pull, doubt, count in zip(*columns, strict=True)
    ]
    return sorted(found, key=lambda pull: (-abs(pull.mean) / pull.std, pull.label))


def _setting(label: str) -> str:
    """Which settings, or which length, a part is a value of."""
    if "=" not in label or label.startswith("<"):
        return ""
    return ", ".join(each.partition("=")[0] for each in label.split(", "))


def _members(label: str) -> list[str]:
    """The two that a pair of words or of settings is made of."""
    members = label.split(", " if _setting(label) else " + ")
    return members if len(members) == 2 else []


def _labels(items: Sequence[Item], given: Features) -> list[str]:
    """What each feature belongs to, in words."""
    said = [_said(item) for item in items]
    rows = zip(given.item.tolist(), given.kind.tolist(), given.left.tolist(), given.right.tolist(), strict=True)
    return [_label(said[item], KINDS[kind], left, right) for item, kind, left, right in rows]


def _label(said: dict[int, str], kind: str, left: int, right: int) -> str:
    if kind in _OF_TWO:
        return " + ".join(sorted((said[left], said[right])))
    if kind in ("negative", "caption"):
        return f"{kind}: {said[left]}"
    return said[left]


def _said(item: Item) -> dict[int, str]:
    """What the keys stand for that an item's features are made of."""
    words = {key_of(word): word for text in (item.prompt, item.negative, item.caption) for word in read(text).words}
    listed = {trait.key: trait.label for trait in (*traits(item.settings), *length_traits(item.prompt))}
    vectors = {key_of(f"{name} {len(torch.as_tensor(given).flatten())}"): name for name, given in item.vectors.items()}
    return {**words, **listed, **vectors}
