"""Whether selection finds what chance does not: nokens bred for what a picture of the small model shows."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.bred import Easel
from lib_pxl.noken import Noken
from lib_pxl.noken.evolution import bear, evolve, headings

SEEDS = range(10)
GENERATIONS, LITTER, ELITE, NOVELTY, ANGLE, NEAR = 8, 12, 2, 0.1, 25.0, 0.5
PROMPT = "a big {} circle on a white background"
STEPS = 4
PICTURE_SEED = 5
T = {5: 2.776, 10: 2.262}  # Student's t for 95 % of so many


def yellow(picture: Tensor) -> float:
    """How yellow a picture (3, H, W) is on the whole: 0 for any grey, red or blue, 1 for the pure colour."""
    red, green, blue = picture.unbind(0)
    return float((red.minimum(green) - blue).clamp_min(0).mean())


def red(picture: Tensor) -> float:
    """How red: 0 for any grey, green or yellow, 1 for the pure colour."""
    red, green, blue = picture.unbind(0)
    return float((red - green.maximum(blue)).clamp_min(0).mean())


def dark(picture: Tensor) -> float:
    """How far from white."""
    return float(1 - picture.mean())


@dataclass(frozen=True)
class Aim:
    """What is bred for, the words it starts from, and with which seeds."""

    name: str
    parents: tuple[str, ...]
    score: Callable[[Tensor], float]
    seeds: Sequence[int] = SEEDS


YELLOW = Aim("yellow", ("red", "green", "blue", "purple"), yellow)
OTHERS = (
    Aim("red", ("green", "blue", "purple", "black"), red, range(5)),
    Aim("dark", ("white", "yellow", "orange", "red"), dark, range(5)),
)


class Eye:
    """Scores nokens by the pictures that they make, each noken's once."""

    def __init__(self, easel: Easel, score: Callable[[Tensor], float]) -> None:
        self.easel, self.score = easel, score
        self.seen: dict[str, float] = {}

    def __call__(self, nokens: Sequence[Noken]) -> list[float]:
        new = list(dict.fromkeys(each for each in nokens if each.hash not in self.seen))
        for start in range(0, len(new), LITTER):
            part = new[start : start + LITTER]
            for each, picture in zip(part, self.easel.litter(PROMPT, part, PICTURE_SEED, STEPS), strict=True):
                self.seen[each.hash] = self.score(picture)
        return [self.seen[each.hash] for each in nokens]


def evolved(aim: Aim = YELLOW) -> Iterator[list[str]]:
    """Bred for yellow from four other colours: 8 generations of 12, and the best of 96 children that nobody chose."""
    yield ["seed", "best parent", "96 crossed", "96 by slerp", "8 of 12", "gain over the better", "alive", "apart"]
    ratios = []
    with tempfile.TemporaryDirectory() as data:
        easel = Easel(Path(data))
        eye = Eye(easel, aim.score)
        parents = [easel.noken(name) for name in aim.parents]
        start = max(eye(parents))
        way: dict[str, Any] = {"angle": ANGLE, "near": NEAR, "table": easel.table}
        for seed in aim.seeds:
            chance = [max(eye(bear(parents, GENERATIONS * LITTER, seed, each, **way))) for each in ("cross", "slerp")]
            *_, last = evolve(parents, eye, GENERATIONS, LITTER, ELITE, NOVELTY, seed, "cross", **way)
            ratios.append((max(last.scores) - start) / (max(chance) - start))
            alive = len({each.hash for each in last.survivors})
            scores = [f"{each:.3f}" for each in (start, *chance, max(last.scores))]
            yield [f"{seed}", *scores, f"{ratios[-1]:.2f} times", f"{alive} of {len(parents)}", apart(last.survivors)]
    spread = T[len(ratios)] * statistics.stdev(ratios) / len(ratios) ** 0.5
    yield ["mean", "", "", "", "", f"{statistics.mean(ratios):.2f} ± {spread:.2f} times", "", ""]


def apart(nokens: Sequence[Noken]) -> str:
    """The mean angle between any two of them."""
    aims = headings(nokens)
    angles = torch.rad2deg(torch.pdist(aims).div(2).clamp(max=1).asin() * 2)
    return f"{float(angles.mean()):.0f}°"


def elsewhere() -> Iterator[list[str]]:
    """The same for other aims, from other words: for red and for darkness."""
    for number, aim in enumerate(OTHERS):
        title, *rows = evolved(aim)
        if not number:
            yield ["aim", *title]
        yield from ([aim.name, *row] for row in rows)
