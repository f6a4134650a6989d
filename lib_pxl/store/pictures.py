"""Pictures from outside: judged by their header before a pixel is decoded, and refused in one sentence."""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from lib_pxl.errors import ImageError, Words, shown

MAX_SIDE = 16_384
MAX_PIXELS = 64 * 1024 * 1024
MAX_COUNTED = 8 * 1024 * 1024  # bytes; counting frames walks through the file, and there may be millions
LIMITS = "1 to 16,384 pixels a side and at most 64 megapixels"
ORIENTATION, BITS_PER_SAMPLE, PHOTOMETRIC, TILE_WIDTH, TILE_HEIGHT = 0x0112, 258, 262, 322, 323
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Kind(NamedTuple):
    """A file format that may come in: how it begins, which decoder reads it, and what it is called."""

    decoder: str
    suffix: str
    media_type: str
    magic: bytes


KINDS = (
    Kind("PNG", ".png", "image/png", rb"\x89PNG\r\n\x1a\n"),
    Kind("JPEG", ".jpg", "image/jpeg", rb"\xff\xd8\xff"),
    Kind("WEBP", ".webp", "image/webp", rb"RIFF....WEBP"),
    Kind("GIF", ".gif", "image/gif", rb"GIF8[79]a"),
    Kind("BMP", ".bmp", "image/bmp", rb"BM.{12}[\x0c-\x7c]\0\0\0"),
    Kind("TIFF", ".tif", "image/tiff", rb"II[*+]\0|MM\0[*+]"),
)
WANTED = "a PNG, JPEG, WebP, GIF, BMP or TIFF picture"


def kind_of(head: bytes) -> Kind | None:
    """The format that a file's first bytes announce, or None for one that pxl does not read."""
    return next((kind for kind in KINDS if re.match(kind.magic, head, re.DOTALL)), None)


def open_still(source: Path | bytes) -> Image.Image:
    """A still picture as upright RGB, 8 bits a channel, transparency laid on white."""
    with reading(source) as (image, what):
        return still(image, what)


def still(image: Image.Image, what: str) -> Image.Image:
    """One that is being read, as `open_still` gives it."""
    _judge_still(image, what)
    return on_white(_upright(image, what))


def open_mask(source: Path | bytes) -> Image.Image:
    """A mask as grey, white where it acts: the alpha channel if anything shows through it, else the luma."""
    with reading(source) as (opened, what):
        _judge_still(opened, what)
        image = _upright(opened, what)
    if image.mode == "RGBA":
        alpha = image.getchannel("A")
        return alpha if np.asarray(alpha).min() < 255 else image.convert("L")
    return image.convert("L")


@contextlib.contextmanager
def reading(source: Path | bytes, name: str = "") -> Iterator[tuple[Image.Image, str]]:
    """A picture of sound size, not decoded yet, and its name; whatever goes wrong inside is an ImageError."""
    name = name or ("" if isinstance(source, bytes) else source.name)
    what = f"picture {shown(name)}" if name else "picture"
    with _stream(source, what) as stream:
        kind = _announced(stream, what)
        try:
            image = Image.open(stream, formats=[kind.decoder])
            _judge_size(image, what)
            yield image, what
        except ImageError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise ImageError(what, got=Words("a picture of too many pixels"), wanted=LIMITS) from error
        except Exception as error:  # hostile bytes make Pillow's decoders raise every kind there is
            got = Words("a picture that ends early or is damaged")
            raise ImageError(what, got=got, wanted="a whole picture") from error


def on_white(image: Image.Image) -> Image.Image:
    """RGB, with what shows through laid on white."""
    if image.mode == "RGB":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")


def _upright(image: Image.Image, what: str) -> Image.Image:
    """The picture as RGB or RGBA, turned as its EXIF says, and without its metadata."""
    image.load()
    upright = _turned(_eight_bits(image, what), _turn(image))
    upright = upright.convert("RGBA" if _has_alpha(upright) else "RGB")
    upright.info.clear()
    return upright


def _stream(source: Path | bytes, what: str) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        if source.is_file():  # a pipe or a device would never end
            return source.open("rb")
        got = "a folder" if source.is_dir() else "no file there"
    except (OSError, ValueError) as error:
        got = f"a path that cannot be read ({error})"
    raise ImageError(what, got=Words(got), wanted=WANTED)


def _announced(stream: BinaryIO, what: str) -> Kind:
    head = stream.read(32)
    kind = kind_of(head)
    if kind is None:
        raise ImageError(what, got=Words("a file of another kind" if head else "an empty file"), wanted=WANTED)
    stream.seek(0)
    return kind


def _judge_size(image: Image.Image, what: str) -> None:
    tags = getattr(image, "tag_v2", {})
    tile = tags.get(TILE_WIDTH, 1), tags.get(TILE_HEIGHT, 1)  # a TIFF of one pixel may lie in a tile of a gigabyte
    for part, (width, height) in (("a picture", image.size), ("a tile", tile)):
        if max(width, height) > MAX_SIDE or not 0 < width * height <= MAX_PIXELS:
            raise ImageError(what, got=Words(f"{part} of {width}x{height} pixels"), wanted=LIMITS)


def is_animated(image: Image.Image) -> bool:
    """True where there is more than one frame or page."""
    # An MPO is a JPEG with further views behind the photo, as many telephones write it.
    return image.format != "MPO" and bool(getattr(image, "is_animated", False))


def _judge_still(image: Image.Image, what: str) -> None:
    if is_animated(image):
        got, parts = ("a document", "pages") if image.format == "TIFF" else ("an animation", "frames")
        if getattr(image, "fp").seek(0, os.SEEK_END) < MAX_COUNTED:  # noqa: B009  (Pillow's types leave it out)
            got = f"{got} of {getattr(image, 'n_frames', 2)} {parts}"
        raise ImageError(what, got=Words(got), wanted="a still picture")


def _eight_bits(image: Image.Image, what: str) -> Image.Image:
    """Grey of 16 bits or of floats brought to 8 bits, where Pillow's own conversion would clip."""
    if image.mode[0] not in "IF":
        return image
    tags = getattr(image, "tag_v2", {})
    top = 1 if image.mode == "F" else 4095 if tags.get(BITS_PER_SAMPLE) == (12,) else 65535
    samples = np.asarray(image, dtype=np.float32)
    low, high = float(samples.min()), float(samples.max())
    if not 0 <= low <= high <= top:
        raise ImageError(what, got=Words(f"samples from {low:g} to {high:g}"), wanted=f"samples from 0 to {top}")
    levels = np.rint(samples * (255 / top)).astype(np.uint8)
    grey = Image.fromarray(255 - levels if tags.get(PHOTOMETRIC) == 0 else levels)
    grey.info.update(image.info)
    key = grey.info.pop("transparency", None)
    if isinstance(key, int):
        grey.putalpha(Image.fromarray(np.where(samples == key, 0, 255).astype(np.uint8)))
    return grey


def _turn(image: Image.Image) -> Image.Transpose | None:
    if image.format == "TIFF":  # Pillow has turned it while loading, and 9.5 leaves the tag in place all the same
        return None
    try:
        return TURNS.get(image.getexif().get(ORIENTATION, 1))
    except (SyntaxError, struct.error):  # broken EXIF beside sound pixels
        return None


def _turned(image: Image.Image, turn: Image.Transpose | None) -> Image.Image:
    return image if turn is None else image.transpose(turn)


def _has_alpha(image: Image.Image) -> bool:
    return image.getbands()[-1] in ("A", "a") or "transparency" in image.info
