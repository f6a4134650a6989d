"""Pictures as A1111, Forge and the studio leave them on the disk."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from PIL import Image, PngImagePlugin

from lib_pxl.store.database import Database
from lib_pxl.store.thumbnails import Thumbnails
from lib_pxl.taste.opinions import Opinions

SETTINGS = "Steps: 12, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 5.5, Seed: {}, Size: 640x448, Model: v1-5"
FORMATS = {"tEXt": ".png", "iTXt": ".png", "JPEG": ".jpg", "little": ".jpeg", "WEBP": ".webp", "beside": ".png"}


def told(prompt: str = "a fox, snow", negative: str = "dull", seed: int = 1, more: str = "") -> str:
    """An infotext of A1111's."""
    return f"{prompt}\nNegative prompt: {negative}\n{SETTINGS.format(seed)}{more}, Version: v1.10.1"


def shade(number: int, side: int = 24) -> Image.Image:
    """A picture unlike those of other numbers."""
    return Image.new("RGB", (side, side), (number % 256, number // 256 % 256, 90))


def save(path: Path, text: str = "", way: str = "tEXt", picture: Image.Image | None = None, time: float = 0) -> Path:
    """Write it in one of the ways in which hosts do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = picture or shade(zlib.crc32(path.name.encode()))
    if way in ("JPEG", "little", "WEBP"):
        exif = Image.Exif()
        code = "utf-16-le" if way == "little" else "utf-16-be"
        exif[0x8769] = {0x9286: b"UNICODE\0" + text.encode(code)}
        picture.save(path, "WEBP" if way == "WEBP" else "JPEG", exif=exif, quality=95)
    else:
        info = PngImagePlugin.PngInfo()
        if text and way == "tEXt":
            info.add_text("parameters", text)
        if text and way == "iTXt":
            info.add_itxt("parameters", text, zip=True)
        picture.save(path, "PNG", pnginfo=info)
        if way == "beside":
            path.with_suffix(".txt").write_text(f"{text}\n", encoding="utf-8")
    if time:
        os.utime(path, (time, time))
    return path


def shelves(folder: Path) -> tuple[Opinions, Thumbnails]:
    """A store of its own."""
    return Opinions(Database(folder / "pxl.sqlite")), Thumbnails(folder / "thumbnails")
