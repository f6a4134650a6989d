"""Where a noken comes from: its parents by their hashes, and what was done to them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lib_pxl.errors import NokenError
from lib_pxl.knobs import Knob, parse_group

HASH = re.compile("[0-9a-f]{32}")
MAX_PARENTS = 16
OPERATORS = ("", "slerp", "cross", "blend", "mutate")  # the first: not bred, but made or imported
_KNOBS = {
    "seed": Knob("seed", "Seed", "what the draws came from", low=0, high=2**53, whole=True),
    "place": Knob("place", "Place", "which of its litter it is", default=0, low=0, high=10_000, whole=True),
    "generation": Knob("generation", "Generation", "one more than the parents'", 0, low=0, high=2**31, whole=True),
}


@dataclass(frozen=True)
class Lineage:
    """The parents' hashes, the operator, its seed, the place in the litter and the amounts, and the generation."""

    parents: tuple[str, ...] = ()
    operator: str = ""
    seed: int | None = None
    place: int = 0
    amounts: tuple[float, ...] = ()  # each parent's share, or the angle of a mutation
    generation: int = 0

    def format(self) -> str:
        """As JSON, without what is as usual."""
        return json.dumps({name: value for name, value in asdict(self).items() if value != getattr(Lineage(), name)})

    @classmethod
    def parse(cls, data: Any) -> Lineage:
        """A lineage from a file, as JSON text or a dictionary, checked."""
        if isinstance(data, str):
            try:
                data = json.loads(data[:100_000])
            except (ValueError, RecursionError) as error:
                raise NokenError("lineage", got=data, wanted="JSON") from error
        if not isinstance(data, Mapping) or not data.keys() <= set(cls.__dataclass_fields__):
            raise NokenError("lineage", got=data, wanted=f"a dictionary of {', '.join(cls.__dataclass_fields__)}")
        parents, amounts = data.get("parents", ()), data.get("amounts", ())
        for name, values, sound in (("parents", parents, is_hash), ("amounts", amounts, _is_number)):
            if not isinstance(values, (list, tuple)) or len(values) > MAX_PARENTS or not all(map(sound, values)):
                wanted = "hashes of 32 hexadecimal digits" if name == "parents" else "numbers"
                raise NokenError(f"lineage {name}", got=values, wanted=f"at most {MAX_PARENTS} {wanted}")
        operator = data.get("operator", "")
        if operator not in OPERATORS:
            raise NokenError("lineage operator", got=operator, wanted=f"one of {', '.join(OPERATORS[1:])}")
        numbers = {name: data[name] for name in _KNOBS if data.get(name) is not None}
        values = parse_group(_KNOBS, numbers, "lineage")
        return cls(parents=tuple(parents), operator=operator, amounts=tuple(map(float, amounts)), **values)


def is_hash(value: object) -> bool:
    """Whether a value has the form of a noken's hash."""
    return isinstance(value, str) and HASH.fullmatch(value) is not None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9
