"""Recorded pictures of the small world, as a host would have left them: files, small pictures and rows."""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from lib_pxl.hosts.fake import FakeHost
from lib_pxl.taste import Duel, Item
from lib_pxl.taste.record import Record
from lib_pxl.world import caption, draw
from lib_pxl.world.scene import Scene, scenes

MODELS = ("small", "large")


def stocked(folder: Path, count: int = 12, side: int = 128, seed: int = 0) -> tuple[FakeHost, list[Record]]:
    """A host, and what it has made: half of it in each of two sittings."""
    host = FakeHost(folder / "data", readable=[folder / "outputs"])
    records = pictures(host, folder / "outputs", count, side, seed)
    host.desk.opinions().add(records)
    return host, records


def pictures(host: FakeHost, folder: Path, count: int, side: int = 128, seed: int = 0) -> list[Record]:
    """Their files and small pictures, and what is to be kept of them."""
    folder.mkdir(parents=True, exist_ok=True)
    made, rng = [], random.Random(seed)
    for place, (scene, picture) in enumerate(_drawn(seed, count, side)):
        path, text = folder / f"{seed}-{place:05}.png", caption(scene, rng).text
        picture.save(path)
        which = hashlib.blake2b(f"{seed} {place}".encode(), digest_size=16).hexdigest()
        settings = {"model": MODELS[place % 2], "steps": 20, "width": side, "height": side}
        began = f"2025-03-0{1 + 2 * place // count} 10:"
        whole = Record(
            Item(which, text, settings=settings), seed=place, checkpoint=MODELS[place % 2], image=str(path),
            thumbnail=host.desk.thumbnails.put(which, picture), sitting=f"{began}00:00",
            time=f"{began}{place % 60:02}:00.000",
        )  # fmt: skip
        made.append(whole)
    return made


@functools.cache
def _drawn(seed: int, count: int, side: int) -> list[tuple[Scene, Image.Image]]:
    # A drawing takes longer than all else that a test with pictures needs.
    return [
        (scene, Image.fromarray((draw([scene], side)[0] * 255).byte().permute(1, 2, 0).numpy()))
        for scene in scenes(seed, count)
    ]


def judged(records: Sequence[Record], count: int, seed: int = 0, category: str = "overall") -> list[Duel]:
    """Duels of somebody who likes what is red, and does not care for the rest."""
    draw, found = random.Random(seed), []
    for _ in range(count):
        one, other = draw.sample(list(records), 2)
        liked = [each.item.id for each in (one, other) if "red" in each.item.prompt]
        found.append(Duel(one.item.id, other.item.id, category, liked[0] if len(liked) == 1 else None))
    return found
