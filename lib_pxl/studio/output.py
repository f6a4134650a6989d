"""Finished pictures on the disk: whole or not at all, each with its infotext inside."""

from __future__ import annotations

import io
import os
import tempfile
from datetime import datetime
from pathlib import Path

from PIL import Image, PngImagePlugin

from lib_pxl.errors import StoreError

INFO = "parameters"  # where A1111 looks for it


def encode(picture: Image.Image, infotext: str) -> bytes:
    """A PNG that carries its infotext; the same picture and text give the same bytes."""
    info, file = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_text(INFO, infotext)
    picture.save(file, "PNG", pnginfo=info)
    return file.getvalue()


def save(folder: Path, picture: Image.Image, infotext: str, seed: int) -> Path:
    """Where the picture now lies: a folder for each day, named by the time and the seed."""
    now = datetime.now().astimezone()
    path = folder / f"{now:%Y-%m-%d}" / f"{now:%H%M%S-%f}-{seed}.png"
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


def infotext_of(path: Path) -> str:
    """The infotext that a picture carries, or nothing."""
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            return str(picture.info.get(INFO, ""))
    except (OSError, ValueError, SyntaxError):
        return ""
