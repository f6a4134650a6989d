"""The pictures of one job, from where each is finished to where its file and its infotext are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_pxl.hosts.recorder import Finished, Heard, Recorder
from lib_pxl.store.animations import INFO


@dataclass(frozen=True)
class Shot:
    """A picture in its holder, where later scripts may still change it, and its place in the job."""

    holder: Any
    place: int
    heard: Heard
    template: str


class Album:
    """What a WebUI's job has made and not handed over yet."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._shots: list[Shot] = []
        self._heard: Sequence[Heard] = ()
        self._count = self._first = 0

    @property
    def count(self) -> int:
        """How many pictures there were."""
        return self._count

    def turn(self, heard: Callable[[], Sequence[Heard]]) -> None:
        """A new batch, whose prompts are asked for; what is finished is handed over."""
        self.hand_over()
        self._heard, self._first = (), self._count
        self._heard = heard()

    def add(self, holder: Any, template: str = "", whole: bool = True) -> None:
        """The next picture; one that was broken off only counts."""
        place = self._count - self._first
        if whole:
            heard = self._heard[place] if place < len(self._heard) else {}
            self._shots.append(Shot(holder, self._count, heard, template))
        self._count += 1

    def hand_over(self, texts: Sequence[str] = ()) -> None:
        """Give those to the recorder whose infotext is known, by the picture or by `texts`, those of the whole job."""
        left = []
        for shot in self._shots:
            picture = shot.holder.image
            text = texts[shot.place] if shot.place < len(texts) else picture.info.get(INFO)
            if not text:
                left.append(shot)
                continue
            file = getattr(picture, "already_saved_as", None)  # where A1111 and Forge have put it
            path = Path(file).absolute() if file else None
            self.recorder.put(Finished(text, None if path else picture, path, shot.heard, shot.template))
        self._shots = left
