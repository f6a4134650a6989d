"""The pool: every noken that was bred or imported, its kin and its fate, and its vectors in a file beside."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lib_pxl.errors import NokenError, StoreError, Words, shown
from lib_pxl.knobs import guess
from lib_pxl.noken.bundle import pack, unpack
from lib_pxl.noken.genome import MAX_NAME, Noken, checked
from lib_pxl.noken.individual import Individual
from lib_pxl.noken.lineage import Lineage, is_hash
from lib_pxl.store.database import Database

ALIVE = "deleted IS NULL"
FEWEST = 4  # digits of a hash that may stand for it
_OLDER = """hash IN (
    WITH RECURSIVE kin (hash) AS (SELECT ?1 UNION SELECT parent FROM noken_parents JOIN kin ON child = kin.hash)
    SELECT hash FROM kin)"""
_YOUNGER = """hash IN (
    WITH RECURSIVE kin (hash) AS (SELECT ?1 UNION SELECT child FROM noken_parents JOIN kin ON parent = kin.hash)
    SELECT hash FROM kin)"""


class Pool:
    """The individuals of a database, and their vectors in a folder, each file named by its noken's hash."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder

    def add(self, nokens: Sequence[Noken]) -> list[Individual]:
        """Take them in: one that is there stays, one that was deleted comes back, a taken name gets a number."""
        for noken in nokens:
            self._write(noken)
        return self._insert([Individual.of(noken) for noken in nokens])

    def alive(self, limit: int = -1, offset: int = 0) -> list[Individual]:
        """Those not deleted, the newest first."""
        return self._read(f"{ALIVE} ORDER BY rowid DESC LIMIT ? OFFSET ?", (limit, offset))

    def count(self) -> int:
        """How many are not deleted."""
        return int(self.database.rows(f"SELECT count(*) FROM nokens WHERE {ALIVE}")[0][0])

    def get(self, which: str) -> Individual:
        """The individual with that hash, deleted or not."""
        found = self._read("hash = ?", (which,)) if is_hash(which) else []
        if not found:
            raise StoreError("noken", got=which, wanted="the hash of one in the pool")
        return found[0]

    def find(self, name: str) -> Individual | None:
        """The one of that name."""
        return next(iter(self._read(f"{ALIVE} AND name = ?", (checked(name),)) if name else []), None)

    def named(self, which: str) -> Individual:
        """The one of that name, or else the only one whose hash begins so."""
        if (found := self.find(which)) is not None:
            return found
        begins = bool(re.fullmatch(f"[0-9a-f]{{{FEWEST},32}}", which))
        same = self._read(f"{ALIVE} AND substr(hash, 1, ?) = ?", (len(which), which)) if begins else []
        if len(same) > 1:
            got = Words(f"{len(same)} whose hashes begin so")
            raise StoreError(f"noken {which}", got=got, wanted="more of its hash")
        if not same:
            got = Words("none of that name or hash in the pool")
            raise StoreError(f"noken {shown(which)}", got=got, wanted=f"a name in it{guess(which, self._names())}")
        return same[0]

    def load(self, which: str) -> Noken:
        """Its vectors, with the name and lineage that the pool knows."""
        known = self.get(which)
        if not self._path(which).is_file():
            raise StoreError("noken", got=which, wanted="one whose vectors are still in this data folder")
        noken = Noken.load(self._path(which))
        if noken.hash != which:
            raise StoreError(f"noken {which[:8]}…", got=Words("a file of another one"), wanted="its own vectors")
        return replace(noken, name=known.name, lineage=known.lineage)

    def kin(self, which: str) -> list[Individual]:
        """Its family tree: itself, all before it and all after it, deleted ones too, the oldest first."""
        return self._read(f"({_OLDER} OR {_YOUNGER}) ORDER BY generation, rowid", (self.get(which).hash,))

    def rename(self, which: str, name: str) -> None:
        """Give it a name that no other has, or none."""
        with self.database.transaction() as connection:
            if checked(name) and (other := self.find(name)) and other.hash != which:
                raise StoreError("noken name", got=name, wanted="one that no other noken has")
            self._set(connection, "name", checked(name), [which])

    def keep(self, which: str, kept: bool = True) -> None:
        """Mark it as one to keep, or as any other."""
        with self.database.transaction() as connection:
            self._set(connection, "kept", bool(kept), [which])

    def show(self, which: str, thumbnail: str | None) -> None:
        """Say which file among the thumbnails is its picture."""
        if thumbnail is not None and not re.fullmatch(r"[\w-][\w.-]{0,99}", thumbnail, re.ASCII):
            raise StoreError("thumbnail", got=thumbnail, wanted="the plain name of a file")
        with self.database.transaction() as connection:
            self._set(connection, "thumbnail", thumbnail, [which])

    def delete(self, which: Sequence[str]) -> None:
        """Put them out of sight; their kin still know them, and `undo` brings them back."""
        with self.database.transaction() as connection:
            now = connection.execute("SELECT datetime('now')").fetchone()[0]
            self._set(connection, "deleted", now, which)

    def undo(self, which: Sequence[str]) -> None:
        """Bring deleted ones back; one whose name is taken by now gets a number behind it."""
        with self.database.transaction() as connection:
            for each in map(self.get, which):
                if each.deleted is not None:
                    if not self._path(each.hash).is_file():
                        raise StoreError("noken", got=each.hash, wanted="one whose vectors are still here")
                    self._set(connection, "name", _free(each.name, self._names()), [each.hash])
                    self._set(connection, "deleted", None, [each.hash])

    def sweep(self) -> int:
        """Remove the vectors of deleted ones for good, and say how many; their place in the tree stays."""
        with self.database.transaction():
            paths = [self._path(each.hash) for each in self._read("deleted IS NOT NULL", ())]
            there = [path for path in paths if path.is_file()]
            for path in there:
                path.unlink(missing_ok=True)
        return len(there)

    def export(self, path: Path, which: Sequence[str] | None = None) -> None:
        """Those, or all that are not deleted, as one file; of others before them it says what is known of these."""
        given = self.alive() if which is None else [self.get(each) for each in which]
        told = self._read("1 ORDER BY rowid", ()) if which is None else self._before(given)
        pack(path, told, {each.hash: self.load(each.hash) for each in given})

    def take(self, path: Path) -> list[Individual]:
        """Take in all of somebody's file, and say which were not here before."""
        new: list[Individual] = []
        ghosts: list[Individual] = []
        for individual, noken in unpack(path):
            if noken is not None:
                self._write(noken)
            (ghosts if noken is None else new).append(individual)
        with self.database.transaction():
            here = {each.hash for each in self.alive()}
            made = self._insert(new)
            self._insert(ghosts, ghosts=True)
        return [each for each in made if each.hash not in here]

    def _before(self, given: Sequence[Individual]) -> list[Individual]:
        return list({each.hash: each for one in given for each in self._read(_OLDER, (one.hash,))}.values())

    def _path(self, which: str) -> Path:
        return self.folder / f"{which}.safetensors"

    def _write(self, noken: Noken) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self._path(noken.hash).is_file() and Noken.load(self._path(noken.hash)) == noken:
                return
        except OSError as error:
            raise StoreError("nokens", got=Words(str(error)), wanted=f"room to write in {self.folder}") from error
        except NokenError:
            pass  # a damaged file is written anew
        noken.save(self._path(noken.hash))

    def _insert(self, individuals: Iterable[Individual], ghosts: bool = False) -> list[Individual]:
        """Ghosts are those of whom only the record came: they count as deleted, unless they are here."""
        hashes = []
        with self.database.transaction() as connection:
            taken = self._names()
            for each in individuals:
                hashes.append(each.hash)
                known = next(iter(self._read("hash = ?", (each.hash,))), None)
                if known is None:
                    _record(connection, replace(each, name=each.name if ghosts else _free(each.name, taken)), ghosts)
                elif known.deleted is not None and not ghosts:
                    self._set(connection, "name", _free(known.name or each.name, taken), [each.hash])
                    self._set(connection, "deleted", None, [each.hash])
            return [self.get(each) for each in hashes]

    def _names(self) -> set[str]:
        return {row["name"] for row in self.database.rows(f"SELECT name FROM nokens WHERE {ALIVE} AND name != ''")}

    def _set(self, connection: sqlite3.Connection, column: str, value: object, which: Sequence[str]) -> None:
        for each in which:
            sql = f"UPDATE nokens SET {column} = ? WHERE hash = ?"
            if not connection.execute(sql, (value, self.get(each).hash)).rowcount:
                raise StoreError("noken", got=each, wanted="the hash of one in the pool")

    def _read(self, where: str, values: Sequence[object]) -> list[Individual]:
        rows = self.database.rows(f"SELECT * FROM nokens WHERE {where}", values)
        parents: dict[str, list[str]] = {}
        sql = (
            f"SELECT * FROM noken_parents WHERE child IN (SELECT hash FROM nokens WHERE {where}) ORDER BY child, place"
        )
        for row in self.database.rows(sql, values):
            parents.setdefault(row["child"], []).append(row["parent"])
        return [_individual(row, parents.get(row["hash"], [])) for row in rows]


