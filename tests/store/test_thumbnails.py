"""Thumbnails: small, found by their names, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from lib_pxl.errors import StoreError
from lib_pxl.store.thumbnails import SIDE, Thumbnails

WHICH = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("size", "small"),
    [((1024, 512), (256, 128)), ((512, 1024), (128, 256)), ((30, 20), (30, 20)), ((5000, 3), (256, 1))],
)
def test_the_longer_side_is_at_most_256(tmp_path: Path, size: tuple[int, int], small: tuple[int, int]) -> None:
    shelf = Thumbnails(tmp_path)
    name = shelf.put(WHICH, Image.new("RGB", size, "teal"))
    path = shelf.find(name)
    assert path is not None and max(small) <= SIDE
    with Image.open(path) as read:
        assert (read.format, read.size) == ("WEBP", small)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_is_shown_and_the_picture_is_left_as_it_was(tmp_path: Path, mode: str) -> None:
    picture = Image.new(mode, (600, 300))
    before = picture.tobytes()
    assert Thumbnails(tmp_path).find(Thumbnails(tmp_path).put(WHICH, picture))
    assert picture.size == (600, 300) and picture.tobytes() == before


@pytest.mark.parametrize(
    "name", ["", "../pxl.sqlite", f"{WHICH}.png", f"../{WHICH}.webp", f"{WHICH}.webp\n", "a" * 300]
)
def test_only_names_of_ours_are_looked_for(tmp_path: Path, name: str) -> None:
    shelf = Thumbnails(tmp_path / "thumbnails")
    shelf.put(WHICH, Image.new("RGB", (8, 8)))
    assert shelf.find(name) is None


def test_one_that_is_gone_is_none(tmp_path: Path) -> None:
    shelf = Thumbnails(tmp_path)
    path = shelf.find(shelf.put(WHICH, Image.new("RGB", (8, 8))))
    assert path is not None
    path.unlink()
    assert shelf.find(path.name) is None


@pytest.mark.parametrize("which", ["", "x", "../" + "a" * 29, WHICH.upper()])
def test_an_item_of_another_id_has_a_sentence(tmp_path: Path, which: str) -> None:
    with pytest.raises(StoreError, match="wanted an id of 32 hexadecimal digits"):
        Thumbnails(tmp_path).put(which, Image.new("RGB", (8, 8)))
    assert not list(tmp_path.iterdir())


def test_no_room_has_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="wanted room to write in"):
        Thumbnails(tmp_path / "file").put(WHICH, Image.new("RGB", (8, 8)))
