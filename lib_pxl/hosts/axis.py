"""The axes of an X/Y/Z grid: each turns one cell's value into a change of the job."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any

from lib_pxl.control import Program
from lib_pxl.control.curve import CurveKnob
from lib_pxl.control.layer import KNOBS, Layer
from lib_pxl.control.mode import MODES
from lib_pxl.control.warp import MOTION
from lib_pxl.errors import ProgramError, Words
from lib_pxl.hosts.job import Job
from lib_pxl.knobs import Knob
from lib_pxl.store.presets import Presets

Rule = Callable[[Job, str], Job]
LONGEST = 1000  # values of one range
MIX = Knob("mix", "Mix", "the second noken's share", low=0, high=1)
_layer = r"\s*([1-9]\d{0,2})\s*:"
_number = r"[+-]?\d{1,19}(?:\.\d{0,8})?"
_range = re.compile(
    rf"({_layer})?\s*({_number})\s*-\s*({_number})\s*(?:\(\s*({_number})\s*\)|\[\s*(\d{{1,4}})\s*\])?\s*"
)


@dataclass(frozen=True)
class Axis:
    """One axis: what a value does, the values there are where they can be listed, and how a text of them is read."""

    rule: Rule
    choices: Callable[[], list[str]] | None = None
    split: Callable[[str], list[str]] | None = None  # None: at commas, as the grid does it


def axes(presets: Callable[[], Presets]) -> dict[str, Axis]:
    """Every axis by its name in the grid."""

    def preset(job: Job, value: str) -> Job:
        return replace(job, control=replace(job.control, enabled=True, program=Program.parse(presets().load(value))))

    return {  # in the order in which they act: a preset first, then what changes it; a cover may make a gate
        "[pxl] Preset": Axis(preset, lambda: presets().names()),
        "[pxl] Mode": Axis(
            Setter("mode", lambda layer, text: {"mode": text.strip()}),
            lambda: [name for name, choice in MODES.items() if choice.build is not None],
        ),
        "[pxl] Strength": Axis(Setter("strength", lambda layer, text: {"strength": text.strip()}), split=spelt),
        "[pxl] Gate cover": Axis(Setter("gate cover", _cover), split=spelt),
        "[pxl] Noise scale": Axis(Setter("noise scale", _scale, "a noise source or a gate"), split=spelt),
        "[pxl] Seed": Axis(
            Setter("seed", _seed, "a noise source, a gate or curl noise"), split=partial(spelt, whole=True)
        ),
        "[pxl] Noken": Axis(_noken),
        "[pxl] Noken mix": Axis(_mix, split=spelt),
    }


def _noken(job: Job, value: str) -> Job:
    """A name, or `A~B`, in the place of every noken that the prompts mention."""
    return _with_nokens(job, instead=value.strip())


def _mix(job: Job, value: str) -> Job:
    """The share of B in every `A~B` of the prompts."""
    return _with_nokens(job, mix=MIX.parse(_figure(value), "noken mix"))


def _with_nokens(job: Job, **news: Any) -> Job:
    if not job.nokens.enabled:
        raise ProgramError("nokens", got=Words("a job in which they are off"), wanted="them on, to set one")
    return replace(job, nokens=replace(job.nokens, **news))


@dataclass(frozen=True)
class Setter:
    """Sets one thing in every layer that has it, or in layer 2 alone by `2:0.5`."""

    name: str
    change: Callable[[Layer, str], Mapping[str, Any]]  # what is new in a layer's dictionary
    wanted: str = ""  # what a layer must have, if there is something to set

    def __call__(self, job: Job, value: str) -> Job:
        """The job with the value in it."""
        layers = job.control.program.layers
        if not job.control.enabled:
            raise ProgramError(
                "control", got=Words("a job in which it is off"), wanted=f"it on, to set its {self.name}"
            )
        if not layers:
            raise ProgramError("control", got=Words("no layers"), wanted=f"a layer, to set its {self.name}")
        which, text = self._addressed(value)
        if which is not None and which > len(layers):
            raise ProgramError(f"layer of {self.name}", got=which, wanted=f"1 to {len(layers)}")
        news = [self.change(each, text) if which in (None, i) else {} for i, each in enumerate(layers, 1)]
        if not any(news):
            told = "layers" if which is None else f"layer {which}"
            raise ProgramError(self.name, got=Words(f"{told} without any"), wanted=self.wanted)
        made = [{**layer.format(), **new} for layer, new in zip(layers, news, strict=True)]
        return job.with_program(Program.parse({"layers": made, "inner": job.control.program.inner}))

    def _addressed(self, value: str) -> tuple[int | None, str]:
        """The layer that a value names, if it does, and the rest: `1:0, 0:1` is a curve, `1:0:0, 1:1` layer 1's."""
        found = re.fullmatch(rf"{_layer}(.*)", value, re.DOTALL)
        if found:
            with contextlib.suppress(ProgramError):
                if isinstance(knob := KNOBS.get(self.name), CurveKnob):
                    knob.parse(found[2], self.name)
                return int(found[1]), found[2]
        return None, value


def _cover(layer: Layer, text: str) -> dict[str, Any]:
    return {"gate": {**(layer.gate or {}), "cover": _figure(text)}}


def _scale(layer: Layer, text: str) -> dict[str, Any]:
    return _put(layer, "scale", text)


def _seed(layer: Layer, text: str) -> dict[str, Any]:
    motion = layer.motion or {"kind": MOTION["kind"].default}
    if layer.mode != "warp" or motion["kind"] != "noise":
        return _put(layer, "seed", text)
    return {**_put(layer, "seed", text), "motion": {**motion, "seed": _figure(text)}}


def _put(layer: Layer, name: str, text: str) -> dict[str, Any]:
    """Into the noise that a layer shows, and into that of its gate."""
    fields = {"source": layer.source if layer.source["kind"] == "noise" else None, "gate": layer.gate}
    return {field: {**group, name: _figure(text)} for field, group in fields.items() if group is not None}


def _figure(text: str) -> int | float | str:
    """A number, or the text itself, which the knob then refuses."""
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text.strip()


def spelt(text: str, whole: bool = False) -> list[str]:
    """Every value of a text, ranges spelt out: `0-1 (+0.25)` and `0-1 [5]` as the grid has them, `2:0-1 [5]` too."""
    pieces = itertools.chain.from_iterable(csv.reader(io.StringIO(text), skipinitialspace=True))
    return [value for piece in pieces if piece.strip() for value in _spread(piece.strip(), whole)]


def _spread(piece: str, whole: bool) -> list[str]:
    found = _range.fullmatch(piece)
    if not found:
        return [piece]
    first, last = Decimal(found[3]), Decimal(found[4])
    if found[6]:
        count = int(found[6])
        step = (last - first) / max(count - 1, 1)
    else:
        step = Decimal(found[5] or 1)
        count = int((last - first) / step) + 1 if step and (last - first) / step >= 0 else 0
    if not 1 <= count <= LONGEST:
        return [piece]  # which no knob takes, and each says why
    values = [round(first + i * step, 8).normalize() for i in range(count)]
    if whole and found[6]:  # as the grid has it
        values = [Decimal(int(each)) for each in values]
    return [f"{found[1] or ''}{each:f}" for each in values]
