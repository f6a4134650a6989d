"""What a taste can hold on to in an item: words, phrases, places, pairs, settings, lengths, vectors.

Every feature is a number under a key of 64 bits, so that a word never seen before is one too: it has no weight yet, but
an uncertainty. Within a kind the values of a usual item have a norm of 1, and what a kind may explain is its share.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lib_pxl.errors import TasteError, Words
from lib_pxl.taste.opinion import Item
from lib_pxl.taste.reading import read

SHARES = {
    "word": 0.25,
    "place": 0.04,  # the first words once more
    "phrase": 0.06,  # neighbours, in their order
    "pair": 0.12,  # words near each other, in any order
    "setting": 0.75,
    "length": 0.08,
    "word with setting": 0.10,
    "length with setting": 0.18,
    "negative": 0.08,
    "caption": 0.15,
    "vector": 0.25,
}
KINDS = tuple(SHARES)
KIND = {name: number for number, name in enumerate(KINDS)}
USUAL = {"word": 12, "phrase": 10, "pair": 60, "setting": 4, "word with setting": 12, "negative": 12, "caption": 12}
# Where an item says nothing of these, that is because nobody told, and not because there is nothing.
SILENT = ("setting", "word with setting", "length with setting", "caption", "vector")
# These say which picture it is, not what it is like.
CHANCE = frozenset({"seed", "subseed", "variation seed", "hires seed", "version", "date", "time"})
GRAMMAR = ("a", "an", "the", "of", "in", "on", "at", "with", "and", "by", "to", "for", "is", "are", "from", "as")
AS_USUAL, MOST_EVENED = 20.0, 4.0  # items as usual known beforehand, and the most that a share changes by
WINDOW = 8  # words that two of a pair may be apart
FADING = 5.0  # words over which a place fades
PLAIN = 4  # settings of a few values that are crossed with words
WIDTHS = (0.5, 2.0)  # octaves within which numbers are alike
MAX_VECTOR = 8192
_ODD = (-7046029254386353131, -4417276706812531889, 1609587929392839161)


class Features(NamedTuple):
    """The features of a list of items, in columns; a key is made of a kind, `left` and `right`."""

    item: Tensor
    key: Tensor
    value: Tensor
    kind: Tensor
    left: Tensor
    right: Tensor
    size: int  # how many items

    def energy(self, shares: Tensor) -> Tensor:
        """How far each item's utility may vary beforehand."""
        part = self.value.square() * shares[self.kind.long()]
        return torch.zeros(self.size).index_add_(0, self.item, part)

    def told(self) -> Tensor:
        """Of which kinds each item says something (items, kinds), as ones and zeros."""
        told = torch.ones(self.size, len(KINDS))
        told[:, [KIND[name] for name in SILENT]] = 0
        return told.index_put_((self.item, self.kind.long()), torch.ones(()))


class Trait(NamedTuple):
    """One feature of a setting or a length: what it belongs to, its key, its value, and whether it is one of few."""

    label: str
    key: int
    value: float
    plain: bool = False


Part = tuple[Tensor, ...]


def features(items: Sequence[Item]) -> Features:
    """All that these items have."""
    words = _Words([item.prompt for item in items])
    settings = [traits(item.settings) for item in items]
    plain = [[each.key for each in some if each.plain][:PLAIN] for some in settings]
    lengths = [length_traits(item.prompt) for item in items]
    fading = torch.exp(-words.place / FADING) * math.sqrt(1 - math.exp(-2 / FADING))
    parts = [
        _part("word", words.item, words.key, value=words.weight * _each(words.counts, "word")[words.item]),
        _part("place", words.item, words.key, value=words.weight * fading),
        _phrases(words),
        _pairs(words),
        _listed("setting", settings),
        _listed("length", lengths),
        _crossed(words, plain),
        _crossed_lengths(lengths, plain),
        *(_text(kind, [getattr(item, kind) for item in items]) for kind in ("negative", "caption")),
        *_vectors(items),
    ]
    item, key, value, kind, left, right = (torch.cat(each) for each in zip(*parts, strict=True))
    return Features(item, key, value, kind, left, right, len(items))


