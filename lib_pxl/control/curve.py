"""A curve is a strength over progress: keyframes, joined by eases."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from lib_pxl.errors import CurveError
from lib_pxl.knobs import Knob, one_of

EASES: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda t: t,
    "smooth": lambda t: t * t * (3 - 2 * t),
    "in": lambda t: t * t,
    "out": lambda t: t * (2 - t),
    "hold": lambda t: (t >= 1).to(t.dtype),
}
MAX_KEYS = 256
MAX_KEY = 64  # characters; a longer text would also keep the pattern below busy
DIGITS = 6  # nearer keys are one to float32
GRAMMAR = "keyframes such as '0:0, 30%:1 smooth, 80%:0'"
_number = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_key = re.compile(rf"\s*({_number})\s*(%?)\s*:\s*(\(?)\s*({_number})\s*(\)?)\s*([A-Za-z]*)\s*")


@dataclass(frozen=True)
class Key:
    """One keyframe; the ease shapes the way that leads to it."""

    at: float
    value: float
    ease: str = "linear"


@dataclass(frozen=True)
class Curve:
    """Keyframes over progress in [0, 1] with values in [0, 1]; flat before the first and after the last."""

    keys: tuple[Key, ...]

    @classmethod
    def parse(cls, data: Any, where: str = "curve") -> Curve:
        """A curve from a number or from text; a CurveError says what was got and wanted."""
        if isinstance(data, Curve):
            return data
        if isinstance(data, bool) or not isinstance(data, (int, float, str)):
            raise CurveError(where, got=data, wanted=f"a number from 0 to 1 or {GRAMMAR}")
        if not isinstance(data, str):
            return cls((Key(0.0, _share(data, where)),))
        if len(data) > MAX_KEY * MAX_KEYS or data.count(",") >= MAX_KEYS:
            raise CurveError(where, got=data, wanted=f"at most {MAX_KEYS} keyframes")
        if re.fullmatch(rf"\s*{_number}\s*", data):
            return cls((Key(0.0, _share(float(data), where)),))
        keys = sorted((_parse_key(piece, where) for piece in data.split(",")), key=lambda key: key.at)
        for left, right in pairwise(keys):
            if left.at == right.at:
                raise CurveError(where, got=data, wanted=f"one value at progress {left.at:g}, not two")
        return cls(tuple(keys)) if len(keys) > 1 else cls((Key(0.0, keys[0].value),))

    def format(self) -> float | str:
        """The shortest data that parses to this curve again: a number where it is constant."""
        if len(self.keys) == 1:
            return self.keys[0].value
        pieces = (f"{_plain(k.at)}:{_plain(k.value)}" + ("" if k.ease == "linear" else f" {k.ease}") for k in self.keys)
        return ", ".join(pieces)

    def __call__(self, u: Tensor) -> Tensor:
        """The values at every progress of `u`, whatever its shape."""
        value = torch.full_like(u, self.keys[0].value)
        for left, right in pairwise(self.keys):
            t = ((u - left.at) / (right.at - left.at)).clamp(0, 1)
            step = left.value + (right.value - left.value) * EASES[right.ease](t)
            value = torch.where(u >= left.at, step, value)
        return value.masked_fill(u >= self.keys[-1].at, self.keys[-1].value)

    @property
    def zero(self) -> bool:
        """True where the curve is 0 at every progress."""
        return all(key.value == 0 for key in self.keys)


@dataclass(frozen=True)
class CurveKnob(Knob):
    """A setting that is a number or a curve."""

    @property
    def kind(self) -> str:
        """What the panel draws."""
        return "curve"

    def parse(self, value: Any, where: str) -> Curve:
        """The curve that a number or a text stands for."""
        return Curve.parse(value, where)

    def format(self, value: Curve) -> float | str:
        """The number or the text that stands for a curve."""
        return value.format()


def _parse_key(piece: str, where: str) -> Key:
    found = _key.fullmatch(piece) if len(piece) <= MAX_KEY else None
    if not found or bool(found[3]) != bool(found[5]):
        raise CurveError(where, got=piece.strip(), wanted=GRAMMAR)
    at, value, ease = float(found[1]), _share(float(found[4]), where), found[6].lower() or "linear"
    if found[2]:
        at /= 100
    elif at > 1:
        raise CurveError(
            where,
            got=piece.strip(),
            wanted=f"progress from 0 to 1; for a share write {at:g}%"
            if at <= 100
            else "progress from 0 to 1, or 0% to 100% (frames are not counted here)",
        )
    if not 0 <= at <= 1:
        raise CurveError(where, got=piece.strip(), wanted="progress from 0% to 100%")
    if ease not in EASES:
        raise CurveError(where, got=ease, wanted=f"an ease: {one_of(EASES, ease)}")
    return Key(round(at, DIGITS), value, ease)


def _share(value: float, where: str) -> float:
    if not 0 <= value <= 1:
        raise CurveError(where, got=value, wanted="a strength from 0 to 1")
    return float(value) + 0.0  # -0.0 becomes 0.0


def _plain(value: float) -> str:
    return repr(value) if value != int(value) else str(int(value))
