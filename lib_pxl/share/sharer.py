"""One profile's sharing as a whole: what was agreed to, what waits, what left, and the steps that send it."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

from lib_pxl import wire
from lib_pxl.errors import PxlError, ShareError, Words
from lib_pxl.share import consent
from lib_pxl.share.bucket import Bucket
from lib_pxl.share.consent import Consent, Consents
from lib_pxl.share.endpoint import Endpoint
from lib_pxl.share.erasure import Erasure, Erasures
from lib_pxl.share.fields import Fields
from lib_pxl.share.identity import Keys
from lib_pxl.share.net import Http, LaterError, NeverError
from lib_pxl.share.outbox import LEASE, LONGEST, Batch, Outbox
from lib_pxl.share.record import Draft
from lib_pxl.share.target import Target
from lib_pxl.store.database import Database

FIRST = 15.0  # seconds before the second try


class Way(Protocol):
    """What carries batches to a place, and the wish to be forgotten."""

    def deliver(self, batch: str, data: bytes, secret: bytes) -> None:
        """Have a batch there, once."""

    def erase(self, secret: bytes) -> bool:
        """Ask for all of a rater's to be erased; whether it is already."""


@dataclass
class Sharer:
    """All of it for one profile; `closed` says why nothing may leave, whatever was agreed to."""

    database: Database
    folder: Path
    profile: str = "me"
    closed: Callable[[], str] = consent.forbidden
    clock: Callable[[], float] = time.time
    lease: float = LEASE
    chance: Callable[[], float] = random.random
    _endpoints: dict[str, Endpoint] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.consents = Consents(self.database, self.profile)
        self.outbox = Outbox(self.database, self.profile)
        self.erasures = Erasures(self.database, self.profile)
        self.keys = Keys(self.folder)

    def agree(self, fields: Fields, target: Target) -> Consent:
        """A yes; the key is made with the first one, and anew after an erasure."""
        self.check_open()
        rater = self.consents.rater()
        if not rater or rater in self.erasures.names() or not self.keys.has(rater):
            rater = self.keys.make()
        with self.database.transaction():
            given = self.consents.give(fields, target, rater)
            self.outbox.empty()
        return given

    def adopt(self, path: Path) -> str:
        """Go on under a key from another machine; what has not left is signed with it."""
        agreed = self._agreed()
        rater = self.keys.take(path)
        if rater in self.erasures.names():
            raise ShareError("key", got=Words("that of a rater who asked to be forgotten"), wanted="another one")
        with self.database.transaction():
            self.consents.give(agreed.fields, agreed.target, rater)
            self.outbox.empty()
        return rater

    def refuse(self) -> None:
        """A no, which also ends a yes."""
        with self.database.transaction():
            self.consents.refuse()
            self.outbox.empty()

    def withdraw(self) -> None:
        """Nothing more leaves, and nothing waits any more."""
        with self.database.transaction():
            self.consents.withdraw()
            self.outbox.empty()

    def erase(self) -> int:
        """Withdraw, and wish that every place forgets what came from here; says how many places."""
        with self.database.transaction():
            self.withdraw()
            places = self.places()
            self.erasures.want(places)
        return len(places)

    def places(self) -> list[tuple[str, str]]:
        """Where something may lie, and under which rater, unless its erasure was confirmed."""
        rows = self.database.rows(
            "SELECT DISTINCT rater, target FROM share_batches WHERE profile = ? "
            "AND state IN ('leaving', 'sent', 'stopped', 'refused') AND NOT EXISTS (SELECT 1 FROM share_erasures WHERE "
            "share_erasures.rater = share_batches.rater AND share_erasures.target = share_batches.target "
            "AND share_erasures.state = 'confirmed')",
            (self.profile,),
        )
        return [(row["rater"], row["target"]) for row in rows]

    def put(self, agreed: Consent, drafts: Iterable[Draft]) -> int:
        """Let records wait that were written for this consent, as long as it is the one in force; says how many."""
        return self.outbox.put(drafts, lambda: self._hold(agreed))

    def check_open(self) -> None:
        """Refuse where nothing may be shared at all."""
        why = self.closed()
        if why:
            raise ShareError(why)

    def pack(self) -> int:
        """Make signed batches of all that waits; says how many."""
        agreed = self._agreed()
        secret = self.keys.secret(agreed.rater)

        def packed(name: str, lines: Sequence[bytes]) -> bytes:
            self._hold(agreed)
            now = datetime.fromtimestamp(self.clock(), timezone.utc)
            return wire.pack(secret, lines, batch=name, sent=now, consent=consent.VERSION)

        return self.outbox.pack(agreed.rater, json.dumps(agreed.target.format()), packed)

    def release(self, which: Iterable[str]) -> int:
        """Let batches leave; says how many."""
        self.check_open()
        self._agreed()
        return self.outbox.release(which)

    def step(self, http: Http) -> float | None:
        """Do one thing that is due; seconds until the next is, or None where nothing is left to do."""
        if self.closed():
            return None
        if self._forget_one(http) or self._send_one(http):
            return 0.0
        dues = [each.due for each in self.erasures.open()]
        due = self.outbox.next_due() if self.consents.current() else None
        dues += [] if due is None else [due]
        return max(0.0, min(min(dues) - self.clock(), LONGEST)) if dues else None

    def _agreed(self) -> Consent:
        agreed = self.consents.current()
        if agreed is None:
            got = Words(self.consents.answer() or "no answer")
            raise ShareError("consent", got=got, wanted="a yes on the Share tab of the machine itself")
        return agreed

    def _hold(self, agreed: Consent) -> None:
        """Refuse to go on where another answer was given in the meantime."""
        if self._agreed().number != agreed.number:
            raise ShareError("consent", got=Words("another answer in the meantime"), wanted="the same one")

    def _send_one(self, http: Http) -> bool:
        with self.database.transaction():  # a withdrawal is before or after, and never between
            agreed = self.consents.current()
            batch = self.outbox.claim(self.clock(), self.lease) if agreed else None
        if batch is None:
            return False
        try:
            way = self._way(Target.parse(json.loads(batch.target)), http)
            way.deliver(batch.id, self.outbox.data(batch.id), self.keys.secret(batch.rater))
        except NeverError as problem:
            self.outbox.refused(batch, str(problem))
        except PxlError as problem:
            after, left = (problem.after, problem.left) if isinstance(problem, LaterError) else (None, False)
            self.outbox.later(batch, self._again(batch.tries, after), str(problem), left)
        else:
            self.outbox.arrived(batch)
        return True

    def _forget_one(self, http: Http) -> bool:
        waiting = [each for each in self.erasures.open() if each.due <= self.clock()]
        for erasure in waiting[:1]:
            try:
                is_erased = self._asked(erasure, http)
            except PxlError as problem:
                after = problem.after if isinstance(problem, LaterError) else None
                self.erasures.later(erasure, self._again(erasure.tries + 1, after), str(problem))
            else:
                self.erasures.told(erasure, is_erased, self._again(erasure.tries + 1))
        return bool(waiting)

    def _asked(self, erasure: Erasure, http: Http) -> bool:
        way = self._way(Target.parse(json.loads(erasure.target)), http)
        secret = self.keys.secret(erasure.rater)
        if erasure.state == "asked" and isinstance(way, Endpoint):
            return way.erased(secret)
        return way.erase(secret)

    def _way(self, target: Target, http: Http) -> Way:
        if target.kind == "bucket":
            return Bucket(target)
        known = self._endpoints.get(target.url)
        if known is None or known.http is not http:  # one that is known knows how the receiver's clock goes
            known = self._endpoints[target.url] = Endpoint(
                target.url, http, lambda: datetime.fromtimestamp(self.clock(), timezone.utc)
            )
        return known

    def _again(self, tries: int, after: float | None = None) -> float:
        """When to try again: twice as long after each try, or as asked, and never all at the same moment."""
        wait = min(LONGEST, FIRST * 2 ** min(tries, 12)) if after is None else max(after, 1.0)
        return self.clock() + wait * (0.5 + self.chance() / 2 if after is None else 1 + self.chance() / 10)


def profiles(database: Database) -> list[str]:
    """The profiles that ever answered, since only they can have something to send."""
    return [row["profile"] for row in database.rows("SELECT DISTINCT profile FROM share_consents ORDER BY profile")]


def describe(batch: Batch) -> dict[str, object]:
    """A batch as data for a page or a program."""
    told = {name: getattr(batch, name) for name in Batch.__annotations__}
    return {**told, "target": Target.parse(json.loads(batch.target)).name}
