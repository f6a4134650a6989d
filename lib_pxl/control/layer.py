"""A layer: where a map comes from, what it does to the picture, how strongly over the steps, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lib_pxl.control.curve import Curve, CurveKnob
from lib_pxl.control.gate import GATE
from lib_pxl.control.map import FITS, MAPS
from lib_pxl.control.mode import MODES
from lib_pxl.control.source import A_PICTURE, SOURCES
from lib_pxl.control.warp import MOTION
from lib_pxl.errors import ProgramError
from lib_pxl.knobs import Flag, Knob, Text, counts, format_group, one_of, parse_group

Group = Mapping[str, Any]


@dataclass(frozen=True)
class GroupKnob(Knob):
    """A setting that is a small dictionary of settings, or absent."""

    knobs: Mapping[str, Knob] | None = None

    @property
    def kind(self) -> str:
        """What the panel draws."""
        return "group"

    def parse(self, value: Any, where: str) -> Any:
        """The dictionary with every key set."""
        return None if value is None else parse_group(self.knobs or {}, value, where)

    def format(self, value: Any) -> Any:
        """The dictionary without what is as usual."""
        return None if value is None else format_group(self.knobs or {}, value)


@dataclass(frozen=True)
class SourceKnob(Knob):
    """A setting that says where a map comes from: a kind, and that kind's own settings."""

    @property
    def kind(self) -> str:
        """What the panel draws."""
        return "source"

    def parse(self, value: Any, where: str) -> Group:
        """The dictionary with its kind and every key set."""
        if not isinstance(value, Mapping):
            raise ProgramError(where, got=value, wanted='a dictionary such as {"kind": "image", "image": …}')
        kind = value.get("kind")
        if not isinstance(kind, str) or kind not in SOURCES:
            raise ProgramError(f"{where}.kind", got=kind, wanted=one_of(SOURCES, kind))
        rest = {key: value[key] for key in value if key != "kind"}
        return {"kind": kind, **parse_group(SOURCES[kind][1], rest, where)}

    def format(self, value: Group) -> dict[str, Any]:
        """The kind, and of its settings those that are not as usual."""
        return {"kind": value["kind"], **format_group(SOURCES[value["kind"]][1], value)}


@dataclass(frozen=True)
class HiresKnob(CurveKnob):
    """A setting that is `same`, `off` or a curve of its own."""

    @property
    def kind(self) -> str:
        """What the panel draws."""
        return "hires"

    def parse(self, value: Any, where: str) -> Any:
        """The word, or the curve that the value stands for."""
        return value if value in ("same", "off") and isinstance(value, str) else super().parse(value, where)

    def format(self, value: str | Curve) -> float | str:
        """The word, or the curve's number or text."""
        return value if isinstance(value, str) else super().format(value)


# The modes that look at a map; a warp does where it follows the movement between frames.
_SEEN = ({"mode": [name for name in MODES if name != "warp"]}, {"mode": ["warp"], "motion.kind": ["flow"]})
_NOISE = {"kind": "noise", **parse_group(SOURCES["noise"][1], {}, "source")}

KNOBS: dict[str, Knob] = {
    "source": SourceKnob("source", "Source", "where the map comes from", _NOISE, when=_SEEN),
    "map": Knob("map", "Map", "what of the source is followed", "color", choices=MAPS, when=_SEEN),
    "mode": Knob("mode", "Mode", "what the map does to the picture", "color", choices=MODES),
    "strength": CurveKnob(
        "strength", "Strength", "how strongly: a number, or keyframes over the progress", Curve.parse(0.5)
    ),
    "hires": HiresKnob("hires", "Hires pass", "the strength in the hires pass: the same, off, or its own", "same"),
    "gate": GroupKnob("gate", "Gate", "3-D noise that says where the map is let through", knobs=GATE),
    "mask": Text("mask", "Mask", f"{A_PICTURE}; white is where the layer acts", draws="image"),
    "fit": Knob("fit", "Fit", "how a map meets another aspect ratio", "crop", choices=FITS),
    "motion": GroupKnob("motion", "Motion", "how the pixels move", knobs=MOTION, when=({"mode": ["warp"]},)),
    "muted": Flag("muted", "Mute", "kept, not used"),
}


@dataclass(frozen=True)
class Layer:
    """One layer of a program, checked and complete."""

    source: Group
    map: str
    mode: str
    strength: Curve
    hires: str | Curve
    gate: Group | None
    mask: str | None
    fit: str
    motion: Group | None
    muted: bool

    @classmethod
    def parse(cls, data: Any, where: str = "layers[0]") -> Layer:
        """A layer from a dictionary; a ProgramError names the field."""
        values = parse_group(KNOBS, data, where)
        if "source" not in data and counts(KNOBS["source"], values):
            raise ProgramError(f"{where}.source", got=None, wanted=KNOBS["source"].help)
        return cls(**values)

    def format(self) -> dict[str, Any]:
        """The shortest dictionary that parses to this layer again."""
        data = format_group(KNOBS, vars(self))
        if self.looks:
            data.setdefault("source", KNOBS["source"].format(self.source))
        return data

    @property
    def looks(self) -> bool:
        """True where its mode looks at a map."""
        return counts(KNOBS["source"], vars(self))

    @property
    def opened(self) -> Group:
        """The source that is opened for it: where it looks at none, one that is nowhere."""
        return self.source if self.looks else _NOISE

    def curve(self, hires: bool) -> Curve | None:
        """The strength over this pass, or None where the layer does not act in it."""
        if self.muted or (hires and self.hires == "off"):
            return None
        curve = self.hires if hires and isinstance(self.hires, Curve) else self.strength
        return None if curve.zero else curve

    def strengths(self, progress: Tensor, hires: bool) -> Tensor:
        """The strength at each progress of this pass (M,), 0 where its mode does nothing."""
        curve = self.curve(hires)
        found = torch.zeros_like(progress) if curve is None else curve(progress)
        return found * (progress == 0) if self.mode == "start" else found

    def refuse_unbuilt(self, where: str) -> None:
        """A ProgramError that names the first part of this layer that pxl cannot do yet."""
        parts = [
            ("source.kind", self.source["kind"], {name: choice for name, (choice, _) in SOURCES.items()}),
            ("map", self.map, MAPS),
            ("mode", self.mode, MODES),
        ]
        for name, value, choices in parts:
            if choices[value].build is None:
                built = [each for each, choice in choices.items() if choice.build is not None]
                raise ProgramError(f"{where}.{name}", got=value, wanted=f"{one_of(built)}: the rest is not built yet")
