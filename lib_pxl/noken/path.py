"""Where a morph is encoded: a few knots on the way that its mixes go together, and what lies between them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from lib_pxl.noken.breeding import breed
from lib_pxl.noken.genome import Noken

MOST = 9  # knots: as many encodings of the prompt
REACH = 1 / 8  # how far a mix goes from knot to knot, while there are knots left
BEND = 1e-3  # how far a mix may be from where it is between its knots


@dataclass(frozen=True)
class Path:
    """The knots, each one share of the second noken for each of J morphs, and at every place (M,) the two around it."""

    knots: tuple[tuple[float, ...], ...]
    left: Tensor
    right: Tensor
    share: Tensor  # of the right one


def path(mixes: Tensor) -> Path:
    """The path of all morphs' mixes (M, J) together: exact at its ends and bends, alike in reach between them.

    Between two knots all mixes move together, by how far the one that goes farthest has gone.
    """
    mixes = mixes.double()
    steps = mixes.diff(dim=0).abs().amax(1)
    went = torch.cat([steps.new_zeros(1), steps.cumsum(0)])
    places = sorted({0, len(mixes) - 1})
    while len(places) < MOST and (place := _next(mixes, went, places)) is not None:
        places = sorted({*places, place})
    knots: dict[tuple[float, ...], int] = {}
    numbers = [knots.setdefault(tuple(mixes[place].tolist()), len(knots)) for place in places]
    left = torch.full((len(mixes),), numbers[-1])
    right, share = left.clone(), went.new_zeros(len(mixes))
    for (start, end), (first, second) in zip(pairwise(places), pairwise(numbers), strict=True):
        left[start:end], right[start:end] = first, second
        share[start:end] = _shares(went, start, end)[:-1]
    return Path(tuple(knots), left, right, share.float())


def between(a: Noken, b: Noken, mix: float) -> Noken:
    """Their child at this share of the second, which is the first itself at 0 and the second at 1."""
    if mix in (0, 1) or a == b:
        return b if mix == 1 else a
    return breed([a, b], n=1, mix=mix)[0]


def _next(mixes: Tensor, went: Tensor, places: list[int]) -> int | None:
    """The place of the next knot: where the way bends most, or else in the middle of the longest piece."""
    bends, reaches = [(BEND, -1)], [(REACH * (1 + BEND), -1)]
    for start, end in pairwise(places):
        straight = torch.lerp(mixes[start], mixes[end], _shares(went, start, end)[:, None])
        off, at = (mixes[start : end + 1] - straight).abs().amax(1).max(0)
        bends.append((float(off), start + int(at)))
        middle = start + int((went[start : end + 1] - went[[start, end]].mean()).abs().argmin())
        if went[start] < went[middle] < went[end]:
            reaches.append((float(went[end] - went[start]), middle))
    bend, reach = max(bends)[1], max(reaches)[1]
    return bend if bend >= 0 else reach if reach >= 0 else None


def _shares(went: Tensor, start: int, end: int) -> Tensor:
    """How much of a piece is behind at each of its places."""
    length = went[end] - went[start]
    return (went[start : end + 1] - went[start]) / length if length > 0 else torch.zeros_like(went[start : end + 1])
