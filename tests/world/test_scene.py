"""Scenes: the same from the same seed, and a tenth of the world kept back from the training."""

from __future__ import annotations

import random

import pytest

from lib_pxl.world.scene import COLOURS, PLACES, SHAPES, SIZES, Scene, Thing, scenes


def words(thing: Thing, ground: str) -> tuple[str, ...]:
    return (thing.shape, thing.colour, thing.size, thing.place, ground)


@pytest.mark.parametrize("held_out", [False, True])
def test_a_seed_gives_the_same_scenes_every_time_and_another_gives_others(held_out: bool) -> None:
    assert scenes(1, 50, held_out) == scenes(1, 50, held_out) != scenes(2, 50, held_out)


def test_no_thing_of_the_held_out_ones_is_among_the_others() -> None:
    trained = {words(thing, scene.ground) for scene in scenes(1, 5000) for thing in scene.things}
    kept = [{words(thing, scene.ground) for thing in scene.things} for scene in scenes(2, 500, held_out=True)]
    assert all(each - trained for each in kept)


def test_about_a_tenth_of_the_pictures_with_one_thing_is_held_out() -> None:
    rng = random.Random(3)
    single = [scene for scene in (Scene.random(rng) for _ in range(6000)) if len(scene.things) == 1]
    assert 0.08 < sum(scene.held_out for scene in single) / len(single) < 0.12


def test_every_word_comes_up_about_as_often_as_its_fellows() -> None:
    things = [thing for scene in scenes(4, 6000) for thing in scene.things]
    for name, values in {"shape": SHAPES, "colour": COLOURS}.items():
        counts = [sum(getattr(thing, name) == value for thing in things) for value in values]
        assert max(counts) < 1.3 * min(counts), name
    assert {thing.place for thing in things} == set(PLACES) and {thing.size for thing in things} == set(SIZES)


def test_a_thing_is_seen_on_its_ground_and_two_stand_apart() -> None:
    for scene in scenes(5, 3000):
        assert all(thing.colour != scene.ground for thing in scene.things)
        assert len({thing.place for thing in scene.things}) == len(scene.things)
        if len(scene.things) == 2:
            a, b = scene.things
            reach = (a.radius + b.radius) * 1.1  # a tilted square's box is a tenth larger
            assert max(abs(a.x - b.x), abs(a.y - b.y)) > reach
