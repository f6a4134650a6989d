"""How often a model draws what it is asked for, on prompts that no training picture had."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import torch
from PIL import Image
from torch import Tensor

from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.hosts.request import Request
from lib_pxl.small import CFG
from lib_pxl.world import Wish, caption
from lib_pxl.world.judge import ROWS, Score, score
from lib_pxl.world.scene import scenes

SEED = 500
STEPS = 20
Draw = Callable[[str, int], Image.Image]


def wishes(count: int) -> list[Wish]:
    """So many unseen wishes, always the same."""
    rng = random.Random(SEED)
    return [caption(scene, rng) for scene in scenes(SEED, count, held_out=True)]


def pictures(asked: list[Wish], drawn: Draw) -> Iterator[Tensor]:
    """The picture (3, H, W) in [0, 1] that each wish gets from a prompt and a seed."""
    for seed, wish in enumerate(asked):
        values = numpy.asarray(drawn(wish.text, seed).convert("RGB"))
        yield torch.from_numpy(values.copy()).permute(2, 0, 1).float() / 255


def drawn_by(host: DiffusersHost) -> Draw:
    """The studio's own way to a picture."""
    side = int(host.pipe.unet.config.sample_size) * host.factor

    def draw(prompt: str, seed: int) -> Image.Image:
        asked = Request(prompt, sampler="Euler", steps=STEPS, cfg=CFG, seed=seed, width=side, height=side)
        return host.generate(asked).pictures[0]

    return draw


def table(asked: list[Wish], made: Tensor) -> dict[str, dict[str, Score]]:
    """Each trait's score over all wishes, over those with one thing and over those with two."""
    one = [i for i, wish in enumerate(asked) if len(wish.things) == 1]
    two = [i for i, wish in enumerate(asked) if len(wish.things) == 2]
    parts = {"all": range(len(asked)), "one thing": one, "two things": two}
    return {name: score([asked[i] for i in which], made[list(which)]) for name, which in parts.items() if which}


def rows(scores: dict[str, dict[str, Score]]) -> Iterator[list[str]]:
    """The table as text."""
    yield ["trait", *scores]
    for row in ROWS:
        yield [row, *(f"{each[row].share:.3f} of {each[row].asked}" for each in scores.values())]


def sit(host: Any, count: int, each: Callable[[], None]) -> dict[str, dict[str, Score]]:
    """Draw and judge so many wishes; `each` is called after every picture."""
    asked, made = wishes(count), []
    for picture in pictures(asked, drawn_by(host)):
        made.append(picture)
        each()
    return table(asked, torch.stack(made))
