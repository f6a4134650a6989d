"""What `layout` does on the small model: the thing that is drawn follows a map, the words keep their colours."""

from __future__ import annotations

import base64
import io
import random
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import torch
from PIL import Image
from torch import Tensor

from lib_pxl.hosts import checkpoint
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.hosts.request import Request
from lib_pxl.small import CFG, FOLDER
from lib_pxl.small.exam import STEPS
from lib_pxl.world import Scene, Wish, draw
from lib_pxl.world.judge import foreground, score
from lib_pxl.world.scene import SIZES, scenes

SEED, COUNT = 41, 40
STRENGTH = "0:0.5, 60%:0.5, 61%:0"
MODES = ("", "layout", "edges", "color")  # the first is none


def asked(count: int = COUNT) -> list[tuple[Wish, Scene]]:
    """Wishes that name a shape, its colour and its ground, and scenes with that shape somewhere, for the maps."""
    rng, found = random.Random(SEED), []
    for scene in scenes(SEED, 20 * count, held_out=True):
        if len(scene.things) == 1 and len(found) < count:
            thing = replace(scene.things[0], size="big", radius=rng.uniform(*SIZES["big"]), texture="plain",
                            x=rng.uniform(0.3, 0.7), y=rng.uniform(0.3, 0.7))  # fmt: skip
            said = {"shape": thing.shape, "colour": thing.colour, "size": None, "place": None}
            text = f"a {thing.colour} {thing.shape} on a {scene.ground} background"
            found.append((Wish(text, scene.ground, (said,)), replace(scene, style="flat", things=(thing,))))
    return found


def map_of(scene: Scene) -> Image.Image:
    """The thing in white on black."""
    white = replace(scene, ground="black", things=tuple(replace(each, colour="white") for each in scene.things))
    pixels = (draw([white])[0].permute(1, 2, 0) * 255).round().byte()
    return Image.fromarray(pixels.numpy())


def overlap(picture: Tensor, scene: Scene) -> float:
    """Of what the picture (3, H, W) and the scene have apart from their grounds: what both have, as a share of all."""
    drawn, wanted = foreground(picture[None])[0], foreground(draw([replace(scene)]))[0]
    return float((drawn & wanted).sum() / (drawn | wanted).sum().clamp_min(1))


def job(mode: str, scene: Scene) -> dict[str, Any] | None:
    """One layer of that mode over the scene's map."""
    if not mode:
        return None
    file = io.BytesIO()
    map_of(scene).save(file, "PNG")
    source = {"kind": "image", "image": base64.b64encode(file.getvalue()).decode()}
    return {"control": {"layers": [{"source": source, "map": "luma", "mode": mode, "strength": STRENGTH}]}}


def pixels(picture: Image.Image) -> Tensor:
    """(3, H, W) in [0, 1]."""
    return torch.from_numpy(numpy.asarray(picture.convert("RGB")).copy()).permute(2, 0, 1).float() / 255


def meaning(count: int = COUNT) -> Iterator[list[str]]:
    """The small model, 20 steps: how far the drawn thing lies on a map that its prompt does not name."""
    yield ["mode at 0.5 to 60 %", "overlap", "ground right", "colour right", "shape right"]
    wishes = asked(count)
    with tempfile.TemporaryDirectory() as data:
        host = DiffusersHost(checkpoint.load(str(FOLDER))[0], Path(data))
        for mode in MODES:
            made = []
            for seed, (wish, scene) in enumerate(wishes):
                asked_for = Request(wish.text, sampler="Euler", steps=STEPS, cfg=CFG, seed=seed, width=128, height=128)
                made.append(pixels(host.generate(asked_for, job(mode, scene)).pictures[0]))
            found = [overlap(picture, scene) for picture, (_, scene) in zip(made, wishes, strict=True)]
            right = score([wish for wish, _ in wishes], torch.stack(made))
            shares = [f"{right[name].share:.3f}" for name in ("ground", "colour", "shape")]
            yield [mode or "none", f"{sum(found) / count:.3f}", *shares]
