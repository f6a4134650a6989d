"""What a noken is like, in words that a person can read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from lib_pxl.knobs import Knob
from lib_pxl.noken.genome import Noken
from lib_pxl.noken.vocabulary import Tables, vocabularies

COUNT = Knob("count", "Words", "how many words to name", default=5, low=1, high=100, whole=True)
SPARE = 8  # times as many are looked at, since not every entry can be read, and some read alike
PIECES = 8  # of a word, at most
ENDING = "</w>"  # which CLIP's vocabulary writes at the end of a whole word


class Near(NamedTuple):
    """A word near a vector: how it reads, the cosine between them, and its id in the table."""

    word: str
    cosine: float
    id: int


def near_words(noken: Noken, table: Tables, text: Callable[[int], str], count: int = 5) -> dict[str, list[list[Near]]]:
    """For each encoder and each vector the nearest words, the nearest first; `text` gives the entry of an id."""
    count = COUNT.parse(count, "count")
    found = {}
    for letter, known in vocabularies(table, noken.widths).items():
        cosines, ids = known.nearest(noken.vectors[letter], SPARE * count)
        rows = zip(cosines.tolist(), ids.tolist(), strict=True)
        found[letter] = [_readable(row, which, text)[:count] for row, which in rows]
    return found


def spoken(noken: Noken, table: Tables, text: Callable[[int], str], ids: Callable[[str], Sequence[int]]) -> str:
    """A prompt that says about the same: the word nearest to each vector, the fainter the further it is.

    Of several encoders the nearest counts. What a tokenizer takes apart is put together again; `ids` gives a text's.
    """
    near = [*map(_nearest, zip(*near_words(noken, table, text, 1).values(), strict=True))]
    found, at = [], 0
    while at < len(near):
        word = next(run for run in _runs(near[at : at + PIECES]) if len(run) == 1 or _is_one(run, ids))
        at += len(word)
        weight = sum(each.cosine for each in word if each) / len(word)
        if word[0] and round(weight, 2) > 0:
            found.append(f"({_joined(word)}:{weight:.2f})")
    return " ".join(found)


def _runs(near: Sequence[Near | None]) -> Iterator[Sequence[Near | None]]:
    """What may be one word, the longest first."""
    return (near[:length] for length in range(len(near), 0, -1))


def _is_one(run: Sequence[Near | None], ids: Callable[[str], Sequence[int]]) -> bool:
    return all(run) and list(ids(_joined(run))) == [each.id for each in run if each]


def _joined(run: Sequence[Near | None]) -> str:
    return "".join(each.word for each in run if each)


def _nearest(rows: Sequence[Sequence[Near]]) -> Near | None:
    """Of what the encoders have for one vector; nothing where none of it is a word."""
    words = [near for row in rows for near in row if near.word.isalnum()]
    return max(words, key=lambda near: near.cosine, default=None)


def _readable(cosines: list[float], ids: list[int], text: Callable[[int], str]) -> list[Near]:
    found: dict[str, Near] = {}
    for cosine, which in zip(cosines, ids, strict=True):
        word = text(which).removesuffix(ENDING).strip()
        if word and word.isprintable():
            found.setdefault(word.casefold(), Near(word, cosine, which))
    return list(found.values())
