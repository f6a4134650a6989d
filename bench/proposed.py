"""Proposals for a rater who looks at the pictures: the small model draws them, and the world's judge reads them."""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

import torch

from bench.bred import Easel
from bench.taste import interval
from lib_pxl.taste import Duel, Item, Taste
from lib_pxl.taste.propose import propose
from lib_pxl.taste.template import Candidate, candidates
from lib_pxl.world.judge import Seen, see
from lib_pxl.world.scene import COLOURS, SHAPES, SIZES

TRAITS = {"size": SIZES, "colour": COLOURS, "shape": SHAPES, "ground": COLOURS}
TEMPLATE = "a {{{}}} {{{}}} {{{}}} on a {{{}}} background".format(*map("|".join, TRAITS.values()))
JUDGED, AMONG, CHOSEN, DUELS, STEPS = 60, 200, 10, 50, 10
SURE = 3.0  # how surely a rater tells one deviation of what they like


class Shown(NamedTuple):
    """A candidate as it was drawn: the same picture for all who look at it."""

    item: Item
    seen: Seen


def shown(found: Sequence[Candidate]) -> list[Shown]:
    """The candidates' pictures, as the judge reads them."""
    with tempfile.TemporaryDirectory() as data:
        easel = Easel(Path(data))
        pictures = torch.stack([easel.shown(each.prompt, seed, STEPS) for seed, each in enumerate(found)])
    read = see(pictures)
    return [Shown(Item(str(place), each.prompt), read[place]) for place, each in enumerate(found)]


def liking(seen: Sequence[Seen], seed: int) -> list[float]:
    """What one person sees in each: every shape, colour, ground and size has a worth of its own; 1 is a deviation."""
    draw = random.Random(f"rater {seed}")
    worth = {(trait, name): draw.gauss(0, 1) for trait, names in TRAITS.items() for name in names}
    found = []
    for each in seen:
        thing = each.things[0] if each.things else None
        parts = [("ground", each.ground)]
        if thing:
            parts += [("shape", thing.shape), ("colour", thing.colour), ("size", thing.size)]
        found.append(sum(worth[part] for part in parts))
    middle, spread = fmean(found), stdev(found)
    return [(value - middle) / spread for value in found]


def proposed(raters: int = 30) -> Iterator[list[str]]:
    """After 50 duels, ten of 200 candidates: deviations above the template's mean, over raters, with 95 % intervals."""
    yield ["ten of 200", "their mean", "the best of them", "its place among 200", "different prompts, at least"]
    pictures = shown(candidates(TEMPLATE, JUDGED + AMONG, 1))
    runs = [_run(pictures, seed) for seed in range(raters)]
    least = str(min(run.different for run in runs))
    for name in ("proposed", "at random", "the best there are"):
        some = [run.worth[name] for run in runs]
        yield [
            name,
            interval([*map(fmean, some)], "+.2f"),
            interval([*map(max, some)], "+.2f"),
            interval([run.place(name) for run in runs], ".1f"),
            least if name == "proposed" else "",
        ]


class Run(NamedTuple):
    """What a rater sees in ten candidates each, and how many of those proposed are different prompts."""

    worth: dict[str, list[float]]
    all: list[float]
    different: int

    def place(self, name: str) -> int:
        """How many of all candidates are no worse than the best of the ten."""
        best = max(self.worth[name])
        return sum(value >= best for value in self.all)


def _run(pictures: Sequence[Shown], seed: int) -> Run:
    likes, draw = liking([each.seen for each in pictures], seed), random.Random(seed)
    by_id = {each.item.id: like for each, like in zip(pictures, likes, strict=True)}
    judged, rest = ([each.item for each in some] for some in (pictures[:JUDGED], pictures[JUDGED:]))
    duels: list[Duel] = []
    taste = Taste.fit(judged, [])
    for count in range(DUELS):
        one, other = taste.next_duel(judged, seed=seed * 1000 + count)
        first = draw.random() < 1 / (1 + math.exp(SURE * (by_id[other.id] - by_id[one.id])))
        duels.append(Duel(one.id, other.id, winner=one.id if first else other.id))
        taste = Taste.fit(judged, duels, like=taste if (count + 1) % 10 else None)
    chosen = [each.item for each in propose(taste, rest, n=CHOSEN, seed=seed)]
    best = sorted(rest, key=lambda item: -by_id[item.id])[:CHOSEN]
    groups = {"proposed": chosen, "at random": draw.sample(rest, CHOSEN), "the best there are": best}
    worth = {name: [by_id[item.id] for item in group] for name, group in groups.items()}
    return Run(worth, [by_id[item.id] for item in rest], len({item.prompt for item in chosen}))
