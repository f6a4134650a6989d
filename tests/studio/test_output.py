"""Finished pictures on the disk: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from lib_pxl.errors import StoreError
from lib_pxl.studio import output

PICTURE = Image.new("RGB", (8, 8), "teal")


def test_the_infotext_is_in_the_picture(tmp_path: Path) -> None:
    for text in ("a star\nSteps: 2", "größer ×2\nSteps: 2", "星 🌟\nSteps: 2"):
        path = output.save(tmp_path, PICTURE, text, 5)
        assert output.infotext_of(path) == text and path.name.endswith("-5.png")
        assert Image.open(path).convert("RGB").tobytes() == PICTURE.tobytes()


def test_the_same_picture_is_the_same_bytes_under_another_name(tmp_path: Path) -> None:
    paths = [output.save(tmp_path, PICTURE, "a", 1) for _ in range(5)]
    assert len(set(paths)) == 5 and len({path.read_bytes() for path in paths}) == 1
    assert paths == sorted(paths)


def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left on device.*wanted room to write pictures"):
        output.save(tmp_path, PICTURE, "a", 1)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="wanted room to write pictures"):
        output.save(tmp_path / "file", PICTURE, "a", 1)


def test_a_file_without_infotext_has_none(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    assert output.infotext_of(tmp_path / "a.png") == output.infotext_of(tmp_path / "b.png") == ""
    assert output.infotext_of(tmp_path / "none.png") == ""
