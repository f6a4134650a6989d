"""Programs as they are asked about: a wrong layer keeps its place, and the others stay readable."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lib_pxl.control.film import KNOBS
from lib_pxl.control.layer import Layer
from lib_pxl.control.program import LAYERS, MAX_TEXT, read_json
from lib_pxl.errors import ProgramError, Words, shown
from lib_pxl.hosts.job import SWITCHES, Job
from lib_pxl.hosts.run import KEY
from lib_pxl.store.infotext import Infotext
from lib_pxl.store.pictures import kind_of, reading

_WANTED = "a JSON file of a program, a PNG made with pxl, or - for standard input"


def layers_of(data: Any) -> list[Layer | ProgramError]:
    """Every layer of a program, of a job or of a job's control dictionary, or what is wrong with it."""
    if not isinstance(data, Mapping):
        Job.parse({"control": data})
    whole = any(key in SWITCHES for key in data)
    control = data.get("control", {}) if whole else data
    rest = {**control, "layers": []} if isinstance(control, Mapping) else control
    Job.parse({**data, "control": rest} if whole else {"control": rest})
    return list(LAYERS.each(control.get("layers", ()), "layers"))


def read(name: str) -> tuple[Any, dict[str, Any]]:
    """The program or job in a JSON file, in a picture or at standard input (-), and what a picture says of itself."""
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
            data = file.read(MAX_TEXT + 1)
    except (OSError, ValueError) as problem:
        got = Words(f"{shown(name)} ({getattr(problem, 'strerror', None) or problem})")
        raise ProgramError("program", got=got, wanted=_WANTED) from problem
    if kind_of(data) is None:
        return read_json(data.decode("utf-8-sig", "replace")), {}
    with reading(data) as (image, _):
        image.load()
        text = image.info.get("parameters")
    info = Infotext.parse(text if isinstance(text, str) else "")
    if KEY not in info.settings:
        raise ProgramError(f"picture {shown(Path(name).name)}", got=Words("no infotext with pxl in it"), wanted=_WANTED)
    return read_json(info.settings[KEY]), dict(_told(info.settings))


def _told(settings: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """What an infotext says of the picture, where it can be."""
    sides = settings.get("Size", "").split("x")
    said = {"width": sides[0], "height": sides[1]} if len(sides) == 2 and all(sides) else {}
    for name, text in {**said, "steps": settings.get("Steps"), "seed": settings.get("Seed")}.items():
        with contextlib.suppress(ValueError, ProgramError):
            yield name, KNOBS[name].parse(int(text or ""), name)
