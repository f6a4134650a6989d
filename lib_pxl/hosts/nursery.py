"""Long work in the background: one at a time, step by step, so that a person's own job can come between two steps."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from lib_pxl.errors import HostError, PxlError, Words

PAUSE = 0.05  # seconds between two steps: the hosts' locks may go to whoever asks again at once, not to who waits
log = logging.getLogger("pxl")
Steps = Iterator[Sequence[str]]  # each step gives the hashes of what it made


@dataclass
class Work:
    """What is done, or was done last."""

    kind: str
    total: int
    steps: deque[Steps]
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    done: int = 0
    running: bool = True
    error: str | None = None
    nokens: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    ended: float = 0  # when the last step was over
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def left(self) -> float | None:
        """Seconds, as the steps so far took; it falls while one is under way, and waits where that takes longer."""
        if not (self.running and self.done):
            return None
        each = (self.ended - self.began) / self.done
        under_way = min(time.monotonic() - self.ended, each)
        return round(each * (self.total - self.done) - under_way, 1)


class Nursery:
    """One for each data folder; it rests after each step."""

    def __init__(self, rest: Callable[[], object] = lambda: time.sleep(PAUSE)) -> None:
        self._rest = rest
        self._work: Work | None = None
        self._lock = threading.Lock()

    def begin(self, kind: str, steps: Steps, total: int) -> str:
        """Start, or append to work of the same kind that is under way; the work's id."""
        with self._lock:
            work = self._work
            if work is not None and work.running:
                if work.kind != kind or work.stop.is_set():
                    raise HostError("nursery", got=Words(f"work under way ({work.kind})"), wanted="its end, or a stop")
                work.steps.append(steps)
                work.total += total
                return work.id
            self._work = work = Work(kind, total, deque([steps]))
        threading.Thread(target=self._tend, args=(work,), name=f"pxl {kind}", daemon=True).start()
        return work.id

    def stop(self) -> None:
        """End after the step under way."""
        with self._lock:
            if self._work is not None:
                self._work.stop.set()

    def describe(self) -> dict[str, Any]:
        """How far it is."""
        with self._lock:
            work = self._work
            if work is None:
                return {"id": None, "kind": None, "done": 0, "total": 0, "left": None, "running": False,
                        "error": None, "nokens": []}  # fmt: skip
            told = {name: getattr(work, name) for name in ("id", "kind", "done", "total", "running", "error")}
            return {**told, "left": work.left, "nokens": list(work.nokens)}

    def _tend(self, work: Work) -> None:
        error = None
        try:
            while (steps := self._next(work)) is not None:
                for made in steps:
                    with self._lock:
                        work.done += 1
                        work.ended = time.monotonic()
                        work.nokens += made
                    self._rest()
                    if work.stop.is_set():
                        break
        except PxlError as problem:
            error = str(problem)
        except Exception as problem:  # whatever a host's pipeline raises
            log.exception("pxl: %s", work.kind)
            error = f"{type(problem).__name__}: {problem}"[:300]
        if error is not None:
            with self._lock:
                work.running, work.error = False, error

    def _next(self, work: Work) -> Steps | None:
        """What is to be done next; in the same breath the work is over where there is nothing."""
        with self._lock:
            if work.steps and not work.stop.is_set():
                return work.steps.popleft()
            work.running = False
            return None


@cache
def nursery(data: Path) -> Nursery:
    """That of a data folder; Reload UI keeps it, since lib_pxl stays."""
    return Nursery()
