"""What the control tests share: pictures, canvases of any kind, and whole runs on data whose denoiser is known."""

from __future__ import annotations

import base64
import io
from itertools import pairwise
from typing import Any

import numpy
import torch
from PIL import Image
from torch import Tensor

from lib_pxl.control import Canvas, Plan, Program
from lib_pxl.errors import PxlError
from lib_pxl.hosts.fake import SAMPLERS, sigmas


def sent(picture: Image.Image) -> str:
    """A picture as a remote user sends it: base64 of a PNG."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def painted(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture without a flat spot or a symmetry."""
    values = numpy.random.default_rng(seed).integers(0, 256, (height, width, 3), numpy.uint8)
    return Image.fromarray(values)


PICTURE = sent(painted(8, 8))


def layer(**fields: Any) -> dict[str, Any]:
    """A layer of the one kind that needs no file."""
    return {"source": {"kind": "image", "image": PICTURE}, **fields}


def program(*layers: dict[str, Any]) -> Program:
    return Program.parse({"layers": list(layers)})


def gaussian(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def canvas(target: Tensor | None = None, steps: int = 10, **changes: Any) -> Canvas:
    """A canvas; its VAE answers every picture with `target`, or with the picture's own pixels at factor 1."""
    channels, height, width = (3, 8, 8) if target is None else target.shape[1:]
    usual: dict[str, Any] = {
        "batch": 1,
        "channels": channels,
        "height": height,
        "width": width,
        "factor": 1 if target is None else 8,
        "sigmas": sigmas(steps),
        "seeds": [1],
        "device": "cpu",
        "dtype": torch.float32,
        "rgb": torch.zeros(channels, 3),
        "encode": lambda pixels: pixels if target is None else target,
    }
    return Canvas(**usual | changes)


def plan(target: Tensor, strength: float | str = 0.5, steps: int = 10, **changes: Any) -> Plan:
    """One layer of mode `color` towards latents, made ready."""
    return program(layer(strength=strength)).prepare(canvas(target, steps, **changes))


def sample(ready: Plan, seeds: list[int], shape: tuple[int, ...], steps: int, sampler: str = "euler") -> Tensor:
    """A run on unit-Gaussian data, whose exact denoiser is x / (1 + sigma²)."""
    schedule = sigmas(steps)
    x = torch.stack([gaussian(*shape, seed=seed) for seed in seeds]) * schedule[0]

    def model(x: Tensor, sigma: Tensor) -> Tensor:
        return ready.apply(x / (1 + sigma[:, None, None, None] ** 2), sigma)

    for sigma, leads_to in pairwise(schedule):
        x = SAMPLERS[sampler](model, x, sigma.expand(len(x)), leads_to.expand(len(x)))
    return x


def told(problem: PxlError) -> str:
    """The sentence of an error, which has both its halves and may stand in a panel or an infotext."""
    sentence = str(problem)
    assert "got " in sentence and sentence.endswith(f", wanted {problem.wanted}") and problem.wanted
    assert sentence.isprintable() and len(sentence) < 500
    return sentence


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Per image and channel (B, C), over the pixels."""
    a, b = (each.double() - each.double().mean((-2, -1), keepdim=True) for each in (a, b))
    return (a * b).mean((-2, -1)) / (a.square().mean((-2, -1)) * b.square().mean((-2, -1))).sqrt()
