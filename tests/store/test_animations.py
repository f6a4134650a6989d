"""Animations: any frame by its number, in any format, and hostile ones in one sentence."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from lib_pxl.errors import ImageError
from lib_pxl.store import animations
from lib_pxl.store.animations import Video, open_animation

COLOURS = [(200, 30, 30), (30, 180, 40), (40, 60, 220), (240, 220, 60), (10, 10, 10)]
SIZE = (24, 16)
FORMATS = {"gif": {}, "png": {}, "webp": {"lossless": True}}


def film(kind: str, count: int = 5) -> bytes:
    """Flat frames of changing colour, with a white bar that moves."""
    frames = []
    for i in range(count):
        frame = Image.new("RGB", SIZE, COLOURS[i % len(COLOURS)])
        frame.paste((255, 255, 255), (i % 8 * 3, 0, i % 8 * 3 + 3, 16))
        frames.append(frame)
    file = io.BytesIO()
    options = FORMATS[kind]
    frames[0].save(file, kind.upper(), save_all=True, append_images=frames[1:], duration=40, loop=0, **options)  # type: ignore[arg-type]
    return file.getvalue()


def bar(frame: Image.Image) -> int:
    """Where the white bar stands."""
    white = (np.asarray(frame).min(axis=2) > 200).all(axis=0)
    return int(np.flatnonzero(white)[0]) // 3


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("wanted", [[0, 1, 2, 3, 4], [3], [0, 4], [1, 2, 2, 4], []])
def test_any_frames_come_in_order_and_are_those_that_were_drawn(kind: str, wanted: list[int], tmp_path: Path) -> None:
    (tmp_path / f"film.{kind}").write_bytes(film(kind))
    for source in (film(kind), tmp_path / f"film.{kind}"):
        found = open_animation(source)
        assert found.count == 5
        frames = list(found.frames(wanted))
        assert [bar(frame) for frame in frames] == wanted
        for index, frame in zip(wanted, frames, strict=True):
            assert frame.mode == "RGB" and frame.size == SIZE
            assert np.abs(np.asarray(frame)[8, 23].astype(int) - COLOURS[index]).max() < 8


def test_a_still_is_one_frame(tmp_path: Path) -> None:
    Image.new("RGB", SIZE, "red").save(tmp_path / "one.png")
    found = open_animation(tmp_path / "one.png")
    assert found.count == 1 and next(found.frames([0])).getpixel((3, 3)) == (255, 0, 0)


def test_a_folder_is_its_pictures_as_a_person_would_count_them(tmp_path: Path) -> None:
    for i in (10, 2, 1, 33):
        Image.new("RGB", (i, 4)).save(tmp_path / f"frame {i}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    found = open_animation(tmp_path)
    assert found.count == 4
    assert [frame.width for frame in found.frames([0, 1, 2, 3])] == [1, 2, 10, 33]


def test_only_the_frames_that_are_asked_for_are_decoded(tmp_path: Path) -> None:
    for i in range(6):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{i}.png")
    (tmp_path / "3.png").write_bytes(b"no picture")
    found = open_animation(tmp_path)
    assert len(list(found.frames([0, 2, 5]))) == 3
    with pytest.raises(ImageError, match=r"3\.png"):
        list(found.frames([3]))


@pytest.mark.parametrize("kind", FORMATS)
def test_one_that_ends_early_is_one_sentence(kind: str) -> None:
    data = film(kind, 12)

    def decode() -> None:
        list(open_animation(data[: len(data) * 2 // 3]).frames(range(12)))

    with pytest.raises(ImageError, match="ends early or is damaged"):
        decode()


@pytest.mark.parametrize("name", ["empty", "missing", "film.mp4"])
def test_what_is_no_animation_is_one_sentence(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match=r"got .* wanted"):
        open_animation(tmp_path / name)


def test_too_many_frames_are_refused_before_any_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(animations, "MAX_FRAMES", 4)
    with pytest.raises(ImageError, match="got 5 frames, wanted 1 to 4"):
        open_animation(film("gif"))


def test_a_file_that_vanishes_between_two_looks_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    path.write_bytes(film("gif"))
    found = open_animation(path)
    path.unlink()
    with pytest.raises(ImageError, match="no file there"):
        list(found.frames([0]))


LONG = """
import resource, sys
from pathlib import Path
from lib_pxl.store.animations import open_animation
found = open_animation(Path(sys.argv[1]))
rest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
wanted = range(0, found.count, found.count // 20)
assert len([frame.size for frame in found.frames(wanted)]) == len(wanted)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rest) // 1024)
"""


def test_a_long_one_is_never_held_whole(tmp_path: Path) -> None:
    """1,500 frames of 256×256 are 281 MiB as pixels."""
    frames = (Image.new("L", (256, 256), i % 250) for i in range(1, 1500))
    Image.new("L", (256, 256)).save(tmp_path / "long.gif", save_all=True, append_images=frames, duration=20)
    command = [sys.executable, "-c", LONG, str(tmp_path / "long.gif")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 40, done.stdout


def video(path: Path, count: int, size: tuple[int, int] = (64, 48)) -> Path:
    """A motion JPEG, which needs no codec of the system, of flat frames of changing colour."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, size)
    for i in range(count):
        writer.write(np.full((size[1], size[0], 3), COLOURS[i % len(COLOURS)][::-1], np.uint8))
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
    path = video(tmp_path / "film.avi", 12)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    found = Video(path)
    assert found.count == 12
    with pytest.raises(ImageError, match=r"got [3-7] frames, wanted 12, as it announces"):
        list(found.frames([1, 11]))


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
