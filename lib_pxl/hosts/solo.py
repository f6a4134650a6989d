"""Jobs of pxl's own in A1111 and its relatives, beside those of the page: nothing of the page's is changed by them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modules import paths, scripts, shared

from lib_pxl.errors import HostError, Words
from lib_pxl.hosts.script import BatchScript


def alone() -> tuple[Any, list[Any]]:
    """A runner of our script and no other, and what the script is given: nothing, so that it is as usual."""
    ours = next((each for each in scripts.scripts_txt2img.alwayson_scripts if isinstance(each, BatchScript)), None)
    if ours is None:  # as before the host has made its page
        return None, []
    runner = scripts.ScriptRunner()
    runner.scripts = runner.alwayson_scripts = [ours]
    return runner, [None] * (ours.args_to or 1)


def judge_whole(done: Any, what: str) -> None:
    """Raises a HostError where somebody has broken it off."""
    if shared.state.interrupted or shared.state.skipped or not done.images:
        raise HostError(what, got=Words("an interrupt"), wanted="time to finish it")


@contextlib.contextmanager
def under_way(p: Any, name: str) -> Iterator[None]:
    """A job of ours, of which the page keeps nothing."""
    with contextlib.closing(p), _as_it_was(Path(paths.data_path) / "params.txt"):
        shared.state.begin(job=name)
        try:
            yield
        finally:
            shared.state.end()
            shared.total_tqdm.clear()


@contextlib.contextmanager
def _as_it_was(path: Path) -> Iterator[None]:
    """A file that the host writes anew in each job: for the user it holds the last one of the page."""
    before = path.read_bytes() if path.is_file() else None
    try:
        yield
    finally:
        if before is not None:
            path.write_bytes(before)
