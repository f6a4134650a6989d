"""Textual inversions inside pictures, as A1111 writes them (modules/textual_inversion/image_embedding.py, 1.10.1).

A PNG has one as text, JSON in base64. Any picture kept without loss can have one in its pixels: left and right of the
visible part, each behind a black column, the lower and upper halves of the bytes of deflated JSON, masked.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy
import torch
from numpy.typing import NDArray

from lib_pxl.errors import NokenError, Words
from lib_pxl.store.pictures import reading

TEXT = "sd-ti-embedding"
TENSOR = "TORCHTENSOR"
MAX_JSON = 16 << 20
FACTOR, STEP, TOP = 1_664_525, 1_013_904_223, 255  # of the generator whose numbers mask the pixels


def hidden(data: bytes) -> dict[str, Any]:
    """The dictionary inside a picture, its lists of numbers as tensors."""
    with reading(data) as (image, what):
        text = image.info.get(TEXT) or ""
        pixels = None if text else numpy.asarray(image.convert("RGB"))
    try:
        written = base64.b64decode(text) if pixels is None else _unmasked(pixels, what)
        if len(written) > MAX_JSON:
            raise NokenError(what, got=Words("a larger text inside"), wanted=f"at most {MAX_JSON >> 20} MiB")
        found = json.loads(written, object_hook=_tensor)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise NokenError(what, got=Words("a damaged noken inside"), wanted="a whole one") from error
    if not isinstance(found, dict):
        raise NokenError(what, got=found, wanted="a noken inside")
    return found


def _tensor(found: dict[str, Any]) -> Any:
    if TENSOR not in found:
        return found
    return torch.from_numpy(numpy.array(found[TENSOR], dtype=numpy.float32))


def _unmasked(pixels: NDArray[numpy.uint8], what: str) -> bytes:
    """The inflated bytes in the low halves of the pixels (H, W, 3)."""
    seen = pixels.min(2) > 0
    rows, columns = numpy.flatnonzero(seen.any(1)), numpy.flatnonzero(seen.any(0))
    if len(rows):
        low = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] & 15
        black = numpy.flatnonzero(low.sum((0, 2)) == 0)
        if len(black) >= 2:
            lower, upper = low[:, : black[0]], low[:, black[-1] + 1 :]
            if lower.shape == upper.shape and 0 < lower.size <= MAX_JSON:
                mask = numbers(lower.size).reshape(lower.shape) & 15
                try:
                    return zlib.decompressobj().decompress(((upper ^ mask) << 4 | lower ^ mask).tobytes(), MAX_JSON + 1)
                except zlib.error:
                    pass
    raise NokenError(what, got=Words("a picture without a noken"), wanted="one with a noken inside")


def numbers(count: int) -> NDArray[numpy.uint8]:
    """The first numbers of A1111's generator; twice as many in each turn, since k steps at once are one step too."""
    values = numpy.array([STEP], dtype=numpy.uint32)
    factor, step = numpy.uint32(FACTOR), numpy.uint32(STEP)
    with numpy.errstate(over="ignore"):
        while len(values) < count:
            values = numpy.concatenate([values, values * factor + step])
            factor, step = factor * factor, factor * step + step
    return (values[:count] % TOP).astype(numpy.uint8)
