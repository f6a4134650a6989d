"""Finished pictures on the disk: whole or not at all, each with its infotext inside."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from PIL import Image, PngImagePlugin

from lib_pxl.errors import StoreError
from lib_pxl.hosts.diffusers import Made
from lib_pxl.hosts.feed import assemble
from lib_pxl.store.animations import FORMATS

INFO = "parameters"  # where A1111 looks for it


def encode(picture: Image.Image, infotext: str) -> bytes:
    """A PNG that carries its infotext; the same picture and text give the same bytes."""
    info, file = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_text(INFO, infotext)
    picture.save(file, "PNG", pnginfo=info)
    return file.getvalue()


def save(folder: Path, picture: Image.Image, infotext: str, seed: int) -> Path:
    """Where the picture now lies: a folder for each day, named by the time and the seed."""
    path = _named(folder, seed, ".png")
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        with open(handle, "wb") as file:
            file.write(encode(picture, infotext))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        wanted = f"room to write pictures in {folder}"
        raise StoreError(f"picture {path.name}", got=error.strerror or str(error), wanted=wanted) from error
    finally:
        if part is not None:
            Path(part).unlink(missing_ok=True)
    return path


def save_animation(folder: Path, made: Made, told: Callable[[int, int], None]) -> Path | None:
    """The job's pictures as one animation beside them, where that was asked for and there are two or more."""
    asked = made.control.animation
    if asked is None or len(made.pictures) < 2 or made.problem or made.interrupted:
        return None
    path = _named(folder, made.seeds[0], FORMATS[asked.format][1])
    path.parent.mkdir(parents=True, exist_ok=True)
    assemble(made.control, made.feed, made.pictures, path, made.infotexts[0], told)
    return path


def _named(folder: Path, seed: int, suffix: str) -> Path:
    now = datetime.now().astimezone()
    return folder / f"{now:%Y-%m-%d}" / f"{now:%H%M%S-%f}-{seed}{suffix}"


def infotext_of(path: Path) -> str:
    """The infotext that a picture carries, or nothing."""
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            return str(picture.info.get(INFO, ""))
    except (OSError, ValueError, SyntaxError):
        return ""
