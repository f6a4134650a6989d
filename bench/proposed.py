"""Proposals and nokens for a rater who looks at the pictures: the small model draws, and the world's judge reads."""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

import torch

from bench.bred import Easel
from bench.evolved import ANGLE, ELITE, GENERATIONS, LITTER, NEAR, NOVELTY
from bench.taste import interval
from lib_pxl.breed.score import SCORES, Grounds
from lib_pxl.noken.evolution import bear, evolve
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


def liking(seen: Sequence[Seen], seed: int, usual: int | None = None) -> list[float]:
    """What one person sees in each: every shape, colour, ground and size has a worth of its own.

    1 is a deviation of them all, or of the first so many.
    """
    draw = random.Random(f"rater {seed}")
    worth = {(trait, name): draw.gauss(0, 1) for trait, names in TRAITS.items() for name in names}
    found = []
    for each in seen:
        thing = each.things[0] if each.things else None
        parts = [("ground", each.ground)]
        if thing:
            parts += [("shape", thing.shape), ("colour", thing.colour), ("size", thing.size)]
        found.append(sum(worth[part] for part in parts))
    middle, spread = fmean(found[:usual]), stdev(found[:usual])
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
    taste = _taste(judged, by_id, draw, seed)
    chosen = [each.item for each in propose(taste, rest, n=CHOSEN, seed=seed)]
    best = sorted(rest, key=lambda item: -by_id[item.id])[:CHOSEN]
    groups = {"proposed": chosen, "at random": draw.sample(rest, CHOSEN), "the best there are": best}
    worth = {name: [by_id[item.id] for item in group] for name, group in groups.items()}
    return Run(worth, [by_id[item.id] for item in rest], len({item.prompt for item in chosen}))


def _taste(judged: Sequence[Item], likes: Mapping[str, float], draw: random.Random, seed: int) -> Taste:
    """What is learned of a rater by asking."""
    duels: list[Duel] = []
    taste = Taste.fit(judged, [])
    for count in range(DUELS):
        one, other = taste.next_duel(judged, seed=seed * 1000 + count)
        first = draw.random() < 1 / (1 + math.exp(SURE * (likes[other.id] - likes[one.id])))
        duels.append(Duel(one.id, other.id, winner=one.id if first else other.id))
        taste = Taste.fit(judged, duels, like=taste if (count + 1) % 10 else None)
    return taste


def liked(raters: int = 30) -> Iterator[list[str]]:
    """Nokens evolved by a taste after 50 duels, no picture being drawn: deviations of liking, with 95 % intervals."""
    yield ["nokens", "their mean", "the best of them"]
    judged = shown(candidates(TEMPLATE, JUDGED, 1))
    with tempfile.TemporaryDirectory() as data:
        easel = Easel(Path(data))
        runs = [_evolved(easel, judged, seed) for seed in range(raters)]
    for name in runs[0]:
        some = [run[name] for run in runs]
        yield [name, interval([*map(fmean, some)], "+.2f"), interval([*map(max, some)], "+.2f")]


def _evolved(easel: Easel, judged: Sequence[Shown], seed: int) -> dict[str, list[float]]:
    """What a rater sees in the nokens of four prompts, in children that nobody chose, and in those that evolved."""
    draw, items = random.Random(seed), [each.item for each in judged]
    likes = liking([each.seen for each in judged], seed)
    taste = _taste(items, {item.id: like for item, like in zip(items, likes, strict=True)}, draw, seed)
    score = SCORES["taste"].build(Grounds([], easel.book, lambda: taste))
    parents = [easel.noken(item.prompt) for item in draw.sample(items, 4)]
    way: dict[str, Any] = {"angle": ANGLE, "near": NEAR, "table": easel.table}
    *_, last = evolve(parents, score, GENERATIONS, LITTER, ELITE, NOVELTY, seed, "cross", **way)
    groups = {"parents": parents, "24 children": bear(parents, 24, seed, "cross", **way), "evolved": last.survivors}
    nokens = [each for group in groups.values() for each in group]
    rows = [easel.litter("{}", nokens[at : at + LITTER], seed, STEPS) for at in range(0, len(nokens), LITTER)]
    found = iter(liking([*(each.seen for each in judged), *see(torch.cat(rows))], seed, len(judged))[len(judged) :])
    return {name: [next(found) for _ in group] for name, group in groups.items()}
