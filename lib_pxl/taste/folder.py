"""Past work: folders of pictures become items. It can be broken off at any time, and goes on where it was."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lib_pxl.errors import ImageError, PxlError, StoreError, Words, shown
from lib_pxl.store.infotext import written_on
from lib_pxl.store.thumbnails import Thumbnails
from lib_pxl.taste.opinions import Opinions
from lib_pxl.taste.record import Record
from lib_pxl.taste.sight import Says, see
from lib_pxl.taste.sitting import sitting_at

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
GRIDS = ("grid-", "xyz_grid-")  # how A1111 and Forge name what they put together of pictures
TOGETHER = 64  # pictures that are kept in one transaction
WORKERS = 2
NAMED = 20  # reasons
Progress = Callable[[float], None]


class File(NamedTuple):
    """A file that looks like a picture; another size or time is another file."""

    path: Path
    size: int
    modified: int  # microseconds: nanoseconds of a broken clock are more than a database holds


@dataclass
class Gathered:
    """What came of it, in pictures."""

    new: int = 0
    known: int = 0
    silent: int = 0  # without an infotext
    grids: int = 0
    refused: int = 0
    reasons: list[str] = field(default_factory=list)  # of the first that were refused

    def spoken(self) -> list[str]:
        """In words."""
        told = [f"{self.new:,} pictures are new, {self.known:,} were known"]
        if self.silent:
            told.append(f"{self.silent:,} left out: they do not say how they were made")
        if self.grids:
            told.append(f"{self.grids:,} left out: grids of other pictures")
        if self.refused:
            told.append(f"{self.refused:,} refused:")
        return [*told, *(f"  {each}" for each in self.reasons)]

    def refuse(self, reason: str) -> None:
        """Count one that cannot be used."""
        self.refused += 1
        self.reasons += [reason] if len(self.reasons) < NAMED else []


def gather(
    paths: Sequence[Path],
    opinions: Opinions,
    thumbnails: Thumbnails,
    *,
    says: Says = written_on,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Gathered:
    """Make items of all pictures in these files and folders, the oldest first; `says` is how a picture is read."""
    found = Gathered()
    files = sorted(set(_files(paths, found)), key=lambda file: (file.modified, file.path))
    done = 0
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="pxl import") as pool:
        for start in range(0, len(files), TOGETHER):
            if stop():
                break
            new = [file for file in files[start : start + TOGETHER] if not _is_known(opinions, file)]
            done += len(files[start : start + TOGETHER])
            found.known += len(files[start : start + TOGETHER]) - len(new)
            seen = list(pool.map(partial(_seen, thumbnails=thumbnails, says=says), new))
            with opinions.database.transaction():
                for file, record in zip(new, seen, strict=True):
                    _count(opinions, file, record, found)
            if progress:
                progress(done / len(files))
    return found


def keep(opinions: Opinions, record: Record) -> bool:
    """Keep a picture in its sitting, and know its file again; true where it is new.

    Where one that is known lay nowhere, or lies there no longer, it is found from now on where this one lies.
    """
    with opinions.database.transaction():
        is_new = opinions.add([replace(record, sitting=sitting_at(opinions, record.time))]) > 0
        if not is_new and record.image and not os.path.isfile(opinions.get(record.item.id).image):
            opinions.relocate(record.item.id, record.image, record.image_hash)
        if record.image:
            _remember(opinions, Path(record.image))
    return is_new


def _remember(opinions: Opinions, path: Path) -> None:
    """A file that needs not be looked at again until it changes."""
    with suppress(OSError, ValueError), opinions.database.transaction() as connection:
        told = path.stat()
        row = (opinions.number, str(path), told.st_size, told.st_mtime_ns // 1000)
        connection.execute("INSERT OR REPLACE INTO taste_files VALUES (?, ?, ?, ?)", row)


def _count(opinions: Opinions, file: File, record: Record | PxlError | None, found: Gathered) -> None:
    if isinstance(record, PxlError):
        found.refuse(str(record))
    elif record is None:
        found.silent += 1
        _remember(opinions, file.path)
    elif keep(opinions, record):
        found.new += 1
    else:
        found.known += 1


def _seen(file: File, thumbnails: Thumbnails, says: Says) -> Record | PxlError | None:
    try:
        return see(file.path, thumbnails, says)
    except ImageError as problem:
        return problem


def _is_known(opinions: Opinions, file: File) -> bool:
    rows = opinions.database.rows(
        "SELECT 1 FROM taste_files WHERE profile = ? AND path = ? AND size = ? AND modified = ?",
        (opinions.number, str(file.path), file.size, file.modified),
    )
    return bool(rows)


def _files(paths: Iterable[Path], found: Gathered) -> Iterator[File]:
    """Every picture in folders and their folders, links followed, each folder once."""
    seen: set[tuple[int, int]] = set()
    waiting = [path.absolute() for path in reversed(list(paths))]
    while waiting:
        path = waiting.pop()
        try:
            told = path.stat()
            if stat.S_ISDIR(told.st_mode):
                place = told.st_dev, told.st_ino
                inside = [] if place in seen else sorted(path.iterdir(), reverse=True)
                waiting += [each for each in inside if not each.name.startswith(".")]
                seen.add(place)
            elif stat.S_ISREG(told.st_mode) and path.suffix.lower() in SUFFIXES:
                os.fsencode(path).decode()
                if path.name.startswith(GRIDS):
                    found.grids += 1
                else:
                    yield File(path, told.st_size, told.st_mtime_ns // 1000)
        except UnicodeDecodeError:
            problem = StoreError(f"file {shown(path.name)}", got=Words("a name of other bytes"), wanted="one in UTF-8")
            found.refuse(str(problem))
        except OSError as error:
            found.refuse(str(StoreError(f"file {shown(path.name)}", got=Words(error.strerror or error),
                                        wanted="one that can be read")))  # fmt: skip
