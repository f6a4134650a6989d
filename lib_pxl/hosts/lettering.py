"""Letters on pictures, by what Pillow brings along itself."""

from __future__ import annotations

from functools import cache
from typing import Any

from PIL import ImageFont


@cache
def font(size: int) -> Any:
    """Its own font, in that size where it can be had."""
    try:
        return ImageFont.load_default(size)
    except TypeError:  # Pillow before 10.1 has one size alone
        return ImageFont.load_default()
