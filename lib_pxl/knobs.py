"""A knob is one setting, declared once: the panel, the API, the infotext and the docs all read it here."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lib_pxl.errors import ProgramError, shown

_unfit = re.compile("[\ud800-\udfff]")  # no file takes these


@dataclass(frozen=True)
class Choice:
    """One entry of a knob's list; `build` is what makes it work, and None says that it does not yet."""

    label: str
    help: str
    build: Any = None


@dataclass(frozen=True)
class Knob:
    """A setting's name, label, help, default and range, and how a value from outside is checked."""

    name: str
    label: str
    help: str
    default: Any = None
    low: float = -math.inf
    high: float = math.inf
    choices: Mapping[str, Choice] = field(default_factory=dict)
    required: bool = False
    whole: bool = False
    when: Sequence[Mapping[str, Sequence[str]]] = ()  # it counts where one of these holds of its neighbours, or always

    @property
    def kind(self) -> str:
        """What the panel draws: `choice`, or the name of the kind of value."""
        return "choice" if self.choices else "number"

    def parse(self, value: Any, where: str) -> Any:
        """The value as it is kept, or a ProgramError that names the place."""
        if self.choices:
            if not isinstance(value, str) or value not in self.choices:
                raise ProgramError(where, got=value, wanted=one_of(self.choices, value))
            return value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ProgramError(where, got=value, wanted=self.wanted)
        if not (abs(value) < 1e300 and self.low <= value <= self.high and (not self.whole or value == int(value))):
            raise ProgramError(where, got=value, wanted=self.wanted)
        return int(value) if self.whole else float(value)

    def format(self, value: Any) -> Any:
        """The shortest data that parses to this value again."""
        return value

    @property
    def wanted(self) -> str:
        """The range in words."""
        noun = "a whole number" if self.whole else "a number"
        if math.isinf(self.low) or math.isinf(self.high):
            return noun
        return f"{noun} from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Flag(Knob):
    """A setting that is true or false."""

    default: bool = False

    @property
    def kind(self) -> str:
        """What the panel draws."""
        return "flag"

    def parse(self, value: Any, where: str) -> bool:
        """True or false, and nothing that merely resembles them."""
        if not isinstance(value, bool):
            raise ProgramError(where, got=value, wanted="true or false")
        return value


@dataclass(frozen=True)
class Text(Knob):
    """A setting that is a piece of text: a path, a hash, a picture in base64."""

    draws: str = "text"

    @property
    def kind(self) -> str:
        """What the panel draws."""
        return self.draws

    def parse(self, value: Any, where: str) -> Any:
        """The text as given, as long as it can be written into a file; None only where the knob may be left out."""
        if value is None and not self.required:
            return None
        if not isinstance(value, str) or not value.strip() or not _fits(value):
            raise ProgramError(where, got=value, wanted=self.help)
        return value


def _fits(text: str) -> bool:
    """Whether it can be written; a picture in base64 has a million letters, of which no surrogate is looked for."""
    return "\0" not in text and (text.isascii() or not _unfit.search(text))


def counts(knob: Knob, values: Mapping[str, Any]) -> bool:
    """Whether a knob matters beside these values of its neighbours."""
    return not knob.when or any(
        all(_found(values, path) in wanted for path, wanted in each.items()) for each in knob.when
    )


def _found(values: Any, path: str) -> Any:
    for name in path.split("."):
        values = values[name] if isinstance(values, Mapping) else None
    return values


def one_of(names: Iterable[str], got: object = None) -> str:
    """`color, layout or edges`, with a guess at what was meant."""
    listed = list(names)
    text = f"{', '.join(listed[:-1])} or {listed[-1]}" if len(listed) > 1 else "".join(listed) or "none"
    return text + guess(got, listed)


def guess(got: object, names: Iterable[str]) -> str:
    """What was meant, behind a space and in brackets, if one of the names is near."""
    near = difflib.get_close_matches(str(got)[:80], list(names), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def parse_group(knobs: Mapping[str, Knob], data: Any, where: str) -> dict[str, Any]:
    """Every knob of a group from a dictionary: defaults where keys are absent, an error for a key nobody knows."""
    prefix = f"{where}." if where else ""
    if not isinstance(data, Mapping):
        raise ProgramError(where or "program", got=data, wanted="a dictionary in {}")
    for key in data:
        if key not in knobs:
            name = shown(str(key))[1:-1]
            raise ProgramError(f"{prefix}{name}", got=data[key], wanted=f"no such key, but {one_of(knobs, key)}")
    values = {}
    for name, knob in knobs.items():
        if name in data:
            values[name] = knob.parse(data[name], f"{prefix}{name}")
        elif knob.required:
            raise ProgramError(f"{prefix}{name}", got=None, wanted=knob.help)
        else:
            values[name] = knob.default
    return values


def format_group(knobs: Mapping[str, Knob], values: Mapping[str, Any]) -> dict[str, Any]:
    """The shortest dictionary that parses to these values again: what is as usual is left out."""
    return {
        name: knob.format(values[name]) for name, knob in knobs.items() if knob.required or values[name] != knob.default
    }
