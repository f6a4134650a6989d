"""Captions: what is asked for is said, what is left open is not, and there are many ways to say it."""

from __future__ import annotations

import random
import re

from lib_pxl.world import Wish, caption
from lib_pxl.world.caption import PLACED, SAYS
from lib_pxl.world.scene import COLOURS, PLACES, SHAPES, SIZES, scenes

KINDS = {"colour": COLOURS, "size": SIZES, "shape": SHAPES, "place": PLACES}


def ways(name: str) -> tuple[str, ...]:
    return PLACED.get(name) or SAYS.get(name, (name,))


def says(text: str, name: str) -> bool:
    return any(re.search(rf"\b{re.escape(way)}\b", text) for way in ways(name))


def told(seed: int, count: int = 1500) -> list[Wish]:
    rng = random.Random(seed)
    return [caption(scene, rng) for scene in scenes(seed, count)]


def test_the_same_numbers_give_the_same_words() -> None:
    assert told(1) == told(1) != told(2)


def test_every_wish_is_in_the_text_and_nothing_else_is() -> None:
    for wish in told(3):
        wished = {value for thing in wish.things for value in thing.values() if value} | {wish.ground}
        for names in KINDS.values():
            for name in names:
                assert says(wish.text, name) == (name in wished), (wish, name)


def test_two_things_are_always_told_apart_by_their_places() -> None:
    assert all(thing["place"] for wish in told(4) if len(wish.things) == 2 for thing in wish.things)


def test_captions_are_short_varied_and_sometimes_leave_each_trait_open() -> None:
    many = told(5)
    assert len({wish.text for wish in many}) > 0.98 * len(many)
    assert max(len(re.findall(r"\w+|,", wish.text)) for wish in many) < 60
    singles = [wish for wish in many if len(wish.things) == 1]
    for name in KINDS:
        assert 0 < sum(wish.things[0][name] is None for wish in singles) / len(singles) < 0.3
    (scene,) = scenes(6, 1)
    rng = random.Random(6)
    assert len({caption(scene, rng).text for _ in range(200)}) > 100
