"""Videos, by OpenCV: the frames that were written, one at a time, and hostile ones in one sentence."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from lib_pxl.errors import ImageError
from lib_pxl.store import animations
from lib_pxl.store.animations import Video, open_animation

COLOURS = [(200, 30, 30), (30, 180, 40), (40, 60, 220), (240, 220, 60), (10, 10, 10)]


def video(path: Path, count: int, noisy: bool = False) -> Path:
    """A motion JPEG, which needs no codec of the system, of flat frames of changing colour, or of noise."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    numbers = np.random.default_rng(0)
    for i in range(count):
        flat = np.full((48, 64, 3), COLOURS[i % len(COLOURS)][::-1], np.uint8)
        writer.write(numbers.integers(0, 256, flat.shape, np.uint8) if noisy else flat)
    writer.release()
    return path


@pytest.mark.parametrize("wanted", [[0, 1, 2, 3, 4, 5, 6], [3], [0, 4, 6], []])
def test_a_video_s_frames_are_those_that_were_written(wanted: list[int], tmp_path: Path) -> None:
    found = open_animation(video(tmp_path / "film.avi", 7))
    assert isinstance(found, Video) and found.count == 7
    frames = list(found.frames(wanted))
    assert len(frames) == len(wanted)
    for index, frame in zip(wanted, frames, strict=True):
        assert frame.mode == "RGB" and frame.size == (64, 48)
        assert np.abs(np.asarray(frame).astype(int) - COLOURS[index % len(COLOURS)]).max() < 8


def test_a_video_s_frames_in_between_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, made = Video(video(tmp_path / "film.avi", 30)), []
    kept = Image.fromarray
    monkeypatch.setattr(Image, "fromarray", lambda pixels: made.append(pixels.shape) or kept(pixels))  # type: ignore[func-returns-value]
    frames = found.frames([2, 20, 29])
    assert made == []
    next(frames)
    assert made == [(48, 64, 3)]
    assert len(list(frames)) == 2 and len(made) == 3


def test_a_damaged_video_is_one_sentence(tmp_path: Path) -> None:
    path = video(tmp_path / "film.avi", 12)
    whole = path.read_bytes()
    for data in (b"", b"no video", whole[:40], whole[:600]):
        path.write_bytes(data)
        with pytest.raises(ImageError, match=r"video 'film\.avi': got .*, wanted"):
            list(open_animation(path).frames([0, 11]))


def test_a_video_that_announces_more_frames_than_it_has_is_one_sentence(tmp_path: Path) -> None:
    path = video(tmp_path / "film.avi", 40, noisy=True)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    found = Video(path)
    assert found.count == 40
    assert len(list(found.frames([1, 9]))) == 2
    with pytest.raises(ImageError, match=r"got (1\d|20) frames, wanted 40, as it announces"):
        list(found.frames([1, 39]))


def test_a_video_of_too_many_or_too_large_frames_is_refused_before_any_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = video(tmp_path / "film.avi", 6)
    monkeypatch.setattr(animations, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(ImageError, match="got frames of 64x48 pixels, wanted at most"):
        Video(path)
    monkeypatch.setattr(animations, "MAX_FRAMES", 5)
    with pytest.raises(ImageError, match="got 6 frames, wanted 1 to 5"):
        Video(path)


def test_a_video_that_vanishes_between_two_looks_is_one_sentence(tmp_path: Path) -> None:
    path = video(tmp_path / "film.avi", 3)
    found = Video(path)
    path.unlink()
    with pytest.raises(ImageError, match="a file that OpenCV cannot open"):
        list(found.frames([0]))


def test_without_opencv_a_video_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImageError, match="got no OpenCV, wanted a GIF, or: pip install opencv-python-headless"):
        open_animation(tmp_path / "film.mp4")
