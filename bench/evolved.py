"""Whether selection finds what chance does not: nokens bred for a yellow picture on the small model."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from bench.bred import Easel
from lib_pxl.noken import Noken
from lib_pxl.noken.evolution import bear, evolve

SEEDS = range(10)
GENERATIONS, LITTER, ELITE, NOVELTY, ANGLE, NEAR = 8, 12, 2, 0.1, 25.0, 0.5
PARENTS = ("red", "green", "blue", "purple")
PROMPT = "a big {} circle on a white background"
STEPS = 4
PICTURE_SEED = 5
T9 = 2.262  # Student's t for 95 % of ten


def yellow(picture: Tensor) -> float:
    """How yellow a picture (3, H, W) is on the whole: 0 for any grey, red or blue, 1 for the pure colour."""
    red, green, blue = picture.unbind(0)
    return float((red.minimum(green) - blue).clamp_min(0).mean())


class Eye:
    """Scores nokens by the pictures that they make, each noken's once."""

    def __init__(self, easel: Easel) -> None:
        self.easel = easel
        self.seen: dict[str, float] = {}

    def __call__(self, nokens: Sequence[Noken]) -> list[float]:
        for each in nokens:
            if each.hash not in self.seen:
                self.seen[each.hash] = yellow(self.easel.draw(PROMPT, each, [PICTURE_SEED], STEPS)[0])
        return [self.seen[each.hash] for each in nokens]


def evolved(seeds: Sequence[int] = SEEDS) -> Iterator[list[str]]:
    """Bred for yellow from four other colours: 8 generations of 12, and the best of 96 children that nobody chose."""
    yield ["seed", "best parent", "96 crossed", "96 by slerp", "8 of 12", "gain over the better", "alive at the end"]
    ratios = []
    with tempfile.TemporaryDirectory() as data:
        easel = Easel(Path(data))
        eye = Eye(easel)
        parents = [easel.noken(name) for name in PARENTS]
        start = max(eye(parents))
        way: dict[str, Any] = {"angle": ANGLE, "near": NEAR, "table": easel.table}
        for seed in seeds:
            chance = [max(eye(bear(parents, GENERATIONS * LITTER, seed, each, **way))) for each in ("cross", "slerp")]
            *_, last = evolve(parents, eye, GENERATIONS, LITTER, ELITE, NOVELTY, seed, "cross", **way)
            ratios.append((max(last.scores) - start) / (max(chance) - start))
            alive = len({each.hash for each in last.survivors})
            scores = [f"{each:.3f}" for each in (start, *chance, max(last.scores))]
            yield [f"{seed}", *scores, f"{ratios[-1]:.2f} times", f"{alive} of {len(PARENTS)}"]
    spread = T9 * statistics.stdev(ratios) / len(ratios) ** 0.5
    yield ["mean", "", "", "", "", f"{statistics.mean(ratios):.2f} ± {spread:.2f} times", ""]
