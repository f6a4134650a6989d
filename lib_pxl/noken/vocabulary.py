"""What a model's own words are like: how long, how near to one another, and along which directions they differ.

A table is the weight (V, D) of a text encoder's token embedding. What is found out about one is kept under a
fingerprint of the table, and the table itself is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from lib_pxl.errors import NokenError, Words

Tables = Mapping[str, Tensor]
TINY = 1e-12
WORDS, ROWS = 8192, 2048  # of the table and of the rows in hand, compared at once
SAMPLE, DIRECTIONS = 512, 64
SPREAD_SAMPLE = 8192
NEAREST, SHORTEST, LONGEST = 0.05, 0.01, 0.99  # the quantiles that bound a child
MARGIN = 1e-6  # by which the guard stays inside, so that rounding does not lead out again
_KEPT = 32
_found: dict[tuple[str, str], Any] = {}


class Vocabulary:
    """One encoder's table, and what is known of it."""

    def __init__(self, table: Tensor) -> None:
        self.table = table.detach()
        self._print = _fingerprint(self.table)
        self.norms: Tensor = self._once("norms", self._measure)  # (V,), on the CPU

    @property
    def norm_range(self) -> tuple[float, float]:
        """The 1 % and 99 % quantiles of the words' norms."""
        found: tuple[float, float] = self._once("range", self._range)
        return found

    @property
    def least(self) -> float:
        """The 5 % quantile of the cosine between a word and the nearest other one."""
        found: float = self._once("least", self._least)
        return found

    @property
    def directions(self) -> Tensor:
        """The principal directions (R, D) of the words, each as long as their deviation along it; float64, CPU."""
        found: Tensor = self._once("directions", self._directions)
        return found

    def nearest(self, rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """The cosines (N, K) and ids of the nearest words, the nearest first."""
        count = min(count, len(self.table))
        units = unit(rows.to(self.table.device).float())
        parts = [self._nearest(units[at : at + ROWS], count) for at in range(0, max(1, len(units)), ROWS)]
        return torch.cat([cosines for cosines, _ in parts]), torch.cat([ids for _, ids in parts])

    def guard(self, rows: Tensor, near: Tensor) -> Tensor:
        """Rows (N, D) turned no farther than needed to be as near to a word, and brought to be as long, as words are.

        `near` (M,) are ids of likely neighbours: whole tables are searched only for rows that are far from all these.
        """
        rows = rows.to(self.table.device).float()
        units, norms = unit(rows), norm(rows)[:, None]
        far = (units @ unit(self.table[near.to(self.table.device)].float()).T).amax(1) < self.least
        units = units.clone()
        units[far] = self._turned(units[far])
        low, high = self.norm_range
        kept = norms.clamp(low * (1 + MARGIN), high * (1 - MARGIN))
        outside = far[:, None] | (kept != norms)
        return torch.where(outside, units * kept, rows)

    def _turned(self, units: Tensor) -> Tensor:
        if not len(units):
            return units
        word = unit(self.table[self.nearest(units, 1)[1][:, 0]].float())
        cosines = (units * word).sum(1, keepdim=True)  # a product's last bit depends on how many rows it has
        wanted = min(self.least + MARGIN, 1.0)
        aside = units - cosines * word
        turned = wanted * word + (1 - wanted**2) ** 0.5 * unit(aside)
        turned = torch.where(norm(aside)[:, None] > MARGIN, turned, word)  # nothing says which way, or where it was
        return torch.where(cosines < self.least, turned, units)

    def _nearest(self, units: Tensor, count: int) -> tuple[Tensor, Tensor]:
        best: tuple[Tensor, Tensor] | None = None
        for start in range(0, len(self.table), WORDS):
            norms = self.norms[start : start + WORDS].to(units.device)
            cosines = units @ self.table[start : start + WORDS].float().T / norms.clamp_min(TINY)
            cosines.masked_fill_(norms < TINY, -2.0)  # rows that hold no word
            values, ids = cosines.topk(min(count, cosines.shape[1]))
            ids = ids + start
            if best is not None:
                values, order = torch.cat([best[0], values], 1).topk(min(count, best[0].shape[1] + values.shape[1]))
                ids = torch.cat([best[1], ids], 1).gather(1, order)
            best = values, ids
        assert best is not None  # a table has words
        return best

    def _once(self, name: str, find: Callable[[], Any]) -> Any:
        key = self._print, name
        if key not in _found:
            while len(_found) >= _KEPT:
                _found.pop(next(iter(_found)), None)
            _found[key] = find()
        return _found[key]

    def _measure(self) -> Tensor:
        starts = range(0, max(1, len(self.table)), WORDS)
        norms = torch.cat([norm(self.table[at : at + WORDS].float()) for at in starts]).cpu()
        if not bool(norms.isfinite().all()) or int((norms > TINY).sum()) < 2:
            raise NokenError("table", got=Words("one with fewer, or not finite"), wanted="two words or more")
        return norms

    def _range(self) -> tuple[float, float]:
        words = self.norms[self.norms > TINY]
        low, high = torch.quantile(words, torch.tensor([SHORTEST, LONGEST])).tolist()
        return low, high

    def _least(self) -> float:
        words = _evenly((self.norms > TINY).nonzero()[:, 0], SAMPLE)
        cosines, ids = self.nearest(self.table[words.to(self.table.device)], 2)
        others = cosines.masked_fill(ids == words.to(ids.device)[:, None], -2.0).amax(1)
        return float(torch.quantile(others.cpu(), NEAREST))

    def _directions(self) -> Tensor:
        words = _evenly((self.norms > TINY).nonzero()[:, 0], SPREAD_SAMPLE)
        rows = self.table[words.to(self.table.device)].cpu().float()
        rows = rows - rows.mean(0)
        values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
        found: Tensor = (vectors * values.clamp_min(0).sqrt()).T[-DIRECTIONS:].double()
        return found


def vocabularies(table: Tables | None, widths: Mapping[str, int]) -> dict[str, Vocabulary]:
    """One for each encoder, or none at all where no table is given."""
    if table is None:
        return {}
    got = {letter: tuple(getattr(each, "shape", ())) for letter, each in table.items()}
    fits = all(len(got.get(letter, ())) == 2 and got[letter][1] == width for letter, width in widths.items())
    if not fits or not all(table[letter].is_floating_point() for letter in widths):
        raise NokenError("table", got=Words(str(got)), wanted=f"words (V, D) of the widths {dict(widths)}")
    return {letter: Vocabulary(table[letter]) for letter in widths}


def unit(rows: Tensor) -> Tensor:
    """Each row at length one, or at none where it had none."""
    return rows / norm(rows)[..., None].clamp_min(TINY)


def norm(rows: Tensor) -> Tensor:
    """Each row's length."""
    found: Tensor = torch.linalg.vector_norm(rows, dim=-1)
    return found


def _fingerprint(table: Tensor) -> str:
    rows = _evenly(torch.arange(len(table)), 256).to(table.device)
    digest = hashlib.sha256(f"{tuple(table.shape)} {table.dtype} {table.device}".encode())
    digest.update(table[rows].float().cpu().numpy().tobytes())
    return digest.hexdigest()


def _evenly(values: Tensor, count: int) -> Tensor:
    """At most so many of the values, evenly apart."""
    return values[torch.linspace(0, len(values) - 1, min(count, len(values))).round().long()]
