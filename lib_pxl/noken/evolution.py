"""Generations one after another: a litter is born, some of it survive, and they are the parents of the next.

The law of survival. First come the `elite` best by score, those of the generation before among them. Then, one after
another, whoever has most of (1 − novelty)·score + novelty·distance, where the scores are brought to 0 to 1 over the
candidates, and the distance is to the nearest of all that is there by then, brought to 0 to 1 by the largest. Nokens
are compared by the mean direction of their tokens, so that they need not be equally long.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from lib_pxl.errors import NokenError
from lib_pxl.knobs import Knob
from lib_pxl.noken.breeding import KNOBS as BREEDING
from lib_pxl.noken.breeding import breed
from lib_pxl.noken.genome import Noken
from lib_pxl.noken.lineage import MAX_PARENTS
from lib_pxl.noken.mutation import ANGLE, NEAR, mutants
from lib_pxl.noken.trend import LATEST, Trend
from lib_pxl.noken.vocabulary import Tables, unit

SEED_BITS = 48  # of a derived seed
Score = Callable[[Sequence[Noken]], Sequence[float]]
KNOBS = {
    "generations": Knob("generations", "Generations", "how many, one after another", 3, low=1, high=100, whole=True),
    "litter": Knob("litter", "Litter", "how many are born in each", 6, low=2, high=100, whole=True),
    "elite": Knob("elite", "Elite", "how many of the best live on", 1, low=0, high=MAX_PARENTS, whole=True),
    "novelty": Knob("novelty", "Novelty", "how much it counts to be unlike all others", 0.0, low=0, high=1),
    "seed": BREEDING["seed"],
    "method": BREEDING["method"],
    "angle": replace(ANGLE, default=20.0),
    "near": Knob("near", "Near words", "how many of a litter are turned towards a word near by", 0.5, low=0, high=1),
}


@dataclass(frozen=True)
class Generation:
    """Its number from 1 on, all that were born, and who survived with what score, in the order of the choice."""

    number: int
    born: list[Noken]
    survivors: list[Noken]
    scores: list[float]


def evolve(
    parents: Sequence[Noken],
    score: Score | None = None,
    generations: int = 3,
    litter: int = 6,
    elite: int = 1,
    novelty: float = 0.0,
    seed: int = 1,
    method: str = "slerp",
    angle: float = 20.0,
    table: Tables | None = None,
    stop: Callable[[], bool] = lambda: False,
    known: Sequence[Noken] = (),
    near: float = 0.5,
) -> Iterator[Generation]:
    """As many survive each time as there are parents; `known` are others, from which novelty is measured as well.

    Without a score all are equal. `stop` is asked before each generation.
    """
    given = {"generations": generations, "litter": litter, "elite": elite, "novelty": novelty, "seed": seed,
             "near": near}  # fmt: skip
    plan = {name: KNOBS[name].parse(value, name) for name, value in given.items()}
    if plan["elite"] > len(parents):
        raise NokenError("elite", got=plan["elite"], wanted=f"at most the {len(parents)} that survive")
    way: dict[str, Any] = {"method": method, "angle": angle, "near": plan["near"]}
    bear(parents, 1, plan["seed"], **way)  # what cannot be bred is told at once

    def generation(number: int, before: Generation, there: Tensor, seen: dict[Noken, float]) -> Generation:
        drawn = derived(plan["seed"], number)
        trend = Trend(list(seen), list(seen.values()), table) if len(set(seen.values())) > 1 else None
        born = bear(before.survivors, plan["litter"], drawn, table=table, trend=trend, **way)
        found = _scored(score, born)
        seen.update(zip(born, found, strict=True))
        old = _best(before.scores, plan["elite"])
        candidates = [before.survivors[i] for i in old] + born
        scores = [before.scores[i] for i in old] + found
        places = survive(scores, candidates, there, len(parents), plan["elite"], plan["novelty"])
        alive = [candidates[i] for i in places]
        for each in set(list(seen)[:-LATEST]) - set(alive):
            del seen[each]
        return Generation(number, born, alive, [scores[i] for i in places])

    def all_generations() -> Iterator[Generation]:
        last = Generation(0, [], list(parents), _scored(score, parents))
        seen = dict(zip(parents, last.scores, strict=True))
        there = headings([*known, *parents])
        for number in range(1, plan["generations"] + 1):
            if stop():
                return
            last = generation(number, last, there, seen)
            there = torch.cat([there, headings(last.survivors)])
            yield last

    return all_generations()


def bear(
    parents: Sequence[Noken],
    n: int,
    seed: int,
    method: str = "slerp",
    mix: float | None = None,
    angle: float = 0.0,
    table: Tables | None = None,
    near: float = 0.0,
    trend: Trend | None = None,
) -> list[Noken]:
    """A litter, each of it turned aside by the angle afterwards; its lineage is that of the breeding.

    Where there is a table, `near` is the share of those that are turned towards a word near by, drawn for each. A trend
    leads how all of them are turned.
    """
    angle = ANGLE.parse(angle, "angle")
    children = breed(parents, n=n, seed=seed, method=method, mix=mix, table=table)
    if not angle:
        return children
    seeds = [derived(seed, place, "angle") for place in range(n)]
    led = [table is not None and derived(seed, place, "near") < near * 2**SEED_BITS for place in range(n)]
    aside = mutants(children, seeds, angle, table, [NEAR if each else None for each in led], trend)
    return [Noken(each.vectors, lineage=child.lineage) for each, child in zip(aside, children, strict=True)]


def survive(
    scores: Sequence[float], candidates: Sequence[Noken], there: Tensor, count: int, elite: int, novelty: float
) -> list[int]:
    """The places of those who survive, by the law above; of equals the first."""
    first: dict[str, int] = {}
    for place, each in enumerate(candidates):
        first.setdefault(each.hash, place)
    left = list(first.values())
    chosen = [left[i] for i in _best([scores[place] for place in left], elite)][:count]
    aims = headings(candidates)
    least, most = min(scores), max(scores)
    worth = torch.tensor([(each - least) / (most - least) if most > least else 0.0 for each in scores])
    while len(chosen) < min(count, len(left)):
        others = [place for place in left if place not in chosen]
        far = distances(aims[others], torch.cat([there, aims[chosen]]))
        far = far / far.max().clamp_min(1e-12)
        value = (1 - novelty) * worth[others] + novelty * far
        chosen.append(others[int(value.argmax())])
    return chosen


def headings(nokens: Sequence[Noken]) -> Tensor:
    """Where each points (N, ΣD): the mean direction of its tokens, encoder by encoder, of length 1 together."""
    rows = [
        torch.cat([unit(unit(each.vectors[letter].double()).mean(0)) for letter in each.vectors]) for each in nokens
    ]
    return unit(torch.stack(rows))


def distances(ones: Tensor, others: Tensor) -> Tensor:
    """The cosine distance, 0 to 2, from each of the ones to the nearest of the others, of which there are some."""
    return (1 - ones @ others.T).clamp_min(0).amin(1)


def derived(seed: int, *what: object) -> int:
    """Another seed for a part of what has this one."""
    digest = hashlib.sha256(":".join(map(str, (seed, *what))).encode()).digest()
    return int.from_bytes(digest[: SEED_BITS // 8], "big")


def _best(scores: Sequence[float], count: int) -> list[int]:
    return sorted(range(len(scores)), key=lambda place: -scores[place])[:count]


def _scored(score: Score | None, nokens: Sequence[Noken]) -> list[float]:
    found = [0.0] * len(nokens) if score is None else [float(each) for each in score(nokens)]
    if len(found) != len(nokens) or not all(map(math.isfinite, found)):
        raise NokenError("scores", got=found, wanted=f"{len(nokens)} finite numbers")
    return found
