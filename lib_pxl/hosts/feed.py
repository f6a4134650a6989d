"""Animations in a job: the one whose frames it starts from, and the one that its pictures become."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TypeVar

from PIL import Image

from lib_pxl.hosts.job import USUAL, Control
from lib_pxl.store.animations import Animation, save_animation

MOST = 1000  # pictures that a whole animation may ask for
SHORTEST = 10  # milliseconds; up to here browsers show a frame for
INSTEAD = 100
T = TypeVar("T")


class Feed:
    """The animation whose frame i is what image i of the job starts from, round and round."""

    def __init__(self, film: Animation) -> None:
        self.film, self.count = film, film.count
        self.durations: dict[int, float] = {}  # milliseconds, of the frames seen so far
        self._at = 0
        self._stream = self._from(0)

    def batches(self, size: int) -> int:
        """How many batches of this size make every frame once."""
        return max(min(math.ceil(self.count / size), MOST // size), 1)

    def frames(self, first: int, number: int) -> list[Image.Image]:
        """What the images from `first` on start from; asked in order, no frame is decoded twice in a round."""
        if first != self._at:
            self._stream.close()
            self._stream = self._from(first)
        self._at = first + number
        return [next(self._stream) for _ in range(number)]

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()

    def _from(self, first: int) -> Generator[Image.Image, None, None]:
        start = first % self.count
        while True:
            for index, frame in enumerate(self.film.frames(range(start, self.count)), start):
                if "duration" in frame.info:
                    told = frame.info.pop("duration")
                    self.durations[index] = told if told > SHORTEST else INSTEAD
                yield frame
            start = 0


def assemble(
    control: Control,
    feed: Feed | None,
    pictures: Sequence[Image.Image],
    path: Path,
    infotext: str,
    told: Callable[[int, int], None] = lambda done, count: None,
) -> None:
    """The job's pictures as one animation; those beyond the input's last frame, which filled a batch, are left out."""
    asked = control.animation
    assert asked is not None
    if feed is not None and control.whole:
        pictures = pictures[: feed.count]
    usual = 1000 / (asked.fps or USUAL)
    own = {} if feed is None or asked.fps is not None else feed.durations
    lasting = [own.get(i % feed.count if feed else i, usual) for i in range(len(pictures))]
    if asked.bounce:
        pictures, lasting = _bounced(pictures), _bounced(lasting)
    save_animation(pictures, path, asked.format, lasting, infotext, lambda frame: told(frame + 1, len(pictures)))


def _bounced(values: Sequence[T]) -> list[T]:
    """There and back, with neither end twice."""
    return [*values, *values[-2:0:-1]]
