"""Small pictures of what was made: they can be made again from the pictures, so that losing one loses nothing."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

from lib_pxl.errors import StoreError, Words
from lib_pxl.store.folders import whole_file
from lib_pxl.store.pictures import on_white

THUMBNAILS = Path("thumbnails", "taste")  # in the data folder
SIDE = 256  # pixels of the longer side
QUALITY, EFFORT = 82, 2  # half the time of the usual effort, for a twentieth more bytes
_NAME = re.compile(r"([0-9a-f]{2})[0-9a-f]{30}\.webp")


class Thumbnails:
    """A folder of them, named by the item that each shows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, which: str, picture: Image.Image) -> str:
        """Keep a small one of this picture, and say by which name it is found again."""
        name = f"{which}.webp"
        path = self._path(name)
        if path is None:
            raise StoreError("thumbnail", got=which, wanted="an id of 32 hexadecimal digits")
        small = on_white(picture).copy()
        small.thumbnail((SIDE, SIDE), reducing_gap=2.0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path, lasting=False) as file:
                small.save(file, "WEBP", quality=QUALITY, method=EFFORT)
        except OSError as error:
            got = Words(error.strerror or error)
            raise StoreError("thumbnail", got=got, wanted=f"room to write in {self.folder}") from error
        return name

    def find(self, name: str) -> Path | None:
        """Where the one of this name lies; None where there is none, or where the name is not one of ours."""
        path = self._path(name)
        return path if path is not None and path.is_file() else None

    def _path(self, name: str) -> Path | None:
        found = _NAME.fullmatch(name)
        return self.folder / found[1] / name if found else None
