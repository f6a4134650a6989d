"""What all measurements share: a picture, a program of so many layers, and a canvas that needs no model."""

from __future__ import annotations

import base64
import io

import numpy
import torch
from PIL import Image
from torch import Tensor

from lib_pxl.control import Canvas, Program

FACTOR = 8


def picture(side: int = 512) -> str:
    """A picture with detail everywhere, as base64."""
    values = numpy.random.default_rng(0).integers(0, 256, (side, side, 3), numpy.uint8)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


PICTURE = picture()


def program(strength: float | str, layers: int = 1) -> Program:
    """So many layers of mode `color`."""
    layer = {"source": {"kind": "image", "image": PICTURE}, "strength": strength}
    return Program.parse({"layers": [layer] * layers})


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
        rgb=torch.zeros(channels, 3),
        encode=lambda pixels: target,
    )
