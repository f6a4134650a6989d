"""Thumbnails: a picture of each noken by the loaded model, of the prompt that the user wishes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_pxl.breed.plain import MAX_TEXT
from lib_pxl.errors import ProgramError, StoreError, Words
from lib_pxl.hosts.base import LARGEST, Host
from lib_pxl.knobs import Knob, Text
from lib_pxl.noken.mention import word
from lib_pxl.noken.pool import Pool
from lib_pxl.store.folders import whole_file

SIDE, QUALITY = 256, 85
PLACE = "{}"


class Prompt(Text):
    """A prompt with a place for the noken's word."""

    def parse(self, value: Any, where: str) -> str:
        """Any text that is not too long."""
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise ProgramError(where, got=value, wanted=f"a text of at most {MAX_TEXT:,} characters")
        return value


KNOBS: dict[str, Knob] = {
    "prompt": Prompt("prompt", "Prompt", "the noken comes where {} stands, or at the end", PLACE),
    "seed": Knob("seed", "Seed", "the same for all of them", 1, low=0, high=2**32 - 1, whole=True),
    "steps": Knob("steps", "Steps", "in how many steps", 20, low=1, high=150, whole=True),
    "size": Knob("size", "Size", "pixels a side; the model's usual without it", low=64, high=LARGEST, whole=True),
    "cfg": Knob("cfg", "CFG scale", "how closely the prompt is followed", 7.0, low=1, high=30),
}


@dataclass(frozen=True)
class Wish:
    """What is to be seen."""

    prompt: str = PLACE
    seed: int = 1
    steps: int = 20
    size: int | None = None
    cfg: float = 7.0

    def spoken(self, word: str) -> str:
        """The prompt with a word in the noken's place."""
        if PLACE in self.prompt:
            return self.prompt.replace(PLACE, word)
        return ", ".join(filter(None, (self.prompt.strip(" ,"), word)))


def portraits(host: Host, pool: Pool, folder: Path, which: Sequence[str], wish: Wish) -> Iterator[Sequence[str]]:
    """Draw one after another."""
    for each in which:
        noken, name = pool.load(each), word(each)
        image = host.draw(wish.spoken(name), {name: noken.vectors}, wish.seed, wish.steps, wish.size or 0, wish.cfg)
        small = image.convert("RGB")
        small.thumbnail((SIDE, SIDE))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with whole_file(folder / f"{each}.webp") as file:
                small.save(file, "WEBP", quality=QUALITY)
        except OSError as error:
            raise StoreError("thumbnail", got=Words(str(error)), wanted=f"room to write in {folder}") from error
        pool.show(each, f"{each}.webp")
        yield [each]
