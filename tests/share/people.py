"""People who share: a sharer in a folder of its own, and opinions to share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib_pxl.share.fields import parse_fields
from lib_pxl.share.net import Http
from lib_pxl.share.record import Draft, Told, record
from lib_pxl.share.redact import redactor
from lib_pxl.share.sharer import Sharer
from lib_pxl.share.target import Target
from lib_pxl.store.database import Database

ALL = parse_fields(["rating", "duel", "prompt", "negative", "settings", "caption"])


@dataclass
class Clock:
    """Seconds that a test turns on by hand."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Picture:
    """What is known of one."""

    prompt: str = "a red fox"
    negative: str = ""
    caption: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


def sharer(folder: Path, url: str = "", agree: bool = True, **more: Any) -> Sharer:
    """Someone with a data folder, who has agreed to share everything with that address."""
    own = Sharer(Database(folder / "pxl.sqlite"), folder / "share", **{"closed": lambda: "", **more})
    if agree:
        own.agree(ALL, Target("endpoint", url.rstrip("/") or "https://pool.example.org"))
    return own


def drafts(count: int, first: int = 0, prompt: str = "a red fox, number") -> Iterator[Draft]:
    """Ratings of as many pictures."""
    redact = redactor()
    for i in range(first, first + count):
        told = Told("rating", "overall", float(i % 5), "2026-01-31", [Picture(f"{prompt} {i}", settings={"Steps": 20})])
        yield Draft(f"opinion {i}", record(told, ALL, redact))


def send(own: Sharer, http: Http | None = None, clock: Clock | None = None, most: int = 10_000) -> int:
    """Step until nothing is left, turning the clock on where that is due later; says how many steps it took."""
    http, steps = http or Http(), 0
    while (wait := own.step(http)) is not None:
        steps += 1
        assert steps < most, own.outbox.log()
        if wait > 0:
            assert clock is not None, own.outbox.batches() + own.outbox.log()
            clock.now += wait
    return steps


def pack_all(own: Sharer) -> list[str]:
    """Batches of all that waits, free to leave."""
    own.pack()
    names = [each.id for each in own.outbox.batches()]
    own.release(names)
    return names
