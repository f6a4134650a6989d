"""What is judged, and the two ways to judge it: a value on a scale, or a duel."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lib_pxl.errors import TasteError

OVERALL = "overall"
MAX_ID, MAX_CATEGORY = 200, 80


@dataclass(frozen=True)
class Item:
    """One picture as it was asked for; `vectors` has what encoders made of it, each under its encoder's name."""

    id: str
    prompt: str = ""
    negative: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    vectors: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    caption: str = ""

    def __post_init__(self) -> None:
        _text("item id", self.id, MAX_ID)
        for name in ("prompt", "negative", "caption"):
            if not isinstance(getattr(self, name), str):
                raise TasteError(f"item {name}", got=getattr(self, name), wanted="text")
        for name in ("settings", "vectors"):
            given = getattr(self, name)
            if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
                raise TasteError(f"item {name}", got=given, wanted="a dictionary whose keys are text")
        for name, value in self.settings.items():
            if not (value is None or isinstance(value, (str, bool, numbers.Real))):
                raise TasteError(f"item setting {name}", got=value, wanted="text, a number, true or false")

    def __hash__(self) -> int:
        return hash(self.id)


@dataclass(frozen=True)
class Rating:
    """An item's value in a category, on whatever scale its person keeps to."""

    item: str
    category: str = OVERALL
    value: float = 0.0
    time: str = ""
    sitting: str = ""

    def __post_init__(self) -> None:
        _text("rating item", self.item, MAX_ID)
        _text("category", self.category, MAX_CATEGORY)
        _note(self)
        value = self.value
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not _finite(value):
            raise TasteError(f"rating of {self.item!r}", got=value, wanted="a finite number")
        object.__setattr__(self, "value", float(value))


@dataclass(frozen=True)
class Duel:
    """Two items side by side, and which of them is better in a category: `winner` is its id, or None for a tie."""

    first: str
    second: str
    category: str = OVERALL
    winner: str | None = None
    time: str = ""
    sitting: str = ""

    def __post_init__(self) -> None:
        _text("duel item", self.first, MAX_ID)
        _text("duel item", self.second, MAX_ID)
        _text("category", self.category, MAX_CATEGORY)
        _note(self)
        if self.first == self.second:
            raise TasteError("duel", got=(self.first, self.second), wanted="two different items")
        if self.winner not in (self.first, self.second, None):
            wanted = f"{self.first!r}, {self.second!r} or None for a tie"
            raise TasteError("duel winner", got=self.winner, wanted=wanted)

    @property
    def outcome(self) -> int:
        """1 where the first won, -1 where the second did, 0 for a tie."""
        return 0 if self.winner is None else 1 if self.winner == self.first else -1


Opinion = Rating | Duel


def _text(what: str, value: object, most: int) -> None:
    if not isinstance(value, str) or not value.strip() or len(value) > most or "\0" in value:
        raise TasteError(what, got=value, wanted=f"text of 1 to {most} characters")


def _note(opinion: Opinion) -> None:
    for name in ("time", "sitting"):
        value = getattr(opinion, name)
        if not isinstance(value, str) or len(value) > MAX_ID:
            raise TasteError(f"opinion {name}", got=value, wanted=f"text of at most {MAX_ID} characters")


def _finite(value: Any) -> bool:
    try:
        return math.isfinite(value) and abs(value) < 1e300
    except (OverflowError, ValueError):  # a whole number larger than any float
        return False
