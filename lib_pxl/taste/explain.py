"""Why: which words and settings of an item pull its score up or down, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import torch
from torch import Tensor

from lib_pxl.taste.features import KINDS, Features, features, key_of, length_traits, traits
from lib_pxl.taste.model import Taste
from lib_pxl.taste.opinion import OVERALL, Item
from lib_pxl.taste.reading import read

DOUBT = 0.01  # of calling anything sure that is not, among all that are named
_OF_A_WORD = ("word", "place", "word with setting")
_OF_TWO = ("phrase", "pair")


class Pull(NamedTuple):
    """One part of items, and what it adds to their utility; `sure` where its direction is beyond doubt."""

    label: str
    mean: float
    std: float
    sure: bool
    items: int  # that have it


def explain(taste: Taste, item: Item, category: str = OVERALL) -> list[Pull]:
    """The parts of one item, the strongest pull first."""
    return lessons(taste, [item], category)


def lessons(taste: Taste, items: Sequence[Item], category: str = OVERALL, least: int = 1) -> list[Pull]:
    """What each part that at least so many of these items have adds where it is, the clearest first."""
    given = features(items)
    labels = _labels(items, given)
    names = sorted({*labels})
    number = {name: place for place, name in enumerate(names)}
    of = torch.tensor([number[label] for label in labels], dtype=torch.long)
    counts = torch.bincount(torch.unique(of * len(items) + given.item) // len(items), minlength=len(names))
    kept = (counts >= least).nonzero()[:, 0]
    mean, std = _pulls(taste, given, of, counts, kept, category)
    enough = NormalDist().inv_cdf(1 - DOUBT / 2 / max(1, len(kept)))
    found = [
        Pull(names[which], pull, doubt, abs(pull) > enough * doubt, count)
        for which, pull, doubt, count in zip(
            kept.tolist(), mean.tolist(), std.tolist(), counts[kept].tolist(), strict=True
        )
    ]
    return sorted(found, key=lambda pull: (-abs(pull.mean) / pull.std, pull.label))


def _pulls(
    taste: Taste, given: Features, of: Tensor, counts: Tensor, kept: Tensor, category: str
) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each part, as it is on average in the items that have it."""
    place = torch.full((len(counts),), -1).index_put_((kept,), torch.arange(len(kept)))[of]
    there = place >= 0
    share = given.value[there] / counts[of[there]]
    # A part's feature that stands in several items is one feature, which counts that often.
    keys, which = torch.unique(torch.stack([place[there], given.key[there]]), dim=1, return_inverse=True)
    value = torch.zeros(keys.shape[1]).index_add_(0, which, share)
    kind = torch.zeros(keys.shape[1], dtype=torch.uint8).index_put_((which,), given.kind[there])
    energy = value.square() * taste.vocabulary.shares[kind.long()]
    energy = torch.zeros(len(kept)).index_add_(0, keys[0], energy)
    known, column = taste.vocabulary.find(keys[1].contiguous())
    along = torch.zeros(len(kept), taste.learned.basis.shape[1])
    along.index_add_(0, keys[0][known], taste.learned.basis[column] * value[known][:, None])
    return taste.means(along, category), taste.variance(energy, along, category).clamp(min=1e-9).sqrt()


def _labels(items: Sequence[Item], given: Features) -> list[str]:
    """What each feature belongs to, in words."""
    said = [_said(item) for item in items]
    rows = zip(given.item.tolist(), given.kind.tolist(), given.left.tolist(), given.right.tolist(), strict=True)
    return [_label(said[item], KINDS[kind], left, right) for item, kind, left, right in rows]


def _label(said: dict[int, str], kind: str, left: int, right: int) -> str:
    if kind in _OF_A_WORD or kind in ("setting", "vector"):
        return said[left]
    if kind in _OF_TWO:
        return " + ".join(sorted((said[left], said[right])))
    if kind in ("negative", "caption"):
        return f"{kind}: {said[left]}"
    return "length"


def _said(item: Item) -> dict[int, str]:
    """What the keys stand for that an item's features are made of."""
    words = {key_of(word): word for text in (item.prompt, item.negative, item.caption) for word in read(text).words}
    listed = {trait.key: trait.label for trait in (*traits(item.settings), *length_traits(item.prompt))}
    vectors = {key_of(f"{name} {len(torch.as_tensor(given).flatten())}"): name for name, given in item.vectors.items()}
    return {**words, **listed, **vectors}
