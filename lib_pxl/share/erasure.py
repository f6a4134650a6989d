"""The wish to be forgotten, kept until it is confirmed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from lib_pxl.store.database import Database

NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"


@dataclass(frozen=True)
class Erasure:
    """One rater at one place."""

    number: int
    rater: str
    target: str
    state: str  # wanted, asked or confirmed
    wanted: str
    confirmed: str
    tries: int
    due: float
    error: str

    @classmethod
    def of_row(cls, row: sqlite3.Row) -> Erasure:
        """From a row of the store."""
        return cls(**{name: row[name] for name in cls.__annotations__})


class Erasures:
    """Those of one profile."""

    def __init__(self, database: Database, profile: str) -> None:
        self.database, self.profile = database, profile

    def want(self, places: Iterable[tuple[str, str]]) -> None:
        """Wish it for a rater at a place, again where it was wished before."""
        with self.database.transaction() as connection:
            connection.executemany(
                "INSERT INTO share_erasures (profile, rater, target, state, wanted) "
                f"VALUES (?, ?, ?, 'wanted', {NOW}) ON CONFLICT (rater, target) DO UPDATE SET "
                "state = 'wanted', due = 0, tries = 0, error = '', confirmed = ''",
                [(self.profile, rater, target) for rater, target in places],
            )

    def all(self) -> list[Erasure]:
        """Every wish, the newest first."""
        rows = self.database.rows(
            "SELECT * FROM share_erasures WHERE profile = ? ORDER BY number DESC", (self.profile,)
        )
        return [Erasure.of_row(row) for row in rows]

    def open(self) -> list[Erasure]:
        """Those that nobody has confirmed yet, the one that is due first before the others."""
        return sorted((each for each in self.all() if each.state != "confirmed"), key=lambda each: each.due)

    def names(self) -> set[str]:
        """The raters that were to be forgotten, under which nothing is sent any more."""
        return {each.rater for each in self.all()}

    def told(self, erasure: Erasure, is_erased: bool, due: float) -> None:
        """It was heard, and perhaps done."""
        with self.database.transaction() as connection:
            connection.execute(
                f"UPDATE share_erasures SET state = ?, confirmed = CASE WHEN ? THEN {NOW} ELSE '' END, "
                "tries = tries + 1, due = ?, error = '' WHERE number = ?",
                ("confirmed" if is_erased else "asked", is_erased, due, erasure.number),
            )

    def later(self, erasure: Erasure, due: float, why: str) -> None:
        """It could not be said."""
        with self.database.transaction() as connection:
            connection.execute(
                "UPDATE share_erasures SET tries = tries + 1, due = ?, error = ? WHERE number = ?",
                (due, why, erasure.number),
            )

    def hurry(self) -> None:
        """Try at once."""
        with self.database.transaction() as connection:
            connection.execute("UPDATE share_erasures SET due = 0 WHERE profile = ?", (self.profile,))
