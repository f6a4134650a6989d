"""The programs that come with pxl: a name, what it is for, and its layers. docs/control.md shows each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lib_pxl.control.program import Program


@dataclass(frozen=True)
class Preset:
    """A program that comes with pxl, and what it is for."""

    about: str
    layers: tuple[dict[str, Any], ...]

    @property
    def program(self) -> Program:
        """The program itself."""
        return Program.parse({"layers": list(self.layers)})


def _noise(scale: float, **more: Any) -> dict[str, Any]:
    return {"kind": "noise", "scale": scale, **more}


PRESETS: dict[str, Preset] = {
    "Aurora": Preset(
        "a slow broad noise sets the colours of the first half, then the model is alone",
        ({"source": _noise(0.9, speed=0.5, octaves=2), "strength": "0:1, 45%:0.7, 60%:0"},),
    ),
    "New ground": Preset(
        "the picture starts from noise with broad masses in it, so the same seed becomes another composition",
        ({"source": _noise(0.6, octaves=1), "mode": "start", "strength": 0.6},),
    ),
    "Landform": Preset(
        "light and dark of a noise become the picture's masses, in colours of its own",
        (
            {
                "source": _noise(0.6, octaves=1, speed=0),
                "map": "luma",
                "mode": "layout",
                "strength": "0:0.2, 65%:0.2, 66%:0",
            },
        ),
    ),
    "Coastline": Preset(
        "the borders in a noise become borders in the picture",
        (
            {
                "source": _noise(0.7, octaves=1, speed=0),
                "map": "luma",
                "mode": "edges",
                "strength": "0:0.2, 65%:0.2, 66%:0",
            },
        ),
    ),
    "Pinwheel": Preset(
        "everything turns about the middle while it forms",
        ({"mode": "warp", "motion": {"kind": "swirl", "amount": 0.2}, "strength": 1},),
    ),
    "Melt": Preset(
        "what has formed is carried along by curl noise",
        ({"mode": "warp", "motion": {"kind": "noise", "amount": 0.09}, "strength": "40%:0, 100%:1 smooth"},),
    ),
    "Gust": Preset(
        "what has formed is blown to the right",
        ({"mode": "warp", "motion": {"kind": "drift", "amount": 0.25}, "strength": "40%:0, 100%:1 smooth"},),
    ),
    "Shards": Preset(
        "patches of colour break through wherever a gate opens, late",
        (
            {
                "source": _noise(0.4, octaves=1),
                "gate": {"scale": 0.25, "cover": 0.3, "soft": 0.0},
                "strength": "50%:0, 75%:0.9 smooth",
            },
        ),
    ),
    "Grain": Preset(
        "fine noise is worked into the surface at the end",
        ({"source": _noise(0.06, octaves=2), "mode": "texture", "strength": "45%:0, 80%:0.6 smooth"},),
    ),
}


def built_in() -> dict[str, str]:
    """Every preset's name and the text of its program."""
    return {name: preset.program.format() for name, preset in PRESETS.items()}
