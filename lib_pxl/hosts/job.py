"""A job is the one dictionary that a user hands over: three switches and a control program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lib_pxl.control.layer import GroupKnob
from lib_pxl.control.program import KNOBS as PROGRAM_KNOBS
from lib_pxl.control.program import Program, read_json
from lib_pxl.errors import ProgramError
from lib_pxl.knobs import Choice, Flag, Knob, Text, format_group, parse_group
from lib_pxl.noken.lineage import is_hash

USUAL = 12  # frames a second
OFF = '{"control":{"enabled":false},"nokens":true}'  # what pasting a picture made without pxl means to the panel
MOST_NOKENS = 64  # that a job may name by hash, or carry


@dataclass(frozen=True)
class Assembly:
    """How a job's pictures become one animation; `fps` None keeps the input's own times."""

    format: str = "gif"
    fps: float | None = None
    bounce: bool = False


@dataclass(frozen=True)
class Control:
    """The control switch, its program, animations in and out, and whether the steps are kept to be looked at."""

    enabled: bool = False
    program: Program = field(default_factory=Program)
    input: str | None = None
    whole: bool = True
    animation: Assembly | None = None
    trace: bool = False

    @property
    def makes(self) -> bool:
        """True where the job's pictures are others than without."""
        return bool(self.program.layers or self.input or self.animation)

    def format(self) -> dict[str, Any]:
        """The shortest dictionary that parses to this again, but for the switch."""
        program: dict[str, Any] = json.loads(self.program.format())
        return program | format_group(BESIDE, vars(self))


@dataclass(frozen=True)
class Nokens:
    """The switch of nokens, whether pictures carry them, and what a pasted picture said of those in its prompt."""

    enabled: bool = True
    carry: bool = False
    hashes: Mapping[str, str] = field(default_factory=dict)  # of the nokens that the prompt names
    vectors: tuple[str, ...] = ()  # nokens that the picture carried
    instead: str | None = None  # an axis: in the place of every mention
    mix: float | None = None  # an axis: the share of B in every A~B


@dataclass(frozen=True)
class AssemblyKnob(GroupKnob):
    """An animation of the pictures, or none."""

    def parse(self, value: Any, where: str) -> Assembly | None:
        """How it is put together."""
        values = super().parse(value, where)
        return None if values is None else Assembly(**values)

    def format(self, value: Assembly | None) -> dict[str, Any] | None:
        """What is not as usual; the format always."""
        return None if value is None else {"format": value.format} | format_group(ASSEMBLY, vars(value))


@dataclass(frozen=True)
class Rate(Knob):
    """Frames a second; None leaves it to the animation that goes in."""

    def parse(self, value: Any, where: str) -> float | None:
        """A number in range, or None."""
        return None if value is None else float(super().parse(value, where))


@dataclass(frozen=True)
class ControlKnob(GroupKnob):
    """A program with its switch; without the switch it counts as on when there is something to do."""

    def parse(self, value: Any, where: str) -> Control:
        """The program, and whether it is used."""
        values = parse_group(CONTROL, value, where)
        program = Program(**{name: values.pop(name) for name in PROGRAM_KNOBS})
        control = Control(program=program, **values)
        return control if "enabled" in value else replace(control, enabled=control.makes or control.trace)


@dataclass(frozen=True)
class Hashes(Knob):
    """Names, each with the hash of the noken that it stood for."""

    def parse(self, value: Any, where: str) -> dict[str, str]:
        """The dictionary, checked."""
        if not isinstance(value, Mapping) or len(value) > MOST_NOKENS:
            raise ProgramError(where, got=value, wanted=f"a dictionary of at most {MOST_NOKENS} names with hashes")
        for name, each in value.items():
            if not isinstance(name, str) or not is_hash(each):
                raise ProgramError(where, got={name: each}, wanted="a name with a hash of 32 hexadecimal digits")
        return dict(value)


@dataclass(frozen=True)
class Vectors(Knob):
    """Nokens as text."""

    def parse(self, value: Any, where: str) -> tuple[str, ...]:
        """The texts; what is in them is read where they are used."""
        sound = isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)
        if not sound or len(value) > MOST_NOKENS:
            raise ProgramError(where, got=value, wanted=f"a list of at most {MOST_NOKENS} nokens as text")
        return tuple(value)

    def format(self, value: tuple[str, ...]) -> list[str]:
        """As JSON has it."""
        return list(value)


