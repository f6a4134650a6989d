"""A program is a stack of layers, applied in order; a plan is a program made ready for one pass."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lib_pxl.control import gate
from lib_pxl.control.canvas import Canvas, Schedule
from lib_pxl.control.layer import Layer
from lib_pxl.control.map import pixels, place
from lib_pxl.control.mode import MODES
from lib_pxl.control.source import SOURCES, Look
from lib_pxl.control.stage import Made, Stage, joined
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
        schedule = Schedule.parse(canvas.sigmas, canvas.device)
        parts = []
        for i, layer in enumerate(self.layers):
            curve = layer.curve(canvas.hires)
            strength = None if curve is None else curve(schedule.progress)
            if strength is None or not strength.any():
                continue
            where = f"layers[{i}]"
            with staged(layer, canvas, schedule, strength, where) as stage:
                made = MODES[layer.mode].build(stage)
            parts.append(Part(stage, made, share_of(layer, canvas, schedule, where)))
        return planned(parts, schedule, canvas)


@dataclass(frozen=True)
class Part:
    """A layer made ready."""

    stage: Stage
    made: Made
    share: Tensor | None  # (1 or N, 1 or B, 1, H, W): the same always, or another at each model call; None: everywhere

    @property
    def acts(self) -> Tensor:
        """Whether it acts at all, (M, 1, 1)."""
        return (self.stage.strength > 0)[:, None, None]

    @property
    def table(self) -> Tensor:
        """Whether it acts, and the mode's own table, (M, B or 1, k)."""
        own = self.made.table
        own = self.acts[..., :0] if own is None else own
        return joined(self.acts.float(), own if own.ndim == 3 else own[:, None])

    @property
    def frame(self) -> Tensor:
        """The frame that each image sees, (M, B or 1, 1)."""
        return (self.stage.which if self.made.which is None else self.made.which)[..., None]

    def places(self, share: Tensor, first: int) -> Tensor:
        """Where in a stack of all shares, from `first` on, each image's lies, (M, B or 1, 1); 0 is nowhere."""
        calls, images = share.shape[:2]
        call = self.stage.schedule.places.long() % calls
        return (first + call[:, None, None] * images + torch.arange(images)[:, None]) * self.acts


def planned(parts: Sequence[Part], schedule: Schedule, canvas: Canvas) -> Plan:
    """The plan of some parts: their tables side by side."""
    none = torch.zeros(len(schedule.places), 1, 0)
    tables, frames, wheres = [none], [none.long()], [none.long()]
    shares = [torch.zeros(1, 1, canvas.height, canvas.width, device=canvas.device)]
    tracks: list[Track] = []
    end = 0
    for part in parts:
        tables.append(part.table)
        frames.append(part.frame)
        start, end = end, end + part.table.shape[2]
        tracks.append(Track(part.made, len(tracks), slice(start, end), None if part.share is None else len(wheres) - 1))
        if part.share is not None:
            wheres.append(part.places(part.share, sum(map(len, shares))))
            shares.append(part.share.flatten(0, 1))
    table, numbers = (joined(*each).to(canvas.device) for each in (tables, frames + wheres))
    images = torch.arange(max(table.shape[1], numbers.shape[1]), device=canvas.device)
    return Plan(schedule, table, numbers, images, torch.cat(shares), tuple(tracks))


class Now(NamedTuple):
    """What a plan reads of its tables for one model call."""

    row: Tensor  # (B, k)
    numbers: Tensor  # (B, n)
    shares: Tensor  # (B, s, 1, H, W)


@dataclass(frozen=True)
class Track:
    """A layer in a plan, and where in what the plan reads its own lies."""

    made: Made
    frame: int  # its column of the numbers
    columns: slice  # of the row; the first says whether it acts at all
    share: int | None  # which of the shares; None: it acts everywhere

    def apply(self, denoised: Tensor, now: Now) -> Tensor:
        """The estimate with this layer blended in."""
        if self.made.edit is None:
            return denoised
        row = now.row[:, self.columns]
        weight = row[:, :1, None, None] if self.share is None else now.shares[:, self.share]
        return torch.lerp(denoised, self.made.edit(denoised, row[:, 1:], now.numbers[:, self.frame]), weight)

    def noise(self, noise: Tensor, now: Now) -> Tensor:
        """The first noise, edited."""
        if self.made.noise is None:
            return noise
        share = None if self.share is None else now.shares[:, self.share]
        return self.made.noise(noise.float(), now.numbers[:, self.frame], share).to(noise.dtype)


@dataclass(frozen=True)
class Plan:
    """A program made ready for one pass. What moves over the steps is tabled, and all tables are read at once."""

    schedule: Schedule
    table: Tensor  # (M, B or 1, k): what edits are told
    numbers: Tensor  # (M, B or 1, n): each track's frame, then the share of each that does not act everywhere
    images: Tensor  # (B or 1,): each one's number
    shares: Tensor  # (S, 1, H, W); the first is nowhere
    tracks: tuple[Track, ...]

    def apply(self, denoised: Tensor, sigma: Tensor) -> Tensor:
        """The clean estimate (B, C, H, W) at sigma (B,), edited; tensors in, a new tensor out, no value read back."""
        if not self.tracks:
            return denoised
        now = self._at(self.schedule.at(sigma.expand(len(denoised))))
        estimate = denoised.float().contiguous()
        for track in self.tracks:
            estimate = track.apply(estimate, now)
        return estimate.to(denoised.dtype)

    def noise(self, noise: Tensor) -> Tensor:
        """The first noise (B, C, H, W) of unit variance, edited; the same tensor where no layer acts on it."""
        if self.tracks:
            now = self._at(torch.zeros(len(noise), dtype=torch.long, device=self.table.device))
            for track in self.tracks:
                noise = track.noise(noise, now)
        return noise

    def _at(self, place: Tensor) -> Now:
        row, numbers = (table[place, self.images[: table.shape[1]]] for table in (self.table, self.numbers))
        return Now(row, numbers, self.shares[numbers[:, len(self.tracks) :]])


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
        frames = choice.build(layer.opened, Look(layer.map, layer.fit, canvas), schedule)
        yield Stage(frames, strength, schedule, canvas, motion, layer.map, where)


def share_of(layer: Layer, canvas: Canvas, schedule: Schedule, where: str) -> Tensor | None:
    """Where the layer acts by its gate and its mask, (1 or N, 1 or B, 1, H, W); None is everywhere."""
    share = None if layer.gate is None else gate.share(layer.gate, canvas, schedule)
    if layer.mask is not None:
        with _naming(f"{where}.mask"):
            mask = _mask_share(layer, canvas)[None]
        share = mask if share is None else mask * share
    return share


def _mask_share(layer: Layer, canvas: Canvas) -> Tensor:
    mask = pixels(place(canvas.mask(str(layer.mask)), layer.fit, canvas))[None]  # (1, 1, H*f, W*f)
    size = (canvas.height, canvas.width)
    return torch.nn.functional.interpolate(mask, size=size, mode="area").to(canvas.device)
