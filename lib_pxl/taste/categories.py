"""By what a person judges: categories, to make, rename, merge, part and retire; no opinion is lost by any of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from lib_pxl.errors import StoreError
from lib_pxl.store.database import Database
from lib_pxl.taste.opinion import MAX_CATEGORY
from lib_pxl.taste.record import keepable

NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
VALID = """taste_opinions.undone IS NULL AND NOT EXISTS (
    SELECT 1 FROM taste_opinions AS later
    WHERE later.first = taste_opinions.first AND later.category = taste_opinions.category
    AND later.value IS NOT NULL AND taste_opinions.value IS NOT NULL AND later.undone IS NULL
    AND later.sitting = taste_opinions.sitting AND later.number > taste_opinions.number)"""
_PARTS = """WITH RECURSIVE parts (number) AS (
    VALUES (?1) UNION SELECT taste_categories.number FROM taste_categories JOIN parts ON merged = parts.number)
    SELECT number FROM parts"""


class Category(NamedTuple):
    """A category, how many opinions count in it, whether it is out of use, and which others are part of it."""

    name: str
    opinions: int
    retired: bool
    merged: tuple[str, ...] = ()


class Categories:
    """Those of one person."""

    database: Database
    _number: int  # of the person

    def categories(self) -> list[Category]:
        """All of them, in the order in which they were made."""
        rows = self.database.rows(
            f"""SELECT number, name, retired, merged, (SELECT count(*) FROM taste_opinions
                WHERE category = taste_categories.number AND {VALID}) AS opinions
                FROM taste_categories WHERE profile = ? ORDER BY number""",
            (self._number,),
        )
        parts: dict[int, tuple[str, ...]] = {}
        for row in rows:
            parts[row["merged"]] = (*parts.get(row["merged"], ()), row["name"])
        return [
            Category(row["name"], row["opinions"], row["retired"] is not None, parts.get(row["number"], ()))
            for row in rows
            if row["merged"] is None
        ]

    def add_category(self, name: str) -> None:
        """Make a category, or bring a retired one back."""
        with self.database.transaction() as connection:
            number = self._category(connection, name)
            if not self._named(name, "number = ? AND", number):
                raise StoreError("category", got=name, wanted="one that is not part of another: part it from that one")
            connection.execute("UPDATE taste_categories SET retired = NULL WHERE number = ?", (number,))

    def rename_category(self, name: str, to: str) -> None:
        """Call a category otherwise."""
        with self.database.transaction() as connection:
            number = self._known(name)
            if to != name and self._named(_checked(to)):
                raise StoreError("category", got=to, wanted="a name that no other has; merge them to have one")
            connection.execute("UPDATE taste_categories SET name = ? WHERE number = ?", (to, number))

    def merge_categories(self, name: str, into: str) -> None:
        """Make all opinions of one category opinions of another, until they are parted."""
        with self.database.transaction() as connection:
            number, other = self._known(name), self._known(into)
            if number == other:
                raise StoreError("category", got=into, wanted="another than the one to merge")
            connection.execute(
                "UPDATE taste_opinions SET category = ?, was = coalesce(was, category) WHERE category = ?",
                (other, number),
            )
            connection.execute("UPDATE taste_categories SET merged = ? WHERE number = ?", (other, number))

    def part_category(self, name: str) -> None:
        """Give a category that was merged its own opinions back, and those of all that were merged into it before."""
        with self.database.transaction() as connection:
            rows = self._named(name, "merged IS NOT NULL AND")
            if not rows:
                raise StoreError("category", got=name, wanted="one that is part of another")
            number = rows[0]["number"]
            connection.execute(
                f"UPDATE taste_opinions SET category = ?1, was = nullif(was, ?1) WHERE was IN ({_PARTS})", (number,)
            )
            connection.execute("UPDATE taste_categories SET merged = NULL WHERE number = ?", (number,))

    def retire_category(self, name: str) -> None:
        """Offer a category no more; its opinions stay, and count."""
        with self.database.transaction() as connection:
            connection.execute(f"UPDATE taste_categories SET retired = {NOW} WHERE number = ?", (self._known(name),))

    def _category(self, connection: sqlite3.Connection, name: str) -> int:
        """What an opinion of this name is of: the category, made where there is none, or the one that it is part of."""
        connection.execute(
            "INSERT OR IGNORE INTO taste_categories (profile, name) VALUES (?, ?)", (self._number, _checked(name))
        )
        (row,) = self._named(name)
        while row["merged"] is not None:
            (row,) = self.database.rows("SELECT * FROM taste_categories WHERE number = ?", (row["merged"],))
        number: int = row["number"]
        return number

    def _named(self, name: str, where: str = "", *values: object) -> Sequence[sqlite3.Row]:
        sql = f"SELECT * FROM taste_categories WHERE {where} profile = ? AND name = ?"
        return self.database.rows(sql, (*values, self._number, keepable(name)))

    def _known(self, name: str) -> int:
        rows = self._named(name, "merged IS NULL AND")
        if not rows:
            raise StoreError("category", got=name, wanted="one that is here")
        number: int = rows[0]["number"]
        return number


def _checked(name: str) -> str:
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_CATEGORY or name != name.strip():
        raise StoreError("category", got=name, wanted=f"a name of 1 to {MAX_CATEGORY} characters")
    return keepable(name)
