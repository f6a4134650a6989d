"""The database: whole transactions, migrations that happen once and entirely, and files it will not touch."""

from __future__ import annotations

import functools
import multiprocessing
import os
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.errors import StoreError
from lib_pxl.store import database as module
from lib_pxl.store.database import Database
from lib_pxl.store.migrations import MIGRATIONS

STEPS = (
    ("animals", "CREATE TABLE animal (name TEXT); CREATE INDEX by_name ON animal (name);"),
    ("first", "INSERT INTO animal VALUES ('cat; and dog'); INSERT INTO animal VALUES ('it''s'); -- two"),
    (
        "trigger",
        """
        CREATE TABLE log (name TEXT);
        CREATE TRIGGER note AFTER INSERT ON animal BEGIN
            INSERT INTO log VALUES (new.name); INSERT INTO log VALUES (';');
        END;
        INSERT INTO animal VALUES ('owl')
        """,
    ),
)
spawn = multiprocessing.get_context("spawn")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "pxl.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path, STEPS[:1])
    yield database
    database.close()


def names(database: Database) -> list[str]:
    return [row["name"] for row in database.rows("SELECT name FROM animal ORDER BY rowid")]


def dump(path: Path) -> list[str]:
    """Everything in the file but the hour at which it came there."""
    with closing(sqlite3.connect(path)) as connection:
        lines = [line for line in connection.iterdump() if not line.startswith('INSERT INTO "pxl_migrations"')]
        known = "pxl_migrations" in "".join(lines)
        applied = connection.execute("SELECT name FROM pxl_migrations ORDER BY rowid").fetchall() if known else []
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return lines + [name for (name,) in applied]


def test_a_fresh_file_has_every_migration_in_order(path: Path) -> None:
    database = Database(path, STEPS)
    assert names(database) == ["cat; and dog", "it's", "owl"]
    assert [row["name"] for row in database.rows("SELECT name FROM log")] == ["owl", ";"]
    assert [row["name"] for row in database.rows("SELECT name FROM pxl_migrations ORDER BY rowid")] == [
        "animals",
        "first",
        "trigger",
    ]


@pytest.mark.parametrize("done", range(len(STEPS) + 1))
def test_migrating_in_two_sittings_is_migrating_in_one(done: int, tmp_path: Path) -> None:
    for steps in (STEPS[:done], STEPS, STEPS):
        Database(tmp_path / "two", steps).close()
    Database(tmp_path / "one", STEPS).close()
    assert dump(tmp_path / "two") == dump(tmp_path / "one")


def test_the_shipped_migrations_have_names_of_their_own_and_apply(path: Path) -> None:
    assert len({name for name, _ in MIGRATIONS}) == len(MIGRATIONS)
    assert Database(path).rows("SELECT * FROM presets") == []


def test_connections_are_set_up(database: Database) -> None:
    for pragma, wanted in (("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", 10_000), ("synchronous", 2)):
        assert database.rows(f"PRAGMA {pragma}")[0][0] == wanted


@pytest.mark.parametrize("fault", ["SELECT * FROM nowhere;", "not SQL", "CREATE TABLE animal (again TEXT);"])
def test_a_failing_migration_leaves_the_file_as_it_was(fault: str, database: Database, path: Path) -> None:
    before = dump(path)
    with pytest.raises(StoreError):
        Database(path, (*STEPS[:1], ("bad", f"CREATE TABLE other (x); INSERT INTO animal VALUES ('x'); {fault}")))
    assert dump(path) == before
    Database(path, STEPS)
    assert len(names(database)) == 3


