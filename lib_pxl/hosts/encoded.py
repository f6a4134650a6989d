"""A batch's prompts as A1111's family encodes them: of each a list of conditionings, every one up to some step."""

from __future__ import annotations

import bisect
from typing import Any


class Encoded:
    """Both conditionings, None where the host's own are meant; `parser` is the host's `prompt_parser`."""

    def __init__(self, parser: Any, cond: Any, uncond: Any) -> None:
        self.parser, self.cond, self.uncond = parser, cond, uncond
        parts = [] if cond is None else [part.schedules for parts in cond.batch for part in parts]
        self._ends = sorted({entry.end_at_step for each in [*parts, *(uncond or [])] for entry in each})
        self._made: dict[int, tuple[Any, Any]] = {}

    def at(self, step: int) -> tuple[Any, Any]:
        """As the host's denoiser has them at its own count of steps; the very same until the next edit."""
        place = bisect.bisect_left(self._ends, step)
        if place not in self._made:
            self._made[place] = (
                None if self.cond is None else self.parser.reconstruct_multicond_batch(self.cond, step)[1],
                None if self.uncond is None else self.parser.reconstruct_cond_batch(self.uncond, step),
            )
        return self._made[place]
