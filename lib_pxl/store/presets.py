"""Programs kept under a name."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping

from lib_pxl.errors import StoreError
from lib_pxl.knobs import one_of
from lib_pxl.store.database import Database

MAX_NAME = 80


class Presets:
    """The saved programs of a database, as the text that was saved, and before them those that come with pxl."""

    def __init__(self, database: Database, built_in: Mapping[str, str] | None = None) -> None:
        self.database, self._built_in = database, dict(built_in or {})

    def names(self) -> list[str]:
        """All names: first those that come with pxl, then the saved ones in the order of the alphabet."""
        return self.built_in() + self._saved()

    def built_in(self) -> list[str]:
        """The names that come with pxl, but for those under which another program is saved."""
        saved = self._saved()
        return [name for name in self._built_in if name not in saved]

    def load(self, name: str) -> str:
        """The program of that name, to the letter."""
        found = self.database.rows("SELECT program FROM presets WHERE name = ?", (checked(name),))
        if not found and checked(name) in self._built_in:
            return self._built_in[checked(name)]
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
        """Forget the saved program of that name; one that comes with pxl then shows again."""
        with self.database.transaction() as connection:
            if connection.execute("DELETE FROM presets WHERE name = ?", (checked(name),)).rowcount:
                return
        if checked(name) in self._built_in:
            raise StoreError("preset", got=name, wanted="a saved one: this one comes with pxl, and stays")
        raise self._unknown(name)

    def _saved(self) -> list[str]:
        return sorted((row["name"] for row in self.database.rows("SELECT name FROM presets")), key=str.casefold)

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
