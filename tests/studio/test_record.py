"""Recording in the studio: what was made is in the store as an import of its files would have it."""

from __future__ import annotations

import functools
import json
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny
import torch

from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.hosts.request import Request
from lib_pxl.noken import Noken
from lib_pxl.store.database import Database
from lib_pxl.store.thumbnails import Thumbnails
from lib_pxl.studio import page
from lib_pxl.studio.events import Events
from lib_pxl.studio.work import Work
from lib_pxl.taste.folder import gather
from lib_pxl.taste.opinions import Opinions
from lib_pxl.taste.record import Record

pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
ME: Any = SimpleNamespace(session_hash="me")
ON = json.dumps({"record": True})
VALUES = {"prompt": "a star", "negative": "dull", "sampler": "Euler", "steps": 2, "width": 64, "height": 64, "cfg": 5.0,
          "batch": 1, "seed": 3, "denoise": 0.75, "hires": 1.0, "hires_steps": 0, "image": None}  # fmt: skip


class Studio:
    """The page's button and the store behind it."""

    def __init__(self, pipe: Any, data: Path) -> None:
        self.host = DiffusersHost(pipe, data)
        _, forms = page.build(Work(self.host))
        self.events = {form.tab: Events(Work(self.host), form) for form in forms}

    def press(self, job: str = ON, tab: str = "txt2img", **more: Any) -> list[Any]:
        events, values = self.events[tab], VALUES | more
        events.wait(ME)
        *_, last = events.generate(ME, job, *[values[name] for name in events.names])
        return list(last)

    def records(self) -> list[Record]:
        assert self.host.desk.recorder.flush(30)
        return [record for _, record in reversed(self.host.desk.opinions().records(1000))]


PIPES = {"sd1": functools.cache(tiny.sd1), "xl": functools.cache(tiny.sdxl)}  # each is made once


@pytest.fixture(params=PIPES)
def studio(request: pytest.FixtureRequest, tmp_path: Path) -> Studio:
    return Studio(PIPES[request.param](), tmp_path / "data")


def test_every_picture_of_a_batch_is_kept_with_its_settings_and_its_thumbnail(studio: Studio) -> None:
    live, *_ = studio.press(batch=3)
    found = studio.records()
    assert live == "" and [record.seed for record in found] == [3, 4, 5]
    for record in found:
        assert (record.item.prompt, record.item.negative) == ("a star", "dull")
        settings = {"Steps": 2, "Sampler": "Euler", "CFG scale": 5, "Size": "64x64", "Model": studio.host.model}
        assert record.item.settings == settings and record.checkpoint == studio.host.model
        assert Path(record.image).is_file() and studio.host.desk.thumbnail(record)


@pytest.mark.parametrize("cfg", [1.0, 5.0])
def test_the_vector_is_what_the_encoder_makes_of_the_prompt(studio: Studio, cfg: float) -> None:
    studio.press(cfg=cfg, batch=2, hires=1.5)
    with torch.no_grad():
        made = studio.host.pipe.encode_prompt("a star", device="cpu", num_images_per_prompt=1,
                                               do_classifier_free_guidance=False)  # fmt: skip
    wanted = made[2][0] if len(made) == 4 else made[0][0].mean(0)
    found = studio.records()
    assert len(found) == 2
    for record in found:
        ((name, vector),) = record.item.vectors.items()
        assert name[0] == ("g" if len(made) == 4 else "l")
        assert vector == pytest.approx(wanted.tolist(), rel=1e-4, abs=1e-5)


def test_what_was_recorded_is_what_an_import_of_the_outputs_finds(studio: Studio, tmp_path: Path) -> None:
    studio.press(prompt="a (red:1.2) star,\n🦊", batch=2)
    recorded = [replace(each, item=replace(each.item, vectors={})) for each in studio.records()]
    apart = Opinions(Database(tmp_path / "apart.sqlite"))
    found = gather([studio.host.data / "outputs"], apart, Thumbnails(tmp_path / "thumbnails"))
    assert found.new == 2 and not found.refused
    assert [record for _, record in reversed(apart.records())] == recorded
    known = gather([studio.host.data / "outputs"], studio.host.desk.opinions(), studio.host.desk.thumbnails)
    assert (known.new, known.known) == (0, 2)


def test_off_keeps_nothing_and_on_makes_the_same_picture_with_the_same_infotext(studio: Studio) -> None:
    texts = [studio.press(job)[3] for job in ("", ON)]
    outputs = sorted((studio.host.data / "outputs").rglob("*.png"))
    assert texts[0] == texts[1] and outputs[0].read_bytes() == outputs[1].read_bytes()
    assert len(studio.records()) == 1


def test_what_was_stopped_is_not_recorded(studio: Studio) -> None:
    stop, asked = threading.Event(), Request("a star", steps=3, width=64, height=64)
    made = studio.host.generate(asked, ON, on_step=lambda step: stop.set(), stop=stop)
    assert made.interrupted and made.heard is None
    assert studio.host.record(made, [None]) is None and studio.records() == []


def test_a_store_that_cannot_be_written_is_said_in_the_page(studio: Studio) -> None:
    studio.host.data.mkdir(parents=True)
    (studio.host.data / "pxl.sqlite").write_bytes(b"x" * 5000)
    studio.press()
    studio.host.desk.recorder.flush(30)
    live, gallery, *_ = studio.press(seed=9)
    assert "Made, but a picture was not recorded: database" in live and len(gallery.value) == 1


def test_a_noken_in_the_prompt_is_recorded_as_it_is_written(studio: Studio) -> None:
    vectors = {letter: torch.randn(2, width) for letter, width in studio.host.widths().items()}
    noken = Noken(vectors=vectors, name="fox")
    studio.host.desk.pool.add([noken])
    studio.press(prompt="a <noken:fox>")
    (record,) = studio.records()
    assert record.item.prompt == "a <noken:fox>" and record.nokens == {"fox": noken.hash}
