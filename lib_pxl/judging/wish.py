"""What each wish may say, and how what comes from outside is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lib_pxl.errors import ProgramError, Words
from lib_pxl.knobs import Knob, Text
from lib_pxl.taste.opinion import OVERALL

MAX_TEXT, MAX_PROMPTS, MAX_AVOIDED, MAX_MADE = 10_000, 1000, 500, 64


@dataclass(frozen=True)
class Long(Text):
    """A text of a sound length; an empty one is none."""

    def parse(self, value: Any, where: str) -> Any:
        """As given."""
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise ProgramError(where, got=Words(f"{len(value):,} characters"), wanted=f"at most {MAX_TEXT:,}")
        return None if value == "" and not self.required else super().parse(value, where)


@dataclass(frozen=True)
class Plain(Long):
    """A text of a sound length, of which an empty one is one too."""

    def parse(self, value: Any, where: str) -> Any:
        """As given."""
        return value if value == "" else super().parse(value, where)


@dataclass(frozen=True)
class Prompts(Knob):
    """A list of prompts, of at most so many."""

    most: int = MAX_PROMPTS

    def parse(self, value: Any, where: str) -> list[str]:
        """Themselves."""
        if not isinstance(value, list) or not 1 <= len(value) <= self.most:
            raise ProgramError(where, got=value, wanted=f"a list of 1 to {self.most:,} prompts")
        one = Long("prompt", "Prompt", "a text", required=True)
        return [one.parse(each, f"{where}[{place}]") for place, each in enumerate(value)]


@dataclass(frozen=True)
class Pairs(Knob):
    """Pairs of ids."""

    def parse(self, value: Any, where: str) -> list[list[str]]:
        """Themselves."""
        wanted = f"a list of at most {MAX_AVOIDED} pairs of ids"
        if not isinstance(value, list) or len(value) > MAX_AVOIDED:
            raise ProgramError(where, got=value, wanted=wanted)
        for each in value:
            if not isinstance(each, list) or len(each) != 2 or not all(isinstance(one, str) for one in each):
                raise ProgramError(where, got=each, wanted=wanted)
        return value


@dataclass(frozen=True)
class Settings(Knob):
    """A picture's settings."""

    def parse(self, value: Any, where: str) -> Mapping[str, Any]:
        """A dictionary, which an item judges further."""
        if not isinstance(value, Mapping):
            raise ProgramError(where, got=value, wanted="a dictionary of settings in {}")
        return value


def _group(*knobs: Knob) -> dict[str, Knob]:
    return {knob.name: knob for knob in knobs}


_sitting = Long("sitting", "Sitting", "a name for this sitting: what is corrected in one counts once")
_category = Long("category", "Category", "the category", OVERALL)
_n = Knob("n", "Count", "how many", 2, low=1, high=20, whole=True)
_seed = Knob("seed", "Seed", "the same gives the same; drawn anew without it", low=0, high=2**32 - 1, whole=True)
_settings = Settings("settings", "Settings", "of the picture; those of the newest without it")

PROFILE = _group(Long("profile", "Profile", "whose opinions", "me"))
CATEGORY = _group(_category)
LIST = _group(
    Knob("limit", "Limit", "how many", 60, low=1, high=500, whole=True),
    Knob("before", "Before", "where the page before ended", low=1, high=2**62, whole=True),
    Long("text", "Text", "words that the prompt has"),
    Long("sitting", "Sitting", "of this sitting"),
    Long("checkpoint", "Model", "by this model"),
    Long("since", "Since", "made then or later, as 2025-01-31"),
    Long("until", "Until", "made before"),
)
FIND = _group(Long("path", "Path", "where the picture lies"), Long("hash", "Hash", "its content's hash"))
PLACE = _group(Long("path", "Path", "a picture, or a folder of them, among the host's", required=True))
ONE = PLACE | {"hash": FIND["hash"]}
RATE = _group(
    Long("item", "Item", "a picture's id", required=True), _category, _sitting,
    Knob("value", "Stars", "1 to 5, or nothing to take all back", low=1, high=5),
)  # fmt: skip
DUEL = _group(
    Long("first", "First", "a picture's id", required=True), Long("second", "Second", "another's", required=True),
    Long("winner", "Winner", "one of the two, or nothing for a tie"), _category, _sitting,
)  # fmt: skip
NEXT = _group(_category, _n, _seed, Pairs("avoid", "Avoid", "pairs that were just asked", ()))
UNDO = _group(Long("key", "Key", "of an opinion; the last one's without it"))
NAME = _group(Long("name", "Name", "a category", required=True))
RENAME = NAME | _group(Long("to", "To", "its new name", required=True))
MERGE = NAME | _group(Long("into", "Into", "another category", required=True))
RANK = _group(Prompts("prompts", "Prompts", "a list of prompts", required=True), _settings, _category)
ANALYZE = _group(Long("prompt", "Prompt", "the prompt", required=True), _settings, _category)
PROPOSE = _group(
    Long("template", "Template", "with wildcards; one to begin with, if empty"), _settings, _category, _seed,
    replace(_n, default=8),
    Knob("boldness", "Boldness", "how much is dared where little is known", 1.0, low=0, high=10),
    Knob("novelty", "Novelty", "how unlike one another they are to be", 0.3, low=0, high=10),
)  # fmt: skip
GENERATE = _group(
    Prompts("prompts", "Prompts", f"a list of 1 to {MAX_MADE} prompts", required=True, most=MAX_MADE),
    Plain("negative", "Negative", "what is not to be seen; that of the newest picture without it"),
    Long("template", "Template", "what they were drawn from"),
    _settings, _seed,
)  # fmt: skip
