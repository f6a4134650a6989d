"""Which of many candidates to make: drawn as likely as they are to be best (Thompson 1933), and unlike one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lib_pxl.errors import TasteError
from lib_pxl.taste.model import Taste
from lib_pxl.taste.opinion import OVERALL, Item

WIDE, SHORT = 2048, 256  # candidates whose doubt is looked at, and between which is drawn
JITTER = 1e-4


class Proposal(NamedTuple):
    """A candidate, what the taste thinks of it and how sure it is, and its place among those given."""

    item: Item
    mean: float
    std: float
    place: int


def propose(
    taste: Taste,
    items: Sequence[Item],
    category: str = OVERALL,
    *,
    n: int = 10,
    seed: int = 0,
    novelty: float = 0.3,
    boldness: float = 0.5,
) -> list[Proposal]:
    """The n to make next, the first choice first.

    Each is the best by a draw of its own from what the taste holds possible, less `novelty` where it is like one chosen
    before; `boldness` 0 goes by the mean alone. The same seed gives the same ones.
    """
    if n < 0 or not 0 <= novelty <= 100 or not 0 <= boldness <= 100:
        wanted = "n of at least 0, novelty and boldness from 0 to 100"
        raise TasteError("proposals", got=(n, novelty, boldness), wanted=wanted)
    places = list(range(len(items)))
    if len(items) > max(WIDE, n):
        places = _best(*taste.leaning(items, category), boldness, max(WIDE, n))
    mean, std = taste.score([items[place] for place in places], category)
    short = _best(mean, std, boldness, max(SHORT, n))
    chosen = _drawn(taste, [items[places[at]] for at in short], category, n, seed, novelty, boldness) if short else []
    found = [short[at] for at in chosen]
    return [Proposal(items[places[at]], float(mean[at]), float(std[at]), places[at]) for at in found]


def scorer(taste: Taste, category: str = OVERALL, caution: float = 0.0) -> Callable[[Sequence[Item]], list[float]]:
    """A function that evolution can select by: the mean, less so many deviations."""

    def score(items: Sequence[Item]) -> list[float]:
        mean, std = taste.score(items, category)
        found: list[float] = (mean - caution * std).tolist()
        return found

    return score


def _best(mean: Tensor, std: Tensor, boldness: float, most: int) -> list[int]:
    found: list[int] = torch.argsort(mean + boldness * std, descending=True, stable=True)[:most].tolist()
    return found


def _drawn(
    taste: Taste, items: Sequence[Item], category: str, n: int, seed: int, novelty: float, boldness: float
) -> list[int]:
    mean, covariance = (each.double() for each in taste.joint(items, category))
    eye = torch.eye(len(items), dtype=torch.float64)
    scale = float(covariance.diagonal().mean().clamp(min=1e-9))
    values, vectors = torch.linalg.eigh(covariance + JITTER * scale * eye)
    noise = torch.randn(n, len(items), generator=torch.Generator().manual_seed(seed % 2**63), dtype=torch.float64)
    draws = mean + boldness * noise @ (vectors * values.clamp(min=0).sqrt()).mT
    kin = taste.kin(items).double()
    size = kin.diagonal().clamp(min=1e-9).sqrt()
    alike, spread = kin / size[:, None] / size, float(draws.std(1).mean()) if len(items) > 1 else 1.0
    chosen: list[int] = []
    for draw in draws[: len(items)]:
        near = alike[:, chosen].amax(1) if chosen else torch.zeros(len(items))
        worth = draw - novelty * spread * near
        worth[chosen] = -torch.inf
        chosen.append(int(worth.argmax()))
    return chosen
