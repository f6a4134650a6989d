"""Where a map comes from. A new source is one entry of SOURCES: its knobs, and what makes its frames.

A source says which of its frames each image sees at each place of the schedule, and makes only those.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor

from lib_pxl.control import map as maps
from lib_pxl.control.canvas import Canvas, Schedule
from lib_pxl.control.field import Field
from lib_pxl.control.map import MAPS, pixels, place
from lib_pxl.errors import ProgramError
from lib_pxl.knobs import Choice, Knob, Text

A_PICTURE = "a picture: a path, base64 or map:HASH"
SEED = Knob("seed", "Seed", "which field is drawn; -1 follows the picture's own seed", -1, -1, 2**63 - 1, whole=True)
_AT_ONCE = 8  # frames of noise that are drawn together


class Frames(Protocol):
    """The frames of one layer, seen through its map."""

    @property
    def which(self) -> Tensor:
        """The frame that each image sees at each place of the schedule, (M, B)."""

    def pixels(self, enough: int | None = None) -> Iterator[Tensor]:
        """Each frame (3, H*factor, W*factor) in [0, 1]; with no more than `enough` pixels a latent, if it likes."""

    def latents(self) -> Tensor:
        """All frames (K, C, H, W)."""


@dataclass(frozen=True)
class Look:
    """What of a picture is followed, and how it meets the canvas."""

    map: str
    fit: str
    canvas: Canvas

    def at(self, placed: Image.Image) -> Tensor:
        """The map of a picture of the canvas's size, (3, H*factor, W*factor)."""
        return self.through(pixels(placed))

    def through(self, values: Tensor) -> Tensor:
        """The map of pixels (3, …) that lie on the canvas already."""
        found: Tensor = MAPS[self.map].build(values, self.canvas)
        return found


@dataclass(frozen=True)
class Pictures:
    """Frames that are pictures of the canvas's size."""

    which: Tensor
    images: Callable[[], Iterator[Image.Image]]
    look: Look

    def pixels(self, enough: int | None = None) -> Iterator[Tensor]:
        """Each frame; it is there anyway, so it is never made smaller."""
        return map(self.look.at, self.images())

    def latents(self) -> Tensor:
        """All frames, encoded one at a time."""
        canvas = self.look.canvas
        return torch.cat([canvas.encode(each[None]).to(canvas.device) for each in self.pixels()])


@dataclass(frozen=True)
class Grown:
    """Frames of noise, red, green and blue each a field of its own."""

    which: Tensor
    field: Field
    z: Tensor  # (Z,)
    look: Look

    def pixels(self, enough: int | None = None) -> Iterator[Tensor]:
        """Each frame: every z for the first seed, then for the next."""
        canvas = self.look.canvas
        fine = min(enough or canvas.factor, canvas.factor)
        return self._colours(canvas.width * fine, canvas.height * fine)

    def latents(self) -> Tensor:
        """All frames, by the canvas's linear colours: noise has no detail that an encoder would see."""
        canvas = self.look.canvas
        colours = torch.stack(list(self._colours(canvas.width, canvas.height))) * 2 - 1  # (K, 3, H, W)
        bias = torch.zeros(3) if canvas.rgb_bias is None else canvas.rgb_bias.cpu()
        back = torch.linalg.pinv(canvas.rgb.cpu().float())  # (3, C)
        found = back.mT @ (colours - bias[:, None, None]).flatten(2)  # (K, C, H*W)
        latents: Tensor = found.view(len(colours), -1, canvas.height, canvas.width)
        return latents.to(canvas.device)

    def _colours(self, width: int, height: int) -> Iterator[Tensor]:
        for seed in range(len(self.field.phase) // 3):
            field = self.field.some(slice(3 * seed, 3 * seed + 3))
            for first in range(0, len(self.z), _AT_ONCE):
                # each value as likely as any other
                even = (
                    field(self.z[first : first + _AT_ONCE], height, width).div_(math.sqrt(2)).erf_().mul_(0.5).add_(0.5)
                )
                yield from map(self.look.through, even)


def still(own: Mapping[str, Any], look: Look, schedule: Schedule) -> Frames:
    """One picture."""
    image = maps.still(own["image"], look.fit, look.canvas)
    return Pictures(_always(look, schedule), lambda: iter([image]), look)


def previous(own: Mapping[str, Any], look: Look, schedule: Schedule) -> Frames:
    """The last picture that the host made; a job puts that picture's own name in its place."""
    raise ProgramError("source", got="previous", wanted="a picture made before this one: there is none here")


def frames(own: Mapping[str, Any], look: Look, schedule: Schedule) -> Frames:
    """An animation, of which only the frames are decoded that the schedule shows."""
    canvas = look.canvas
    film = canvas.animation(own["path"])
    calls = schedule.places.floor()  # (M,)
    step = (calls * film.count / schedule.calls).long().clamp(max=film.count - 1)
    image = torch.arange(canvas.batch) + canvas.first
    moves = {"step": (1, 0), "image": (0, 1), "both": (1, 1)}[own["advance"]]
    numbers = (step[:, None] * moves[0] + image * moves[1]) % film.count  # (M, B)
    wanted, which = torch.unique(numbers, return_inverse=True)
    return Pictures(which, lambda: (place(each, look.fit, canvas) for each in film.frames(wanted.tolist())), look)


def noise(own: Mapping[str, Any], look: Look, schedule: Schedule) -> Frames:
    """3-D noise whose z is the progress."""
    seeds = seeds_of(own["seed"], look.canvas)
    field = Field.draw([3 * seed + colour for seed in seeds for colour in range(3)], own["scale"], own["octaves"])
    shown, which = torch.unique(schedule.places.long(), return_inverse=True)
    z = torch.linspace(0, own["speed"], schedule.calls)[shown]
    image = torch.arange(look.canvas.batch) % len(seeds)
    which = which[:, None] + image * len(z)
    return Grown(which, field, z, look)


def seeds_of(seed: int, canvas: Canvas) -> list[int]:
    """A field's seed for each image, or one for all."""
    return list(canvas.seeds) if seed < 0 else [seed]


def _always(look: Look, schedule: Schedule) -> Tensor:
    return torch.zeros(len(schedule.places), look.canvas.batch, dtype=torch.long)


SCALE = Knob("scale", "Scale", "the size of a feature as a share of the shorter side", 0.25, 0.001, 4)
SPEED = Knob("speed", "Speed", "how many independent fields pass over the schedule", 1.0, 0, 1000)
SOURCES: dict[str, tuple[Choice, dict[str, Knob]]] = {
    "image": (
        Choice("Picture", "a still picture", still),
        {"image": Text("image", "Picture", A_PICTURE, required=True, draws="image")},
    ),
    "frames": (
        Choice("Frames", "an animation or a folder of pictures", frames),
        {
            "path": Text("path", "Frames", "a path of a GIF, APNG, WebP, MP4 or folder", required=True, draws="frames"),
            "advance": Knob(
                "advance",
                "Advance",
                "what moves on to the next frame",
                "step",
                choices={
                    "step": Choice("Step", "each sampling step"),
                    "image": Choice("Image", "each image of the batch"),
                    "both": Choice("Both", "each step and each image"),
                },
            ),
        },
    ),
    "noise": (
        Choice("Noise", "3-D noise whose depth is the progress", noise),
        {
            "scale": SCALE,
            "speed": SPEED,
            "octaves": Knob("octaves", "Octaves", "how many finer layers of noise are added", 3, 1, 8, whole=True),
            "seed": SEED,
        },
    ),
    "previous": (Choice("Previous", "the last image made", previous), {}),
}
