"""Pictures of scenes: what is said is what is painted."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lib_pxl.world import Scene, Thing, draw
from lib_pxl.world.draw import REACH, field
from lib_pxl.world.scene import COLOURS, SHAPES, scenes


def one(**more: object) -> Scene:
    thing = Thing("square", "red", "big", "centre", "plain", 0.5, 0.5, 0.25, 0.0)
    return Scene("blue", "flat", (replace(thing, **more),))  # type: ignore[arg-type]


@pytest.mark.parametrize("side", [64, 128, 200])
def test_a_square_covers_its_own_share_of_the_picture_at_any_size(side: int) -> None:
    picture = draw([one()], side)[0]
    red = torch.tensor(COLOURS["red"])[:, None, None] / 255
    assert ((picture - red).norm(dim=0) < 0.01).float().mean() == pytest.approx(0.25, abs=2 / side)
    assert torch.allclose(picture[:, 0, 0], torch.tensor(COLOURS["blue"]) / 255)


def test_a_picture_does_not_depend_on_those_beside_it() -> None:
    several = scenes(1, 12)
    together = draw(several)
    assert together.shape == (12, 3, 128, 128) and together.min() >= 0 and together.max() <= 1
    for scene, picture in zip(several, together, strict=True):
        assert torch.allclose(draw([scene])[0], picture, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_box_of_every_shape_is_centred_and_its_longer_half_is_one(shape: str) -> None:
    inside = field(shape)[0, 0] <= 0
    steps = torch.linspace(-REACH, REACH, len(inside))
    columns, rows = steps[inside.any(dim=0)], steps[inside.any(dim=1)]
    near = {"abs": 2 * float(steps[1] - steps[0])}
    assert columns[0] + columns[-1] == pytest.approx(0, **near) and rows[0] + rows[-1] == pytest.approx(0, **near)
    assert max(columns[-1], rows[-1]) == pytest.approx(1, **near)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_field_is_a_distance(shape: str) -> None:
    """Its slope is 1 but for the few places that are as far from two edges."""
    spacing = 2 * REACH / (field(shape).shape[-1] - 1)
    down, along = torch.gradient(field(shape)[0, 0], spacing=spacing)
    assert (down.hypot(along) - 1).abs().quantile(0.9) < 0.02


def test_a_thing_moves_with_its_place_and_turns_with_its_tilt() -> None:
    here = draw([one(x=0.4, shape="star")])[0]
    there = draw([one(x=0.4 + 8 / 128, shape="star")])[0]
    assert torch.allclose(here[:, :, :-8], there[:, :, 8:], atol=1e-4)
    turned = draw([one(tilt=torch.pi / 2, shape="moon")])[0]
    assert torch.allclose(turned, draw([one(shape="moon")])[0].rot90(1, (2, 1)), atol=0.02)


@pytest.mark.parametrize(("name", "value"), [("texture", "striped"), ("texture", "dotted")])
def test_a_texture_stays_inside_its_thing(name: str, value: str) -> None:
    plain, other = draw([one()])[0], draw([one(**{name: value})])[0]
    differ = (plain - other).norm(dim=0) > 0.05
    inside = (plain - torch.tensor(COLOURS["blue"])[:, None, None] / 255).norm(dim=0) > 0.05
    assert 0.05 < differ.float().mean() < 0.25 and not (differ & ~inside).any()
