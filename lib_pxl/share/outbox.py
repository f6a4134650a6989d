"""The outbox: records that wait, batches that leave, and the log of what has left, in the one database.

A record's key is made once, and a batch's bytes too: whatever is sent again is the same to the letter. A batch is

    ready -> released -> leaving -> sent, or refused
                            └-----> stopped, by a withdrawal while nobody knows whether it has arrived
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from lib_pxl import wire
from lib_pxl.errors import ShareError
from lib_pxl.share.record import Draft, line
from lib_pxl.store.database import Database

LEASE = 90.0  # seconds in which nobody else takes up a batch that is on its way
LONGEST = 6 * 3600.0  # seconds between two tries
TOGETHER = 500  # records that are put down in one transaction
_LEFT = "('leaving', 'sent', 'refused', 'stopped')"
Pack = Callable[[str, Sequence[bytes]], bytes]  # of a batch's name and its lines


@dataclass(frozen=True)
class Batch:
    """One batch as it is kept, but for its bytes."""

    id: str
    rater: str
    target: str
    count: int
    size: int
    state: str
    tries: int
    due: float
    error: str
    created: str
    left: str  # when it was sent, or last tried

    @classmethod
    def of_row(cls, row: sqlite3.Row) -> Batch:
        """From a row of the store."""
        return cls(**{name: row[name] for name in cls.__annotations__})


_BATCH = "id, rater, target, count, length(data) AS size, state, tries, due, error, created, leaving AS left"


class Outbox:
    """What one profile shares, shared and will not share."""

    def __init__(self, database: Database, profile: str) -> None:
        self.database, self.profile = database, profile

    def put(self, drafts: Iterable[Draft], hold: Callable[[], object] = lambda: None) -> int:
        """Let opinions wait that are not here yet; says how many. `hold` may still refuse, in each transaction."""
        rest, new = iter(drafts), 0
        while some := list(islice(rest, TOGETHER)):
            with self.database.transaction() as connection:
                hold()
                for draft in some:
                    key = secrets.token_hex(16)
                    done = connection.execute(
                        "INSERT OR IGNORE INTO share_records (profile, opinion, key, line) VALUES (?, ?, ?, ?)",
                        (self.profile, draft.opinion, key, line(draft.record, key)),
                    )
                    new += done.rowcount
        return new

    def known(self) -> set[str]:
        """The opinions that are here in whatever state."""
        rows = self.database.rows("SELECT opinion FROM share_records WHERE profile = ?", (self.profile,))
        return {row["opinion"] for row in rows}

    def pending(self) -> set[str]:
        """Those whose records can still be kept from leaving."""
        rows = self.database.rows(
            "SELECT opinion FROM share_records LEFT JOIN share_batches ON share_batches.id = batch "
            f"WHERE share_records.profile = ? AND NOT struck AND (batch IS NULL OR state NOT IN {_LEFT})",
            (self.profile,),
        )
        return {row["opinion"] for row in rows}

    def waiting(self) -> int:
        """How many records are in no batch yet."""
        (row,) = self.database.rows(f"SELECT count(*) AS count FROM share_records WHERE {_WAITING}", (self.profile,))
        return int(row["count"])

    def pack(self, rater: str, target: str, pack: Pack) -> int:
        """Put all that waits into batches, each in a transaction of its own; says how many there are now."""
        made = 0
        while self._pack(rater, target, pack):
            made += 1
        return made

    def _pack(self, rater: str, target: str, pack: Pack) -> bool:
        with self.database.transaction() as connection:
            rows = self.database.rows(
                f"SELECT number, line FROM share_records WHERE {_WAITING} ORDER BY number LIMIT ?",
                (self.profile, wire.MAX_RECORDS),
            )
            if not rows:
                return False
            rows = rows[: wire.room([bytes(row["line"]) for row in rows])]
            name = secrets.token_hex(16)
            data = pack(name, [bytes(row["line"]) for row in rows])
            connection.execute(
                "INSERT INTO share_batches (id, profile, rater, target, data, count, created) "
                "VALUES (?, ?, ?, ?, ?, ?, strftime('%Y-%m-%d %H:%M:%f', 'now'))",
                (name, self.profile, rater, target, data, len(rows)),
            )
            numbers = [(name, row["number"]) for row in rows]
            connection.executemany("UPDATE share_records SET batch = ? WHERE number = ?", numbers)
        return True

    def batches(self) -> list[Batch]:
        """Those that have not left yet, the oldest first."""
        return self._batches(f"state NOT IN {_LEFT} ORDER BY number")

    def log(self, limit: int = 100, before: str = "") -> list[Batch]:
        """All that ever left or may have, the newest first; the last one's id is the next page's `before`."""
        older = "AND number < (SELECT number FROM share_batches WHERE id = ?)" if before else ""
        return self._batches(f"state IN {_LEFT} {older} ORDER BY number DESC LIMIT ?", *filter(None, (before,)), limit)

    def get(self, which: str) -> Batch:
        """One of either."""
        found = self._batches("id = ?", which)
        if not found:
            raise ShareError("batch", got=which, wanted="one that is in the outbox or in the log")
        return found[0]

    def data(self, which: str) -> bytes:
        """A batch's bytes, as they leave or left."""
        self.get(which)
        (row,) = self.database.rows("SELECT data FROM share_batches WHERE id = ?", (which,))
        return bytes(row["data"])

    def strike(self, keys: Iterable[str]) -> int:
        """Keep records from ever leaving; those of a batch that has not left wait anew. Says how many."""
        count = 0
        with self.database.transaction() as connection:
            for key in keys:
                batch = self._holding(key)
                if batch:
                    self._dissolve(connection, [batch])
                done = connection.execute(
                    f"UPDATE share_records SET struck = 1, line = NULL WHERE key = ? AND {_WAITING}",
                    (key, self.profile),
                )
                count += done.rowcount
        return count

    def spare(self, keys: Iterable[str]) -> int:
        """Forget that records were struck out, so that their opinions are taken up again. Says how many."""
        with self.database.transaction() as connection:
            return sum(
                connection.execute(
                    "DELETE FROM share_records WHERE key = ? AND profile = ? AND struck", (key, self.profile)
                ).rowcount
                for key in keys
            )

    def forget(self, opinions: Iterable[str]) -> int:
        """Drop the records of opinions that were taken back, as far as they have not left. Says how many."""
        with self.database.transaction() as connection:
            count = 0
            for opinion in opinions:
                rows = self.database.rows(
                    "SELECT key FROM share_records WHERE profile = ? AND opinion = ? AND NOT struck",
                    (self.profile, opinion),
                )
                for row in rows:
                    batch = self._holding(row["key"])
                    if batch:
                        self._dissolve(connection, [batch])
                    count += connection.execute(
                        f"DELETE FROM share_records WHERE key = ? AND {_WAITING}", (row["key"], self.profile)
                    ).rowcount
        return count

    def release(self, which: Iterable[str]) -> int:
        """Let batches leave that were looked at. Says how many."""
        with self.database.transaction() as connection:
            return sum(
                connection.execute(
                    "UPDATE share_batches SET state = 'released', due = 0 "
                    "WHERE id = ? AND profile = ? AND state = 'ready'",
                    (each, self.profile),
                ).rowcount
                for each in which
            )

    def hurry(self) -> None:
        """Try at once what waits for its next try."""
        with self.database.transaction() as connection:
            connection.execute(
                "UPDATE share_batches SET due = 0 WHERE profile = ? AND state = 'released'"
                " OR (profile = ? AND state = 'leaving' AND error != '')",
                (self.profile, self.profile),
            )

    def claim(self, now: float, lease: float = LEASE) -> Batch | None:
        """The next batch that is due, as it was; from now on it is on its way, whatever happens to who took it."""
        with self.database.transaction() as connection:
            found = self._batches(
                "state IN ('released', 'leaving') AND (due <= ? OR due > ?) ORDER BY tries, number LIMIT 1",
                now,
                now + max(LONGEST, lease),  # a clock that was set back must not hold it up for ever
            )
            for batch in found:
                connection.execute(
                    "UPDATE share_batches SET state = 'leaving', due = ?, tries = tries + 1, error = '', "
                    "leaving = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE id = ?",
                    (now + lease, batch.id),
                )
        return replace(found[0], tries=found[0].tries + 1) if found else None

    def next_due(self) -> float | None:
        """When the next one is due; None where nothing is to be sent."""
        (row,) = self.database.rows(
            "SELECT min(due) AS due FROM share_batches WHERE profile = ? AND state IN ('released', 'leaving')",
            (self.profile,),
        )
        return None if row["due"] is None else float(row["due"])

    def arrived(self, batch: Batch) -> None:
        """It is there, be it after a withdrawal that came too late for it."""
        with self.database.transaction() as connection:
            self._end(connection, batch, "sent", "")

    def refused(self, batch: Batch, why: str) -> None:
        """It will never be taken."""
        with self.database.transaction() as connection:
            self._end(connection, batch, "refused", why)

    def later(self, batch: Batch, due: float, why: str, left: bool) -> None:
        """It failed, and with it the way: whatever else goes there waits as long. What never left can still be kept."""
        lies_here = not left and batch.state == "released"
        with self.database.transaction() as connection:
            connection.execute("UPDATE share_batches SET error = ? WHERE id = ?", (why, batch.id))
            connection.execute(
                "UPDATE share_batches SET due = ?, state = CASE WHEN ? THEN 'released' ELSE state END, "
                "leaving = CASE WHEN ? THEN '' ELSE leaving END WHERE id = ? AND state = 'leaving'",
                (due, lies_here, lies_here, batch.id),
            )
            connection.execute(
                "UPDATE share_batches SET due = max(due, ?) WHERE profile = ? AND target = ? AND state = 'released'",
                (due, self.profile, batch.target),
            )

    def empty(self) -> None:
        """Nothing waits any more; what is on its way is not sent again, and the log says that it may have arrived."""
        with self.database.transaction() as connection:
            self._dissolve(connection, [each.id for each in self.batches()])
            connection.execute(f"DELETE FROM share_records WHERE {_WAITING}", (self.profile,))
            for batch in self._batches("state = 'leaving'"):
                self._end(connection, batch, "stopped", batch.error)

    def struck_keys(self) -> list[str]:
        """The keys of what was struck out, the newest first."""
        rows = self.database.rows(
            "SELECT key FROM share_records WHERE profile = ? AND struck ORDER BY number DESC", (self.profile,)
        )
        return [row["key"] for row in rows]

    def _end(self, connection: sqlite3.Connection, batch: Batch, state: str, why: str) -> None:
        connection.execute(
            "UPDATE share_batches SET state = ?, error = ? WHERE id = ? AND state IN ('leaving', 'stopped')",
            (state, why, batch.id),
        )
        connection.execute("UPDATE share_records SET line = NULL WHERE batch = ?", (batch.id,))

    def _holding(self, key: str) -> str:
        """The batch that a record is in, where that has not left."""
        rows = self.database.rows(
            "SELECT batch FROM share_records JOIN share_batches ON share_batches.id = batch "
            f"WHERE key = ? AND share_records.profile = ? AND state NOT IN {_LEFT}",
            (key, self.profile),
        )
        return rows[0]["batch"] if rows else ""

    def _dissolve(self, connection: sqlite3.Connection, names: Iterable[str]) -> None:
        for name in names:
            connection.execute("UPDATE share_records SET batch = NULL WHERE batch = ?", (name,))
            connection.execute("DELETE FROM share_batches WHERE id = ?", (name,))

    def _batches(self, where: str, *values: object) -> list[Batch]:
        rows = self.database.rows(
            f"SELECT {_BATCH} FROM share_batches WHERE profile = ? AND {where}", (self.profile, *values)
        )
        return [Batch.of_row(row) for row in rows]


_WAITING = "profile = ? AND batch IS NULL AND NOT struck"


def lines_of(data: bytes) -> Iterator[str]:
    """A batch's lines, its envelope first, as text."""
    yield from wire.unzip(data).decode().split("\n")[:-1]
