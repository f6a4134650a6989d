"""The opinions of one profile in the database: items, categories, ratings and duels; nothing is ever taken away."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Sequence

from lib_pxl.errors import StoreError, TasteError
from lib_pxl.store.database import Database
from lib_pxl.taste.categories import NOW, VALID, Categories
from lib_pxl.taste.opinion import Duel, Item, Opinion, Rating
from lib_pxl.taste.record import Record, keepable, packed

MAX_PROFILE = 80
_TOLD = f"""SELECT taste_opinions.*, one.id AS one, other.id AS other, taste_categories.name AS name
    FROM taste_opinions JOIN taste_items AS one ON one.number = first
    LEFT JOIN taste_items AS other ON other.number = second
    JOIN taste_categories ON taste_categories.number = category
    WHERE taste_opinions.profile = ? AND {VALID}"""


def named(profile: str) -> str:
    """A profile's name as it is kept."""
    if not isinstance(profile, str) or not 1 <= len(profile.strip()) <= MAX_PROFILE:
        raise StoreError("profile", got=profile, wanted=f"a name of 1 to {MAX_PROFILE} characters")
    return keepable(profile.strip())


class Opinions(Categories):
    """What one person has made, and thinks of it."""

    def __init__(self, database: Database, profile: str = "me") -> None:
        self.database, self.profile = database, named(profile)
        with database.transaction() as connection:
            connection.execute(
                f"INSERT OR IGNORE INTO taste_profiles (name, created) VALUES (?, {NOW})", (self.profile,)
            )
        (row,) = database.rows("SELECT number FROM taste_profiles WHERE name = ?", (self.profile,))
        self._number = row["number"]

    @property
    def number(self) -> int:
        """By which the database knows the person."""
        return self._number

    def profiles(self) -> list[str]:
        """All who have opinions here."""
        return [row["name"] for row in self.database.rows("SELECT name FROM taste_profiles ORDER BY number")]

    def add(self, records: Iterable[Record | Item]) -> int:
        """Keep items, and say how many were not here before; one that is here stays as it is."""
        with self.database.transaction() as connection:
            return sum(self._insert(connection, each) for each in records)

    def records(
        self,
        limit: int = 100,
        before: int | None = None,
        after: int = 0,
        *,
        text: str = "",
        sitting: str = "",
        checkpoint: str = "",
        since: str = "",
        until: str = "",
    ) -> list[tuple[int, Record]]:
        """A page of the items, the newest first, each with its number; the last number is the next page's `before`.

        Every word of the text is in the prompt.
        """
        # Only a sitting or a checkpoint is worth an index: by that of a profile, all its items would have to be sorted.
        where = "profile = ?" if sitting or checkpoint else "+profile = ?"
        values: list[object] = [self._number]
        words = [each.replace("!", "!!").replace("%", "!%").replace("_", "!_") for each in text.split()]
        for sql, value in (
            ("number < ?", before),
            ("number > ?", after),
            ("sitting = ?", sitting),
            ("checkpoint = ?", checkpoint),
            ("time >= ?", since),
            ("time < ?", until),
            *(("prompt LIKE ? ESCAPE '!'", f"%{each}%") for each in words),
        ):
            if value:
                where, values = f"{where} AND {sql}", [*values, value]
        return self._read(f"{where} ORDER BY number DESC LIMIT ?", [*values, limit])

    def get(self, which: str) -> Record:
        """The item of that id."""
        found = self._read("profile = ? AND id = ?", [self._number, which])
        if not found:
            raise StoreError("item", got=which, wanted="the id of one that is kept here")
        return found[0][1]

    def relocate(self, which: str, image: str, image_hash: str) -> None:
        """The picture of an item lies elsewhere now."""
        with self.database.transaction() as connection:
            connection.execute(
                "UPDATE taste_items SET image = ?, image_hash = ? WHERE profile = ? AND id = ?",
                (keepable(image), image_hash, self._number, which),
            )

    def caption(self, which: str, text: str) -> None:
        """Say what is on the picture of an item."""
        with self.database.transaction() as connection:
            connection.execute(
                "UPDATE taste_items SET caption = ? WHERE profile = ? AND id = ?",
                (keepable(text), self._number, which),
            )

    def uncaptioned(self) -> int:
        """How many items have no caption."""
        sql = "SELECT count(*) AS count FROM taste_items WHERE profile = ? AND caption = ''"
        count: int = self.database.rows(sql, (self._number,))[0]["count"]
        return count

    def judge(self, opinion: Opinion) -> None:
        """Keep an opinion of items that are here; its category is made if there is none."""
        self.judge_all([("", opinion)])

    def judge_all(self, opinions: Iterable[tuple[str, Opinion]]) -> int:
        """Keep opinions under their keys, and say how many were not here before; an empty key is a new one."""
        with self.database.transaction() as connection:
            return sum(self._judge(connection, key, each) for key, each in opinions)

    def opinions(self) -> list[Opinion]:
        """All that count, in the order in which they were given; a rating corrected in one sitting counts once."""
        return [opinion for _, opinion in self.keyed()]

    def keyed(self) -> list[tuple[str, Opinion]]:
        """All that count, each with the key by which it is known elsewhere too."""
        rows = self.database.rows(f"{_TOLD} ORDER BY taste_opinions.number", (self._number,))
        return [(row["key"], _opinion(row)) for row in rows]

    def judged(self) -> list[Item]:
        """The items that opinions are of, with their vectors."""
        where = f"""number IN (SELECT first FROM taste_opinions WHERE profile = ?1 AND {VALID}
            UNION SELECT second FROM taste_opinions WHERE profile = ?1 AND {VALID}) ORDER BY number"""
        return [record.item for _, record in self._read(where, [self._number])]

    def undo(self, key: str = "") -> Opinion | None:
        """Take back the last opinion, or that of a key; it stays known but does not count. None where there is none."""
        with self.database.transaction() as connection:
            which, values = (" AND taste_opinions.key = ?", [key]) if key else ("", [])
            sql = f"{_TOLD}{which} ORDER BY taste_opinions.number DESC LIMIT 1"
            rows = self.database.rows(sql, [self._number, *values])
            for row in rows:
                connection.execute(f"UPDATE taste_opinions SET undone = {NOW} WHERE number = ?", (row["number"],))
        return _opinion(rows[0]) if rows else None

    def withdraw(self, item: str, category: str) -> int:
        """Take back all ratings of an item in a category, and say how many counted until now."""
        with self.database.transaction() as connection:
            return connection.execute(
                f"UPDATE taste_opinions SET undone = {NOW} WHERE undone IS NULL AND value IS NOT NULL "
                "AND first = ? AND category = ?",
                (self._item(item), self._known(category)),
            ).rowcount

    def _insert(self, connection: sqlite3.Connection, given: Record | Item) -> bool:
        record = (given if isinstance(given, Record) else Record(given)).checked()
        item = record.item
        texts = (item.id, item.prompt, item.negative, item.caption)
        settings, nokens = json.dumps(dict(item.settings)), json.dumps(dict(record.nokens))
        place = (record.template, record.seed, record.checkpoint, record.image, record.image_hash, record.thumbnail)
        row = (*texts, settings, *place, nokens, record.sitting, record.time)
        done = connection.execute(
            "INSERT OR IGNORE INTO taste_items (profile, id, prompt, negative, caption, settings, template, seed, "
            "checkpoint, image, image_hash, thumbnail, nokens, sitting, time) "
            f"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(nullif(?, ''), {NOW}))",
            (self._number, *(keepable(each) if isinstance(each, str) else each for each in row)),
        )
        if not done.rowcount:
            return False
        number = done.lastrowid
        vectors = [(number, keepable(name), packed(vector)) for name, vector in item.vectors.items()]
        connection.executemany("INSERT INTO taste_vectors VALUES (?, ?, ?)", vectors)
        return True

    def _judge(self, connection: sqlite3.Connection, key: str, opinion: Opinion) -> bool:
        if isinstance(opinion, Duel):
            first, second = self._item(opinion.first), self._item(opinion.second)
            told: tuple[object, ...] = (first, second, None, opinion.outcome)
        elif isinstance(opinion, Rating):
            told = (self._item(opinion.item), None, opinion.value, None)
        else:
            raise TasteError("opinion", got=opinion, wanted="a Rating or a Duel")
        category = self._category(connection, opinion.category)
        done = connection.execute(
            "INSERT OR IGNORE INTO taste_opinions "
            "(key, profile, category, first, second, value, outcome, sitting, time) "
            f"VALUES (?, ?, ?, ?, ?, ?, ?, ?, coalesce(nullif(?, ''), {NOW}))",
            (
                keepable(key) or secrets.token_hex(8),
                self._number,
                category,
                *told,
                keepable(opinion.sitting),
                keepable(opinion.time),
            ),
        )
        return bool(done.rowcount)

    def _item(self, which: str) -> int:
        rows = self.database.rows(
            "SELECT number FROM taste_items WHERE profile = ? AND id = ?", (self._number, keepable(which))
        )
        if not rows:
            raise StoreError("opinion", got=which, wanted="the id of an item that is kept here")
        number: int = rows[0]["number"]
        return number

    def _read(self, where: str, values: Sequence[object]) -> list[tuple[int, Record]]:
        rows = self.database.rows(f"SELECT * FROM taste_items WHERE {where}", values)
        vectors: dict[int, dict[str, bytes]] = {}
        found = json.dumps([row["number"] for row in rows])
        of = "SELECT * FROM taste_vectors WHERE item IN (SELECT value FROM json_each(?))"
        for row in self.database.rows(of, [found]):
            vectors.setdefault(row["item"], {})[row["encoder"]] = row["vector"]
        return [(row["number"], Record.of_row(row, vectors.get(row["number"], {}))) for row in rows]


def _opinion(row: sqlite3.Row) -> Opinion:
    if row["outcome"] is None:
        return Rating(row["one"], row["name"], row["value"], row["time"], row["sitting"])
    winner = {1: row["one"], -1: row["other"], 0: None}[row["outcome"]]
    return Duel(row["one"], row["other"], row["name"], winner, row["time"], row["sitting"])
