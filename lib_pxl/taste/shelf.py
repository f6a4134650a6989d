"""What a gallery asks of the store: pages that take no longer where there is more, stars, and what to filter by."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections.abc import Sequence
from typing import NamedTuple

from lib_pxl.taste.opinions import Opinions
from lib_pxl.taste.record import Record

SPAN = 4_000  # items that are looked through at once
PATIENCE = 0.03  # seconds after which a page comes with what was found until then
MOST_NAMES = 200
SEEN = "(image != '' OR thumbnail != '')"
Found = tuple[int, Record]


class Filter(NamedTuple):
    """What is to be shown; what is empty does not count."""

    text: str = ""
    sitting: str = ""
    checkpoint: str = ""
    since: str = ""
    until: str = ""


ALL = Filter()


class Shelf:
    """One person's pictures."""

    def __init__(self, opinions: Opinions) -> None:
        self.opinions = opinions

    def page(
        self, wanted: Filter = ALL, limit: int = 60, before: int | None = None, patience: float = PATIENCE
    ) -> tuple[list[Found], int | None]:
        """The newest first, and where the next page begins, or None at the end.

        A page may hold few or none although there are more: it looks through so many, and says where to go on.
        """
        top, found = self._top() + 1 if before is None else before, list[Found]()
        until = time.monotonic() + patience
        while top > 1:
            bottom = max(1, top - SPAN)
            found += self.opinions.records(limit - len(found), top, bottom - 1, **wanted._asdict())
            top = found[-1][0] if len(found) == limit else bottom
            if len(found) == limit or time.monotonic() > until:
                break
        return found, top if top > 1 else None

    def count(self, most: int = MOST_NAMES) -> int:
        """How many there are, but no further than this."""
        sql = "SELECT count(*) AS count FROM (SELECT 1 FROM taste_items WHERE profile = ? LIMIT ?)"
        (row,) = self._rows(sql, self.opinions.number, most)
        found: int = row["count"]
        return found

    def names(self, column: str, most: int = MOST_NAMES) -> list[str]:
        """Which sittings or checkpoints there are, the last in the alphabet first; each is one step in an index."""
        assert column in ("sitting", "checkpoint")
        step = f"SELECT max({column}) AS name FROM taste_items WHERE profile = ?1"
        rows = self._rows(
            f"WITH RECURSIVE names (name) AS ({step} UNION ALL "
            f"SELECT (SELECT max({column}) FROM taste_items WHERE profile = ?1 AND {column} < names.name) FROM names "
            "WHERE names.name > '' LIMIT ?2) SELECT name FROM names WHERE name > ''",
            self.opinions.number,
            most,
        )
        return [row["name"] for row in rows]

    def stars(self, numbers: Sequence[int]) -> dict[int, dict[str, float]]:
        """The last rating that counts of each of these items, by category."""
        found: dict[int, dict[str, float]] = {}
        for row in self._rows(
            "SELECT first, name, value FROM taste_opinions "
            "JOIN taste_categories ON taste_categories.number = category "
            "WHERE first IN (SELECT value FROM json_each(?)) AND taste_opinions.value IS NOT NULL AND undone IS NULL "
            "ORDER BY taste_opinions.number",
            json.dumps(numbers),
        ):
            found.setdefault(row["first"], {})[row["name"]] = row["value"]
        return found

    def picture(self, path: str = "", content: str = "") -> Found | None:
        """The newest item of the picture at this path, or else of this content."""
        for column, value in (("image", path), ("image_hash", content)):
            sql = f"SELECT number, id FROM taste_items WHERE profile = ? AND {column} = ? ORDER BY number DESC LIMIT 1"
            for row in self._rows(sql, self.opinions.number, value) if value else ():
                return row["number"], self.opinions.get(row["id"])
        return None

    def item(self, which: str) -> Found:
        """That of an id."""
        sql = "SELECT number FROM taste_items WHERE profile = ? AND id = ?"
        record, rows = self.opinions.get(which), self._rows(sql, self.opinions.number, which)
        return rows[0]["number"], record

    def some(self, count: int, draw: random.Random) -> list[Record]:
        """Items of which there are pictures: the newest, and as many from among all."""
        top, found = self._top(), dict[str, Record]()
        chosen = [row["id"] for row in self._near(top, count // 2)]
        for _ in range(count - len(chosen) if len(chosen) == count // 2 else 0):
            chosen += [row["id"] for row in self._near(draw.randint(1, top), 1)]
        for which in dict.fromkeys(chosen):
            found[which] = self.opinions.get(which)
        return list(found.values())

    def asked(self, category: str, most: int) -> list[tuple[str, str]]:
        """The last duels in a category that count."""
        rows = self._rows(
            "SELECT one.id AS one, other.id AS other FROM taste_opinions "
            "JOIN taste_items AS one ON one.number = first JOIN taste_items AS other ON other.number = second "
            "WHERE +taste_opinions.profile = ? AND undone IS NULL AND category IN (SELECT number FROM taste_categories "
            "WHERE profile = ? AND name = ?) ORDER BY taste_opinions.number DESC LIMIT ?",
            self.opinions.number,
            self.opinions.number,
            category,
            most,
        )
        return [(row["one"], row["other"]) for row in rows]

    def _near(self, number: int, count: int) -> Sequence[sqlite3.Row]:
        return self._rows(
            f"SELECT id FROM taste_items WHERE +profile = ? AND number <= ? AND number > ? AND {SEEN} "
            "ORDER BY number DESC LIMIT ?",
            self.opinions.number,
            number,
            number - SPAN,
            count,
        )

    def _top(self) -> int:
        (row,) = self._rows("SELECT max(number) AS number FROM taste_items")
        return row["number"] or 0

    def _rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        return self.opinions.database.rows(sql, values)
