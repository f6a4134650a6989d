"""The desk: what outlives a job, opened when it is first needed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest
from PIL import Image

from lib_pxl.control.preset import PRESETS
from lib_pxl.errors import StoreError
from lib_pxl.hosts.desk import TASKS, Desk, page_key
from lib_pxl.hosts.formed import Formed, Reel
from lib_pxl.taste import Item
from lib_pxl.taste.record import Record
from tests.control.stage import PICTURE


def test_nothing_is_written_until_something_is_kept(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "data")
    assert desk.maps.folder == tmp_path / "data" / "maps"
    assert not (tmp_path / "data").exists()


def test_what_is_kept_lies_in_the_data_folder_and_is_found_by_the_next_desk(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "data")
    name = desk.maps.adopt(PICTURE)
    desk.presets.save("mine", '{"layers":[]}')
    again = Desk(tmp_path / "data")
    assert again.maps.adopt(name) == name
    assert again.presets.names() == [*PRESETS, "mine"]
    assert {path.name for path in (tmp_path / "data").iterdir()} >= {"maps", "pxl.sqlite"}


def test_each_shelf_is_opened_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.maps is desk.maps and desk.presets is desk.presets and desk.latents is desk.latents


def test_every_tab_remembers_how_its_own_last_job_ended(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.status("txt2img") == (0, None)
    desk.finish("txt2img", "a problem")
    desk.finish("img2img", None)
    assert (desk.status("txt2img"), desk.status("img2img")) == ((1, "a problem"), (1, None))
    desk.finish("txt2img", None)
    assert desk.status("txt2img") == (2, None)


def test_of_two_tasks_in_a_tab_each_has_its_own_end_and_the_oldest_are_forgotten(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    one, two = (
        Formed((Reel("base", [0.0], pixels, pixels),)) for pixels in (numpy.zeros((1, 2, 2, 3), numpy.uint8),) * 2
    )
    for task, problem, formed in (("one", "a problem", one), ("two", None, two), ("two", None, two)):
        desk.keep("img2img", formed, task)
        desk.finish("img2img", problem, task)
    assert desk.status("img2img") == (3, None) and desk.formed("img2img") is two
    assert (desk.status("img2img", "one"), desk.status("img2img", "two")) == ((1, "a problem"), (2, None))
    assert desk.formed("img2img", "one") is one and desk.formed("img2img", "two") is two
    for i in range(TASKS - 1):
        desk.finish("img2img", None, str(i))
    assert desk.status("img2img", "one") == (0, None) and desk.status("img2img", "two") == (2, None)
    with pytest.raises(StoreError, match="steps of 'one'"):
        desk.formed("img2img", "one")
    assert desk.status("img2img") == (3 + TASKS - 1, None)


def test_no_job_is_lost_where_many_end_at_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: desk.finish("txt2img", str(i)), range(400)))
    assert desk.status("txt2img")[0] == 400


def test_the_page_s_key_is_long_and_outlives_a_reload_but_not_the_process(tmp_path: Path) -> None:
    before = Desk(tmp_path).key
    assert len(before) >= 32 and Desk(tmp_path / "other").key == before
    page_key.cache_clear()
    assert page_key() != before


def test_the_opinions_of_each_person_lie_in_the_one_database_with_their_small_pictures(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    which = "0a" * 16
    name = desk.thumbnails.put(which, Image.new("RGB", (8, 8)))
    desk.opinions("Ann").add([Record(Item(which), thumbnail=name), Record(Item("b"), thumbnail="../pxl.sqlite")])
    assert desk.opinions().records() == [] and desk.opinions().database is desk.database
    (_, other), (_, record) = Desk(tmp_path).opinions("Ann").records()
    path = desk.thumbnail(record)
    assert path is not None and path.is_relative_to(tmp_path / "thumbnails")
    assert desk.thumbnail(other) is None
