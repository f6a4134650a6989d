"""A noken a little aside of another: every vector turned by one angle, its norm kept."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lib_pxl.errors import NokenError
from lib_pxl.knobs import Knob
from lib_pxl.noken.breeding import SEED
from lib_pxl.noken.genome import Noken
from lib_pxl.noken.lineage import Lineage
from lib_pxl.noken.vocabulary import TINY, Tables, Vocabulary, norm, unit, vocabularies

ANGLE = Knob("angle", "Angle", "how far each vector turns, in degrees", default=10.0, low=0, high=180)
NEAR = "near"
NEIGHBOURS = 32  # the words among which `near` draws
ITSELF = 0.9999  # a cosine above which a word is the vector itself


def mutate(
    noken: Noken,
    seed: int = 1,
    angle: float = 10.0,
    table: Tables | None = None,
    towards: int | str | None = None,
) -> Noken:
    """Turned by the angle in the table's principal directions, or towards a word: its id, or `near` for one near by.

    Without a table any direction is as good. A word is passed by no angle.
    """
    seed, angle = SEED.parse(seed, "seed"), ANGLE.parse(angle, "angle")
    known = vocabularies(table, noken.widths)
    drawn = torch.Generator().manual_seed(seed)
    words = None if towards is None else _words(noken, known, towards, drawn)
    made = {}
    for letter, rows in noken.vectors.items():
        units, words_of = unit(rows.double()), known.get(letter)
        if words is None or words_of is None:
            aim, most = _anywhere(units, words_of, drawn), math.pi
        else:
            aim, most = unit(words_of.table[words.to(words_of.table.device)].cpu().double()), None
        made[letter] = _turned(rows.double(), units, aim, math.radians(angle), most).float()
        if words_of is not None:
            near = words_of.nearest(rows, NEIGHBOURS)[1].flatten()
            made[letter] = words_of.guard(made[letter], near).cpu()
    generation = 1 + noken.lineage.generation
    return Noken(made, lineage=Lineage((noken.hash,), "mutate", seed, 0, (angle,), generation))


def _anywhere(units: Tensor, known: Vocabulary | None, drawn: torch.Generator) -> Tensor:
    """A random direction for each unit vector, as the words of the model differ from one another."""
    if known is None:
        return torch.randn(units.shape, generator=drawn, dtype=units.dtype)
    directions = known.directions
    return torch.randn((len(units), len(directions)), generator=drawn, dtype=units.dtype) @ directions


def _turned(rows: Tensor, units: Tensor, aim: Tensor, angle: float, most: float | None) -> Tensor:
    """Each row turned by the angle towards its aim; without `most`, no farther than the aim itself."""
    aside = aim - (aim * units).sum(-1, keepdim=True) * units
    length = norm(aside)[:, None]
    turn = torch.full_like(length, angle)
    if most is None:
        turn = turn.minimum(torch.atan2(length, (aim * units).sum(-1, keepdim=True)))
    found = turn.cos() * units + turn.sin() * aside / length.clamp_min(TINY)
    return torch.where(length > TINY, norm(rows)[:, None] * found, rows)


def _words(noken: Noken, known: dict[str, Vocabulary], towards: int | str, drawn: torch.Generator) -> Tensor:
    """One word's id for each vector, the same in all encoders, since these share their tokens."""
    if not known:
        raise NokenError("towards", got=towards, wanted="a table of words as well")
    size = min(len(each.table) for each in known.values())
    if towards == NEAR:
        letter, rows = next(iter(noken.vectors.items()))
        cosines, ids = known[letter].nearest(rows, NEIGHBOURS + 1)
        others = (cosines[:, 0] > ITSELF).long().cpu()
        picks = torch.randint(ids.shape[1] - 1, (len(rows),), generator=drawn) + others
        return ids.cpu().gather(1, picks[:, None])[:, 0].clamp(max=size - 1)
    if isinstance(towards, bool) or not isinstance(towards, int) or not 0 <= towards < size:
        raise NokenError("towards", got=towards, wanted=f"{NEAR!r}, or a word's id below {size}")
    return torch.full((len(noken),), towards)
