"""What a picture of the world holds: one thing or two, on a ground."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from random import Random

COLOURS = {
    "red": (222, 44, 44),
    "orange": (246, 142, 30),
    "yellow": (250, 226, 62),
    "green": (48, 160, 72),
    "blue": (44, 94, 216),
    "purple": (138, 58, 172),
    "white": (246, 246, 244),
    "black": (24, 24, 28),
}
SHAPES = ("circle", "square", "triangle", "star", "heart", "moon", "cross", "ring")
PLACES = {"left": (0.28, 0.5), "right": (0.72, 0.5), "top": (0.5, 0.28), "bottom": (0.5, 0.72), "centre": (0.5, 0.5)}
SIZES = {"small": (0.12, 0.15), "big": (0.2, 0.23)}  # half the longer side, as a share of the picture's
TEXTURES = ("plain", "striped", "dotted")
STYLES = ("flat", "shaded", "outlined")
FACING = (("left", "right"), ("right", "left"), ("top", "bottom"), ("bottom", "top"))
TILT = 0.1  # radians
_SHAKE = {1: 0.03, 2: 0.005}  # how far a thing may stand from its place, by the number of things
_TWO = 0.2  # the share of scenes with two
_PLAIN = 0.6  # of things without a texture, and of scenes without a style


@dataclass(frozen=True)
class Thing:
    """One shape; x, y and radius are shares of the picture's side."""

    shape: str
    colour: str
    size: str
    place: str
    texture: str
    x: float
    y: float
    radius: float
    tilt: float


@dataclass(frozen=True)
class Scene:
    """A whole picture."""

    ground: str
    style: str
    things: tuple[Thing, ...]

    @classmethod
    def random(cls, rng: Random) -> Scene:
        """Any scene; all words are as likely as each other."""
        ground = rng.choice(list(COLOURS))
        style = _mostly(rng, STYLES)
        places = rng.choice(FACING) if rng.random() < _TWO else (rng.choice(list(PLACES)),)
        sizes = [rng.choice(list(SIZES)) for _ in places]
        if sizes == ["big", "big"]:  # would touch
            sizes[rng.randrange(2)] = "small"
        things = [_thing(rng, ground, place, size, len(places)) for place, size in zip(places, sizes, strict=True)]
        return cls(ground, style, tuple(things))

    @classmethod
    def crowd(cls, rng: Random, count: int = 6) -> Scene:
        """Things anywhere, some over others: no caption would tell them, but every corner has something to see."""
        ground = rng.choice(list(COLOURS))
        things = [_thing(rng, ground, "centre", rng.choice(list(SIZES)), 1) for _ in range(count)]
        placed = [replace(each, x=rng.random(), y=rng.random()) for each in things]
        return cls(ground, _mostly(rng, STYLES), tuple(placed))

    @property
    def held_out(self) -> bool:
        """True where a thing's words stand together as no picture of the training has them: one in ten."""
        words = [f"{thing.shape} {thing.colour} {thing.size} {thing.place} {self.ground}" for thing in self.things]
        return any(zlib.crc32(each.encode()) % 10 == 0 for each in words)


def scenes(seed: int, count: int, held_out: bool = False) -> list[Scene]:
    """So many scenes, all of them held out from the training, or none."""
    rng = Random(seed)
    found: list[Scene] = []
    while len(found) < count:
        scene = Scene.random(rng)
        if scene.held_out == held_out:
            found.append(scene)
    return found


def _thing(rng: Random, ground: str, place: str, size: str, count: int) -> Thing:
    x, y = (centre + rng.uniform(-_SHAKE[count], _SHAKE[count]) for centre in PLACES[place])
    return Thing(
        shape=rng.choice(SHAPES),
        colour=rng.choice([name for name in COLOURS if name != ground]),
        size=size,
        place=place,
        texture=_mostly(rng, TEXTURES),
        x=x,
        y=y,
        radius=rng.uniform(*SIZES[size]),
        tilt=rng.uniform(-TILT, TILT),
    )


def _mostly(rng: Random, names: tuple[str, ...]) -> str:
    return names[0] if rng.random() < _PLAIN else rng.choice(names[1:])
