"""Children of two or more nokens: the same seed gives the same litter, and a larger one begins with the smaller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lib_pxl.errors import NokenError
from lib_pxl.knobs import Knob
from lib_pxl.noken.align import align
from lib_pxl.noken.genome import Noken
from lib_pxl.noken.lineage import MAX_PARENTS, Lineage
from lib_pxl.noken.method import GUARDED, METHODS, Litter
from lib_pxl.noken.vocabulary import Tables, Vocabulary, vocabularies

SEED = Knob("seed", "Seed", "what is drawn; the same gives the same again", 1, low=0, high=2**53, whole=True)
KNOBS = {
    "n": Knob("n", "Litter", "how many children", default=4, low=1, high=1000, whole=True),
    "seed": SEED,
    "method": Knob("method", "Method", "how the parents become a child", default="slerp", choices=METHODS),
    "mix": Knob("mix", "Mix", "the second parent's share; without one, each child draws its own", low=0, high=1),
}
NEIGHBOURS = 16  # words near each parent token, among which a child's nearest word usually is
BATCH = 1 << 22  # numbers made at once


def breed(
    parents: Sequence[Noken],
    n: int = 4,
    seed: int = 1,
    method: str = "slerp",
    mix: float | Sequence[float] | None = None,
    table: Tables | None = None,
) -> list[Noken]:
    """n children; `mix` is the share of the later parents or one for each, `table` the model's words as (V, D)."""
    n, seed = KNOBS["n"].parse(n, "n"), SEED.parse(seed, "seed")
    method = KNOBS["method"].parse(method, "method")
    _check(parents)
    known = vocabularies(table, parents[0].widths)
    plan = _planned(_places(parents), n, seed, mix)
    made = {letter: _made(letter, parents, plan, method, known.get(letter)) for letter in parents[0].widths}
    parts = [tuple(row) for row in plan.parts.tolist()]
    generation = 1 + max(each.lineage.generation for each in parents)
    hashes = tuple(each.hash for each in parents)
    return [
        Noken(
            {letter: rows[child] if kept is None else rows[child][kept] for letter, rows in made.items()},
            lineage=Lineage(hashes, method, seed, child, parts[child], generation),
        )
        for child, kept in enumerate(plan.kept)
    ]


@dataclass(frozen=True)
class Plan:
    """All that is drawn: the same for every encoder. K parents, n children, N places of tokens."""

    places: Tensor  # (K, N), which of a parent's tokens is there, or -1
    parts: Tensor  # (n, K), each parent's share
    present: Tensor  # (n, N), whether the child has a token there
    shares: Tensor  # (n, N, K), each parent's share of that token
    picks: Tensor  # (n, N), whose it is in a crossover

    @property
    def kept(self) -> list[Tensor | None]:
        """For each child the places that it has tokens at, in its order, or None for all as they come."""
        orders, main = _orders(self.places), self.parts.argmax(1)
        whole = self.present.all(1) & (orders == torch.arange(orders.shape[1])).all(1)[main]
        return [
            None if plain else orders[which][there[orders[which]]]
            for plain, which, there in zip(whole.tolist(), main.tolist(), self.present, strict=True)
        ]


def _planned(places: Tensor, n: int, seed: int, mix: float | Sequence[float] | None) -> Plan:
    """A token that some parents lack is in the child as often as the others' share of it."""
    count, length = places.shape
    drawn = torch.rand((n, count + 2 * length), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    by_parent, by_place, by_token = drawn.split([count, length, length], 1)  # type: ignore[no-untyped-call]
    parts = _parts(mix, by_parent)
    there = parts[:, None, :] * (places >= 0).T
    held = there.sum(-1)
    present = by_place < held
    present |= (held == held.amax(1, keepdim=True)) & ~present.any(1, keepdim=True)  # a child has at least one token
    shares = there / held.clamp_min(torch.finfo(held.dtype).tiny)[..., None]
    passed = shares.cumsum(-1) > by_token[..., None]
    picks = torch.where(passed.any(-1), passed.int().argmax(-1), shares.argmax(-1))  # rounding may let none pass
    return Plan(places, parts, present, shares, picks)


def _check(parents: Sequence[Noken]) -> None:
    if not 2 <= len(parents) <= MAX_PARENTS:
        raise NokenError("parents", got=len(parents), wanted=f"2 to {MAX_PARENTS} nokens")
    families = {each.family for each in parents}
    if len(families) > 1:
        raise NokenError("parents", got=sorted(families), wanted="nokens of one family")


def _places(parents: Sequence[Noken]) -> Tensor:
    """For each parent (K, N) which of its tokens is at each place of the longest one's, or -1 for none."""
    longest = max(parents, key=len)
    places = torch.full((len(parents), len(longest)), -1)
    for row, each in zip(places, parents, strict=True):
        at = range(len(each)) if len(each) == len(longest) else align(each.vectors, longest.vectors)
        row[list(at)] = torch.arange(len(each))
    return places


def _orders(places: Tensor) -> Tensor:
    """The places (K, N) as each parent has them: its own tokens in its order, each other one after its neighbour."""
    found, at = [], torch.arange(places.shape[1])
    for row in places:
        before = torch.where(row >= 0, at, -1).cummax(0).values
        after = torch.where(before >= 0, row[before.clamp_min(0)], -1)
        found.append((after * len(at) + at - before).argsort())
    return torch.stack(found)


def _parts(mix: float | Sequence[float] | None, drawn: Tensor) -> Tensor:
    """Each child's share of each parent (n, K), as given, or drawn evenly from all that sum to 1."""
    count = drawn.shape[1]
    if mix is None:
        parts = -torch.log1p(-drawn).clamp(max=-1e-12)
    elif isinstance(mix, Sequence) and not isinstance(mix, str):
        each = [KNOBS["mix"].parse(value, f"mix {place + 1}") for place, value in enumerate(mix)]
        if len(each) != count or not sum(each):
            raise NokenError("mix", got=mix, wanted=f"a share for each of the {count} parents, not all 0")
        parts = torch.tensor([each], dtype=drawn.dtype).expand_as(drawn)
    else:
        share = KNOBS["mix"].parse(mix, "mix")
        each = [1 - share] + [share / (count - 1)] * (count - 1)
        parts = torch.tensor([each], dtype=drawn.dtype).expand_as(drawn)
    return parts / parts.sum(1, keepdim=True)


def _made(letter: str, parents: Sequence[Noken], plan: Plan, method: str, known: Vocabulary | None) -> Tensor:
    """One encoder's rows (n, N, D) of the litter, on the CPU."""
    at = zip(plan.places.clamp_min(0), parents, strict=True)
    rows = torch.stack([each.vectors[letter][places] for places, each in at])
    aside, near = torch.zeros_like(rows[0]), torch.zeros(0)
    if known is not None:
        rows = rows.to(known.table.device)
        _, near = known.nearest(rows.flatten(0, 1), NEIGHBOURS)
        aside, near = known.table[near[: rows.shape[1], 1]].float(), near.flatten()
    made, step = [], max(1, BATCH // rows[0].numel())
    for start in range(0, len(plan.shares), step):
        part = slice(start, start + step)
        children: Tensor = METHODS[method].build(Litter(rows, plan.shares[part], plan.picks[part], aside))
        if known is not None and method in GUARDED:
            children = known.guard(children.flatten(0, 1), near).view_as(children)
        made.append(children.cpu())
    return torch.cat(made)
