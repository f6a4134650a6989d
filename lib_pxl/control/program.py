"""A program is a stack of layers, applied in order."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from lib_pxl.control import gate
from lib_pxl.control import map as maps
from lib_pxl.control.canvas import Canvas, Schedule
from lib_pxl.control.layer import Layer
from lib_pxl.control.mode import MODES
from lib_pxl.control.plan import Part, Plan, planned
from lib_pxl.control.source import SOURCES, Look
from lib_pxl.control.stage import Stage
from lib_pxl.control.warp import MOTION
from lib_pxl.errors import ProgramError, PxlError, Words
from lib_pxl.knobs import Flag, Knob, parse_group

MAX_LAYERS = 8
Rule = Callable[[str, bool], str]
MAX_TEXT = 64 * 2**20  # a program may carry its pictures in base64


@dataclass(frozen=True)
class LayersKnob(Knob):
    """The stack of layers."""

    def parse(self, value: Any, where: str) -> tuple[Layer, ...]:
        """Every layer, in order."""
        return tuple(map(_sound, self.each(value, where)))

    def each(self, value: Any, where: str) -> Iterator[Layer | ProgramError]:
        """Every layer that can be read, in order, and in the place of another its error."""
        if not isinstance(value, (list, tuple)) or len(value) > MAX_LAYERS:
            got = f"{len(value)} layers" if isinstance(value, (list, tuple)) else value
            raise ProgramError(where, got=got, wanted=f"a list of at most {MAX_LAYERS} layers")
        for i, each in enumerate(value):
            try:
                yield Layer.parse(each, f"layers[{i}]")
            except ProgramError as problem:
                yield problem


LAYERS = LayersKnob("layers", "Layers", "the layers, applied in order", ())
KNOBS: dict[str, Knob] = {
    "layers": LAYERS,
    "inner": Flag("inner", "Inner jobs", "act in jobs that another script starts inside this one"),
}


@dataclass(frozen=True)
class Program:
    """What a person asks of the picture: layers, in order."""

    layers: tuple[Layer, ...] = ()
    inner: bool = False

    @classmethod
    def parse(cls, data: str | Mapping[str, Any]) -> Program:
        """A program from a dictionary or JSON text; a ProgramError says field, got and wanted."""
        return cls(**parse_group(KNOBS, read_json(data) if isinstance(data, str) else data, ""))

    def format(self) -> str:
        """The shortest JSON text that parses to this program again."""
        data: dict[str, Any] = {"layers": [layer.format() for layer in self.layers]}
        if self.inner:
            data["inner"] = True
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"))

    def rename(self, rule: Rule) -> Program:
        """The same program with every picture's name put through a rule, which is told whether it may be moving."""
        return replace(self, layers=tuple(_renamed(layer, rule, i) for i, layer in enumerate(self.layers)))

    def settle(self, previous: Callable[[], str]) -> Program:
        """The same program with the last picture's name for itself, so that it can be made again tomorrow."""
        return replace(self, layers=tuple(_settled(layer, previous, i) for i, layer in enumerate(self.layers)))

    def prepare(self, canvas: Canvas) -> Plan:
        """All that can fail or is slow, done before the first step: pictures, targets, masks, tables."""
        schedule, canvas = Schedule.parse(canvas.sigmas, canvas.device), replace(canvas, placed={})
        parts = []
        for i, layer in enumerate(self.layers):
            strength = layer.strengths(schedule.progress, canvas.hires)
            if not strength.any():
                continue
            where = f"layers[{i}]"
            with staged(layer, canvas, schedule, strength, where) as stage:
                made = MODES[layer.mode].build(stage)
            share = share_of(layer, canvas, schedule, schedule.calls_of(strength > 0), where)
            parts.append(Part(stage, made, share))
        return planned(parts, schedule, canvas)


