"""The taste of a person that was learned last, as its file has it: another host may have written it."""

from __future__ import annotations

import hashlib
import re
import threading
from contextlib import suppress
from pathlib import Path

from lib_pxl.errors import StoreError, TasteError, Words
from lib_pxl.taste.model import Taste

MODELS = "models"  # the folder, in that of all data


class Latest:
    """A profile's file, read again when it has changed."""

    def __init__(self, folder: Path, profile: str) -> None:
        plain = re.fullmatch(r"[a-z0-9_-]{1,40}", profile)
        name = profile if plain else hashlib.blake2b(profile.encode(), digest_size=8).hexdigest()
        self.path, self.history = folder / f"taste-{name}.safetensors", folder / f"taste-{name}.json"
        self._held: tuple[tuple[int, int], Taste] | None = None
        self._lock = threading.Lock()

    def taste(self) -> Taste | None:
        """What it holds; None where nothing was learned yet."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"file {self.path.name}", got=Words(error.strerror), wanted="a file to read") from error
        version = stat.st_mtime_ns, stat.st_size
        with self._lock:
            if self._held is None or self._held[0] != version:
                self._held = version, Taste.load(self.path)
            return self._held[1]

    def sound(self) -> Taste | None:
        """The taste, or none where its file is damaged: what only goes quicker with it can do without."""
        with suppress(TasteError, StoreError):
            return self.taste()
        return None

    def needed(self) -> Taste:
        """The taste, or a sentence on what there must be before."""
        taste = self.taste()
        if taste is None:
            raise TasteError("taste", got=Words("none that was learned"), wanted="a training before this")
        return taste
