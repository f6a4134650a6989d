"""The mode `edges`: laws of the parts that outlines make, of the edit, and whole runs with an ideal denoiser."""

from __future__ import annotations

import numpy
import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from bench.structure import Realm, controlled, variety
from bench.worlds import DISCS, outlines, overlap
from lib_pxl.control.edges import _PARTS as PARTS
from lib_pxl.control.edges import cut, fields, sides
from lib_pxl.control.part import borders, covers
from tests.control.stage import canvas, gaussian, layer, painted, program, sent
from tests.control.structure import (
    DISC,
    ESTIMATES,
    FACTOR,
    FINE,
    SIDE,
    STEPS,
    TWO,
    edited,
    nothing_is_read_back,
    ready,
    shown,
    turned,
)


def cut_one(lines: Tensor) -> tuple[Tensor, Tensor]:
    """The parts of one picture of four cells a latent, and how they meet."""
    own = cut(lines[None], 4)
    return torch.from_numpy(covers(own, PARTS, 4))[0], torch.from_numpy(borders(own, PARTS))[0]


def fields_of(parts: Tensor, meets: Tensor) -> Tensor:
    """The two fields of one picture."""
    return fields((parts @ parts.mT)[None], meets[None])[0].float() @ parts


def there(lines: Tensor) -> tuple[Tensor, Tensor]:
    """The parts that are there, (P, H, W), and how long a border each has with each."""
    parts, meets = cut_one(lines)
    some = parts.sum(1) > 0
    return parts[some].view(-1, lines.shape[0] // 4, lines.shape[1] // 4), meets[some][:, some]


def drawing(*boxes: tuple[int, int, int, int]) -> Tensor:
    """Lines (64, 64) around boxes."""
    picture = Image.new("1", (64, 64))
    for box in boxes:
        ImageDraw.Draw(picture).rectangle(box, outline=1, width=2)
    return torch.from_numpy(numpy.array(picture))


def meeting(*pairs: tuple[int, int], parts: int = 6) -> Tensor:
    """How much each of some parts meets each, where these do."""
    meets = torch.zeros(parts, parts)
    for one, other in pairs:
        meets[one, other] = meets[other, one] = 1
    return meets


def test_parts_are_what_closed_lines_part_and_cover_the_picture_once() -> None:
    parts, meets = there(drawing((4, 4, 27, 27), (36, 30, 59, 55)))
    assert len(parts) == 3 and parts.sum(0).allclose(torch.ones(16, 16))
    ground, second, first = parts
    assert first[2:6, 2:6].min() == 1 and second[9:13, 10:14].min() == 1 and ground[0].min() == 1
    assert meets[1, 2] == 0 and meets[0, 1] > 0 and meets[1, 0] > 0


def test_a_line_that_bounds_nothing_is_a_part_of_its_own() -> None:
    lines = torch.zeros(64, 64, dtype=torch.bool)
    lines[30:34, 10:54] = True
    parts, meets = there(lines)
    assert len(parts) == 2 and parts[1, 8, 4:12].min() >= 0.5 and meets[0, 1] > 0


@pytest.mark.parametrize("value", [False, True])
def test_nothing_but_lines_or_none_is_one_part_that_no_field_parts(value: bool) -> None:
    parts, meets = cut_one(torch.full((64, 64), value))
    assert parts.sum() == 256 and meets.max() == 0
    assert not fields_of(parts, meets).any()


@pytest.mark.parametrize("seed", range(4))
def test_scribble_is_cut_into_no_more_parts_than_there_is_room_for(seed: int) -> None:
    parts, meets = cut_one(gaussian(64, 64, seed=seed) > 0.8)
    assert parts.sum(0).allclose(torch.ones(256)) and meets.sum() > 0
    assert meets.diagonal().max() == 0 and torch.equal(meets, meets.T)


def test_what_lies_in_something_is_on_the_other_side_however_deep() -> None:
    first, second = sides(meeting((0, 1), (1, 2), (2, 3), (0, 4))[None])[0]
    assert first[0] == first[2] == -first[1] == -first[3] == -first[4] and first[5] == 0
    assert not second.any()


@pytest.mark.parametrize("seed", range(4))
def test_two_pairs_of_sides_part_nearly_all_that_meets(seed: int) -> None:
    """Four colours are enough: eight countries, cut out of a square by who is nearest."""
    towns, places = torch.rand(8, 2, generator=torch.Generator().manual_seed(seed)), torch.arange(64.0) / 64
    country = torch.cdist(torch.cartesian_prod(places, places), towns).argmin(1).view(64, 64)
    meets = torch.zeros(8, 8)
    for one, other in ((country[1:], country[:-1]), (country[:, 1:], country[:, :-1])):
        meets.index_put_((one, other), torch.ones(()), accumulate=True)
    meets = (meets + meets.T) * (1 - torch.eye(8))
    first, second = sides(meets[None])[0]
    alike = (first[:, None] == first) & ((second[:, None] == second) | (second[:, None] * second == 0))
    assert (meets * alike).sum() <= 0.02 * meets.sum()


def test_fields_are_of_zero_mean_and_at_right_angles() -> None:
    parts, meets = cut_one(gaussian(64, 64, seed=1) > 0.8)
    both = fields_of(parts, meets)
    assert both.mean(-1).abs().max() < 1e-5
    assert both[0].norm() > 1 and (both[0] @ both[1]).abs() <= 1e-4 * both[0].norm() * both[1].norm()


def test_parts_that_meet_part_in_their_own_colours_the_more_the_stronger() -> None:
    d = ESTIMATES["faint"]
    inside = torch.tensor(DISC).reshape(SIDE, FACTOR, SIDE, FACTOR).float().mean((1, 3)) > 0.5
    found = [d] + [edited(ready("edges", shown(DISC), i / 10), d) for i in range(1, 11)]
    apart = torch.stack([each[..., inside].mean(-1) - each[..., ~inside].mean(-1) for each in found])
    assert apart.norm(dim=-1).diff(dim=0).min() > 0
    assert torch.cosine_similarity(apart[2:], apart[1:-1], dim=-1).min() > 0.99
    assert found[-1].mean((-2, -1)).allclose(d.mean((-2, -1)), atol=0.02)


def test_each_part_keeps_a_colour_of_its_own() -> None:
    two = torch.tensor(TWO).reshape(SIDE, FACTOR, SIDE, FACTOR).float().mean((1, 3)) > 0.9
    big = two & (torch.arange(SIDE) < 11)
    colours = torch.tensor([[3.0, 0, 0, -1], [0, 3.0, 1, 0], [-1, -1, 0, 0]])
    d = colours[2][:, None, None].expand(4, SIDE, SIDE).clone()
    d[:, two] = colours[1][:, None]
    d[:, big] = colours[0][:, None]
    made = edited(ready("edges", shown(TWO)), d[None])[0]
    for mask, wanted in ((big, colours[0]), (two & ~big, colours[1])):
        assert torch.cosine_similarity(made[:, mask].mean(-1), wanted, dim=0) > 0.9


@pytest.mark.parametrize("d", ESTIMATES.values(), ids=ESTIMATES)
def test_inverted_or_paler_the_map_says_the_same(d: Tensor) -> None:
    wanted = edited(ready("edges", shown(TWO)), d)
    for low, high in ((255, 0), (55, 155), (200, 100)):
        assert edited(ready("edges", shown(TWO, low, high)), d).allclose(wanted, atol=1e-4)


@pytest.mark.parametrize("d", ESTIMATES.values(), ids=ESTIMATES)
def test_no_colour_is_preferred(d: Tensor) -> None:
    plan = ready("edges", shown(TWO))
    assert edited(plan, turned(d)).allclose(turned(edited(plan, d)), atol=1e-3)


def test_a_map_of_edges_is_taken_as_it_is() -> None:
    board = canvas(steps=STEPS, channels=4, height=SIDE, width=SIDE, factor=FACTOR)
    given = {"source": {"kind": "image", "image": sent(shown(TWO))}, "mode": "edges", "strength": 1}
    found = [edited(program(layer(**given, map=each)).prepare(board), ESTIMATES["any"]) for each in ("luma", "edges")]
    assert found[0].allclose(found[1], atol=1e-5)


@pytest.mark.parametrize("level", [0, 100, 255])
def test_a_flat_map_does_nothing(level: int) -> None:
    plan = ready("edges", Image.new("RGB", (FINE, FINE), (level, level, 40)))
    for d in ESTIMATES.values():
        assert edited(plan, d).allclose(d, atol=1e-5)


def test_no_strength_is_no_layer() -> None:
    assert ready("edges", shown(DISC), 0).tracks == ()


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1)])
def test_latents_of_a_single_line_are_finite(size: tuple[int, int]) -> None:
    plan = ready("edges", painted(8, 8), height=size[0], width=size[1])
    for d in (gaussian(2, 4, *size), torch.zeros(2, 4, *size), torch.full((2, 4, *size), 1e4)):
        assert edited(plan, d).isfinite().all()


def test_nothing_is_read_back() -> None:
    nothing_is_read_back(ready("edges", shown(DISC), 0.5))


def test_pictures_get_the_map_s_outlines_and_keep_their_colours() -> None:
    """A small version of the bench's figures; it has their means within the sampling error of this size."""
    realm, count = Realm(DISCS, 2000), 128
    maps = DISCS.draw(count, seed=1).structures
    free, held, pulled = (
        realm.sample(edit, count, 1) for edit in (None, controlled("edges", maps).apply, realm.lerp(maps))
    )
    none, mine, lerp = (overlap(outlines(each.structures), outlines(maps)) for each in (free, held, pulled))
    assert mine.mean() > none.mean() + 0.2
    assert mine.mean() > lerp.mean() - float((mine.var() / count + lerp.var() / count).sqrt())
    assert 0.9 < variety(DISCS, [held], [maps]) / variety(DISCS, [free], [maps]) < 1.15
