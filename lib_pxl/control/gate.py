"""A gate: 3-D noise over the picture that says where a layer is let through, and moves with the progress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from lib_pxl.control.canvas import Canvas, Schedule
from lib_pxl.control.field import Field, cover
from lib_pxl.control.source import SCALE, SEED, SPEED, seeds_of
from lib_pxl.knobs import Flag, Knob

GATE: dict[str, Knob] = {
    "scale": SCALE,
    "speed": SPEED,
    "cover": Knob("cover", "Cover", "the share of the picture that is let through", 0.5, 0, 1),
    "soft": Knob("soft", "Soft", "how softly the gate closes", 0.2, 0, 1),
    "reroll": Flag("reroll", "Reroll", "draw a new field every step"),
    "seed": SEED,
}
_FAR = 1000.0  # fields so far apart in z have nothing in common


def share(own: Mapping[str, Any], canvas: Canvas, schedule: Schedule, acts: Tensor) -> Tensor:
    """How much is let through at every model call that is asked for, (N, B or 1, 1, H, W); nothing unless it acts."""
    field = Field.draw(seeds_of(own["seed"], canvas), own["scale"])
    step = schedule.steps[acts]
    z = step * _FAR if own["reroll"] else step / max(schedule.calls - 1, 1) * own["speed"]
    there = cover(field(z, canvas.height, canvas.width, canvas.device), own["cover"], own["soft"])[:, :, None]
    found = there.new_zeros(len(acts), *there.shape[1:])
    found[acts.to(found.device)] = there
    return found
