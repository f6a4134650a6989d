"""Where a map lies and where it acts: the three fits, the redrawn region and the mask, each by another road."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from lib_pxl.control import Canvas, Region
from lib_pxl.control.map import FITS, MAPS, pixels, place
from lib_pxl.errors import ProgramError
from tests.control.stage import canvas, gaussian, layer, painted, program, sent

SIZES = st.integers(1, 40)
SIGMA = torch.tensor([1.0])
LANCZOS = Image.Resampling.LANCZOS


def board(width: int, height: int) -> Canvas:
    """A canvas of that many pixels, each its own latent."""
    return canvas(height=height, width=width)


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and one.mode == other.mode and one.tobytes() == other.tobytes()


@pytest.mark.parametrize("fit", FITS)
@settings(max_examples=40)
@given(SIZES, SIZES, SIZES, SIZES)
def test_whatever_the_fit_a_map_of_any_shape_fills_a_canvas_of_any_shape(
    fit: str, width: int, height: int, wide: int, high: int
) -> None:
    assert place(painted(width, height), fit, board(wide, high)).size == (wide, high)


@pytest.mark.parametrize("fit", FITS)
@given(SIZES, SIZES)
def test_a_map_of_the_canvas_s_own_shape_stays_as_it_is(fit: str, width: int, height: int) -> None:
    assert same(place(painted(width, height), fit, board(width, height)), painted(width, height))


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(1, 1), (64, 4), (4, 64), (7, 5)])
def test_one_colour_stays_that_colour_up_to_the_border(fit: str, size: tuple[int, int]) -> None:
    assert place(Image.new("RGB", size, "teal"), fit, board(16, 24)).getcolors() == [(16 * 24, (0, 128, 128))]


def test_crop_fills_the_canvas_and_cuts_the_same_from_both_sides() -> None:
    wide, high = painted(48, 16), painted(16, 48)
    assert same(place(wide, "crop", board(16, 16)), wide.crop((16, 0, 32, 16)))
    assert same(place(high, "crop", board(16, 16)), high.crop((0, 16, 16, 32)))
    assert same(place(wide, "crop", board(8, 8)), wide.resize((8, 8), LANCZOS, box=(16, 0, 32, 16)))


def test_pad_shows_the_whole_map_and_draws_its_edges_out() -> None:
    wide, high = painted(16, 8), painted(8, 17)
    drawn = numpy.pad(numpy.asarray(wide), ((4, 4), (0, 0), (0, 0)), "edge")
    assert same(place(wide, "pad", board(16, 16)), Image.fromarray(drawn))
    drawn = numpy.pad(numpy.asarray(high), ((0, 0), (4, 5), (0, 0)), "edge")
    assert same(place(high, "pad", board(17, 17)), Image.fromarray(drawn))
    small = numpy.asarray(wide.resize((8, 4), LANCZOS))
    assert same(place(wide, "pad", board(8, 8)), Image.fromarray(numpy.pad(small, ((2, 2), (0, 0), (0, 0)), "edge")))


def test_stretch_bends_the_whole_map_into_shape() -> None:
    assert same(place(painted(48, 16), "stretch", board(16, 24)), painted(48, 16).resize((16, 24), LANCZOS))


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("box", [(0, 0, 16, 16), (8, 4, 24, 20), (16, 8, 32, 24)])
def test_a_redrawn_region_sees_that_part_of_the_map(fit: str, box: tuple[int, int, int, int]) -> None:
    whole = place(painted(40, 20), fit, board(32, 24))
    region = replace(board(16, 16), region=Region(box, (32, 24)))
    assert same(place(painted(40, 20), fit, region), whole.crop(box))


def test_a_region_that_is_redrawn_larger_sees_its_part_enlarged() -> None:
    region = replace(board(32, 32), region=Region((8, 8, 16, 16), (32, 24)))
    found = place(painted(32, 24), "crop", region)
    assert same(found, painted(32, 24).crop((8, 8, 16, 16)).resize((32, 32), LANCZOS))
    everything = replace(board(32, 24), region=Region((0, 0, 32, 24), (32, 24)))
    assert same(place(painted(32, 24), "crop", everything), painted(32, 24))


def test_a_region_s_mask_and_target_are_the_crop_of_the_whole_s() -> None:
    given = layer(source={"kind": "image", "image": sent(painted(32, 24))}, mask=sent(painted(32, 24, 1)), strength=1)
    box, d = (8, 4, 24, 20), gaussian(1, 3, 24, 32)
    part = (..., slice(4, 20), slice(8, 24))
    seen: list[Tensor] = []

    def encode(values: Tensor) -> Tensor:
        seen.append(values)
        return values

    whole = program(given).prepare(canvas(height=24, width=32, encode=encode))
    region = program(given).prepare(canvas(height=16, width=16, encode=encode, region=Region(box, (32, 24))))
    assert torch.equal(seen[1], seen[0][part])
    assert torch.equal(region.shares[1:], whole.shares[1:][part])
    assert region.apply(d[part], SIGMA).shape == (1, 3, 16, 16)


def test_pixels_are_the_picture_s_values_from_0_to_1_channels_first() -> None:
    picture = painted(5, 7)
    assert torch.equal(pixels(picture), torch.tensor(numpy.asarray(picture)).permute(2, 0, 1) / 255)
    assert pixels(picture.convert("L")).shape == (1, 7, 5)
    assert pixels(Image.new("RGB", (1, 1), "white")).flatten().tolist() == [1, 1, 1]


def test_a_colour_map_is_the_picture_itself() -> None:
    assert torch.equal(MAPS["color"].build(pixels(painted(5, 7)), board(5, 7)), pixels(painted(5, 7)))


def test_a_luma_map_is_grey_and_as_bright_as_television_says() -> None:
    red, green, blue = torch.eye(3)[:, :, None, None].expand(3, 3, 4, 4)
    for colour, wanted in ((red, 0.2126), (green, 0.7152), (blue, 0.0722), (torch.ones(3, 4, 4), 1.0)):
        assert MAPS["luma"].build(colour, board(4, 4)).allclose(torch.full((3, 4, 4), wanted))


@pytest.mark.parametrize("name", ["luma", "edges"])
def test_a_map_of_many_pictures_is_each_one_s(name: str) -> None:
    build, stack = MAPS[name].build, torch.stack([pixels(painted(40, 24, seed)) * (seed + 1) / 3 for seed in range(3)])
    assert torch.equal(build(stack, board(40, 24)), torch.stack([build(each, board(40, 24)) for each in stack]))


def test_an_edge_map_is_white_along_outlines_and_black_elsewhere() -> None:
    picture = torch.zeros(3, 64, 64)
    picture[:, :, 32:] = 0.6
    found = MAPS["edges"].build(picture, board(64, 64))
    assert found.shape == (3, 64, 64) and found[:, :, 31:33].min() == 1
    assert found[:, :, :28].max() == 0 and found[:, :, 36:].max() == 0
    assert torch.equal(MAPS["edges"].build(1 - picture, board(64, 64)), found), "light on dark or dark on light"


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_flat_picture_has_no_edges(value: float) -> None:
    assert MAPS["edges"].build(torch.full((3, 9, 16), value), board(16, 9)).max() == 0


def test_a_depth_map_is_the_host_s_own_or_one_clear_sentence() -> None:
    with pytest.raises(ProgramError, match="this host has no annotator for depth"):
        program(layer(map="depth")).prepare(canvas())
    known = canvas(annotators={"depth": lambda picture: Image.new("L", (5, 3), picture.size[0])})
    found = MAPS["depth"].build(torch.rand(3, 8, 8), known)
    assert found.allclose(torch.full((3, 8, 8), 8 / 255))


def masked(mask: Image.Image, strength: Any = 0.6, **changes: Any) -> tuple[Tensor, Tensor, Tensor]:
    """An estimate, edited by a layer without a mask, and edited by the same layer with it."""
    d = gaussian(2, 4, 6, 8)
    board = canvas(gaussian(1, 4, 6, 8, seed=1), **changes)
    free, held = (
        program(each).prepare(board).apply(d, SIGMA)
        for each in (layer(strength=strength), layer(strength=strength, mask=sent(mask)))
    )
    return d, free, held


def test_under_a_black_mask_nothing_changes_and_under_a_white_one_everything() -> None:
    d, free, held = masked(Image.new("L", (64, 48), 0))
    assert torch.equal(held, d) and not torch.equal(free, d)
    d, free, held = masked(Image.new("L", (64, 48), 255))
    assert torch.equal(held, free)


def test_half_a_mask_is_half_the_edit_exactly() -> None:
    mask = Image.new("L", (64, 48), 0)
    mask.paste(255, (0, 0, 32, 48))
    d, free, held = masked(mask)
    assert torch.equal(held[..., :4], free[..., :4])
    assert torch.equal(held[..., 4:], d[..., 4:])


@pytest.mark.parametrize("strength", [0.3, 1])
def test_a_grey_mask_acts_by_the_mean_of_each_latent_s_pixels(strength: float) -> None:
    mask = painted(64, 48).convert("L")
    d, free, held = masked(mask, strength)
    share = numpy.asarray(mask, dtype=numpy.float64).reshape(6, 8, 8, 8).mean((1, 3)) / 255
    wanted = d + torch.tensor(share) * (free - d).double()
    assert held.double().allclose(wanted, atol=1e-5)


def test_the_alpha_channel_is_the_mask_where_a_picture_has_one() -> None:
    painting = painted(64, 48)
    painting.putalpha(0)
    d, _, held = masked(painting)
    assert torch.equal(held, d)


def test_a_mask_is_fitted_as_its_map_is() -> None:
    bars = Image.new("L", (192, 48), 255)
    bars.paste(0, (64, 0, 128, 48))
    d, _, held = masked(bars)  # crop: the black middle alone is left
    assert torch.equal(held, d)
    stretched = program(layer(strength=0.6, fit="stretch", mask=sent(bars)))
    share = stretched.prepare(canvas(gaussian(1, 4, 6, 8, seed=1))).shares[1:]
    assert share[..., 0].min() > 0.9 and share[..., 4].max() < 0.1
