"""The thread that sends: it sleeps until something is due, ends when nothing is, and can be stopped at any time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from lib_pxl.errors import PxlError
from lib_pxl.share.net import Http

log = logging.getLogger("pxl")
AFTER_TROUBLE = 600.0  # seconds
STOPS = 1.0


@dataclass
class Round:
    """One thread's own: what it speaks with, and how it hears from others."""

    http: Http = field(default_factory=Http)
    woken: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)


class Courier:
    """`step` does one thing and says how long there is nothing more to do; None is for good."""

    def __init__(self, step: Callable[[Http], float | None]) -> None:
        self.step = step
        self._lock = threading.Lock()
        self._round: Round | None = None
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """There may be something to do."""
        with self._lock:
            if self._round is not None:
                self._round.woken.set()
                return
            self._round = Round()
            self._thread = threading.Thread(target=self._work, args=(self._round,), name="pxl share", daemon=True)
            self._thread.start()

    def stop(self, patience: float = STOPS) -> bool:
        """Break off what is under way; whether the thread has ended within that time. It begins nothing more anyway."""
        with self._lock:
            ended, self._round = self._round, None
            thread = self._thread
        if ended is not None:
            ended.stopping.set()
            ended.woken.set()
            ended.http.abort()
        if thread is not None:
            thread.join(patience)
        return thread is None or not thread.is_alive()

    @property
    def is_running(self) -> bool:
        """Whether there is a thread at work, or one that waits for its next work."""
        return self._round is not None

    def _work(self, own: Round) -> None:
        while not own.stopping.is_set():
            own.woken.clear()
            try:
                wait = self.step(own.http)
            except PxlError as problem:  # a full disk, a damaged database
                log.warning("pxl: sharing: %s", problem)
                wait = AFTER_TROUBLE
            except Exception:
                log.exception("pxl: sharing")
                wait = AFTER_TROUBLE
            if wait is None and self._ended(own):
                return
            own.woken.wait(wait)

    def _ended(self, own: Round) -> bool:
        """Whether the thread is over, in the same breath in which nobody woke it."""
        with self._lock:
            if own.woken.is_set() and not own.stopping.is_set():
                return False
            if self._round is own:
                self._round = None
            return True
