"""What is known of one rater: which of its batches count, under which keys, and whether it was erased or blocked.

A rater's ledger is one object, and it is the truth: a record counts when its batch stands in it, not before, and no
longer than that. Everything that happens to a rater is one conditional write of this object.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from lib_pxl import wire
from lib_pxl.commons.bucket import Bucket
from lib_pxl.errors import WireError, Words

FOLDER = "ledger/v1/"
KEY = 16  # bytes of a record's key
OPEN, BLOCKED, ERASED = "", "blocked", "erased"


@dataclass(frozen=True)
class Entry:
    """A batch that counts: the name of its records in the lake, and how many of them are its own."""

    name: str
    count: int


@dataclass(frozen=True)
class Ledger:
    """One rater's page; `keys` are those of all records that count, one after another, 16 bytes each."""

    closed: str = OPEN
    since: str = ""
    swept: bool = False  # nothing of an erased rater lies anywhere any more
    batches: tuple[tuple[str, Entry], ...] = ()
    keys: bytes = b""

    @property
    def records(self) -> int:
        """How many records count."""
        return len(self.keys) // KEY

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """The batches by their ids."""
        return dict(self.batches)

    @cached_property
    def known(self) -> frozenset[bytes]:
        """The keys of the records that count."""
        return frozenset(self.keys[place : place + KEY] for place in range(0, len(self.keys), KEY))

    def add(self, batch: str, name: str, keys: Sequence[bytes]) -> Ledger:
        """The page with one more batch."""
        entry = batch, Entry(name, len(keys))
        return replace(self, batches=(*self.batches, entry), keys=self.keys + b"".join(keys))

    def close(self, why: str, now: datetime) -> Ledger:
        """The page of a rater of whom nothing is taken any more; of one erased, nothing else is kept."""
        if why in (self.closed, OPEN) or self.closed == ERASED:
            return self
        if why == ERASED:
            return Ledger(ERASED, wire.stamp(now))
        return replace(self, closed=why, since=wire.stamp(now))

    def open(self) -> Ledger:
        """The page of a rater who is blocked no more; one erased stays so."""
        return replace(self, closed=OPEN, since="") if self.closed == BLOCKED else self

    def format(self) -> bytes:
        """The page as it is stored: a line of JSON, and the keys as they are."""
        head = {
            "v": wire.VERSION,
            "closed": self.closed,
            "since": self.since,
            "swept": self.swept,
            "batches": [[batch, entry.name, entry.count] for batch, entry in self.batches],
        }
        return wire.canonical(head) + b"\n" + self.keys

    @staticmethod
    def parse(data: bytes) -> Ledger:
        """A stored page; one of a later version is left to those who know it."""
        head, _, keys = data.partition(b"\n")
        told = json.loads(head)
        if told["v"] != wire.VERSION:
            raise WireError("ledger", got=Words(f"version {told['v']}"), wanted=f"version {wire.VERSION}")
        batches = tuple((batch, Entry(name, count)) for batch, name, count in told["batches"])
        return Ledger(told["closed"], told["since"], told["swept"], batches, keys)


def load(bucket: Bucket, rater: str) -> tuple[Ledger, str | None]:
    """A rater's page and its tag; an empty one where nothing is known yet."""
    found = bucket.get(FOLDER + rater)
    return (Ledger.parse(found.data), found.tag) if found else (Ledger(), None)


def change(bucket: Bucket, rater: str, edit: Callable[[Ledger], Ledger]) -> Ledger:
    """Edit a rater's page, from anew where another was quicker; an edit that changes nothing writes nothing."""
    while True:
        page, tag = load(bucket, rater)
        new = edit(page)
        if new == page or bucket.swap(FOLDER + rater, new.format(), tag):
            return new
