"""Prompts, and raters with a taste that is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from lib_pxl.taste import Duel, Item

SUBJECTS = ("fox", "owl", "castle", "robot", "girl", "ship", "forest", "city", "cat", "mountain")
STYLES = ("oil painting", "photo", "watercolor", "anime", "pencil sketch", "3d render")
EXTRAS = (
    "neon",
    "foggy",
    "sunset",
    "intricate",
    "minimal",
    "night",
    "snow",
    "golden",
    "dark",
    "bokeh",
    "vintage",
    "macro",
)
MODELS = ("sd15", "sdxl")


def items(count: int, seed: int = 0) -> list[Item]:
    """Pictures as somebody may have asked for them."""
    draw = random.Random(seed)
    found = []
    for place in range(count):
        words = [f"a {draw.choice(SUBJECTS)}", draw.choice(STYLES), *draw.sample(EXTRAS, draw.randint(1, 4))]
        settings = {"model": draw.choice(MODELS), "steps": draw.choice((10, 20, 40)), "seed": draw.randrange(2**32)}
        found.append(Item(f"i{place}", ", ".join(words), settings=settings))
    return found


def words(item: Item) -> set[str]:
    return set(item.prompt.replace(",", " ").split())


def duels(
    some: Sequence[Item], utility: Callable[[Item], float], count: int, seed: int = 0, wrong: float = 0.0,
    category: str = "overall",
) -> list[Duel]:  # fmt: skip
    """Duels at random, whose answers follow a utility but for a share that is wrong; equal ones fall either way."""
    draw = random.Random(seed)
    found = []
    for _ in range(count):
        a, b = draw.sample(list(some), 2)
        apart = utility(a) - utility(b) or draw.choice((-1.0, 1.0))
        better, worse = (a, b) if apart > 0 else (b, a)
        if draw.random() < wrong:
            better, worse = worse, better
        found.append(Duel(a.id, b.id, category, better.id))
    return found


def agree(scores: Sequence[float], truth: Sequence[float]) -> float:
    """The share of pairs of different truth that the scores put in the same order."""
    right = of = 0
    for place, one in enumerate(truth):
        for other in range(place):
            if not math.isclose(one, truth[other]):
                of += 1
                right += (scores[place] - scores[other]) * (one - truth[other]) > 0
    return right / max(of, 1)
