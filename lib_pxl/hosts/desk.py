"""What outlives a job: the data folder, opened when first needed, and how each tab's and each task's last job ended."""

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
from lib_pxl.hosts.recorder import Recorder, recorder
from lib_pxl.noken.pool import Pool
from lib_pxl.store.database import Database
from lib_pxl.store.maps import Maps
from lib_pxl.store.presets import Presets
from lib_pxl.store.thumbnails import THUMBNAILS, Thumbnails
from lib_pxl.taste.latest import MODELS, Latest
from lib_pxl.taste.opinions import Opinions, named
from lib_pxl.taste.record import Record

TASKS = 8  # tasks of the host's that are remembered; a page asks for its own at once


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
        self._tasks: list[str] = []
        self._latest: dict[str, Latest] = {}
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

    @cached_property
    def thumbnails(self) -> Thumbnails:
        """Of every picture that was recorded."""
        return Thumbnails(self.data / THUMBNAILS)

    @cached_property
    def recorder(self) -> Recorder:
        """What writes down finished pictures."""
        return recorder(self.data)

    def opinions(self, profile: str = "me") -> Opinions:
        """What one person has made, and thinks of it."""
        return Opinions(self.database, profile)

    def latest(self, profile: str = "me") -> Latest:
        """The taste that was last learned of one person."""
        name = named(profile)
        return self._latest.setdefault(name, Latest(self.data / MODELS, name))

    def thumbnail(self, record: Record) -> Path | None:
        """The file of a record's small picture, if there is one."""
        return self.thumbnails.find(record.thumbnail)

    def finish(self, tab: str, problem: str | None, task: str = "") -> None:
        """Remember how a tab's job ended, and to which task of the host's it belongs: two people may share a tab."""
        with self._lock:
            for name in self._names(tab, task):
                self._ended[name] = (self._ended.get(name, (0, None))[0] + 1, problem)

    def status(self, tab: str, task: str = "") -> tuple[int, str | None]:
        """How many jobs a tab or a task has ended, and the last one's problem."""
        with self._lock:
            return self._ended.get(task or tab, (0, None))

    def keep(self, tab: str, formed: Formed | None, task: str = "") -> None:
        """Remember how the picture of the last job formed, if it was asked."""
        with self._lock:
            for name in self._names(tab, task):
                self._formed[name] = formed

    def formed(self, tab: str, task: str = "") -> Formed:
        """How the picture of a tab's or a task's last job formed."""
        with self._lock:
            formed = self._formed.get(task or tab)
        if formed is None:
            what = f"steps of {task or tab!r}"[:80]
            raise StoreError(what, got=Words("none"), wanted='a job with "trace": true before it')
        return formed

    def _names(self, tab: str, task: str) -> list[str]:
        if not task:
            return [tab]
        if task not in self._tasks:
            self._tasks.append(task)
        while len(self._tasks) > TASKS:
            gone = self._tasks.pop(0)
            self._ended.pop(gone, None)
            self._formed.pop(gone, None)
        return [tab, task]
