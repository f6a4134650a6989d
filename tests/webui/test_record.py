"""Recording inside a WebUI in miniature: each finished picture once, as an import of its file would have it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from lib_pxl.hosts import recorder as recording
from lib_pxl.hosts.fake import _made_up
from lib_pxl.hosts.recorder import Recorder, recorder
from lib_pxl.store.database import Database
from lib_pxl.store.thumbnails import THUMBNAILS, Thumbnails
from lib_pxl.taste.folder import gather
from lib_pxl.taste.opinions import Opinions
from lib_pxl.taste.record import Record
from tests.webui.processing import FilmJob, Webui, copied
from tests.webui.test_webui import forge_only

ON = {"record": True}
SETTINGS = {"Steps": 6, "Size": "128x128"}


@pytest.fixture(params=["A1111", "Forge"])
def webui(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Webui:
    """A host with pxl loaded."""
    host = Webui(monkeypatch, tmp_path, request.param)
    host.reload()
    if request.param == "Forge":
        forge_only(host)
        table = SimpleNamespace(weight=host.shared.sd_model.table.wrapped.weight)
        text = SimpleNamespace(text_model=SimpleNamespace(embeddings=SimpleNamespace(token_embedding=table)))
        engine = SimpleNamespace(
            text_encoder=SimpleNamespace(transformer=text), embeddings=SimpleNamespace(word_embeddings={})
        )
        host.shared.sd_model.text_processing_engine = engine
    return host


def opinions(webui: Webui) -> Opinions:
    assert recorder(webui.folder / "pxl").flush(30)
    return Opinions(Database(webui.folder / "pxl" / "pxl.sqlite"))


def records(webui: Webui) -> list[Record]:
    return [record for _, record in reversed(opinions(webui).records(1000))]


def mean(prompt: str) -> list[float]:
    found: list[float] = torch.cat([_made_up(word) for word in prompt.split()]).mean(0).tolist()
    return found


def vector(record: Record) -> tuple[str, list[float]]:
    ((name, found),) = record.item.vectors.items()
    return name, found


def test_every_picture_of_a_job_is_recorded_once(webui: Webui) -> None:
    webui.process_images(FilmJob(ON, saves=".png", n_iter=3, batch_size=2))
    found = records(webui)
    assert [record.seed for record in found] == [5, 6, 7, 8, 9, 10]
    for record in found:
        assert (record.item.prompt, record.item.settings) == ("a cat", SETTINGS)
        assert Path(record.image).is_file() and record.image_hash and record.time and record.sitting
        assert Thumbnails(webui.folder / "pxl" / THUMBNAILS).find(record.thumbnail)
        assert vector(record)[1] == pytest.approx(mean("a cat"))
    assert len({record.sitting for record in found}) == 1


@pytest.mark.parametrize("job", [None, {}, {"record": False}, {"nokens": False}])
def test_switched_off_nothing_is_kept_and_no_thread_starts(webui: Webui, job: Any) -> None:
    webui.process_images(FilmJob(job, saves=".png"))
    assert not (webui.folder / "pxl").exists()
    assert recorder(webui.folder / "pxl")._thread is None


def test_recording_changes_no_picture_and_no_infotext(webui: Webui) -> None:
    jobs = [FilmJob(job, saves=".png") for job in (None, ON)]
    assert torch.equal(*(webui.process_images(job) for job in jobs))
    assert jobs[0].extra_generation_params == jobs[1].extra_generation_params == {}


@pytest.mark.parametrize("saves", [".png", ".jpg", ".webp"])
def test_what_was_recorded_is_what_an_import_of_the_file_finds(webui: Webui, saves: str) -> None:
    job = FilmJob(ON, saves=saves, prompt="a (red:1.2) 🦊", batch_size=2)
    webui.process_images(job)
    (webui.folder / "apart").mkdir()
    thumbnails = Thumbnails(webui.folder / "apart" / "thumbnails")
    apart = Opinions(Database(webui.folder / "apart" / "pxl.sqlite"))
    assert gather([Path(job.outpath_samples)], apart, thumbnails).new == 2
    recorded = [replace(each, item=replace(each.item, vectors={})) for each in records(webui)]
    imported = [record for _, record in apart.records()]
    assert sorted(recorded, key=lambda each: each.seed or 0) == sorted(imported, key=lambda each: each.seed or 0)
    here = gather([Path(job.outpath_samples)], opinions(webui), Thumbnails(webui.folder / "pxl" / THUMBNAILS))
    assert (here.new, here.known) == (0, 2)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("saves", [".png", ""])
def test_with_and_without_a_file_or_an_infotext_inside(webui: Webui, saves: str, told: bool) -> None:
    webui.process_images(FilmJob(ON, saves=saves, enable_pnginfo=told, n_iter=2, batch_size=2))
    found = records(webui)
    assert [record.seed for record in found] == [5, 6, 7, 8]
    assert [bool(record.image) for record in found] == [bool(saves)] * 4


def test_each_picture_has_its_own_prompt_and_the_template_that_it_was_drawn_from(webui: Webui) -> None:
    drawn = ["a fox", "an owl", "a {fox|owl}"]
    webui.process_images(FilmJob(ON, prompt="a {fox|owl}", wildcards=drawn, n_iter=3))
    found = records(webui)
    assert [(record.item.prompt, record.template) for record in found] == [
        ("a fox", "a {fox|owl}"), ("an owl", "a {fox|owl}"), ("a {fox|owl}", "")]  # fmt: skip
    assert [vector(record)[1] for record in found] == [pytest.approx(mean(prompt)) for prompt in drawn]


def test_a_list_of_prompts_is_no_template(webui: Webui) -> None:
    webui.process_images(FilmJob(ON, prompt=["a fox", "an owl"], n_iter=2))
    assert [record.template for record in records(webui)] == ["", ""]


def test_the_parts_of_a_prompt_count_alike_and_sdxl_gives_its_pooled_vector_alone(webui: Webui) -> None:
    webui.process_images(FilmJob(ON, prompt="a fox AND an owl"))
    webui.wide = True
    webui.process_images(FilmJob(ON, prompt="a ship"))
    one, other = records(webui)
    both = (torch.tensor(mean("a fox")) + torch.tensor(mean("an owl"))) / 2
    assert vector(one)[1] == pytest.approx(both.tolist(), abs=1e-6)
    assert vector(other)[1] == pytest.approx(mean("a ship"))


def test_an_encoder_is_known_by_its_words_and_by_where_it_was_stopped(webui: Webui) -> None:
    webui.process_images(FilmJob(ON, prompt="a fox"))
    webui.shared.opts.CLIP_stop_at_last_layers = 2
    webui.process_images(FilmJob(ON, prompt="an owl"))
    names = [vector(record)[0] for record in records(webui)]
    assert names[0].startswith("l8 ") and names[1] == f"{names[0]} skip 2"


def test_cells_of_a_grid_are_pictures_and_the_grid_is_none(webui: Webui) -> None:
    outer = FilmJob(ON, saves=".png")
    for seed in (5, 6, 7):
        cell = copied(outer, seed=seed, extra_generation_params={})
        webui.process_images(cell)
    assert [record.seed for record in records(webui)] == [5, 6, 7]


def test_a_job_inside_a_job_and_tiles_of_a_script_are_no_pictures(webui: Webui) -> None:
    inner = FilmJob({"record": True, "control": {"inner": True, "layers": []}}, seed=50)
    webui.process_images(FilmJob(ON, inner_job=inner))
    tile = FilmJob(ON, seed=60, do_not_save_samples=True)
    webui.script.setup(tile)
    tile.init_images = [Image.new("RGB", (128, 128))]
    webui.process_images(tile)
    assert [record.seed for record in records(webui)] == [5]


def test_the_api_saves_nothing_and_is_recorded_all_the_same(webui: Webui) -> None:
    job = FilmJob(ON, do_not_save_samples=True)
    webui.script.setup(job)
    webui.process_images(job)
    (record,) = records(webui)
    assert record.image == "" and record.thumbnail


def test_what_was_broken_off_is_not_recorded_and_the_rest_is(webui: Webui) -> None:
    job = FilmJob(ON, n_iter=3)

    def interrupt(params: Any) -> None:
        webui.shared.state.interrupted = job.iteration == 1

    webui.callbacks["on_cfg_denoiser"].append(interrupt)
    webui.process_images(job)
    assert [record.seed for record in records(webui)] == [5]


def test_a_job_that_dies_leaves_what_it_had_finished(webui: Webui) -> None:
    job = FilmJob(ON, n_iter=3, saves=".png")

    def die(params: Any) -> None:
        if job.iteration == 2:
            raise RuntimeError("NansException")

    webui.callbacks["on_cfg_denoiser"].append(die)
    with pytest.raises(RuntimeError):
        webui.process_images(job)
    assert [record.seed for record in records(webui)] == [5, 6]


def test_what_later_scripts_make_of_a_picture_is_what_is_recorded(webui: Webui) -> None:
    real = webui.script.postprocess_image_after_composite
    blue = Image.new("RGB", (16, 16), "blue")

    def later(p: Any, holder: Any, *rest: Any) -> None:
        real(p, holder, *rest)
        holder.image = blue.copy()

    webui.script.postprocess_image_after_composite = later
    webui.process_images(FilmJob(ON, saves=".png"))
    (record,) = records(webui)
    with Image.open(record.image) as saved:
        assert saved.convert("RGB").getpixel((0, 0)) == (0, 0, 255)


def test_after_reload_ui_there_is_one_recorder(webui: Webui) -> None:
    webui.process_images(FilmJob(ON))
    first = recorder(webui.folder / "pxl")._thread
    webui.reload()
    webui.process_images(FilmJob(ON, seed=9))
    assert [record.seed for record in records(webui)] == [5, 9]
    assert recorder(webui.folder / "pxl")._thread is first


def test_an_encoder_that_cannot_be_read_costs_the_vector_and_is_told(webui: Webui) -> None:
    webui.cond = lambda prompt: SimpleNamespace()  # type: ignore[method-assign, assignment]
    job = FilmJob(ON)
    plain = webui.process_images(FilmJob(None))
    assert torch.equal(webui.process_images(job), plain)
    (record,) = records(webui)
    assert record.item.vectors == {} and "pxl: recording: got " in job.processed.comments


def test_a_vector_that_is_no_number_is_left_out(webui: Webui) -> None:
    webui.cond = lambda prompt: torch.full((3, 8), float("nan"))  # type: ignore[method-assign, assignment]
    webui.process_images(FilmJob(ON))
    (record,) = records(webui)
    assert record.item.vectors == {}


def test_a_store_that_cannot_be_written_is_told_once_and_costs_no_picture(webui: Webui) -> None:
    (webui.folder / "pxl").write_text("a file where the folder belongs")
    plain = webui.process_images(FilmJob(None))
    made = [FilmJob(ON, seed=5 + place) for place in range(3)]
    assert torch.equal(webui.process_images(made[0]), plain)
    recorder(webui.folder / "pxl").flush(30)
    for job in made[1:]:
        webui.process_images(job)
    assert "a picture was not recorded" in made[1].processed.comments
    assert made[1].processed.comments.count("\n") == 1


def test_too_many_waiting_are_told_and_no_picture_fails(
    webui: Webui, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(recording, "MOST", 2)
    slow = Recorder(webui.folder / "pxl")
    monkeypatch.setattr(slow, "_tend", lambda: None)
    webui.script.hooks.desk.recorder = slow
    job = FilmJob(ON, n_iter=4)
    webui.process_images(job)
    assert slow._waiting.qsize() == 2
    assert "2 pictures that still wait" in job.processed.comments