@lru_cache(maxsize=1 << 17)
def key_of(text: str) -> int:
    """64 bits for a text, the same on every machine."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def shares() -> Tensor:
    """What each kind may usually explain, in the order of KINDS."""
    return torch.tensor(list(SHARES.values()))


def evened(given: Features) -> Tensor:
    """By what to multiply each kind's share so that items really differ in it by as much as it says."""
    keys, of = torch.unique(given.key, return_inverse=True)
    kinds = torch.zeros(len(keys), dtype=torch.long).index_put_((of,), given.kind.long())
    total = torch.zeros(len(keys)).index_add_(0, of, given.value)
    energy = torch.zeros(len(KINDS)).index_add_(0, given.kind.long(), given.value.square())
    alike = torch.zeros(len(KINDS)).index_add_(0, kinds, total.square()) / max(1, given.size)
    found = (given.size + AS_USUAL) / ((energy - alike).clamp(min=0) + AS_USUAL)
    return torch.where(energy > 0, found.clamp(1 / MOST_EVENED, MOST_EVENED), 1.0)


def traits(settings: Mapping[str, Any]) -> list[Trait]:
    """A text is what it is; a number is itself and is like those near it; two texts are something together too."""
    told = [(name, settings[name]) for name in sorted(settings) if name.lower() not in CHANCE]
    return list(_traits(tuple((name, type(value), value) for name, value in told if value is not None)))


@lru_cache(maxsize=1 << 14)
def _traits(settings: tuple[tuple[str, type, Any], ...]) -> tuple[Trait, ...]:
    found: list[Trait] = []
    few: list[Trait] = []
    for name, _, value in settings:
        if isinstance(value, (str, bool)):
            few.append(Trait(f"{name}={value}", key_of(f"{name}={value}"), 1.0, plain=True))
        else:
            found += _near(name, float(value))
    together = [f"{a.label}, {b.label}" for a, b in combinations(few[:PLAIN], 2)]
    both = [Trait(label, key_of(label), 1.0) for label in together]
    share = (max(1, len(few) + len({each.label for each in found})) * USUAL["setting"]) ** -0.25
    return tuple(each._replace(value=each.value * share) for each in (*few, *both, *found))


def length_traits(prompt: str) -> list[Trait]:
    """How many words and how many phrases there are."""
    reading = read(prompt)
    return [*_near("words", float(reading.length)), *_near("phrases", float(reading.phrases))]


def mixed(kind: int, left: Tensor, right: Tensor | int = 0) -> Tensor:
    """One key of two and a kind; 64-bit numbers wrap around."""
    own = ((kind + 1) * _ODD[2] + 2**63) % 2**64 - 2**63
    key = (left * _ODD[0]) ^ (right * _ODD[1] + own)
    return (key ^ (key >> 31)) * _ODD[0]


