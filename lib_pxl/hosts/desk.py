"""What outlives a job: the data folder, opened when first needed, and how each tab's last job ended."""

from __future__ import annotations

import secrets
import threading
from functools import cache, cached_property
from pathlib import Path

from PIL import Image

from lib_pxl.control import preset
from lib_pxl.errors import StoreError, Words
from lib_pxl.hosts.annotation import Annotations
from lib_pxl.hosts.formed import Formed
from lib_pxl.hosts.latents import Latents
from lib_pxl.noken.pool import Pool
from lib_pxl.store.database import Database
from lib_pxl.store.maps import Maps
from lib_pxl.store.presets import Presets


@cache
def page_key() -> str:
    """The page carries it: whoever may see the page may call our routes. Reload UI keeps it, since lib_pxl stays."""
    return secrets.token_urlsafe(24)


class Desk:
    """One for each host."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.latents = Latents()
        self.annotations = Annotations()
        self.key = page_key()
        self.previous: Image.Image | None = None  # the last picture made
        self._ended: dict[str, tuple[int, str | None]] = {}
        self._formed: dict[str, Formed | None] = {}
        self._lock = threading.Lock()

    @cached_property
    def maps(self) -> Maps:
        """Every map that was handed in."""
        return Maps(self.data / "maps")

    @cached_property
    def database(self) -> Database:
        """The one file of all that is kept in rows."""
        return Database(self.data / "pxl.sqlite")

    @cached_property
    def presets(self) -> Presets:
        """Saved programs, and those that come with pxl."""
        return Presets(self.database, preset.built_in())

    @cached_property
    def pool(self) -> Pool:
        """Every noken that was bred or brought in."""
        return Pool(self.database, self.data / "nokens")

    def finish(self, tab: str, problem: str | None) -> None:
        """Remember how a tab's job ended."""
        with self._lock:
            self._ended[tab] = (self._ended.get(tab, (0, None))[0] + 1, problem)

    def status(self, tab: str) -> tuple[int, str | None]:
        """How many jobs a tab has ended, and the last one's problem."""
        with self._lock:
            return self._ended.get(tab, (0, None))

    def keep(self, tab: str, formed: Formed | None) -> None:
        """Remember how the picture of a tab's last job formed, if it was asked."""
        with self._lock:
            self._formed[tab] = formed

    def formed(self, tab: str) -> Formed:
        """How the picture of a tab's last job formed."""
        with self._lock:
            formed = self._formed.get(tab)
        if formed is None:
            raise StoreError(f"steps of {tab!r}"[:80], got=Words("none"), wanted='a job with "trace": true before it')
        return formed
