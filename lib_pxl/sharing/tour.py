"""The courier's tour through a data folder: a step of each profile, and a look for what may leave by itself."""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from lib_pxl.share import consent
from lib_pxl.share.courier import Courier
from lib_pxl.share.net import Http
from lib_pxl.share.sharer import Sharer, profiles
from lib_pxl.sharing.collect import collect
from lib_pxl.store.database import Database
from lib_pxl.taste.opinions import Opinions

FILE = "pxl.sqlite"
KEYS = "share"  # the folder of keys
EVERY = 600.0  # seconds between two looks for what may leave by itself
GRACE = 3600.0  # seconds that it lies in the outbox before


class Tour:
    """One for each data folder, with its own courier; the database is not opened before something is asked of it."""

    def __init__(self, data: Path, reason: Callable[[], str] = lambda: "") -> None:
        self.data, self.reason = data, reason
        self.open: Callable[[], Database] = lambda: Database(data / FILE)
        self.courier = Courier(self.step)
        self._is_manned = False
        self._sharers: dict[str, Sharer] = {}
        self._looked: dict[str, float] = {}

    @property
    def database(self) -> Database:
        """That of the data folder."""
        return self.open()

    def begin(self, open_: Callable[[], Database], reason: Callable[[], str]) -> Tour:
        """For a host, once more after Reload UI: go on with what was agreed to, if ever anything was."""
        self.open, self.reason, self._is_manned = open_, reason, True
        if (self.data / FILE).is_file():
            self.courier.wake()
        return self

    def wake(self) -> None:
        """There may be something to send, where a host has begun to."""
        if self._is_manned:
            self.courier.wake()

    def closed(self) -> str:
        """Why nothing may leave, whatever was agreed to, or nothing."""
        return consent.forbidden() or self.reason()

    def step(self, http: Http) -> float | None:
        """Seconds until there is more to do, None where there is nothing."""
        if self.closed():
            return None
        waits = [self._step_of(name, http) for name in profiles(self.database)]
        return min((each for each in waits if each is not None), default=None)

    def _step_of(self, name: str, http: Http) -> float | None:
        own = self._sharers.setdefault(name, sharer(self, name))
        agreed = own.consents.current()
        is_automatic = agreed is not None and "automatic" in agreed.fields
        if is_automatic and time.monotonic() - self._looked.get(name, -EVERY) >= EVERY:
            self._looked[name] = time.monotonic()
            self._take_up(own)
        wait = own.step(http)
        return min(EVERY, EVERY if wait is None else wait) if is_automatic else wait

    def _take_up(self, own: Sharer) -> None:
        """What has lain long enough leaves; what is new begins to lie."""
        own.release([each.id for each in own.outbox.batches() if _age(each.created) >= GRACE])
        collect(own, Opinions(self.database, own.profile))
        own.pack()


@cache
def tour(data: Path) -> Tour:
    """That of a data folder; Reload UI keeps it, since lib_pxl stays."""
    return Tour(data)


def sharer(of: Tour, profile: str) -> Sharer:
    """A profile's, with its keys in the data folder."""
    return Sharer(of.database, of.data / KEYS, profile, of.closed)


def _age(moment: str) -> float:
    """Seconds since a moment of the store's."""
    return time.time() - calendar.timegm(time.strptime(moment[:19], "%Y-%m-%d %H:%M:%S"))
