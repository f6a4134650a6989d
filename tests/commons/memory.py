"""A bucket in memory, and a stage on which several workers use it in any order, each killed at any instant."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from lib_pxl.commons.bucket import Bucket, Found
from tests.commons.people import NOW


class Memory:
    """What S3 does, in a dictionary; one operation happens at a time."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str, datetime]] = {}

    def get(self, key: str, limit: int | None = None) -> Found | None:
        if key not in self.objects:
            return None
        data = self.objects[key][0]
        return Found(data[:limit], hashlib.sha256(data).hexdigest())

    def put(self, key: str, data: bytes, note: str = "") -> None:
        self.objects[key] = data, note, NOW

    def swap(self, key: str, data: bytes, tag: str | None) -> bool:
        found = self.get(key)
        if (found.tag if found else None) != tag:
            return False
        self.put(key, data)
        return True

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.objects.pop(key, None)

    def names(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        yield from [(key, each[2]) for key, each in sorted(self.objects.items()) if key.startswith(prefix)]

    def ticket(self, key: str, sha256: str, seconds: int) -> dict[str, Any]:
        return {"url": "https://bucket.test/", "fields": {"key": key, "sha256": sha256, "seconds": seconds}}

    def under(self, prefix: str) -> list[str]:
        return [key for key, _ in self.names(prefix)]


class Killed(BaseException):
    """kill -9: nothing catches it, and nothing is done on the way out but for what threads need."""


class Watched:
    """The bucket of one worker, which waits for its turn before it does anything."""

    def __init__(self, bucket: Memory, turn: Callable[[], None]) -> None:
        self.bucket, self.turn = bucket, turn

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.bucket, name)

        def wait(*given: Any, **named: Any) -> Any:
            self.turn()
            return list(method(*given, **named)) if name == "names" else method(*given, **named)

        return wait


Work = Callable[[Bucket], object]


class Worker:
    """A thread that does its work one operation of the bucket at a time, when it is told to."""

    def __init__(self, bucket: Memory, work: Work) -> None:
        self.work, self.done, self.killed = work, False, False
        self.go, self.rest = threading.Semaphore(0), threading.Semaphore(0)
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._live, args=(Watched(bucket, self._turn),), daemon=True)
        self.thread.start()

    def _turn(self) -> None:
        self.rest.release()
        self.go.acquire()
        if self.killed:
            raise Killed

    def _live(self, bucket: Any) -> None:
        self.go.acquire()
        try:
            self.work(bucket)
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 (told to the thread that looks on)
            self.error = error
        self.done = True
        self.rest.release()

    def step(self, kill: bool = False) -> None:
        """Let it do one operation and go on to the next, or end it in front of that."""
        self.killed = kill
        self.go.release()
        self.rest.acquire()
        if self.error:
            raise self.error


def play(
    bucket: Memory,
    works: Iterable[Work],
    choose: Callable[[int], int],
    kill: Callable[[], bool],
    look: Callable[[], None] = lambda: None,
) -> None:
    """Let workers take turns as `choose` says until all is done; what is killed is begun anew."""
    workers = [Worker(bucket, work) for work in works]
    while workers:
        worker = workers[choose(len(workers))]
        worker.step()
        if not worker.done and kill():
            worker.step(kill=True)
            workers.append(Worker(bucket, worker.work))
        workers = [each for each in workers if not each.done]
        look()
