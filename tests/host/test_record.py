"""Recording in a running host, whose data folder lies on this machine: each picture once, as its file tells it."""

from __future__ import annotations

import base64
import secrets
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from lib_pxl.store.database import Database
from lib_pxl.store.infotext import Infotext
from lib_pxl.store.thumbnails import THUMBNAILS, Thumbnails
from lib_pxl.studio.output import encode
from lib_pxl.taste.folder import gather
from lib_pxl.taste.opinions import Opinions
from lib_pxl.taste.record import Record
from tests.host.client import Client, blocks, text
from tests.host.test_api import _axis_names, _grid
from tests.host.test_page import SECONDS, fill, generated, job, open_page

ON = {"record": True}
HIRES = {"enable_hr": True, "hr_scale": 1.5, "denoising_strength": 0.6, "hr_upscaler": "Latent"}
PATIENCE = 60  # seconds


@pytest.fixture(scope="module")
def data(host: Client) -> Path:
    """pxl's data folder in the host, by its models' place: Forge dfdcbab6 cannot tell its flags where one is a port."""
    folder = Path(host.get("/sdapi/v1/sd-models")[0]["filename"]).parents[2] / "pxl"
    assert folder.parent.is_dir(), f"{folder} is not on this machine"
    return folder


@pytest.fixture
def prompt() -> str:
    """One that nobody has asked for yet."""
    return f"a (photo:1.2) of a cat, {secrets.token_hex(4)}"


def records(data: Path, prompt: str, count: int) -> list[Record]:
    """Those of a prompt, in the order in which they were made, once so many have been written and no more come."""
    opinions, began, found = Opinions(Database(data / "pxl.sqlite")), time.monotonic(), 0
    while found < count and time.monotonic() - began < PATIENCE:
        time.sleep(0.2)
        found = len(opinions.records(text=prompt))
    time.sleep(0.5)
    return [record for _, record in reversed(opinions.records(text=prompt))]


@pytest.mark.parametrize("more", [{}, HIRES, {"over": "img2img"}], ids=["txt2img", "hires", "img2img"])
@pytest.mark.parametrize("saves", [True, False])
def test_every_picture_of_every_batch_is_recorded_once(
    host: Client, data: Path, prompt: str, more: dict[str, Any], saves: bool
) -> None:
    if more.get("over") == "img2img":
        more = {**more, "init_images": [text(blocks(7))], "denoising_strength": 0.8}
    made = host.make(ON, prompt=prompt, negative_prompt="dull", batch_size=2, n_iter=2, save_images=saves, **more)
    assert made.extra == {}
    found = records(data, prompt, 4)
    assert [record.seed for record in found] == [1, 2, 3, 4]
    for record in found:
        assert Thumbnails(data / THUMBNAILS).find(record.thumbnail)
        assert record.item.settings["Steps"] == 4 and record.item.settings["CFG scale"] == 7
        assert record.checkpoint == record.item.settings["Model"] and Path(record.image).is_file() == saves
        ((name, vector),) = record.item.vectors.items()
        assert name.split()[0] in ("l64", "l128", "l768", "g96", f"{name[0]}{len(vector)}") and any(vector)
    assert len({tuple(next(iter(record.item.vectors.values()))) for record in found}) == 1, "one prompt, one vector"
    assert len({record.sitting for record in found}) == 1


def test_another_prompt_is_another_vector_of_the_same_encoder(host: Client, data: Path, prompt: str) -> None:
    for each in (prompt, f"{prompt} dog"):
        host.make(ON, prompt=each)
    one, other = (record.item.vectors for record in records(data, prompt, 2))
    assert one.keys() == other.keys() and [*one.values()] != [*other.values()]


def test_what_was_recorded_is_what_an_import_of_the_files_finds(
    host: Client, data: Path, prompt: str, tmp_path: Path
) -> None:
    host.make(ON, prompt=prompt, negative_prompt="a, b: c", n_iter=2, save_images=True, **HIRES)
    found = records(data, prompt, 2)
    apart = Opinions(Database(tmp_path / "pxl.sqlite"))
    paths = [Path(record.image) for record in found]
    assert gather(paths, apart, Thumbnails(tmp_path / "thumbnails")).new == 2
    plain = [replace(each, item=replace(each.item, vectors={}), sitting="") for each in found]
    assert [replace(record, sitting="") for _, record in reversed(apart.records())] == plain


def test_the_host_s_own_reader_and_ours_read_the_same(host: Client, prompt: str) -> None:
    made = host.make(prompt=f"{prompt},\nin two lines", negative_prompt='dull, "grey"', **HIRES)
    told = Infotext.parse(made.infotexts[0])
    page = host.http.post("/sdapi/v1/png-info", json={"image": _with(made.infotexts[0])}).json()
    theirs = page["parameters"]
    assert (told.prompt, told.negative) == (theirs["Prompt"], theirs["Negative prompt"])
    size = dict(zip(("Size-1", "Size-2"), told.settings["Size"].split("x"), strict=True))
    ours = {name: value for name, value in (dict(told.settings) | size).items() if name in theirs}
    assert ours == {name: str(theirs[name]) for name in ours} and len(ours) >= 8


def _with(infotext: str) -> str:
    return base64.b64encode(encode(blocks(1), infotext)).decode()


def test_cells_of_a_grid_are_pictures_and_the_grid_is_none(host: Client, data: Path, prompt: str) -> None:
    steps = _axis_names(host, "txt2img").index("Steps")
    args = _grid((steps, "2, 3, 4"), (0, ""), as_text=True)
    host.make(ON, prompt=prompt, script_name="x/y/z plot", script_args=args)
    assert [record.item.settings["Steps"] for record in records(data, prompt, 3)] == [2, 3, 4]


def test_switched_off_nothing_is_kept(host: Client, data: Path, prompt: str) -> None:
    made = [host.make(job, prompt=prompt) for job in ({}, {"record": False}, ON)]
    assert len({each.first.tobytes() for each in made}) == 1, "recording changes no picture"
    assert len(records(data, prompt, 1)) == 1


def test_the_switch_of_the_page_records_what_the_button_makes(
    host: Client, data: Path, prompt: str, url: str, page: Page, console: Any
) -> None:
    page.context.set_default_timeout(90 * SECONDS)
    open_page(url, page)
    page.locator("#pxl_txt2img_record").check()
    assert job(page) == ON
    fill(page, "#txt2img_prompt textarea", prompt)
    generated(page)
    (record,) = records(data, prompt, 1)
    assert Path(record.image).is_file() and record.seed == 1
    page.locator("#pxl_txt2img_record").uncheck()
    assert job(page) == {}
    fill(page, "#txt2img_seed input", "2")
    generated(page)
    assert len(records(data, prompt, 1)) == 1
    page.close()
    console.complaints.clear()  # the hosts' pages ask for scripts of other places, and Forge's warns of its own
