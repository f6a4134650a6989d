"""How a picture formed: small pictures of every step, as a strip and as an animation."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray
from PIL import Image

TILE = 128  # the longer side of a step in the strip
SIDE = 256  # and in the animation
STEP, LAST = 120, 1500  # milliseconds
_WIDEST = 16383  # pixels, of a WebP


@dataclass(frozen=True)
class Reel:
    """One pass: what the model wished for at each step, and what was made of it."""

    kind: str  # "base" or "hires"
    progress: list[float]
    wished: NDArray[numpy.uint8]  # (N, H, W, 3)
    formed: NDArray[numpy.uint8]


@dataclass(frozen=True)
class Formed:
    """All passes of a picture, one after the other."""

    reels: tuple[Reel, ...]

    @property
    def count(self) -> int:
        """How many steps there are."""
        return sum(len(reel.formed) for reel in self.reels)

    def describe(self) -> dict[str, object]:
        """What is in it."""
        passes = [{"kind": reel.kind, "progress": reel.progress} for reel in self.reels]
        return {"count": self.count, "passes": passes}

    def strip(self, columns: int | None = None) -> bytes:
        """A WebP of all steps side by side, or of some, evenly picked; wishes above, where one was not followed."""
        wished = [each for reel in self.reels for each in reel.wished]
        formed = [each for reel in self.reels for each in reel.formed]
        shown = _picked(len(formed), columns)
        rows = [formed] if all(map(numpy.array_equal, wished, formed)) else [wished, formed]
        width, height = self._size(min(TILE, _WIDEST // len(shown)))
        sheet = Image.new("RGB", (width * len(shown), height * len(rows)))
        for y, row in enumerate(rows):
            for x, i in enumerate(shown):
                sheet.paste(_grown(row[i], (width, height)), (x * width, y * height))
        return _file(sheet, "WEBP", quality=90)

    def animation(self) -> bytes:
        """A GIF of what was made at every step; the last stays a while."""
        steps = (_grown(each, self._size(SIDE)) for reel in self.reels for each in reel.formed)
        frames = [each.quantize(256, Image.Quantize.FASTOCTREE) for each in steps]
        times = [STEP] * (len(frames) - 1) + [LAST]
        return _file(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0)

    def _size(self, longer: int) -> tuple[int, int]:
        """Width and height of every step: in the shape of the last pass."""
        height, width = self.reels[-1].formed.shape[1:3]
        scale = longer / max(width, height)
        return max(1, round(width * scale)), max(1, round(height * scale))


def _picked(count: int, columns: int | None) -> list[int]:
    """So many of all places, evenly, the last among them."""
    n = count if columns is None else max(1, min(columns, count))
    return [count - 1] if n == 1 else [round(i * (count - 1) / (n - 1)) for i in range(n)]


def _grown(pixels: NDArray[numpy.uint8], size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)


def _file(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()
