"""What a process needs that a test starts."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def environment() -> dict[str, str]:
    """This process's own, in which pxl and its tests are found, and whatever was found before."""
    # Not the folder of the tests itself: Python 3.10 would take the site.py in it for its own.
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