def before_each_statement(act: Callable[[], None]) -> Callable[..., sqlite3.Connection]:
    """A `sqlite3.connect` whose connections do something just before each statement."""

    class Watched(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            act()
            return super().execute(*arguments)

    return functools.partial(sqlite3.connect, factory=Watched)


@pytest.fixture
def stages(tmp_path: Path) -> list[list[str]]:
    """What the file holds after none, one, two and all of the migrations."""
    for done in range(len(STEPS) + 1):
        Database(tmp_path / "stages" / f"{done}", STEPS[:done]).close()
    return [dump(tmp_path / "stages" / f"{done}") for done in range(len(STEPS) + 1)]


def test_at_any_statement_the_disk_holds_whole_migrations(
    path: Path, tmp_path: Path, stages: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    copies: list[Path] = []

    def copy() -> None:
        if path.exists():  # what a process that dies now would leave: all files but the memory it shares
            target = tmp_path / "copies" / f"{len(copies)}"
            shutil.copytree(path.parent, target, ignore=shutil.ignore_patterns("*-shm"))
            copies.append(target / path.name)

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", before_each_statement(copy))
        Database(path, STEPS).close()
    seen = []
    for left in copies:
        seen.append(stages.index(dump(left)))
        Database(left, STEPS).close()
        assert dump(left) == stages[-1]
    assert len(copies) > 20
    assert seen == sorted(seen)
    assert set(seen) == {0, 1, 2, 3}


def _die_at(path: Path, statement: int) -> None:
    countdown = iter(range(statement - 1))

    def count() -> None:
        if next(countdown, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    sqlite3.connect = before_each_statement(count)  # type: ignore[assignment]
    Database(path, STEPS)


@pytest.mark.parametrize("statement", [8, 14, 24])
def test_a_killed_process_leaves_whole_migrations(statement: int, path: Path, stages: list[list[str]]) -> None:
    child = spawn.Process(target=_die_at, args=(path, statement))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert dump(path) in stages
    Database(path, STEPS).close()
    assert dump(path) == stages[-1]


def _open_together(path: Path, barrier: Any) -> None:
    barrier.wait()
    for _ in range(10):
        Database(path, STEPS).close()


def test_processes_that_open_a_fresh_file_together_migrate_it_once(path: Path) -> None:
    barrier = spawn.Barrier(4)
    children = [spawn.Process(target=_open_together, args=(path, barrier)) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 4
    assert names(Database(path, STEPS)) == ["cat; and dog", "it's", "owl"]


def test_threads_each_have_a_connection_and_lose_no_write(database: Database) -> None:
    connections = []

    def write(number: int) -> None:
        for _ in range(20):
            with database.transaction() as connection:
                (count,) = connection.execute("SELECT count(*) FROM animal").fetchone()
                connection.execute("INSERT INTO animal VALUES (?)", (f"{count}",))
        connections.append(connection)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(database) == [f"{number}" for number in range(80)]
    assert len(set(map(id, connections))) == 4


def test_a_connection_closes_with_its_thread(database: Database) -> None:
    connections = []

    def hold() -> None:
        with database.transaction() as connection:
            connections.append(connection)

    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connections[0].execute("SELECT 1")
    assert names(database) == []


def insert(database: Database, name: str, fault: type[BaseException] | None = None) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT INTO animal VALUES (?)", (name,))
        if fault:
            raise fault


@pytest.mark.parametrize("fault", [LookupError, KeyboardInterrupt, sqlite3.IntegrityError])
def test_a_transaction_that_fails_writes_nothing(fault: type[BaseException], database: Database) -> None:
    with pytest.raises(fault):
        insert(database, "cat", fault)
    assert names(database) == []
    insert(database, "dog")
    assert names(database) == ["dog"]


def test_an_inner_transaction_belongs_to_the_outer_one(database: Database) -> None:
    def outer() -> None:
        with database.transaction() as connection:
            insert(database, "cat")
            assert connection.in_transaction
            insert(database, "dog", LookupError)

    with pytest.raises(LookupError):
        outer()
    assert names(database) == []


def test_a_reader_does_not_wait_for_a_writer(database: Database, path: Path) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT INTO animal VALUES ('cat')")
        assert names(Database(path, STEPS[:1])) == []


def test_a_database_that_stays_locked_has_a_sentence(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    other = Database(path, STEPS[:1])
    with database.transaction(), pytest.raises(StoreError, match=r"pxl\.sqlite: got 'database is locked', wanted a"):
        insert(other, "cat")


def test_a_query_that_cannot_be_answered_has_a_sentence(database: Database) -> None:
    with pytest.raises(StoreError, match="no such table"):
        database.rows("SELECT * FROM nowhere")


@pytest.mark.parametrize("known", range(1, len(STEPS)))
def test_a_newer_database_is_refused_and_left_alone(known: int, path: Path) -> None:
    Database(path, STEPS).close()
    before = dump(path)
    with pytest.raises(StoreError) as caught:
        Database(path, STEPS[:known])
    assert "made by a newer pxl" in str(caught.value)
    assert f"got '{STEPS[known][0]}', wanted none after '{STEPS[known - 1][0]}'" in str(caught.value)
    assert dump(path) == before


def test_a_database_with_its_migrations_in_another_order_is_refused(path: Path) -> None:
    Database(path, STEPS[:2]).close()
    with pytest.raises(StoreError, match="newer pxl"):
        Database(path, STEPS[1::-1])


def copies(path: Path) -> list[Path]:
    return sorted(path.parent.glob("pxl.damaged-*.sqlite"))


def test_a_file_of_another_kind_is_kept_and_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"These are my notes, and no database at all. " * 50)
    for _ in range(3):
        with pytest.raises(StoreError) as caught:
            Database(path)
    (copy,) = copies(path)
    assert "got 'file is not a database'" in str(caught.value)
    assert copy.name in str(caught.value)
    assert copy.read_bytes() == path.read_bytes() == b"These are my notes, and no database at all. " * 50


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
def test_a_file_cut_short_is_kept_and_named(keep: float, path: Path) -> None:
    database = Database(path, STEPS)
    with database.transaction() as connection:
        connection.executemany("INSERT INTO animal VALUES (?)", [(f"{number}" * 99,) for number in range(500)])
    database.close()
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    damaged = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        names(Database(path, STEPS))
    (copy,) = copies(path)
    assert "wanted a sound database" in str(caught.value)
    assert copy.name in str(caught.value)
    assert copy.read_bytes() == damaged


def test_damage_found_later_is_kept_once_for_each_opening(path: Path) -> None:
    Database(path, STEPS).close()
    database = Database(path, STEPS)
    data = bytearray(path.read_bytes())
    data[4096 * 2 :] = b"\xff" * (len(data) - 4096 * 2)
    path.write_bytes(data)
    for hour in range(3):
        os.utime(path, (3600 * hour, 3600 * hour))
        for use in (lambda: names(database), lambda: insert(database, "cat")):
            with pytest.raises(StoreError, match=r"a copy of this one is kept as pxl\.damaged-"):
                use()
    assert len(copies(path)) == 1


def test_damage_that_cannot_be_kept_is_told_all_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path.parent.mkdir()
    path.write_bytes(b"no database" * 99)
    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(StoreError, match=r"no copy of this one could be kept .*No space left"):
        Database(path)


def test_a_folder_that_cannot_be_made_has_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="wanted a folder that can be made"):
        Database(tmp_path / "file" / "pxl.sqlite")


def test_a_folder_in_its_place_has_a_sentence(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StoreError, match="unable to open database file"):
        Database(path)


def test_an_empty_file_is_a_fresh_one(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert Database(path).rows("SELECT * FROM presets") == []


@given(st.lists(st.sampled_from(["SELECT 1;", "SELECT ';';", "-- a;b\nSELECT 2;", "SELECT 'it''s; ' /* ; */;"])))
def test_the_statements_of_a_text_are_its_text(statements: list[str]) -> None:
    assert [text.strip() for text in module._statements(" \n".join(statements))] == statements
