"""Nokens as files in the folder where a host looks for embeddings."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path

from lib_pxl.errors import NokenError, StoreError, Words
from lib_pxl.noken.genome import Noken

FOLDER, PREFIX = "pxl", "pxl-"
LONGEST = 60


def save_embedding(folder: Path, noken: Noken) -> Path:
    """Where it lies now, under a name that no plain word of a prompt is; another one's file stays as it is."""
    folder = folder / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"folder {folder.name}", got=Words(str(error)), wanted="one that can be made") from error
    stem = PREFIX + (_plain(noken.name) or noken.hash[:12])
    names = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
    path = next(each for name in names if _free(each := folder / f"{name}.safetensors", noken))
    if not path.exists():
        noken.save(path)
    return path


def _plain(name: str) -> str:
    """Letters, digits and dashes: what a prompt, its weights and every file system leave alone."""
    return re.sub(r"[^\w]+|_+", "-", name.lower())[:LONGEST].strip("-")


def _free(path: Path, noken: Noken) -> bool:
    try:
        return not path.exists() or Noken.load(path) == noken
    except NokenError:
        return False
