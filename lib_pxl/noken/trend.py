"""Which way scores rise: of all that were scored so far, what they tell of the directions that a mutation draws.

A score is taken for linear in where the tokens point, and its slope for a draw of what a mutation draws without any
score. Scores make a posterior of that prior, and a mutation draws of it instead (Thompson 1933; Matheron's rule): it
goes up as far as the scores are sure of, and otherwise anywhere. How much of the scores is chance is judged by their
own evidence. Only their order counts, that of the better half (Hansen and Ostermeier 2001).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lib_pxl.errors import NokenError
from lib_pxl.noken.genome import Noken
from lib_pxl.noken.vocabulary import TINY, Tables, Vocabulary, unit, vocabularies

LATEST = 256  # of those scored, how many an evolution remembers beside the living
NOISES = tuple(10 ** (each / 2) for each in range(-4, 5))  # variances of chance, where that of a slope's part is 1


class Trend:
    """What scores tell of the way up. M nokens, P places of tokens, B draws, R directions.

    Tokens count by their places where all nokens are equally long, and otherwise by their mean, each for itself.
    """

    def __init__(self, nokens: Sequence[Noken], scores: Sequence[float], table: Tables | None = None) -> None:
        families = {each.family for each in nokens}
        if len(families) > 1:
            raise NokenError("nokens compared", got=sorted(families), wanted="those of one family")
        worth = ranked(scores)
        known = vocabularies(table, nokens[0].widths)
        by_place = len({len(each) for each in nokens}) == 1
        self._parts = {letter: _parts(nokens, letter, known.get(letter), by_place) for letter in nokens[0].widths}
        alike = torch.stack([torch.einsum("mpr,npr->mn", each, each) for each in self._parts.values()]).sum(0)
        values, vectors = torch.linalg.eigh(alike)
        values, along = values.clamp_min(0), vectors.T @ worth
        self.noise = max(NOISES, key=lambda noise: _evidence(values, along, noise))
        self._inverse = (vectors / (values + self.noise)) @ vectors.T
        self._worth = worth / (worth @ self._inverse @ worth / len(worth)).sqrt().clamp_min(TINY)

    def drawn(self, prior: Mapping[str, Tensor], draw: torch.Generator) -> dict[str, Tensor]:
        """A draw (N, R) for each encoder of what a mutation draws without scores, as the scores would have it."""
        parts = {letter: rows.view(-1, self._parts[letter].shape[1], rows.shape[1]) for letter, rows in prior.items()}
        foretold = torch.stack(
            [torch.einsum("mpr,bpr->bm", self._parts[key], each) for key, each in parts.items()]
        ).sum(0)
        chance = torch.randn(foretold.shape, generator=draw, dtype=foretold.dtype) * math.sqrt(self.noise)
        missed = (self._worth - foretold - chance) @ self._inverse
        return {
            letter: (each + torch.einsum("bm,mpr->bpr", missed, self._parts[letter])).view_as(prior[letter])
            for letter, each in parts.items()
        }


def ranked(scores: Sequence[float]) -> Tensor:
    """What each score counts: by the logarithm of its rank, nothing below the middle; mean 0, deviation 1."""
    values = torch.tensor(scores, dtype=torch.float64)
    above, level = (each(values[None, :], values[:, None]).sum(1).double() for each in (torch.gt, torch.eq))
    rank = above + (level + 1) / 2
    worth = (math.log(len(scores) / 2 + 1) - rank.log()).clamp_min(0)
    worth = worth - worth.mean()
    return worth / worth.pow(2).mean().sqrt().clamp_min(TINY)


def basis(known: Vocabulary | None, width: int) -> Tensor:
    """The directions (R, D) in which a mutation goes."""
    return torch.eye(width, dtype=torch.float64) if known is None else known.directions


def _parts(nokens: Sequence[Noken], letter: str, known: Vocabulary | None, by_place: bool) -> Tensor:
    """How much of each direction is in each noken (M, P, R), from their middle; all encoders' are 1 long together."""
    directions = basis(known, nokens[0].widths[letter]).T
    rows = [unit(each.vectors[letter].double()) @ directions for each in nokens]
    points = torch.stack(rows if by_place else [each.mean(0, keepdim=True) for each in rows])
    aside = points - points.mean(0)
    return aside / (aside.pow(2).sum((1, 2)).mean() * len(nokens[0].vectors)).sqrt().clamp_min(TINY)


def _evidence(values: Tensor, along: Tensor, noise: float) -> float:
    """How likely scores are with so much of chance, by the eigenvalues of what is alike and the scores along them."""
    spread = values + noise
    return float(-len(values) * (along**2 / spread).mean().log() - spread.log().sum())
