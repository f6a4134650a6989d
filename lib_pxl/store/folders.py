"""Where the data lives: outside the extension's own folder, which updates replace."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lib_pxl.errors import StoreError


def data_folder(given: Path | None = None) -> Path:
    """The folder given, else `PXL_DATA_DIR`, else pxl's place among the platform's user data."""
    chosen = given or os.environ.get("PXL_DATA_DIR")
    try:
        return Path(chosen).expanduser() if chosen else _user_data() / "pxl"
    except RuntimeError as error:
        raise StoreError("data folder", got=str(error), wanted="a home folder, or PXL_DATA_DIR set") from error


def _user_data() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
