"""A program is a stack of layers, applied in order; a plan is a program made ready for one pass."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from lib_pxl.control.canvas import Canvas, Schedule
from lib_pxl.control.layer import Layer
from lib_pxl.control.map import MAPS, pixels, place
from lib_pxl.control.mode import MODES, Made, Stage
from lib_pxl.errors import ProgramError, PxlError, Words
from lib_pxl.knobs import Flag, Knob, parse_group

MAX_LAYERS = 8
MAX_TEXT = 64 * 2**20  # a program may carry its pictures in base64


@dataclass(frozen=True)
class LayersKnob(Knob):
    """The stack of layers."""

    def parse(self, value: Any, where: str) -> tuple[Layer, ...]:
        """Every layer, in order."""
        if not isinstance(value, (list, tuple)) or len(value) > MAX_LAYERS:
            got = f"{len(value)} layers" if isinstance(value, (list, tuple)) else value
            raise ProgramError(where, got=got, wanted=f"a list of at most {MAX_LAYERS} layers")
        return tuple(Layer.parse(each, f"layers[{i}]") for i, each in enumerate(value))


KNOBS: dict[str, Knob] = {
    "layers": LayersKnob("layers", "Layers", "the layers, applied in order", ()),
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

    def rename(self, rule: Callable[[str], str]) -> Program:
        """The same program with every picture's name put through a rule."""
        return replace(self, layers=tuple(_renamed(layer, rule, i) for i, layer in enumerate(self.layers)))

    def prepare(self, canvas: Canvas) -> Plan:
        """All that can fail or is slow, done before the first step: pictures, targets, masks, tables."""
        schedule = Schedule.parse(canvas.sigmas, canvas.device)
        tracks, tables, wide = [], [torch.zeros(len(schedule.places), 0)], 0
        for i, layer in enumerate(self.layers):
            curve = layer.curve(canvas.hires)
            strength = None if curve is None else curve(schedule.progress)
            if strength is None or not strength.any():
                continue
            made, share = _prepare_layer(layer, canvas, schedule, strength, f"layers[{i}]")
            tables += [(strength > 0).float()[:, None], made.table]
            end = wide + 1 + made.table.shape[1]
            tracks.append(Track(made, share, slice(wide, end)))
            wide = end
        return Plan(schedule, torch.cat(tables, dim=1).to(canvas.device), tuple(tracks))


@dataclass(frozen=True)
class Track:
    """A layer made ready, where it acts, and its columns of the plan's table; the first says whether it acts at all."""

    made: Made
    share: Tensor | None  # (1, 1, H, W), or None where it acts everywhere
    columns: slice

    def apply(self, denoised: Tensor, rows: Tensor) -> Tensor:
        """The estimate with this layer blended in."""
        own = rows[:, self.columns]
        acts = own[:, :1, None, None]
        weight = acts if self.share is None else self.share * acts
        return torch.lerp(denoised, self.made.edit(denoised, own[:, 1:]), weight)


@dataclass(frozen=True)
class Plan:
    """A program made ready for one pass."""

    schedule: Schedule
    table: Tensor  # (M, k): all that moves over the steps
    tracks: tuple[Track, ...]

    def apply(self, denoised: Tensor, sigma: Tensor) -> Tensor:
        """The clean estimate (B, C, H, W) at sigma (B,), edited; tensors in, a new tensor out, no value read back."""
        if not self.tracks:
            return denoised
        rows = self.table[self.schedule.at(sigma)]  # (B, k)
        estimate = denoised.float().contiguous()
        for track in self.tracks:
            estimate = track.apply(estimate, rows)
        return estimate.to(denoised.dtype)


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


def _renamed(layer: Layer, rule: Callable[[str], str], i: int) -> Layer:
    if layer.muted:
        rule = _if_possible(rule)
    source, mask = dict(layer.source), layer.mask
    if "image" in source:
        with _naming(f"layers[{i}].source.image"):
            source["image"] = rule(source["image"])
    if mask is not None:
        with _naming(f"layers[{i}].mask"):
            mask = rule(mask)
    return replace(layer, source=source, mask=mask)


def _if_possible(rule: Callable[[str], str]) -> Callable[[str], str]:
    """The rule, or the name as it was: a layer that is not used may have lost its picture."""

    def lenient(name: str) -> str:
        with contextlib.suppress(PxlError):
            return rule(name)
        return name

    return lenient


@contextlib.contextmanager
def _naming(field: str) -> Iterator[None]:
    """Whatever is wrong with a layer's picture, said of that layer."""
    try:
        yield
    except ProgramError:
        raise
    except PxlError as problem:
        got = problem.got if problem.wanted else Words(problem)
        raise ProgramError(field, got=got, wanted=problem.wanted or "a picture that pxl can open") from problem


def _prepare_layer(
    layer: Layer, canvas: Canvas, schedule: Schedule, strength: Tensor, where: str
) -> tuple[Made, Tensor | None]:
    layer.refuse_unbuilt(where)
    with _naming(f"{where}.source.image"):
        picture = MAPS[layer.map].build(canvas.still(layer.source["image"]))
        target = canvas.encode(pixels(place(picture, layer.fit, canvas))[None])
    with _naming(f"{where}.mask"):
        share = None if layer.mask is None else _mask_share(layer, canvas)
    wanted = (1, canvas.channels, canvas.height, canvas.width)
    if tuple(target.shape) != wanted or not torch.isfinite(target).all():
        raise ProgramError(where, got=f"a target of shape {tuple(target.shape)}", wanted=f"finite latents {wanted}")
    latents = target.detach().to(canvas.device, torch.float32)
    return MODES[layer.mode].build(Stage(latents, strength, schedule, canvas)), share


def _mask_share(layer: Layer, canvas: Canvas) -> Tensor:
    mask = pixels(place(canvas.mask(str(layer.mask)), layer.fit, canvas))[None]  # (1, 1, H*f, W*f)
    size = (canvas.height, canvas.width)
    return torch.nn.functional.interpolate(mask, size=size, mode="area").to(canvas.device)
