"""Films: every step in its place, in files that any viewer opens."""

from __future__ import annotations

import io

import numpy
import pytest
from PIL import Image, ImageSequence

from lib_pxl.hosts.formed import LAST, SIDE, STEP, TILE, Formed, Reel


def reel(count: int, height: int = 8, width: int = 8, wished: int | None = None, kind: str = "base") -> Reel:
    """Steps that grow brighter evenly; their wishes are of one grey, or the steps themselves."""
    grey = numpy.linspace(0, 255, count).astype(numpy.uint8)
    formed = numpy.broadcast_to(grey[:, None, None, None], (count, height, width, 3)).copy()
    return Reel(kind, [0.0] * count, formed if wished is None else numpy.full_like(formed, wished), formed)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def tiles(data: bytes, columns: int) -> list[float]:
    """The grey of every tile in the last row."""
    picture = numpy.asarray(opened(data).convert("L")).astype(float)
    return [float(each.mean()) for each in numpy.split(picture[-4:], columns, axis=1)]


def test_every_step_has_its_place_in_the_strip() -> None:
    strip = Formed((reel(6),)).strip()
    assert opened(strip).format == "WEBP" and opened(strip).size == (6 * TILE, TILE)
    assert tiles(strip, 6) == pytest.approx([0, 51, 102, 153, 204, 255], abs=3)


def test_wishes_stand_above_where_one_was_not_followed() -> None:
    strip = opened(Formed((reel(3, wished=128),)).strip()).convert("L")
    assert strip.size == (3 * TILE, 2 * TILE)
    assert [strip.getpixel((TILE * 2 + 9, y)) for y in (9, TILE + 9)] == pytest.approx([128, 255], abs=3)


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [(1, [255]), (2, [0, 255]), (3, [0, 102, 255]), (6, [0, 51, 102, 153, 204, 255]), (0, [255]), (-5, [255])],
)
def test_columns_are_picked_evenly_and_the_last_step_is_among_them(columns: int, wanted: list[int]) -> None:
    assert tiles(Formed((reel(6),)).strip(columns), len(wanted)) == pytest.approx(wanted, abs=3)
    assert Formed((reel(6),)).strip(10**9) == Formed((reel(6),)).strip()


def test_a_hires_pass_follows_and_gives_the_shape() -> None:
    film = Formed((reel(3, 8, 8), reel(2, 8, 16, kind="hires")))
    assert film.count == 5 and film.describe()["count"] == 5
    assert opened(film.strip()).size == (5 * TILE, TILE // 2)
    assert opened(film.animation()).size == (SIDE, SIDE // 2)


def test_the_longest_film_still_fits_a_file() -> None:
    film = Formed((reel(200, 8, 2), reel(200, 8, 2, kind="hires", wished=3)))
    assert opened(film.strip()).size[0] <= 16383
    film = Formed((reel(200), reel(200, 2, 8)))
    assert opened(film.strip()).size[0] <= 16383


def test_the_animation_shows_every_step_and_holds_the_last() -> None:
    film = opened(Formed((reel(6),)).animation())
    assert film.format == "GIF" and film.info["loop"] == 0
    frames = [(each.convert("L").getpixel((99, 99)), each.info["duration"]) for each in ImageSequence.Iterator(film)]
    assert [grey for grey, _ in frames] == pytest.approx([0, 51, 102, 153, 204, 255], abs=2)
    assert [time for _, time in frames] == [STEP] * 5 + [LAST]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 128), (96, 64), (16, 16)])
def test_any_shape_is_drawn(height: int, width: int) -> None:
    film = Formed((reel(1, height, width),))
    assert max(opened(film.strip()).size) == TILE and max(opened(film.animation()).size) == SIDE
