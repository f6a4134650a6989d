"""What all measurements share: a picture, programs of so many layers, and a canvas that needs no model."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy
import torch
from PIL import Image
from torch import Tensor

from lib_pxl.control import Canvas, Program
from lib_pxl.control.mode import MODES

FACTOR, LAYERS = 8, 4
BUILT = [name for name, choice in MODES.items() if choice.build is not None]


def picture(side: int = 512) -> str:
    """A picture with detail everywhere, as base64."""
    values = numpy.random.default_rng(0).integers(0, 256, (side, side, 3), numpy.uint8)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


PICTURE = picture()
STILL: dict[str, Any] = {"kind": "image", "image": PICTURE}
NOISE: dict[str, Any] = {"kind": "noise"}


def program(strength: float | str, layers: int = 1, **fields: Any) -> Program:
    """So many layers, of mode `color` where nothing else is said."""
    return Program.parse({"layers": [{"source": STILL, "strength": strength, **fields}] * layers})


def four(mode: str, source: dict[str, Any], gated: bool, layers: int = LAYERS) -> Program:
    """Four layers that act at most steps."""
    return program("0:0.5, 80%:0", layers, mode=mode, source=source, gate={} if gated else None)


def board(sigmas: Tensor, target: Tensor, device: str = "cpu") -> Canvas:
    """A canvas whose VAE answers every picture with this target (1, C, H, W)."""
    _, channels, height, width = target.shape
    return Canvas(
        batch=1,
        channels=channels,
        height=height,
        width=width,
        factor=FACTOR,
        sigmas=sigmas,
        seeds=[1],
        device=device,
        dtype=torch.float32,
        rgb=torch.eye(channels, 3),
        encode=lambda pixels: target,
    )
