"""A map is what a layer follows: a picture, fitted to the canvas, seen through one of MAPS."""

from __future__ import annotations

from collections.abc import Callable

import numpy
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

from lib_pxl.control.canvas import Canvas
from lib_pxl.errors import ProgramError
from lib_pxl.knobs import Choice

SOME_HAVE_ONE = "Forge has one, A1111 with the ControlNet extension, the studio with --depth"
_FAINT = 0.02  # a slope from one pixel to the next that is no edge
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


def luma(pixels: Tensor, canvas: Canvas) -> Tensor:
    """Brightness alone, as television weighs the colours (Rec. 709)."""
    weights = pixels.new_tensor([0.2126, 0.7152, 0.0722])[:, None, None]
    red, green, blue = (pixels * weights).unbind(-3)
    return (red + green + blue)[..., None, :, :].expand_as(pixels)


def edges(pixels: Tensor, canvas: Canvas) -> Tensor:
    """Outlines: how steep the brightness is, as white as the steepest twentieth of the picture; of many, of each."""
    wide = max(3, min(pixels.shape[-2:]) // 64 | 1)
    wider = F.pad(luma(pixels, canvas)[..., :1, :, :], [wide // 2] * 4, mode="replicate")
    soft = _mean(_mean(wider, wide).mT, wide).mT
    near = F.pad(soft, [1] * 4, mode="replicate")
    down, along = near[..., 2:, 1:-1] - near[..., :-2, 1:-1], near[..., 1:-1, 2:] - near[..., 1:-1, :-2]
    steep = down.hypot(along)  # (…, 1, H, W)
    flat = steep.flatten(-2)
    place = max(1, round(0.95 * flat.shape[-1])) - 1
    most = torch.from_numpy(numpy.partition(flat.numpy(), place)[..., place])  # which is quicker than torch's
    return (steep / most.clamp_min(_FAINT)[..., None, None]).clamp(0, 1).expand_as(pixels)


def _mean(x: Tensor, wide: int) -> Tensor:
    """The means of so many rows that follow one another."""
    total = x[..., : x.shape[-2] - wide + 1, :].clone()
    for i in range(1, wide):
        total += x[..., i : i + total.shape[-2], :]
    return total.div_(wide)


def annotated(name: str) -> Callable[[Tensor, Canvas], Tensor]:
    """A map that the host's annotator of that name makes."""

    def annotate(given: Tensor, canvas: Canvas) -> Tensor:
        if name not in canvas.annotators:
            known = f"color, luma or edges: this host has no annotator for {name} ({SOME_HAVE_ONE})"
            raise ProgramError("map", got=name, wanted=known)
        found = canvas.annotators[name](Image.fromarray((given * 255).round().byte().permute(1, 2, 0).numpy()))
        return pixels(found.convert("RGB").resize(canvas.size, Image.Resampling.LANCZOS))

    return annotate


MAPS = {
    "color": Choice("Colour", "the map's own colours", lambda pixels, canvas: pixels),
    "luma": Choice("Luma", "its brightness alone", luma),
    "edges": Choice("Edges", "its outlines", edges),
    "depth": Choice("Depth", "its depth, by the host's annotator", annotated("depth")),
    "pose": Choice("Pose", "its figures, by the host's annotator"),
}


def place(picture: Image.Image, fit: str, canvas: Canvas) -> Image.Image:
    """The picture at the canvas's size; where the pass redraws a region, the part that lies there."""
    fitted: Callable[[Image.Image, Size], Image.Image] = FITS[fit].build
    if canvas.region is None:
        return fitted(picture, canvas.size)
    whole = fitted(picture, canvas.region.size)
    return whole.crop(canvas.region.box).resize(canvas.size, Image.Resampling.LANCZOS)


def still(source: str, fit: str, canvas: Canvas) -> Image.Image:
    """The picture behind a source, placed."""
    return _once(canvas.still, source, fit, canvas)


def mask(source: str, fit: str, canvas: Canvas) -> Image.Image:
    """The mask behind a source, placed."""
    return _once(canvas.mask, source, fit, canvas)


def _once(opened: Callable[[str], Image.Image], source: str, fit: str, canvas: Canvas) -> Image.Image:
    """Opened and placed for the first layer that asks for it; the others find it there."""
    known = (opened.__name__, source, fit)
    if known not in canvas.placed:
        canvas.placed[known] = place(opened(source), fit, canvas)
    return canvas.placed[known]


def pixels(picture: Image.Image) -> Tensor:
    """(C, H, W) in [0, 1] from a picture."""
    values = numpy.array(picture)
    return torch.from_numpy(values.reshape(*values.shape[:2], -1)).permute(2, 0, 1).contiguous().float().div_(255)
