"""Where the data lives: outside the extension's own folder, which updates replace."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lib_pxl.errors import StoreError


def data_folder(given: Path | None = None) -> Path:
    """The folder given, else `PXL_DATA_DIR`, else pxl's place among the platform's user data."""
    chosen = given or os.environ.get("PXL_DATA_DIR")
    try:
        return Path(chosen).expanduser() if chosen else _user_data() / "pxl"
    except RuntimeError as error:
        raise StoreError("data folder", got=str(error), wanted="a home folder, or PXL_DATA_DIR set") from error


@contextlib.contextmanager
def whole_file(path: Path, lasting: bool = True, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file that has its name once all of it is written; nothing of it is left where writing fails.

    One that is not `lasting` can be made again, and is not waited for until it has reached the disk.
    """
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            yield file
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _user_data() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