def _individual(row: sqlite3.Row, parents: list[str]) -> Individual:
    amounts = tuple(json.loads(row["amounts"]))
    lineage = Lineage(tuple(parents), row["operator"], row["seed"], row["place"], amounts, row["generation"])
    plain = {key: row[key] for key in ("hash", "name", "family", "tokens", "thumbnail", "created", "deleted")}
    return Individual(**plain, kept=bool(row["kept"]), lineage=lineage)


def _record(connection: sqlite3.Connection, each: Individual, deleted: bool) -> None:
    told = each.lineage
    connection.execute(
        "INSERT INTO nokens VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, coalesce(nullif(?, ''), datetime('now')), "
        "CASE WHEN ? THEN datetime('now') END)",
        (each.hash, each.name, each.family, each.tokens, told.operator, told.seed, told.place,
         json.dumps(told.amounts), told.generation, each.kept, each.created, deleted),
    )  # fmt: skip
    rows = [(each.hash, place, parent) for place, parent in enumerate(told.parents)]
    connection.executemany("INSERT INTO noken_parents VALUES (?, ?, ?)", rows)


def _free(name: str, taken: set[str]) -> str:
    """The name, or with the first number behind it that makes it the only one; from now on it is taken."""
    numbered = (f"{name[: MAX_NAME - 1 - len(str(number))]} {number}" for number in _from_two())
    found = name if name not in taken else next(each for each in numbered if each not in taken)
    taken.update([found] if found else [])
    return found


def _from_two() -> Iterator[int]:
    number = 2
    while True:
        yield number
        number += 1
