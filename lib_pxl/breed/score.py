"""What survivors are chosen by. A new score is one entry of SCORES: a function that makes one of what is known."""

from __future__ import annotations

from collections.abc import Sequence

from lib_pxl.errors import NokenError
from lib_pxl.knobs import Choice
from lib_pxl.noken.evolution import Score, distances, headings
from lib_pxl.noken.genome import Noken
from lib_pxl.noken.vocabulary import Tables, vocabularies


def _novelty(known: Sequence[Noken], table: Tables | None) -> Score:
    """How far each is from the nearest that was known before."""
    there = headings(known)
    return lambda nokens: distances(headings(nokens), there).tolist()


def _words(known: Sequence[Noken], table: Tables | None) -> Score:
    """How near each one's vectors are, on the average, to a word."""
    if table is None:
        raise NokenError("score", got="words", wanted="nokens of the loaded model's family")

    def score(nokens: Sequence[Noken]) -> list[float]:
        found = []
        for each in nokens:
            known_words = vocabularies(table, each.widths)
            cosines = [known_words[letter].nearest(rows, 1)[0].mean() for letter, rows in each.vectors.items()]
            found.append(float(sum(cosines)) / len(cosines))
        return found

    return score


SCORES = {
    "novelty": Choice("Novelty", "far from everything that is in the pool", _novelty),
    "words": Choice("Near words", "near to words that the model knows", _words),
}
