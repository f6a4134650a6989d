"""The axes of an X/Y/Z grid: each turns one cell's value into a change of the job."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from lib_pxl.control import Program
from lib_pxl.control.layer import KNOBS
from lib_pxl.errors import ProgramError, Words
from lib_pxl.hosts.job import Job
from lib_pxl.store.presets import Presets

Rule = Callable[[Job, str], Job]


@dataclass(frozen=True)
class Axis:
    """One axis: what a value does, and the values there are where they can be listed."""

    rule: Rule
    choices: Callable[[], list[str]] | None = None


def axes(presets: Callable[[], Presets]) -> dict[str, Axis]:
    """Every axis by its name in the grid."""

    def preset(job: Job, value: str) -> Job:
        return replace(job, control=replace(job.control, enabled=True, program=Program.parse(presets().load(value))))

    return {  # in the order in which they act: a preset first, then what changes it
        "[pxl] Preset": Axis(preset, lambda: presets().names()),
        "[pxl] Strength": Axis(lambda job, value: set_knob(job, "strength", value)),
    }


def set_knob(job: Job, knob: str, value: str) -> Job:
    """The job with one knob of every layer set, or of layer 2 alone by `2:0.5`."""
    if not job.control.enabled:
        raise ProgramError("control", got=Words("a job in which it is off"), wanted=f"it on, to set its {knob}")
    which, text = _addressed(knob, value)
    program = job.control.program
    if which is not None and not 1 <= which <= len(program.layers):
        raise ProgramError(f"layer of {knob}", got=which, wanted=f"1 to {len(program.layers)}")
    layers = [layer.format() for layer in program.layers]
    for i, layer in enumerate(layers, 1):
        if which in (None, i):
            layer[knob] = text.strip()
    return job.with_program(Program.parse({"layers": layers, "inner": program.inner}))


def _addressed(knob: str, value: str) -> tuple[int | None, str]:
    """The layer that a value names, if it names one, and the rest: `1:0, 0:1` is a curve, `1:0:0, 1:1` layer 1's."""
    found = re.fullmatch(r"\s*([1-9]\d{0,2})\s*:(.*)", value, re.DOTALL)
    if found:
        with contextlib.suppress(ProgramError):
            KNOBS[knob].parse(found[2], knob)
            return int(found[1]), found[2]
    return None, value
