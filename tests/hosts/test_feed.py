"""Frames for images: any batch size and count, round and round, each decoded once; and pictures put together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from lib_pxl.hosts.base import Guest, Pass
from lib_pxl.hosts.fake import FakeHost
from lib_pxl.hosts.feed import Feed, assemble
from lib_pxl.hosts.job import Assembly, Control
from lib_pxl.hosts.run import ERROR_KEY, KEY
from lib_pxl.store.animations import open_animation
from tests.control.stage import layer, painted
from tests.store.test_animations import drawn
from tests.webui.test_gif import film


class Told:
    """An animation of numbered frames that remembers what was decoded."""

    def __init__(self, count: int, durations: Sequence[float | None] = ()) -> None:
        self.count, self.durations, self.decoded = count, durations, list[int]()

    def frames(self, wanted: Sequence[int]) -> Iterator[Image.Image]:
        for index in wanted:
            self.decoded.append(index)
            frame = Image.new("RGB", (8, 8), (index, 0, 0))
            if index < len(self.durations) and self.durations[index] is not None:
                frame.info["duration"] = self.durations[index]
            yield frame


def numbers(frames: Sequence[Image.Image]) -> list[Any]:
    return [frame.getpixel((0, 0))[0] for frame in frames]  # type: ignore[index]


@pytest.mark.parametrize("count", [1, 2, 5, 7])
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_image_i_has_frame_i_round_and_round(count: int, size: int) -> None:
    feed = Feed(Told(count))
    found = [number for batch in range(9) for number in numbers(feed.frames(batch * size, size))]
    assert found == [i % count for i in range(9 * size)]
    assert feed.film.decoded == found, "each once, and no more than were asked for"  # type: ignore[attr-defined]


def test_a_batch_that_was_skipped_or_comes_again_has_its_own_frames() -> None:
    feed = Feed(Told(5))
    assert [numbers(feed.frames(first, 2)) for first in (0, 4, 2, 2, 13)] == [[0, 1], [4, 0], [2, 3], [2, 3], [3, 4]]


@pytest.mark.parametrize(
    ("frames", "size", "batches"), [(1, 1, 1), (10, 4, 3), (3, 8, 1), (1000, 1, 1000), (5000, 7, 142), (5000, 2000, 1)]
)
def test_whole_is_every_frame_once_and_at_most_a_thousand_pictures(frames: int, size: int, batches: int) -> None:
    assert Feed(Told(frames)).batches(size) == batches


def lasting(tmp_path: Path, control: Control, feed: Feed | None, count: int) -> list[float]:
    told: list[tuple[int, int]] = []
    assemble(control, feed, drawn(count), tmp_path / "film", "", lambda *now: told.append(now))
    film = open_animation(tmp_path / "film")
    assert told == [(i + 1, film.count) for i in range(film.count)]
    return [frame.info["duration"] for frame in film.frames(range(film.count))]


@pytest.mark.parametrize(
    ("asked", "own", "count", "wanted"),
    [
        (Assembly(), [50, 70, 90], 3, [50, 70, 90]),
        (Assembly(), [50, 70, 90], 4, [50, 70, 90]),
        (Assembly(fps=20), [50, 70, 90], 3, [50, 50, 50]),
        (Assembly(), [None, None, None], 3, [80, 90, 80]),
        (Assembly(), [0, 10, 20], 3, [100, 100, 20]),
        (Assembly(bounce=True), [50, 70, 90], 3, [50, 70, 90, 70]),
        (Assembly(bounce=True), [50, 70], 2, [50, 70]),
    ],
)
def test_times_are_the_inputs_own_or_as_asked(
    asked: Assembly, own: list[float | None], count: int, wanted: list[float], tmp_path: Path
) -> None:
    feed = Feed(Told(3 if len(own) == 3 else 2, own))
    feed.frames(0, count)
    assert lasting(tmp_path, Control(animation=asked), feed, count) == wanted


def test_without_whole_every_picture_counts_and_times_go_round(tmp_path: Path) -> None:
    feed = Feed(Told(2, [50, 90]))
    feed.frames(0, 5)
    assert lasting(tmp_path, Control(whole=False, animation=Assembly()), feed, 5) == [50, 90, 50, 90, 50]
    assert lasting(tmp_path, Control(animation=Assembly("apng", 25)), None, 3) == [40, 40, 40]


class Look(Guest):
    """Remembers every pass."""

    def __init__(self) -> None:
        self.stages: list[Pass] = []

    def begin(self, stage: Pass, canvas: Any) -> None:
        self.stages.append(stage)
        assert canvas.first == stage.first


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_whole_job_is_its_single_pictures(size: int, data_folder: Path) -> None:
    host, frames, look = FakeHost(data_folder), [painted(128, 128, i) for i in range(5)], Look()
    host.guests = [look]
    job = {"control": {"input": film(frames), "animation": {"format": "webp"}}}
    made = host.generate(job, kind="img2img", seeds=range(3, 3 + size))
    host.guests = []
    assert len(made.latents) == -(-5 // size) * size
    assert [stage.first for stage in look.stages] == list(range(0, len(made.latents), size))
    for i, latent in enumerate(made.latents):
        single = host.generate(kind="img2img", seeds=(3 + i,), image=frames[i % 5])
        assert torch.equal(latent[None], single.latents)
    assert made.animation and open_animation(made.animation).count == 5
    again = host.generate(made.infotext[KEY], kind="img2img", seeds=range(3, 3 + size))
    assert torch.equal(again.latents, made.latents) and again.infotext == made.infotext


def test_the_input_beside_layers_that_move_on_with_it(data_folder: Path) -> None:
    host = FakeHost(data_folder)
    beside = layer(source={"kind": "frames", "path": film([painted(64, 64, i) for i in range(3)]), "advance": "image"})
    moved = {"control": {"input": film([painted(64, 64, 7 + i) for i in range(3)]), "layers": [beside]}}
    made = host.generate(moved, kind="img2img")
    assert len(made.latents) == 3 and made.infotext.keys() == {KEY}
    again = host.generate(moved, kind="img2img", seeds=(1, 2, 3))
    torch.testing.assert_close(again.latents, made.latents)


def test_in_txt2img_the_input_says_nothing_and_makes_no_more_pictures(data_folder: Path) -> None:
    host = FakeHost(data_folder)
    plain, made = host.generate(), host.generate({"control": {"input": "/no/such.gif", "whole": False}})
    assert torch.equal(plain.latents, made.latents) and made.infotext == {}
    made = host.generate({"control": {"input": "/no/such.gif", "animation": {}}}, batches=3)
    kept = json.loads(made.infotext[KEY])["control"]
    assert kept == {"enabled": True, "layers": [], "animation": {"format": "gif"}}
    assert made.animation and open_animation(made.animation).count == 3


@pytest.mark.parametrize("source", ["/no/such.gif", "map:" + "0" * 32, "https://example.com/a.gif"])
def test_an_input_that_cannot_be_opened_leaves_the_users_own_picture(source: str, data_folder: Path) -> None:
    host, own = FakeHost(data_folder, readable=None), painted(128, 128)
    made = host.generate({"control": {"input": source}}, kind="img2img", image=own, batches=2)
    assert made.infotext.keys() == {ERROR_KEY}
    assert torch.equal(made.latents, host.generate(kind="img2img", image=own, batches=2).latents)


def test_a_path_outside_the_readable_folders_is_refused(data_folder: Path, tmp_path: Path) -> None:
    painted(16, 16).save(tmp_path / "a.gif")
    made = FakeHost(data_folder, readable=()).generate({"control": {"input": str(tmp_path / "a.gif")}}, kind="img2img")
    assert "wanted the picture itself or map:HASH" in made.infotext[ERROR_KEY]


def test_whatever_breaks_in_a_later_frame_ends_the_input_there(data_folder: Path, tmp_path: Path) -> None:
    for i in range(3):
        painted(128, 128, i).save(tmp_path / f"{i}.png")
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:999])
    host, own = FakeHost(data_folder, readable=None), painted(128, 128, 9)
    made = host.generate({"control": {"input": str(tmp_path), "animation": {}}}, kind="img2img", image=own)
    assert "picture '2.png'" in made.infotext[ERROR_KEY] and made.animation is None
    single = host.generate(kind="img2img", image=own, seeds=(3,))
    assert torch.equal(made.latents[2:], single.latents)