def read_json(text: str) -> Any:
    """JSON from a stranger: too long, too deep and not JSON are each one sentence."""
    if len(text) > MAX_TEXT:
        raise ProgramError("program", got=f"{len(text)} characters", wanted=f"at most {MAX_TEXT}")
    try:
        return json.loads(text)
    except RecursionError:
        raise ProgramError("program", got="JSON nested too deeply", wanted="a flat list of layers") from None
    except ValueError:
        raise ProgramError("program", got=text, wanted='JSON such as {"layers": []}') from None


def _sound(layer: Layer | ProgramError) -> Layer:
    if isinstance(layer, ProgramError):
        raise layer
    return layer


def _renamed(layer: Layer, rule: Rule, i: int) -> Layer:
    own = _if_possible(rule) if layer.muted or not layer.looks else rule
    rule = _if_possible(rule) if layer.muted else rule
    source, mask = dict(layer.source), layer.mask
    for name, moving in (("image", False), ("path", True)):
        if name in source:
            with _naming(f"layers[{i}].source.{name}"):
                source[name] = own(source[name], moving)
    if mask is not None:
        with _naming(f"layers[{i}].mask"):
            mask = rule(mask, False)
    return replace(layer, source=source, mask=mask)


def _settled(layer: Layer, previous: Callable[[], str], i: int) -> Layer:
    if layer.muted or layer.source["kind"] != "previous":
        return layer
    with _naming(f"layers[{i}].source"):
        return replace(layer, source={"kind": "image", "image": previous()})


def _if_possible(rule: Rule) -> Rule:
    """The rule, or the name as it was: a layer that is not used may have lost its picture."""

    def lenient(name: str, moving: bool) -> str:
        with contextlib.suppress(PxlError):
            return rule(name, moving)
        return name

    return lenient


@contextlib.contextmanager
def _naming(field: str) -> Iterator[None]:
    """Whatever is wrong with a layer's picture, said of that layer."""
    try:
        yield
    except ProgramError as problem:
        layer = field.partition(".")[0]
        if problem.field.startswith(layer):
            raise
        raise ProgramError(f"{layer}.{problem.field}", got=problem.got, wanted=problem.wanted) from problem
    except PxlError as problem:
        got = problem.got if problem.wanted else Words(problem)
        raise ProgramError(field, got=got, wanted=problem.wanted or "a picture that pxl can open") from problem


@contextlib.contextmanager
def staged(layer: Layer, canvas: Canvas, schedule: Schedule, strength: Tensor, where: str) -> Iterator[Stage]:
    """What the layer's mode is given; whatever goes wrong with it is said of that layer."""
    layer.refuse_unbuilt(where)
    choice, knobs = SOURCES[layer.opened["kind"]]
    with _naming(f"{where}.source.{next(iter(knobs), 'kind')}"):
        motion = layer.motion or parse_group(MOTION, {}, where)
        # What moves along a flow has come through every frame; else those alone are made that are seen.
        seen = schedule if layer.mode == "warp" else schedule.asked(strength > 0)
        frames = choice.build(layer.opened, Look(layer.map, layer.fit, canvas), seen)
        yield Stage(frames, strength, schedule, canvas, motion, layer.map, where)


def share_of(layer: Layer, canvas: Canvas, schedule: Schedule, acts: Tensor, where: str) -> Tensor | None:
    """Where the layer acts by its gate and its mask at the calls (N,) at which it does, (1 or N, 1 or B, 1, H, W).

    None is everywhere.
    """
    share = None if layer.gate is None else gate.share(layer.gate, canvas, schedule, acts)
    if layer.mask is not None:
        with _naming(f"{where}.mask"):
            mask = _mask_share(layer, canvas)[None]
        share = mask if share is None else mask * share
    return share


def _mask_share(layer: Layer, canvas: Canvas) -> Tensor:
    mask = maps.pixels(maps.mask(str(layer.mask), layer.fit, canvas))[None]  # (1, 1, H*f, W*f)
    size = (canvas.height, canvas.width)
    return torch.nn.functional.interpolate(mask, size=size, mode="area").to(canvas.device)