class _Words:
    """The words of all texts in a row."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.readings = [read(text) for text in texts]
        self.counts = _lengths([each.words for each in self.readings])
        self.key = torch.tensor([key_of(word) for each in self.readings for word in each.words], dtype=torch.long)
        self.weight = torch.tensor([weight for each in self.readings for weight in each.weights], dtype=torch.float32)
        self.item = torch.repeat_interleave(torch.arange(len(self.readings)), self.counts)
        self.start = self.counts.cumsum(0) - self.counts
        self.place = (torch.arange(len(self.item)) - self.start[self.item]).float()


def _part(kind: str, item: Tensor, left: Tensor, right: Tensor | None = None, *, value: Tensor) -> Part:
    other = torch.zeros_like(left) if right is None else right
    number = torch.full((len(item),), KIND[kind], dtype=torch.uint8)
    return item, mixed(KIND[kind], left, other), value.float(), number, left, other


def _each(counts: Tensor, kind: str) -> Tensor:
    """The value of each of so many: many weigh more than few, by the root of the root of how many they are."""
    return (counts.clamp(min=1) * USUAL[kind]).float().pow(-0.25)


def _phrases(words: _Words) -> Part:
    counts = _lengths([each.neighbours for each in words.readings])
    item = torch.repeat_interleave(torch.arange(len(counts)), counts)
    places = [pair for each in words.readings for pair in each.neighbours]
    both = torch.tensor(places, dtype=torch.long).reshape(-1, 2) + words.start[item][:, None]
    value = _each(counts, "phrase")[item] * words.weight[both].amin(1)
    return _part("phrase", item, words.key[both[:, 0]], words.key[both[:, 1]], value=value)


def _pairs(words: _Words) -> Part:
    grammar = torch.tensor([key_of(word) for word in GRAMMAR])
    full = ~torch.isin(words.key, grammar)
    item, key, weight = words.item[full], words.key[full], words.weight[full]
    found = []
    for apart in range(1, WINDOW + 1):
        together = (item[apart:] == item[:-apart]).nonzero()[:, 0]
        found.append((together, together + apart))
    one, other = (torch.cat(each) for each in zip(*found, strict=True))
    counts = torch.bincount(item[one], minlength=len(words.counts))
    value = _each(counts, "pair")[item[one]] * torch.minimum(weight[one], weight[other])
    return _part(
        "pair", item[one], torch.minimum(key[one], key[other]), torch.maximum(key[one], key[other]), value=value
    )


def _listed(kind: str, lists: Sequence[Sequence[Trait]]) -> Part:
    item = torch.repeat_interleave(torch.arange(len(lists)), _lengths(lists))
    key = torch.tensor([each.key for some in lists for each in some], dtype=torch.long)
    value = torch.tensor([each.value for some in lists for each in some], dtype=torch.float32)
    return _part(kind, item, key, value=value)


def _lengths(lists: Sequence[Sequence[Any]]) -> Tensor:
    return torch.tensor([len(each) for each in lists], dtype=torch.long)


def _crossed(words: _Words, plain: Sequence[Sequence[int]]) -> Part:
    """Every word in every setting of few values."""
    of, setting = _product(words.item, plain)
    counts = words.counts * _lengths(plain)
    item = words.item[of]
    value = _each(counts, "word with setting")[item] * words.weight[of]
    return _part("word with setting", item, words.key[of], setting, value=value)


def _crossed_lengths(lengths: Sequence[Sequence[Trait]], plain: Sequence[Sequence[int]]) -> Part:
    items, _, values, _, keys, _ = _listed("length", lengths)
    of, setting = _product(items, plain)
    return _part("length with setting", items[of], keys[of], setting, value=values[of] / math.sqrt(2))


def _product(item: Tensor, plain: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Which rows meet a setting of their item, and its key."""
    found: list[tuple[Tensor, Tensor]] = []
    for place in range(PLAIN):
        there = torch.tensor([len(each) > place for each in plain], dtype=torch.bool)
        keys = torch.tensor([each[place] if len(each) > place else 0 for each in plain], dtype=torch.long)
        rows = there[item].nonzero()[:, 0]
        found.append((rows, keys[item[rows]]))
    return torch.cat([rows for rows, _ in found]), torch.cat([keys for _, keys in found])


def _text(kind: str, texts: Sequence[str]) -> Part:
    words = _Words(texts)
    return _part(kind, words.item, words.key, value=words.weight * _each(words.counts, kind)[words.item])


def _vectors(items: Sequence[Item]) -> Iterable[Part]:
    for place, item in enumerate(items):
        for name, given in item.vectors.items():
            vector = _checked(item.id, name, given)
            left = torch.full((len(vector),), key_of(f"{name} {len(vector)}"), dtype=torch.long)
            row = torch.full((len(vector),), place, dtype=torch.long)
            yield _part("vector", row, left, torch.arange(len(vector)), value=vector)


def _checked(which: str, name: str, given: Any) -> Tensor:
    what = f"vector {name!r} of item {which!r}"
    try:
        vector = torch.as_tensor(given).detach().to("cpu", torch.float32).flatten()
    except (TypeError, ValueError, RuntimeError) as error:
        raise TasteError(what, got=Words(type(given).__name__), wanted="a list of numbers") from error
    if not 1 <= len(vector) <= MAX_VECTOR or not bool(vector.isfinite().all()):
        raise TasteError(what, got=Words(f"{len(vector)} numbers"), wanted=f"1 to {MAX_VECTOR} finite ones")
    norm: Tensor = torch.linalg.vector_norm(vector.double())
    return vector if norm == 0 else (vector.double() / norm).float()


@lru_cache(maxsize=1 << 14)
def _near(name: str, value: float) -> tuple[Trait, ...]:
    """A number as itself, and as standing between two posts of each width on a scale of octaves."""
    label = f"{name}={value:g}"
    found = [Trait(label, key_of(label), 0.6)]
    octaves = math.copysign(math.log2(1 + min(abs(value), 1e300)), value)
    for width in WIDTHS:
        post, share = divmod(octaves / width, 1)
        for at, weight in ((int(post), 1 - share), (int(post) + 1, share)):
            found.append(Trait(label, key_of(f"{name}~{width:g}~{at}"), 0.6 * weight))
    return tuple(found)