@dataclass(frozen=True)
class NokensKnob(GroupKnob):
    """True or false, or a dictionary that says more."""

    def parse(self, value: Any, where: str) -> Nokens:
        """The switch, with what stands beside it."""
        if isinstance(value, bool):
            return Nokens(enabled=value)
        if not isinstance(value, Mapping):
            raise ProgramError(where, got=value, wanted="true or false, or a dictionary in {}")
        return Nokens(**parse_group(NOKENS, value, where))

    def format(self, value: Nokens) -> Any:
        """The switch alone where there is no more to say."""
        more = format_group(NOKENS, vars(value))
        return value.enabled if more.keys() <= {"enabled"} else more


NOKENS: dict[str, Knob] = {
    "enabled": Flag("enabled", "On", "whether <noken:NAME> is understood", True),
    "carry": Flag(
        "carry", "Carried by the picture", "it holds the nokens themselves, so that it can be made elsewhere"
    ),
    "hashes": Hashes("hashes", "Hashes", "which nokens the names in the prompt stood for", {}),
    "vectors": Vectors("vectors", "Vectors", "nokens that the picture carried", ()),
}
ENABLED = Flag("enabled", "On", "whether the layers act")
ASSEMBLY: dict[str, Knob] = {
    "format": Knob(
        "format",
        "Format",
        "which kind of file",
        "gif",
        choices={
            "gif": Choice("GIF", "plays everywhere, in 256 colours a frame", "gif"),
            "webp": Choice("WebP", "small, in all colours", "webp"),
            "apng": Choice("APNG", "exact, and large", "apng"),
        },
    ),
    "fps": Rate("fps", "Frames a second", f"none keeps the input's own times, or takes {USUAL}", None, 0.1, 60),
    "bounce": Flag("bounce", "Bounce", "play it forwards, then backwards"),
}
BESIDE: dict[str, Knob] = {
    "input": Text("input", "Input", "an animation: a path, base64 or map:HASH of a GIF, APNG, WebP, MP4 or folder",
                  draws="frames"),
    "whole": Flag("whole", "Every frame once", "as many batches as the input's frames need", True),
    "animation": AssemblyKnob("animation", "Animation", "put the job's pictures together as a GIF, WebP or APNG",
                              knobs=ASSEMBLY),
    "trace": Flag("trace", "How did it form?", "keep a small picture of every step, to look at afterwards"),
}  # fmt: skip
CONTROL = {"enabled": ENABLED, **PROGRAM_KNOBS, **BESIDE}
SWITCHES: dict[str, Knob] = {
    "control": ControlKnob(
        "control", "Control", "maps blended into the picture while it forms", Control(), knobs=CONTROL
    ),
    "nokens": NokensKnob("nokens", "Nokens", "bred words, as <noken:NAME> in the prompt", Nokens(), knobs=NOKENS),
    "record": Flag("record", "Record", "keep each finished picture's prompt for your own rankings", False),
}


@dataclass(frozen=True)
class Job:
    """What pxl is asked to do for one generation."""

    control: Control = field(default_factory=Control)
    nokens: Nokens = field(default_factory=Nokens)
    record: bool = False

    @classmethod
    def parse(cls, data: str | Mapping[str, Any] | None) -> Job:
        """A job from the API's dictionary, or from the panel's and the infotext's JSON; nothing is the default."""
        if data is None or data == "":
            return cls()
        return cls(**parse_group(SWITCHES, read_json(data) if isinstance(data, str) else data, ""))

    @classmethod
    def awake(cls, data: str | Mapping[str, Any] | None) -> Job:
        """The same, but layers that are switched off are not looked at: a half-made one does no harm."""
        read = read_json(data) if isinstance(data, str) and data else data
        control = read.get("control") if isinstance(read, Mapping) else None
        if isinstance(read, Mapping) and isinstance(control, Mapping) and control.get("enabled") is False:
            read = {**read, "control": {"enabled": False}}
        return cls.parse(read)

    def format(self) -> str:
        """The shortest JSON that parses to this job again; empty text for the default."""
        data: dict[str, Any] = {}
        if self.control != Control():
            data["control"] = {"enabled": self.control.enabled, **self.control.format()}
        for name in ("nokens", "record"):
            knob = SWITCHES[name]
            if (said := knob.format(getattr(self, name))) != knob.format(knob.default):
                data[name] = said
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")) if data else ""

    def told(self) -> str:
        """As a picture has it: also that control is off, so that pasting it into a panel switches that off."""
        text = self.format()
        return text.replace("{", OFF[: OFF.index("}") + 1] + ",", 1) if text and self.control == Control() else text

    def with_program(self, program: Program) -> Job:
        """The same job with another control program."""
        return replace(self, control=replace(self.control, program=program))

    def untraced(self) -> Job:
        """The same job without what is only there to be looked at: of what makes the picture, nothing is missing."""
        return replace(self, control=replace(self.control, trace=False))
