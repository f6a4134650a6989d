"""Animations: any frame by its number, in any format, and hostile ones in one sentence."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lib_pxl.errors import ImageError, StoreError
from lib_pxl.store import animations
from lib_pxl.store.animations import Reel, open_animation, save_animation

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


def infotext_of(path: Path) -> str:
    """What images.read_info_from_image of A1111 1.10.1 finds: EXIF's user comment, a comment, or a PNG's text."""
    with Image.open(path) as image:
        exif = image.getexif().get_ifd(0x8769).get(0x9286, b"")
        if exif:
            assert exif.startswith(b"UNICODE\0")
            return str(exif[8:].decode("utf_16_be"))
        return str(image.info.get("comment", b"").decode() or image.info.get("parameters", ""))


def drawn(count: int, size: tuple[int, int] = (32, 24)) -> list[Image.Image]:
    """Smooth frames in many colours, no two alike."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]] / 32
    return [
        Image.fromarray((127 * np.stack([x, y, 1 - x], -1) + 100 * i / count).clip(0, 255).astype(np.uint8))
        for i in range(count)
    ]


WRITTEN = {"gif": ".gif", "webp": ".webp", "apng": ".png"}
INFOTEXT = 'a cat — 猫 😀\nNegative prompt: "no"\nSteps: 4, Seed: 1, pxl: "{}"'


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_what_is_written_is_read_again_with_its_times_and_its_infotext(kind: str, count: int, tmp_path: Path) -> None:
    frames, path = drawn(count), tmp_path / f"film{WRITTEN[kind]}"
    heard: list[int] = []
    times = [50.0 + 10 * i for i in range(count)]
    save_animation(frames, path, kind, times, INFOTEXT, heard.append)
    found = open_animation(path)
    assert found.count == count and heard == list(range(count))
    assert infotext_of(path) == INFOTEXT
    read = list(found.frames(range(count)))
    if count > 1:
        assert [frame.info["duration"] for frame in read] == times
        with Image.open(path) as shown:
            assert shown.info["loop"] == 0
    for frame, drawing in zip(read, frames, strict=True):
        apart = np.abs(np.asarray(frame).astype(int) - np.asarray(drawing)).mean()
        assert apart == 0 if kind == "apng" else apart < 6


@pytest.mark.parametrize("kind", WRITTEN)
def test_an_animation_without_an_infotext_has_none(kind: str, tmp_path: Path) -> None:
    save_animation(drawn(2), tmp_path / "film", kind, [40, 40])
    assert infotext_of(tmp_path / "film") == ""


@pytest.mark.parametrize(("kind", "fps"), [("gif", 12), ("gif", 30), ("gif", 0.1), ("webp", 24), ("apng", 60)])
def test_rounded_times_keep_the_time_of_the_whole(kind: str, fps: float, tmp_path: Path) -> None:
    save_animation(drawn(9), tmp_path / "film", kind, [1000 / fps] * 9)
    lasting = [frame.info["duration"] for frame in open_animation(tmp_path / "film").frames(range(9))]
    assert sum(lasting) == pytest.approx(9000 / fps, abs=5) and max(lasting) - min(lasting) <= 10


def test_no_gif_is_faster_than_browsers_play_it(tmp_path: Path) -> None:
    save_animation(drawn(4), tmp_path / "film", "gif", [1000 / 60] * 4)
    assert min(frame.info["duration"] for frame in open_animation(tmp_path / "film").frames(range(4))) == 20


@pytest.mark.parametrize("kind", WRITTEN)
def test_frames_of_other_sizes_and_modes_meet_the_first(kind: str, tmp_path: Path) -> None:
    frames = [*drawn(1), *drawn(1, (60, 20)), Image.new("RGBA", (9, 9), (255, 0, 0, 0)), Image.new("L", (32, 24), 90)]
    save_animation(frames, tmp_path / "film", kind, [40] * 4)
    found = open_animation(tmp_path / "film")
    assert found.count == 4
    assert {frame.size for frame in found.frames(range(4))} == {(32, 24)}


@pytest.mark.parametrize("kind", WRITTEN)
def test_each_frame_is_taken_up_when_its_turn_comes(kind: str, tmp_path: Path) -> None:
    events: list[str] = []

    class Lazy(list[Image.Image]):
        def __getitem__(self, index: Any) -> Any:
            events.append(f"took {index}")
            return super().__getitem__(index)

    save_animation(Lazy(drawn(3)), tmp_path / "film", kind, [40] * 3, told=lambda frame: events.append(f"told {frame}"))
    order = [each for each in dict.fromkeys(events) if each.startswith("told")]
    assert order == ["told 0", "told 1", "told 2"]
    assert events.index("told 1") < events.index("took 2")


@pytest.mark.parametrize("kind", WRITTEN)
def test_what_is_stopped_or_fails_leaves_the_old_file_and_nothing_else(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "film"
    path.write_bytes(b"old")

    def stop(frame: int) -> None:
        if frame == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_animation(drawn(4), path, kind, [40] * 4, told=stop)
    with pytest.raises(StoreError, match="No such file"):
        save_animation(drawn(2), tmp_path / "none" / "film", kind, [40] * 2)
    with pytest.raises(ImageError, match="no frames"):
        save_animation([], path, kind, [])
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_webp_too_large_for_its_format_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="wanted room to write WEBP of 17000x1 pixels"):
        save_animation([Image.new("RGB", (17_000, 1))] * 2, tmp_path / "film", "webp", [40, 40])


def test_a_reel_ends() -> None:
    with pytest.raises(EOFError):
        Reel(drawn(2), lambda number, frame: frame.copy()).seek(2)


def test_times_are_read_frame_by_frame(tmp_path: Path) -> None:
    for kind in WRITTEN:
        save_animation(drawn(3), tmp_path / "film", kind, [50, 100, 70])
        found = open_animation(tmp_path / "film")
        assert [frame.info["duration"] for frame in found.frames([0, 2])] == [50, 70]


def test_a_telephones_second_view_is_no_second_frame() -> None:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(file, "MPO", save_all=True, append_images=[Image.new("RGB", (16, 16))])
    assert open_animation(file.getvalue()).count == 1
