"""What survivors are chosen by. A new score is one entry of SCORES: a function that makes one of what it may go by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lib_pxl.errors import NokenError
from lib_pxl.hosts.base import Wordbook
from lib_pxl.knobs import Choice
from lib_pxl.noken.evolution import Score, distances, headings
from lib_pxl.noken.genome import Noken
from lib_pxl.noken.vocabulary import vocabularies
from lib_pxl.noken.words import spoken
from lib_pxl.taste.model import Taste
from lib_pxl.taste.opinion import Item
from lib_pxl.taste.propose import scorer


@dataclass(frozen=True)
class Grounds:
    """What a score may go by."""

    known: Sequence[Noken]  # before there are children
    book: Wordbook | None  # the loaded model's words, where the nokens are of its family
    taste: Callable[[], Taste]  # of the person who asks, or a TasteError

    def words(self, which: str) -> Wordbook:
        """The loaded model's words, or a NokenError in the name of a score."""
        if self.book is None:
            raise NokenError("score", got=which, wanted="nokens of the loaded model's family")
        return self.book


def _novelty(grounds: Grounds) -> Score:
    """How far each is from the nearest that was known before."""
    there = headings(grounds.known)
    return lambda nokens: distances(headings(nokens), there).tolist()


def _words(grounds: Grounds) -> Score:
    """How near each one's vectors are, on the average, to a word."""
    table = grounds.words("words").tables

    def score(nokens: Sequence[Noken]) -> list[float]:
        found = []
        for each in nokens:
            known_words = vocabularies(table, each.widths)
            cosines = [known_words[letter].nearest(rows, 1)[0].mean() for letter, rows in each.vectors.items()]
            found.append(float(sum(cosines)) / len(cosines))
        return found

    return score


def _taste(grounds: Grounds) -> Score:
    """What the words mean to a person that each one says."""
    book, judge = grounds.words("taste"), scorer(grounds.taste())
    return lambda nokens: judge([Item(each.hash, spoken(each, book.tables, book.text, book.ids)) for each in nokens])


SCORES = {
    "novelty": Choice("Novelty", "far from everything that is in the pool", _novelty),
    "words": Choice("Near words", "near to words that the model knows", _words),
    "taste": Choice("Your taste", "what your taste, once it has learned, thinks of the words that are near", _taste),
}
