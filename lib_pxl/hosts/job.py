"""A job is the one dictionary that a user hands over: three switches and a control program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lib_pxl.control.program import KNOBS as PROGRAM_KNOBS
from lib_pxl.control.program import Program, read_json
from lib_pxl.knobs import Flag, Knob, parse_group

OFF = '{"control":{"enabled":false}}'  # what pasting a picture made without pxl means to the panel


@dataclass(frozen=True)
class Control:
    """The control switch and its program, and whether its steps are kept to be looked at."""

    enabled: bool = False
    program: Program = field(default_factory=Program)
    trace: bool = False


@dataclass(frozen=True)
class ControlKnob(Knob):
    """A program with its switch; without the switch it counts as on when there is something to do."""

    def parse(self, value: Any, where: str) -> Control:
        """The program, and whether it is used."""
        values = parse_group({"enabled": ENABLED, **PROGRAM_KNOBS, "trace": TRACE}, value, where)
        enabled, trace = values.pop("enabled"), values.pop("trace")
        program = Program(**values)
        return Control(enabled if "enabled" in value else bool(program.layers) or trace, program, trace)


ENABLED = Flag("enabled", "On", "whether the layers act")
TRACE = Flag("trace", "How did it form?", "keep a small picture of every step, to look at afterwards")
SWITCHES: dict[str, Knob] = {
    "control": ControlKnob("control", "Control", "maps blended into the picture while it forms", Control()),
    "nokens": Flag("nokens", "Nokens", "bred words, as <noken:NAME> in the prompt", True),
    "record": Flag("record", "Record", "keep each finished picture's prompt for your own rankings", False),
}


@dataclass(frozen=True)
class Job:
    """What pxl is asked to do for one generation."""

    control: Control = field(default_factory=Control)
    nokens: bool = True
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
            data["control"] = {"enabled": self.control.enabled, **json.loads(self.control.program.format())}
            if self.control.trace:
                data["control"]["trace"] = True
        for name in ("nokens", "record"):
            if getattr(self, name) != SWITCHES[name].default:
                data[name] = getattr(self, name)
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")) if data else ""

    def with_program(self, program: Program) -> Job:
        """The same job with another control program."""
        return replace(self, control=replace(self.control, program=program))

    def untraced(self) -> Job:
        """The same job without what is only there to be looked at: of what makes the picture, nothing is missing."""
        return replace(self, control=replace(self.control, trace=False))
