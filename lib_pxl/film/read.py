"""Programs as they are asked about: a wrong layer keeps its place, and the others stay readable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib_pxl.control.layer import Layer
from lib_pxl.control.program import LAYERS
from lib_pxl.errors import ProgramError
from lib_pxl.hosts.job import SWITCHES, Job


def layers_of(data: Any) -> list[Layer | ProgramError]:
    """Every layer of a program, of a job or of a job's control dictionary, or what is wrong with it."""
    if not isinstance(data, Mapping):
        Job.parse({"control": data})
    whole = any(key in SWITCHES for key in data)
    control = data.get("control", {}) if whole else data
    rest = {**control, "layers": []} if isinstance(control, Mapping) else control
    Job.parse({**data, "control": rest} if whole else {"control": rest})
    return list(LAYERS.each(control.get("layers", ()), "layers"))
