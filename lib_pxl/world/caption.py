"""Scenes in words: many wordings, and captions that leave things unsaid."""

from __future__ import annotations

import random
from dataclasses import dataclass

from lib_pxl.world.scene import Scene, Thing

SAYS = {
    "small": ("small", "little", "tiny"),
    "big": ("big", "large", "huge"),
    "circle": ("circle", "disc"),
    "cross": ("cross", "plus"),
    "moon": ("moon", "crescent"),
    "ring": ("ring", "hoop"),
    "purple": ("purple", "violet"),
    "plain": ("",),
    "striped": ("striped", "stripy"),
    "dotted": ("dotted", "spotted"),
    "flat": ("",),
    "shaded": ("shaded", "soft light"),
    "outlined": ("outlined", "ink outline"),
}
PLACED = {
    "left": ("on the left", "left", "at the left side"),
    "right": ("on the right", "right", "at the right side"),
    "top": ("at the top", "top", "above"),
    "bottom": ("at the bottom", "bottom", "below"),
    "centre": ("in the centre", "centre", "in the middle", "middle", "center"),
}
GROUNDS = ("on a {} background", "{} background", "on {}", "against a {} background")
OPENINGS = ("a picture of ", "a drawing of ", "an image of ", "a photo of ")
_UNSAID = {"place": 0.2, "size": 0.2, "ground": 0.12, "colour": 0.04, "shape": 0.02}


@dataclass(frozen=True)
class Wish:
    """What a caption asks for, one entry for each thing; None is what it leaves open."""

    text: str
    ground: str | None
    things: tuple[dict[str, str | None], ...]


def caption(scene: Scene, rng: random.Random) -> Wish:
    """One of the many ways to put a scene."""
    ground = None if rng.random() < _UNSAID["ground"] else scene.ground
    told = tuple(_told(thing, rng, len(scene.things)) for thing in scene.things)
    phrases = [_phrase(thing, wish, rng) for thing, wish in zip(scene.things, told, strict=True)]
    parts = [rng.choice((" and ", ", ")).join(phrases)]
    style = _say(scene.style, rng)
    if ground:
        behind = rng.choice(GROUNDS).format(_say(ground, rng))
        joined = f"{parts[0]} {behind}" if behind.startswith(("on", "against")) and rng.random() < 0.6 else None
        parts = [joined] if joined else parts + [behind]
    if style and rng.random() < 0.8:
        parts.append(style)
    if rng.random() < 0.35:
        rng.shuffle(parts)
    opening = rng.choice(OPENINGS) if rng.random() < 0.12 else ""
    return Wish(opening + ", ".join(parts), ground, told)


def _told(thing: Thing, rng: random.Random, count: int) -> dict[str, str | None]:
    """Which of a thing's words are said; of two things, the places are always said, or they could change."""
    said = {name: getattr(thing, name) for name in ("shape", "colour", "size", "place")}
    for name in said:
        if (count == 1 or name != "place") and rng.random() < _UNSAID[name]:
            said[name] = None
    return said


def _phrase(thing: Thing, told: dict[str, str | None], rng: random.Random) -> str:
    texture = _say(thing.texture, rng) if rng.random() < 0.8 else ""
    size, colour = (_say(told[name], rng) for name in ("size", "colour"))
    shape = _say(told["shape"], rng) or "shape"
    place = rng.choice(PLACED[told["place"]]) if told["place"] else ""
    words = [size, texture, colour, shape]
    if size and rng.random() < 0.25:  # "red star on the left, large"
        words, after = [texture, colour, shape], f", {size}"
    else:
        after = ""
    noun = " ".join(word for word in words if word)
    article = ("an " if noun[0] in "aeiou" else "a ") if rng.random() < 0.6 else ""
    if place and rng.random() < 0.2:
        return f"{place}, {article}{noun}{after}"
    comma = ", " if place and rng.random() < 0.4 else " "
    return f"{article}{noun}{comma if place else ''}{place}{after}"


def _say(name: str | None, rng: random.Random) -> str:
    return rng.choice(SAYS.get(name, (name,))) if name else ""
