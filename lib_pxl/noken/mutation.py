"""A noken a little aside of another: every vector turned by one angle, its norm kept."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lib_pxl.errors import NokenError
from lib_pxl.knobs import Knob
from lib_pxl.noken.breeding import SEED
from lib_pxl.noken.genome import Noken
from lib_pxl.noken.lineage import Lineage
from lib_pxl.noken.trend import Trend, basis
from lib_pxl.noken.vocabulary import TINY, Tables, Vocabulary, norm, unit, vocabularies

ANGLE = Knob("angle", "Angle", "how far each vector turns, in degrees", default=10.0, low=0, high=180)
NEAR = "near"
NEIGHBOURS = 32  # the words among which `near` draws
RIVALS = 4  # of them, among which a trend chooses
LIKELY = 4  # of them, by which a turned vector is first held
ITSELF = 0.9999  # a cosine above which a word is the vector itself
Near = tuple[Tensor, Tensor]  # the cosines (N, K) and ids of the words nearest to each vector


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
    return mutants([noken], [seed], angle, table, [towards])[0]


def mutants(
    nokens: Sequence[Noken],
    seeds: Sequence[int],
    angle: float,
    table: Tables | None,
    towards: Sequence[int | str | None],
    trend: Trend | None = None,
) -> list[Noken]:
    """One of each noken, as `mutate` makes it of its own seed and aim; the table is searched for all of them at once.

    A trend leads those that are turned towards no word, or one near by.
    """
    seeds, angle = [SEED.parse(seed, "seed") for seed in seeds], ANGLE.parse(angle, "angle")
    known = vocabularies(table, nokens[0].widths)
    near = {letter: _searched(nokens, letter, each) for letter, each in known.items()}
    made: list[dict[str, Tensor]] = []
    for place, (noken, seed, word) in enumerate(zip(nokens, seeds, towards, strict=True)):
        by = {letter: each[place] for letter, each in near.items()}
        made.append(_mutant(noken, torch.Generator().manual_seed(seed), angle, known, by, word, trend))
    lengths = [len(noken) for noken in nokens]
    for letter, each in known.items():
        likely = torch.unique(torch.cat([ids[:, :LIKELY] for _, ids in near[letter]]))
        held = each.guard(torch.cat([rows[letter] for rows in made]), likely).cpu()
        for rows, part in zip(made, torch.split(held, lengths), strict=True):
            rows[letter] = part
    told = [
        Lineage((noken.hash,), "mutate", seed, 0, (angle,), 1 + noken.lineage.generation)
        for noken, seed in zip(nokens, seeds, strict=True)
    ]
    return [Noken(rows, lineage=lineage) for rows, lineage in zip(made, told, strict=True)]


def _mutant(
    noken: Noken,
    draw: torch.Generator,
    angle: float,
    known: dict[str, Vocabulary],
    near: dict[str, Near],
    towards: int | str | None,
    trend: Trend | None,
) -> dict[str, Tensor]:
    """The vectors turned, and not yet held among the words."""
    led = towards is None or (towards == NEAR and trend is not None)
    slopes = _slopes(noken, known, draw, trend) if led else {}
    words = None if towards is None else _words(noken, known, near, towards, slopes, draw)
    made = {}
    for letter, rows in noken.vectors.items():
        if words is None:
            aim, most = slopes[letter] @ basis(known.get(letter), rows.shape[1]), math.pi
        else:
            table = known[letter].table
            aim, most = unit(table[words.to(table.device)].cpu().double()), None
        made[letter] = _turned(rows.double(), unit(rows.double()), aim, math.radians(angle), most).float()
    return made


def _slopes(
    noken: Noken, known: dict[str, Vocabulary], draw: torch.Generator, trend: Trend | None
) -> dict[str, Tensor]:
    """A random part of each of its directions for every vector, as the words of the model differ from one another."""
    made = {}
    for letter, width in noken.widths.items():
        shape = len(noken), len(basis(known.get(letter), width))
        made[letter] = torch.randn(shape, generator=draw, dtype=torch.float64)
    return made if trend is None else trend.drawn(made, draw)


def _turned(rows: Tensor, units: Tensor, aim: Tensor, angle: float, most: float | None) -> Tensor:
    """Each row turned by the angle towards its aim; without `most`, no farther than the aim itself."""
    aside = aim - (aim * units).sum(-1, keepdim=True) * units
    length = norm(aside)[:, None]
    turn = torch.full_like(length, angle)
    if most is None:
        turn = turn.minimum(torch.atan2(length, (aim * units).sum(-1, keepdim=True)))
    found = turn.cos() * units + turn.sin() * aside / length.clamp_min(TINY)
    return torch.where(length > TINY, norm(rows)[:, None] * found, rows)


def _words(
    noken: Noken,
    known: dict[str, Vocabulary],
    near: dict[str, Near],
    towards: int | str,
    slopes: dict[str, Tensor],
    draw: torch.Generator,
) -> Tensor:
    """One word's id for each vector, the same in all encoders, since these share their tokens."""
    if not known:
        raise NokenError("towards", got=towards, wanted="a table of words as well")
    size = min(len(each.table) for each in known.values())
    if towards == NEAR:
        letter = next(iter(known))
        return _near(known[letter], *near[letter], slopes.get(letter), draw).clamp(max=size - 1)
    if isinstance(towards, bool) or not isinstance(towards, int) or not 0 <= towards < size:
        raise NokenError("towards", got=towards, wanted=f"{NEAR!r}, or a word's id below {size}")
    return torch.full((len(noken),), towards)


def _near(known: Vocabulary, cosines: Tensor, ids: Tensor, slopes: Tensor | None, draw: torch.Generator) -> Tensor:
    """For each vector one of the nearest words that are not itself: any, or of a few the one highest up the slopes."""
    others = torch.arange(ids.shape[1] - 1) + (cosines[:, :1] > ITSELF).long()
    picks = torch.randint(others.shape[1], (len(ids), 1 if slopes is None else RIVALS), generator=draw)
    words = ids.gather(1, others).gather(1, picks)
    if slopes is None:
        return words[:, 0]
    units = unit(known.table[words.to(known.table.device)].cpu().double())
    heights = torch.einsum("nkd,rd,nr->nk", units, basis(known, units.shape[-1]), slopes)
    return words.gather(1, heights.argmax(1, keepdim=True))[:, 0]


def _searched(nokens: Sequence[Noken], letter: str, known: Vocabulary) -> list[Near]:
    """For each noken the words nearest to its vectors; those that are in several are looked up once."""
    rows, places = torch.unique(torch.cat([each.vectors[letter] for each in nokens]), dim=0, return_inverse=True)
    cosines, ids = (each.cpu()[places] for each in known.nearest(rows, NEIGHBOURS + 1))
    lengths = [len(each) for each in nokens]
    return list(zip(torch.split(cosines, lengths), torch.split(ids, lengths), strict=True))
