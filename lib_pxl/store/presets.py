"""Programs kept under a name."""

from __future__ import annotations

import difflib
import unicodedata

from lib_pxl.errors import StoreError
from lib_pxl.knobs import one_of
from lib_pxl.store.database import Database

MAX_NAME = 80


class Presets:
    """The saved programs of a database, as the text that was saved."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def names(self) -> list[str]:
        """All names, in the order of the alphabet."""
        return sorted((row["name"] for row in self.database.rows("SELECT name FROM presets")), key=str.casefold)

    def load(self, name: str) -> str:
        """The program of that name, to the letter."""
        found = self.database.rows("SELECT program FROM presets WHERE name = ?", (checked(name),))
        if not found:
            raise self._unknown(name)
        program: str = found[0]["program"]
        return program

    def save(self, name: str, program: str) -> None:
        """Keep a program under a name, in place of one that already has it."""
        try:
            program.encode()
        except UnicodeEncodeError as error:
            raise StoreError(f"preset {checked(name)!r}", got=program, wanted="text without half characters") from error
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT INTO presets VALUES (?, ?, datetime('now'), datetime('now')) ON CONFLICT (name) "
                "DO UPDATE SET program = excluded.program, changed = excluded.changed",
                (checked(name), program),
            )

    def remove(self, name: str) -> None:
        """Forget the program of that name."""
        with self.database.transaction() as connection:
            if not connection.execute("DELETE FROM presets WHERE name = ?", (checked(name),)).rowcount:
                raise self._unknown(name)

    def _unknown(self, name: str) -> StoreError:
        names = self.names()
        folded = {known.casefold(): known for known in names}
        near = [folded[fold] for fold in difflib.get_close_matches(name.casefold(), folded, n=3)] or names[:3]
        return StoreError("preset", got=name, wanted=f"a saved one: {one_of(near)}" if near else "one saved before")


def checked(name: str) -> str:
    """A preset's name in its one spelling, or a StoreError that says what a name may be."""
    spelt = unicodedata.normalize("NFC", name).strip()
    odd = any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in spelt)
    if odd or not 1 <= len(spelt) <= MAX_NAME or set(spelt) == {"."}:  # which an address would swallow
        raise StoreError("preset name", got=name, wanted=f"1 to {MAX_NAME} characters that can be seen")
    return spelt
