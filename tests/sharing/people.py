"""Someone with opinions, and an office for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lib_pxl.sharing.office import Office
from lib_pxl.sharing.tour import Tour
from lib_pxl.taste.opinion import Duel, Item, Rating
from lib_pxl.taste.opinions import Opinions

FIELDS = {"rating": True, "duel": True, "prompt": True, "earlier": True}


def office(folder: Path) -> Office:
    """Nobody's courier carries for it: a test does."""
    return Office(Tour(folder))


def stock(opinions: Opinions, *prompts: str, first: int = 0) -> None:
    """Pictures with a rating each, and a duel of the first two."""
    names = [f"item {i}" for i in range(first, first + len(prompts))]
    opinions.add(Item(name, prompt, settings={"Steps": 20}) for name, prompt in zip(names, prompts, strict=True))
    for i, name in enumerate(names):
        opinions.judge(Rating(name, "overall", float(i % 5), sitting="one"))
    if len(names) > 1:
        opinions.judge(Duel(names[0], names[1], "overall", names[1]))


def yes(url: str = "https://pool.example.org", version: int = 1, **fields: bool) -> dict[str, Any]:
    """What the page sends."""
    return {"version": version, "fields": fields or FIELDS, "target": {"kind": "endpoint", "url": url}}
