"""Jobs of the studio, each in a thread of its own: one at a time, and each browser can stop only what it started."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from lib_pxl.errors import PxlError
from lib_pxl.hosts.diffusers import DiffusersHost, Made
from lib_pxl.hosts.request import Request
from lib_pxl.hosts.watch import Step
from lib_pxl.studio import output

PREVIEW_EVERY = 0.25  # seconds


@dataclass(frozen=True)
class Progress:
    """How far a job has come; `pictures` where there is a new preview."""

    kind: str
    step: int
    steps: int
    left: float  # seconds
    pictures: list[Image.Image]
    batch: int = 1
    batches: int = 1


class Work:
    """The jobs of all browsers; `who` is one browser's tab."""

    def __init__(self, host: DiffusersHost) -> None:
        self.host = host
        self._waiting: dict[str, list[threading.Event]] = {}
        self._running: list[tuple[str, threading.Event]] = []
        self._lock = threading.Lock()

    @property
    def outputs(self) -> Path:
        """Where finished pictures go."""
        return self.host.data / "outputs"

    def await_turn(self, who: str) -> None:
        """A job is about to wait for its turn; from now on it can be stopped."""
        with self._lock:
            self._waiting.setdefault(who, []).append(threading.Event())

    def stop(self, who: str) -> None:
        """Stop this browser's jobs: after the step under way, or before they have begun."""
        with self._lock:
            for stop in [*self._waiting.get(who, []), *(stop for owner, stop in self._running if owner == who)]:
                stop.set()

    def stop_all(self) -> None:
        """Stop everything: the studio closes."""
        for who in {*self._waiting, *(owner for owner, _ in self._running)}:
            self.stop(who)

    def run(self, who: str, tab: str, ask: Callable[[], Request], job: str) -> Iterator[Progress | Made]:
        """Progress as it comes, and at last what was made; nothing where it was stopped while it waited."""
        stop = self._begin(who)
        events: queue.SimpleQueue[Progress | Made | BaseException] = queue.SimpleQueue()
        clock = Clock()

        def on_step(step: Step) -> None:
            due = clock.tick(step)
            pictures = self.host.preview(step.denoised()) if due else []
            left = clock.left(step)
            events.put(Progress(step.kind, step.number, step.count, left, pictures, step.batch, step.batches))

        def work() -> None:
            try:
                made = self.host.generate(ask(), job, tab=tab, on_step=on_step, stop=stop)
                events.put(self._animated(made, events.put, stop))
            except BaseException as problem:  # noqa: BLE001  (raised again where it is waited for)
                events.put(problem)

        thread = threading.Thread(target=work, name=f"pxl {tab}", daemon=True)
        try:
            if not stop.is_set():
                thread.start()
                yield from _until_made(events)
        finally:  # also where the browser has gone away
            stop.set()
            if thread.ident is not None:
                thread.join()
            with self._lock:
                self._running.remove((who, stop))

    def _animated(self, made: Made, tell: Callable[[Progress], None], stop: threading.Event) -> Made:
        """The same with its pictures put together, where that was asked for; a full disk spoils no picture."""

        def told(done: int, count: int) -> None:
            if stop.is_set():
                raise _StoppedError
            tell(Progress("animation", done, count, 0, []))

        try:
            return replace(made, animation=output.save_animation(self.outputs, made, told))
        except _StoppedError:
            return made
        except (PxlError, OSError) as problem:
            return replace(made, trouble=str(problem))

    def _begin(self, who: str) -> threading.Event:
        with self._lock:
            waiting = self._waiting.pop(who, [])
            stop = waiting.pop(0) if waiting else threading.Event()
            if waiting:
                self._waiting[who] = waiting
            self._running.append((who, stop))
        return stop


class _StoppedError(Exception):
    """The animation is not wanted any more."""


class Clock:
    """When the next preview is due, and how long the rest of a pass will take."""

    def __init__(self) -> None:
        self._began = self._shown = time.monotonic()

    def tick(self, step: Step) -> bool:
        """A step is done: true where a preview is due."""
        now = time.monotonic()
        if step.number == 1:
            self._began = now
        if step.number > 1 and now - self._shown < PREVIEW_EVERY:
            return False
        self._shown = now
        return True

    def left(self, step: Step) -> float:
        """Seconds to the end of the pass, from the steps after the first, which is the slowest."""
        each = (time.monotonic() - self._began) / max(step.number - 1, 1)
        return each * (step.count - step.number)


def _until_made(events: queue.SimpleQueue[Progress | Made | BaseException]) -> Iterator[Progress | Made]:
    while True:
        event = events.get()
        if isinstance(event, BaseException):
            raise event
        yield event
        if isinstance(event, Made):
            return
