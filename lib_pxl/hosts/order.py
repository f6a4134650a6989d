"""An order: a picture that a feature wants of the host, made and saved as one of the page's own button."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LARGEST = 2048  # pixels a side
STEPS, CFG = (20, 1, 150), (7, 1, 30)  # what is usual, and within what it is kept


@dataclass(frozen=True)
class Order:
    """Its settings are named as in infotexts; what a host does not know of them, or cannot have, is as usual there."""

    prompt: str
    negative: str = ""
    seed: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """In how many steps."""
        return int(self._number("Steps", *STEPS))

    @property
    def cfg(self) -> float:
        """How closely the prompt is followed."""
        return self._number("CFG scale", *CFG)

    @property
    def sampler(self) -> str:
        """By its name, or nothing."""
        return str(self.settings.get("Sampler", ""))

    @property
    def schedule(self) -> str:
        """By its name."""
        return str(self.settings.get("Schedule type", "Automatic"))

    def size(self, usual: int, step: int) -> tuple[int, int]:
        """Width and height, in whole steps."""
        sides = str(self.settings.get("Size", "")).split("x")
        if len(sides) != 2 or not all(side.isascii() and side.isdigit() and len(side) < 6 for side in sides):
            return usual, usual
        width, height = (min(max(int(side), 64), LARGEST) // step * step for side in sides)
        return width, height

    def _number(self, name: str, usual: float, low: float, high: float) -> float:
        value = self.settings.get(name)
        sound = isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high
        return value if sound and value is not None else usual
