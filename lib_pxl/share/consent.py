"""Consent: what is asked, in words with a version; each answer is kept, and the last one counts."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib_pxl.errors import ShareError, Words
from lib_pxl.share.fields import Fields
from lib_pxl.share.target import Target
from lib_pxl.store.database import Database

VERSION = 1  # of TEXT: whoever changes what it says raises this, and everybody is asked again
TEXT = {
    "What": "Your opinions, the ratings and duels that you gave, and of the pictures they are about only what you "
    "tick below. Never a picture, and never a noken's vectors. Each opinion carries the day it was given.",
    "What is taken out": "Paths, file names, account names, e-mail addresses, links, long numbers, the names of LoRAs "
    "and of nokens. A machine does that by their shape, and it can miss some. Prompts may hold names of people, yours "
    "too: read the records before you send them. You can strike out any of them.",
    "To whom": "To the place that you write below, and nowhere else: a receiver that a community runs to learn a taste "
    "that others can start from, or a bucket of your own. Whoever runs it can read what you send, and sees your "
    "internet address while you send it.",
    "Under which name": "Under a random key that is made on this machine when you say yes. It says that all you send "
    "comes from one person, and not from which.",
    "For how long": "What was sent stays there until you have it erased, or until whoever runs the place deletes it.",
    "How to take it back": "Withdraw is one click: nothing more leaves, and the outbox is emptied. Erase asks the "
    "receiver to delete all that came under your key, and this page shows how far that is. What was already learned "
    "from many people's opinions cannot be unlearned; yours drop out when it is learned the next time.",
}
NO_TRACK = "DO_NOT_TRACK"
SWITCH = "pxl_no_share"  # of a WebUI's settings, and of its command line
OFF = ("", "0", "false", "no")


@dataclass(frozen=True)
class Consent:
    """A yes that counts."""

    number: int
    profile: str
    fields: Fields
    target: Target
    rater: str
    since: str  # when it was first given without an end since


def forbidden(environment: Mapping[str, str] = os.environ) -> str:
    """Why nothing may be shared whatever anybody agreed to, or nothing."""
    told = environment.get(NO_TRACK, "").strip().lower()
    return "" if told in OFF else f"{NO_TRACK} is set: nothing is shared, whatever was agreed to"


class Consents:
    """The answers of one profile, in the order in which they were given; none is ever changed or taken away."""

    def __init__(self, database: Database, profile: str) -> None:
        self.database, self.profile = database, profile

    def current(self) -> Consent | None:
        """The yes in force: the last answer, to the text as it is now."""
        row = self._last()
        if row is None or row["answer"] != "yes" or row["version"] != VERSION:
            return None
        target = Target.parse(json.loads(row["target"]))
        fields = frozenset(json.loads(row["fields"]))
        (first,) = self.database.rows(
            "SELECT min(time) AS time FROM share_consents WHERE profile = ?1 AND number > coalesce("
            "(SELECT max(number) FROM share_consents WHERE profile = ?1 AND answer != 'yes'), 0)",
            (self.profile,),
        )
        return Consent(row["number"], self.profile, fields, target, row["rater"], first["time"])

    def answer(self) -> str:
        """`yes`, `no`, `withdrawn`, `outdated` where the text has changed since a yes, or nothing."""
        row = self._last()
        if row is None:
            return ""
        return "outdated" if row["answer"] == "yes" and row["version"] != VERSION else str(row["answer"])

    def give(self, fields: Fields, target: Target, rater: str) -> Consent:
        """A yes to this text, these fields and this place."""
        self._add("yes", json.dumps(sorted(fields)), json.dumps(target.format()), rater)
        consent = self.current()
        if consent is None:
            raise ShareError("consent", got=Words("another answer in the same moment"), wanted="one")
        return consent

    def refuse(self) -> None:
        """A no."""
        self._add("no")

    def withdraw(self) -> None:
        """An end to what was agreed; without that there is nothing to end."""
        row = self._last()
        if row is not None and row["answer"] == "yes":
            self._add("withdrawn")

    def rater(self) -> str:
        """The last one that was agreed with, or nothing."""
        rows = self.database.rows(
            "SELECT rater FROM share_consents WHERE profile = ? AND rater != '' ORDER BY number DESC LIMIT 1",
            (self.profile,),
        )
        return rows[0]["rater"] if rows else ""

    def receipts(self) -> list[dict[str, Any]]:
        """Every answer with the words that it was an answer to, the newest first."""
        rows = self.database.rows(
            "SELECT * FROM share_consents WHERE profile = ? ORDER BY number DESC", (self.profile,)
        )
        parsed = ("text", "fields", "target")
        return [
            {name: json.loads(value) if name in parsed else value for name, value in dict(row).items()} for row in rows
        ]

    def _last(self) -> sqlite3.Row | None:
        rows = self.database.rows(
            "SELECT * FROM share_consents WHERE profile = ? ORDER BY number DESC LIMIT 1", (self.profile,)
        )
        return rows[0] if rows else None

    def _add(self, answer: str, fields: str = "[]", target: str = "{}", rater: str = "") -> None:
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT INTO share_consents (profile, answer, version, text, fields, target, rater, time) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, strftime('%Y-%m-%d %H:%M:%f', 'now'))",
                (self.profile, answer, VERSION, json.dumps(TEXT), fields, target, rater),
            )
