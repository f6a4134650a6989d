"""Finished pictures on their way into the store: handed over in the job's thread, written in another.

What was not written yet when the host dies is lost, whole; of each picture there is all or nothing in the database.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from lib_pxl.errors import HostError, PxlError, Words
from lib_pxl.store.database import Database
from lib_pxl.store.thumbnails import THUMBNAILS, Thumbnails
from lib_pxl.taste.folder import keep
from lib_pxl.taste.opinions import Opinions
from lib_pxl.taste.record import Record
from lib_pxl.taste.sight import remember, see

MOST = 64  # pictures that may wait; those without a file are held in memory
LAST = 10.0  # seconds that the host's end waits for what is still to be written
log = logging.getLogger("pxl")
Heard = Mapping[str, Tensor]  # what the host's own encoder made of a prompt (D,), by the encoder's name


@dataclass(frozen=True)
class Finished:
    """A picture that is made: its infotext, its file or else itself, and what is known of it beside."""

    text: str
    picture: Image.Image | None = None
    path: Path | None = None
    heard: Heard = field(default_factory=dict)
    template: str = ""
    time: float = field(default_factory=time.time)


class Recorder:
    """One for each data folder."""

    def __init__(self, data: Path, profile: str = "me") -> None:
        self.data, self.profile = data, profile
        self._waiting: queue.Queue[Finished] = queue.Queue(MOST)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._problem: str | None = None

    def put(self, finished: Finished) -> None:
        """Take a picture and go on; a HostError where too many wait."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._tend, name="pxl-recorder", daemon=True)
                self._thread.start()
                atexit.register(self.flush, LAST)
        try:
            self._waiting.put_nowait(finished)
        except queue.Full:
            got = Words(f"{MOST} pictures that still wait")
            raise HostError("recorder", got=got, wanted="a data folder that is written faster") from None

    def flush(self, seconds: float) -> bool:
        """Wait until all is written, but no longer than this; true where it is."""
        done = self._waiting.all_tasks_done
        with done:
            return done.wait_for(lambda: not self._waiting.unfinished_tasks, seconds)

    def trouble(self) -> str | None:
        """The last problem since this was asked, if there was one."""
        with self._lock:
            problem, self._problem = self._problem, None
        return problem

    def _tend(self) -> None:
        opinions: Opinions | None = None
        while True:
            finished = self._waiting.get()
            try:
                opinions = opinions or Opinions(Database(self.data / "pxl.sqlite"), self.profile)
                record(opinions, Thumbnails(self.data / THUMBNAILS), finished)
            except PxlError as problem:
                self._tell(str(problem))
            except Exception as problem:  # whatever it is, the next picture is another one
                log.exception("pxl could not record a picture")
                self._tell(f"{type(problem).__name__}: {problem}"[:300])
            finally:
                self._waiting.task_done()

    def _tell(self, sentence: str) -> None:
        log.warning("pxl: a picture was not recorded: %s", sentence)
        with self._lock:
            self._problem = f"a picture was not recorded: {sentence}"


def record(opinions: Opinions, thumbnails: Thumbnails, finished: Finished) -> Record:
    """Make an item of a picture, now; its record."""
    found = _seen(finished, thumbnails)
    vectors = {name: made for name, each in finished.heard.items() if (made := _numbers(each))}
    found = replace(found, item=replace(found.item, vectors=vectors), template=found.template or finished.template)
    keep(opinions, found)
    return found


def _seen(finished: Finished, thumbnails: Thumbnails) -> Record:
    text, found = finished.text.encode("utf-8", "replace").decode(), None
    if finished.path is not None:
        found = see(finished.path, thumbnails, text=text)
    elif finished.picture is not None:
        found = remember(finished.picture, text, finished.time, thumbnails)
    if found is None:
        raise HostError("picture", got=Words("no infotext"), wanted="one that says how it was made")
    return found


@cache
def recorder(data: Path) -> Recorder:
    """That of a data folder; Reload UI keeps it, since lib_pxl stays."""
    return Recorder(data)


def encoder_name(letter: str, table: Tensor) -> str:
    """An encoder by its letter, its width and its first words (V, D): most fine-tuned ones leave these as they were."""
    rows = table.detach()[:16].cpu().to(torch.float16)
    return f"{letter}{table.shape[1]} {hashlib.sha256(rows.numpy().tobytes()).hexdigest()[:8]}"


def pooled(cond: Tensor | Mapping[str, Tensor], width: int) -> Tensor:
    """A prompt (D,) of its conditioning: the mean of its tokens (T, D), or SDXL's pooled vector, before its sizes."""
    return cond.detach().float().mean(0) if isinstance(cond, Tensor) else cond["vector"].detach().float()[:width]


def _numbers(vector: Tensor) -> Sequence[float]:
    """On the CPU, and nothing where the encoder gave what is no number."""
    made = vector.float().cpu()
    found: list[float] = made.tolist() if bool(made.isfinite().all()) else []
    return found
