"""One SQLite file: a connection for each thread, whole transactions, and migrations recorded with their work."""

from __future__ import annotations

import re
import shutil
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lib_pxl.errors import StoreError
from lib_pxl.store.migrations import MIGRATIONS

PATIENCE = 10.0  # seconds to wait for another process that writes
RECORD = "CREATE TABLE IF NOT EXISTS pxl_migrations (name TEXT PRIMARY KEY, applied TEXT NOT NULL)"


class Held:
    """A thread's hold on its connection, which closes as soon as the hold is gone, with the thread or with Python."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        weakref.finalize(self, connection.close)


class Database:
    """The database at a path, made or brought up to date when it is opened."""

    def __init__(self, path: Path, migrations: Sequence[tuple[str, str]] = MIGRATIONS) -> None:
        self.path, self.migrations = path, migrations
        self._thread = threading.local()
        self._kept = ""
        while self._pending():
            self._migrate()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All that the block writes, or nothing of it; a transaction inside another belongs to the outer one."""
        with self._in_words():
            connection = self._connection()
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[sqlite3.Row]:
        """The rows that a query finds."""
        with self._in_words():
            return self._connection().execute(sql, parameters).fetchall()

    def close(self) -> None:
        """Close this thread's connection; its next use opens another."""
        self._thread.__dict__.clear()

    def _connection(self) -> sqlite3.Connection:
        held: Held | None = getattr(self._thread, "held", None)
        if held is None:
            held = self._thread.held = self._connect()
        return held.connection

    def _connect(self) -> Held:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"database {self.path}", got=str(error), wanted="a folder that can be made") from error
        # Only its own thread uses a connection, but another may be the one that drops the database.
        held = Held(sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False))
        held.connection.row_factory = sqlite3.Row
        held.connection.execute("PRAGMA foreign_keys = ON")
        _write_ahead(held.connection)
        return held

    def _migrate(self) -> None:
        """The next migration and its record, in one transaction."""
        with self.transaction() as connection:
            for name, sql in self._pending()[:1]:  # none is left where another process was faster
                connection.execute(RECORD)
                for statement in _statements(sql):
                    connection.execute(statement)
                connection.execute("INSERT INTO pxl_migrations VALUES (?, datetime('now'))", (name,))

    def _pending(self) -> Sequence[tuple[str, str]]:
        found = self.rows("SELECT name FROM sqlite_master WHERE name = 'pxl_migrations'")
        applied = [row["name"] for row in found and self.rows("SELECT name FROM pxl_migrations ORDER BY rowid")]
        names = [name for name, _ in self.migrations]
        if applied != names[: len(applied)]:
            stranger = next((name for name in applied if name not in names), applied[-1])
            what = f"database {self.path}, made by a newer pxl: its migrations"
            raise StoreError(what, got=stranger, wanted=f"none after {names[-1]!r}")
        return self.migrations[len(applied) :]

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        what = f"database {self.path}"
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StoreError(what, got=str(error), wanted="a database that can be read and written") from error
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # only a damaged file raises the base class itself
                raise
            raise StoreError(what, got=str(error), wanted=f"a sound database; {self._keep()}") from error

    def _keep(self) -> str:
        """Copy the damaged file, once, and say where to."""
        if self._kept:
            return self._kept
        try:
            changed = time.strftime("%Y%m%d-%H%M%S", time.localtime(self.path.stat().st_mtime))
            copy = self.path.with_name(f"{self.path.stem}.damaged-{changed}{self.path.suffix}")
            for tail in ("", "-wal"):
                if Path(f"{self.path}{tail}").exists():
                    shutil.copy2(f"{self.path}{tail}", f"{copy}{tail}")
        except OSError as error:
            return f"no copy of this one could be kept ({error})"
        self._kept = f"a copy of this one is kept as {copy.name}, and without the original pxl starts afresh"
        return self._kept


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Readers beside a writer; the switch itself does not wait for a process that makes it too, hence the loop."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _statements(sql: str) -> Iterator[str]:
    """The statements of a migration one by one, since executescript would commit before it begins."""
    statement = ""
    for piece in re.split(r"(?<=;)", sql):
        statement += piece
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
