"""A map is what a layer follows: a picture, fitted to the canvas, seen through one of MAPS."""

from __future__ import annotations

from collections.abc import Callable

import numpy
import torch
from PIL import Image, ImageOps
from torch import Tensor

from lib_pxl.control.canvas import Canvas
from lib_pxl.knobs import Choice

Size = tuple[int, int]


def _crop(picture: Image.Image, size: Size) -> Image.Image:
    return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)


def _pad(picture: Image.Image, size: Size) -> Image.Image:
    """Whole, in the middle, its edges drawn out to the border, as the hosts' "Resize and fill"."""
    scale = min(size[0] / picture.width, size[1] / picture.height)
    width, height = (max(1, round(side * scale)) for side in picture.size)  # a line stays at least one pixel
    inner = picture.resize((width, height), Image.Resampling.LANCZOS)
    left, top = (size[0] - inner.width) // 2, (size[1] - inner.height) // 2
    rows = numpy.clip(numpy.arange(size[1]) - top, 0, inner.height - 1)
    columns = numpy.clip(numpy.arange(size[0]) - left, 0, inner.width - 1)
    return Image.fromarray(numpy.asarray(inner)[rows][:, columns])


def _stretch(picture: Image.Image, size: Size) -> Image.Image:
    return picture.resize(size, Image.Resampling.LANCZOS)


FITS = {
    "crop": Choice("Crop", "fill the picture, cut what hangs over", _crop),
    "pad": Choice("Pad", "show the whole map, draw its edges out to the border", _pad),
    "stretch": Choice("Stretch", "bend the map to the picture's shape", _stretch),
}

MAPS = {
    "color": Choice("Colour", "the map's own colours", lambda picture: picture),
    "luma": Choice("Luma", "its brightness alone"),
    "edges": Choice("Edges", "its outlines"),
    "depth": Choice("Depth", "its depth, by the host's annotator"),
    "pose": Choice("Pose", "its figures, by the host's annotator"),
}


def place(picture: Image.Image, fit: str, canvas: Canvas) -> Image.Image:
    """The picture at the canvas's size; where the pass redraws a region, the part that lies there."""
    fitted: Callable[[Image.Image, Size], Image.Image] = FITS[fit].build
    if canvas.region is None:
        return fitted(picture, canvas.size)
    whole = fitted(picture, canvas.region.size)
    return whole.crop(canvas.region.box).resize(canvas.size, Image.Resampling.LANCZOS)


def pixels(picture: Image.Image) -> Tensor:
    """(C, H, W) in [0, 1] from a picture."""
    values = numpy.asarray(picture, dtype=numpy.float32) / 255
    return torch.from_numpy(values.reshape(*values.shape[:2], -1)).permute(2, 0, 1).contiguous()
