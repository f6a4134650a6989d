"""Long work that leaves the page free: one piece at a time, which says how far it is and can be stopped."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from lib_pxl.errors import HostError, PxlError, Words

log = logging.getLogger("pxl")
Progress = Callable[[float], None]
Act = Callable[[Progress], str]  # what it says at the end


class StoppedError(Exception):
    """The person does not want it any more; raised out of the progress that the work tells."""


@dataclass
class Work:
    """What is under way, or was last."""

    kind: str
    joined: str = ""  # whoever wants the same gets this one
    whose: str = ""  # the profile of what is made
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    share: float = 0.0
    running: bool = True
    said: str = ""
    error: str | None = None
    made: Sequence[Any] = ()  # what came of it so far, as the page shows it; the work adds to it
    stop: threading.Event = field(default_factory=threading.Event)

    def tell(self, share: float) -> None:
        """Take note of the share that is done."""
        self.share = share
        if self.stop.is_set():
            raise StoppedError


class Worker:
    """One for each data folder."""

    def __init__(self) -> None:
        self._work: Work | None = None
        self._lock = threading.Lock()

    def begin(self, kind: str, act: Act, joined: str = "", made: Sequence[Any] = (), whose: str = "") -> str:
        """Start it, and say by which id it goes; what is joined under the same name is under way only once."""
        with self._lock:
            work = self._work
            if work is not None and work.running:
                if joined and (work.kind, work.joined) == (kind, joined) and not work.stop.is_set():
                    return work.id
                raise HostError("work", got=Words(f"one under way ({work.kind})"), wanted="its end, or a stop")
            self._work = work = Work(kind, joined, whose, made=made)
        threading.Thread(target=self._do, args=(work, act), name=f"pxl {kind}", daemon=True).start()
        return work.id

    def stop(self) -> None:
        """End as soon as the work says again how far it is."""
        with self._lock:
            if self._work is not None:
                self._work.stop.set()

    def describe(self, profile: str = "") -> dict[str, Any]:
        """How far it is; what was made is told to that profile alone."""
        with self._lock:
            work = self._work
            if work is None:
                work = Work("", id="", running=False)
            told = {name: getattr(work, name) for name in ("share", "running", "said", "error")}
            made = list(work.made) if work.whose == profile else []
            return {"id": work.id or None, "kind": work.kind or None, **told, "made": made}

    def _do(self, work: Work, act: Act) -> None:
        said, error = "", None
        try:
            said = act(work.tell)
        except StoppedError:
            said = "Stopped."
        except PxlError as problem:
            error = str(problem)
        except Exception as problem:  # as when memory runs out; the thread must not die without a word
            log.exception("pxl: %s", work.kind)
            error = f"{type(problem).__name__}: {problem}"[:300]
        with self._lock:
            work.running, work.said, work.error = False, said, error


@cache
def worker(data: Path) -> Worker:
    """That of a data folder; Reload UI keeps it, since lib_pxl stays."""
    return Worker()
