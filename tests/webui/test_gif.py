"""gif2gif inside a WebUI in miniature: frame i of the input is where image i starts, and the pictures become a file."""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageSequence

from lib_pxl.control.map import pixels
from lib_pxl.errors import PxlError
from lib_pxl.store.animations import Film, open_animation
from tests.control.stage import layer, painted, sent
from tests.store.test_animations import infotext_of
from tests.webui.processing import FilmJob, Job, Webui, copied
from tests.webui.test_webui import forge_only

SIZE = (128, 128)


@pytest.fixture(params=["A1111", "Forge"])
def webui(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Webui:
    """A host with pxl loaded."""
    host = Webui(monkeypatch, tmp_path, request.param)
    host.reload()
    if request.param == "Forge":
        forge_only(host)
    return host


def pictures(count: int, size: tuple[int, int] = SIZE) -> list[Image.Image]:
    return [painted(*size, seed) for seed in range(count)]


def apart(a: Image.Image, b: Image.Image) -> float:
    return float((pixels(a) - pixels(b)).abs().mean()) * 255


def film(frames: Sequence[Image.Image], kind: str = "PNG", duration: Any = 40) -> str:
    """An animation in base64; PNG keeps every pixel."""
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=duration, loop=0)
    return base64.b64encode(file.getvalue()).decode()


def asked(frames: Sequence[Image.Image], **more: Any) -> dict[str, Any]:
    return {"control": {"input": film(frames), **more}}


def alone(webui: Webui, picture: Any, seed: int, **more: Any) -> torch.Tensor:
    """Image-to-image from one picture, without pxl."""
    return webui.process_images(FilmJob(None, init_images=[picture], seed=seed, **more))


def same_start(p: FilmJob, frames: Sequence[Image.Image]) -> None:
    """Every picture that the job started from, in order."""
    started = [each for batch in p.started for each in batch]
    assert [each.tobytes() for each in started] == [each.tobytes() for each in frames]


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_frame_i_is_where_image_i_starts(webui: Webui, count: int, size: int) -> None:
    frames = pictures(count)
    p = FilmJob(asked(frames), batch_size=size)
    made = webui.process_images(p)
    batches = -(-count // size)
    assert len(made) == len(p.all_prompts) == len(p.all_seeds) == len(p.all_subseeds) == batches * size
    same_start(p, [frames[i % count] for i in range(batches * size)])
    assert p.all_seeds == list(range(5, 5 + batches * size)) and p.all_subseeds[-1] == 50 + batches * size - 1
    for i, x in enumerate(made):
        torch.testing.assert_close(x[None], alone(webui, frames[i % count], 5 + i))


@pytest.mark.parametrize(("batches", "size"), [(1, 1), (2, 3), (4, 2)])
def test_without_whole_the_batch_count_stays_and_the_frames_go_round(webui: Webui, batches: int, size: int) -> None:
    frames = pictures(3)
    p = FilmJob(asked(frames, whole=False), n_iter=batches, batch_size=size)
    assert len(webui.process_images(p)) == batches * size
    same_start(p, [frames[i % 3] for i in range(batches * size)])


def test_whole_makes_fewer_batches_too_and_at_most_a_thousand_pictures(webui: Webui) -> None:
    p = FilmJob(asked(pictures(2)), n_iter=9)
    assert len(webui.process_images(p)) == 2
    seen: list[int] = []
    p = FilmJob(asked(pictures(1001, (8, 8))), batch_size=3, size=(1, 1), width=8, height=8)
    p.init = lambda prompts, *_: seen.append(len(prompts)) or (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        webui.process_images(p)
    assert seen == [999] and p.do_not_save_grid


def test_a_scripts_own_list_of_prompts_keeps_its_length(webui: Webui) -> None:
    frames = pictures(5)
    p = FilmJob(asked(frames), prompt=["a", "b", "c"], batch_size=2, n_iter=2)
    assert len(webui.process_images(p)) == 3
    same_start(p, frames[:3])
    assert p.batch_size == 2


def test_one_seed_for_all_stays_one(webui: Webui) -> None:
    p = FilmJob(asked(pictures(3)), subseed_strength=0.5)
    webui.process_images(p)
    assert p.all_seeds == [5] * 3 and p.all_subseeds == [50, 51, 52]


def test_the_job_is_left_as_it_was(webui: Webui) -> None:
    own = [Image.new("RGB", SIZE, "red")]
    p = FilmJob(asked(pictures(3)), init_images=own)
    webui.process_images(p)
    assert p.init_images is own and p.n_iter == 1 and p.batch_size == 1 and p.color_corrections is None
    assert p.pxl_redraw is None and p.pxl_run is None
    p.script_args = ()
    assert torch.equal(webui.process_images(p), alone(webui, own[0], 5))


def test_a_cell_of_a_grid_leaves_the_next_alone(webui: Webui) -> None:
    first = FilmJob(asked(pictures(3)))
    for cell in (copied(first), copied(first)):
        assert isinstance(cell, FilmJob)
        cell.started = []
        assert len(webui.process_images(cell)) == 3
    assert first.n_iter == 1 and len(first.init_images) == 1


def test_the_page_may_have_no_picture_at_all(webui: Webui) -> None:
    frames = pictures(2)
    p = FilmJob(asked(frames), init_images=[None])
    webui.process_images(p)
    same_start(p, frames)


def test_colours_are_corrected_after_each_frames_own(webui: Webui) -> None:
    frames = [Image.new("RGB", SIZE, (40 * i, 9, 9)) for i in range(5)]
    p = FilmJob(asked(frames), batch_size=2, corrects=True)
    webui.process_images(p)
    assert [colour[0] for colour in p.corrected] == [0, 40, 80, 120, 160, 0]


def test_a_blank_mask_is_passed_over_in_every_batch(webui: Webui) -> None:
    frames = pictures(3)
    made = webui.process_images(FilmJob(asked(frames), image_mask=Image.new("L", SIZE)))
    for i, x in enumerate(made):
        torch.testing.assert_close(x[None], alone(webui, frames[i], 5 + i))


@pytest.mark.parametrize("mode", [0, 1, 3])
def test_under_a_mask_each_frame_has_the_masks_size(webui: Webui, mode: int) -> None:
    mask = Image.new("L", (96, 64))
    mask.paste(255, (16, 16, 48, 48))
    p = FilmJob(asked(pictures(3, (50, 40))), image_mask=mask, resize_mode=mode, batch_size=2)
    webui.process_images(p)
    assert [each.size for batch in p.started for each in batch] == [(96, 64)] * 4


def test_frames_of_different_sizes_are_taken_as_they_are(webui: Webui, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for i, side in enumerate((64, 128, 96)):
        painted(side, side, i).save(tmp_path / "out" / f"{i}.png")
    for mode, sizes in ((0, {64, 128, 96}), (3, {64})):
        p = FilmJob({"control": {"input": str(tmp_path / "out")}}, batch_size=3, resize_mode=mode)
        webui.process_images(p)
        assert {each.width for batch in p.started for each in batch} == sizes
        assert json.loads(p.extra_generation_params["pxl"])["control"]["input"] == str(tmp_path / "out")


def test_layers_move_on_with_the_frames(webui: Webui) -> None:
    maps = pictures(4)
    beside = layer(source={"kind": "frames", "path": film(maps), "advance": "image"}, strength=1)
    p = FilmJob(asked(pictures(4), layers=[beside]), batch_size=2)
    made = webui.process_images(p)
    for i, x in enumerate(made):
        still = {"control": {"layers": [layer(source={"kind": "image", "image": sent(maps[i])}, strength=1)]}}
        torch.testing.assert_close(x[None], webui.process_images(FilmJob(still)), atol=1e-3, rtol=0)


def test_the_infotext_restores_the_input(webui: Webui) -> None:
    p = FilmJob(asked(pictures(3), whole=False, animation={"format": "webp", "bounce": True}), n_iter=2)
    first = webui.process_images(p)
    text = p.extra_generation_params["pxl"]
    kept = json.loads(text)["control"]
    assert kept["input"].startswith("map:") and len(text) < 250
    assert kept["whole"] is False and kept["animation"] == {"format": "webp", "bounce": True}
    assert torch.equal(webui.process_images(FilmJob(text, n_iter=2)), first)


def test_in_txt2img_the_input_is_not_even_looked_at(webui: Webui) -> None:
    plain = webui.process_images(Job(scripts=False))
    for source in (film(pictures(2)), "/no/such/file.gif"):
        p = Job({"control": {"input": source}})
        assert torch.equal(webui.process_images(p), plain)
        assert p.extra_generation_params == {} and p.comments == []


def test_a_picture_that_another_script_put_there_stays(webui: Webui) -> None:
    p = FilmJob(asked(pictures(3)))
    webui.script.setup(p)
    p.init_images = [painted(*SIZE, 9)]  # a tile of SD Upscale
    assert torch.equal(webui.process_images(p), alone(webui, painted(*SIZE, 9), 5))
    assert "left out" in p.comments[0] and "pxl error" not in p.extra_generation_params
    p = FilmJob(asked(pictures(3)))
    webui.script.setup(p)
    assert len(webui.process_images(p)) == 3


def test_a_script_that_brings_pictures_gets_back_as_many_as_without(webui: Webui, tmp_path: Path) -> None:
    p = FilmJob({"control": {"layers": [layer()], "animation": {}}}, batch_size=3)
    webui.script.setup(p)
    p.init_images = pictures(3)  # SD Upscale counts the tiles that come back, and would take an animation for one
    webui.process_images(p)
    assert len(p.processed.images) == p.processed.index_of_first_image + 3
    assert not (tmp_path / "samples").exists() and "animation" not in p.extra_generation_params["pxl"]
    assert "left out" in p.comments[0]


@pytest.mark.parametrize("inner", [False, True])
def test_a_job_inside_ours_keeps_its_own_picture(webui: Webui, inner: bool) -> None:
    given = asked(pictures(2), inner=inner, animation={})
    inside = FilmJob(given, init_images=[painted(*SIZE, 9)], n_iter=2)
    webui.script.setup(inside)  # as ADetailer starts one for each face
    made = webui.process_images(FilmJob(given, inner_job=inside))
    assert len(made) == 2
    assert [x.tobytes() for batch in inside.started for x in batch] == [painted(*SIZE, 9).tobytes()]
    assert "pxl animation" not in inside.extra_generation_params and inside.comments == []


BROKEN = {
    "missing": "/no/such/file.gif",
    "empty": base64.b64encode(b"GIF89a\x08\0\x08\0\0\0\0;").decode(),
    "cut": film(pictures(3), "GIF")[:200],
    "hash": "map:" + "0" * 32,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_input_leaves_the_users_own_picture(webui: Webui, kind: str) -> None:
    own = painted(*SIZE, 7)
    p = FilmJob({"control": {"input": BROKEN[kind], "layers": [layer()]}}, init_images=[own])
    assert torch.equal(webui.process_images(p), alone(webui, own, 5))
    assert p.extra_generation_params.keys() == {"pxl error"}


@pytest.mark.parametrize("own", [painted(*SIZE, 7), None])
def test_an_error_in_a_later_batch_goes_on_from_the_users_own_picture(
    webui: Webui, own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames_of = Film.frames

    def failing(self: Film, wanted: Sequence[int]) -> Any:
        for i, frame in enumerate(frames_of(self, wanted)):
            if i == 2:
                raise PxlError("frame", got="damage", wanted="a frame")
            yield frame

    monkeypatch.setattr(Film, "frames", failing)
    frames = pictures(4)
    p = FilmJob(asked(frames, animation={}), init_images=[own])
    made = webui.process_images(p)
    assert len(made) == 4 and "frame: got" in p.extra_generation_params["pxl error"]
    for i in (0, 1):
        torch.testing.assert_close(made[i][None], alone(webui, frames[i], 5 + i))
    if own is not None:
        for i in (2, 3):
            torch.testing.assert_close(made[i][None], alone(webui, own, 5 + i))
    assert p.processed.images and not Path(webui.folder, "samples").exists()
    assert (p.init_images, p.n_iter, p.batch_size) == ([own], 1, 1)


def test_an_error_before_the_first_step_starts_from_the_users_own_picture(webui: Webui) -> None:
    own = painted(*SIZE, 7)
    p = FilmJob(asked(pictures(2), layers=[layer(mode="hold")]), init_images=[own])
    made = webui.process_images(p)
    assert "not built yet" in p.extra_generation_params["pxl error"]
    for i, x in enumerate(made):
        torch.testing.assert_close(x[None], alone(webui, own, 5 + i))


def test_an_error_inside_a_step_ends_the_input_after_its_batch(webui: Webui, monkeypatch: pytest.MonkeyPatch) -> None:
    from lib_pxl.control.plan import Plan

    own, frames = painted(*SIZE, 7), pictures(4)
    calls: list[int] = []

    def failing(*_: Any) -> Any:
        calls.append(1)
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Plan, "apply", failing)
    p = FilmJob(asked(frames, layers=[layer()], animation={}), init_images=[own])
    made = webui.process_images(p)
    assert len(calls) == 1 and "out of memory" in p.extra_generation_params["pxl error"]
    assert "pxl animation" not in p.extra_generation_params
    torch.testing.assert_close(made[:1], alone(webui, frames[0], 5))
    for i in (1, 2, 3):
        torch.testing.assert_close(made[i][None], alone(webui, own, 5 + i))
    assert (p.init_images, p.n_iter) == ([own], 1)


@pytest.mark.parametrize("kind", ["gif", "webp", "apng"])
def test_the_pictures_become_an_animation_beside_the_grids(webui: Webui, tmp_path: Path, kind: str) -> None:
    p = FilmJob(asked(pictures(5), animation={"format": kind, "fps": 20}), outpath_grids=str(tmp_path / "grids"))
    made = webui.process_images(p)
    (path,) = (tmp_path / "grids").iterdir()
    assert path.name == "animation-0000." + kind.replace("apng", "png")
    assert p.extra_generation_params["pxl animation"] == str(path)
    shown = open_animation(path)
    assert shown.count == len(made) == 5
    assert [each.info["duration"] for each in shown.frames(range(5))] == [50] * 5
    stills = p.processed.images[1:6]
    assert p.processed.images[6].already_saved_as == str(path), "after the grid and the stills"
    assert infotext_of(path) == p.processed.infotexts[0] == p.processed.infotexts[6]
    for frame, still in zip(shown.frames(range(5)), stills, strict=True):
        assert apart(frame, still.convert("RGB")) < 6
    assert webui.shared.state.textinfo is None


def test_without_fps_the_inputs_own_times_are_kept(webui: Webui, tmp_path: Path) -> None:
    times = [70, 30, 250]
    control = {"input": film(pictures(3), "GIF", times), "animation": {"bounce": True}}
    p = FilmJob({"control": control}, outpath_grids=str(tmp_path / "grids"), batch_size=2)
    webui.process_images(p)
    with Image.open(p.extra_generation_params["pxl animation"]) as shown:
        assert [each.info["duration"] for each in ImageSequence.Iterator(shown)] == [70, 30, 250, 30]
        assert shown.info["loop"] == 0


def test_txt2img_makes_animations_too_and_an_api_client_counts_its_pictures(webui: Webui, tmp_path: Path) -> None:
    p = FilmJob({"control": {"animation": {}}}, n_iter=3, is_api=True, outpath_samples=str(tmp_path / "samples"))
    webui.process_images(p)
    assert len(p.processed.images) == 4 == len(p.processed.infotexts)
    shown = open_animation(Path(p.extra_generation_params["pxl animation"]))
    assert [round(each.info["duration"]) for each in shown.frames(range(3))] == [80, 90, 80], "12 a second"


def test_one_picture_is_no_animation(webui: Webui, tmp_path: Path) -> None:
    p = FilmJob(asked(pictures(1), animation={}), outpath_grids=str(tmp_path / "grids"))
    webui.process_images(p)
    assert p.extra_generation_params.keys() == {"pxl"} and not (tmp_path / "grids").exists()


@pytest.mark.parametrize("flag", ["interrupted", "stopping_generation"])
@pytest.mark.parametrize("when", ["before", "while"])
def test_an_interrupt_leaves_no_half_animation(webui: Webui, tmp_path: Path, when: str, flag: str) -> None:
    state, folder = webui.shared.state, tmp_path / "grids"

    class State:
        interrupted, said = False, []

        def __setattr__(self, name: str, value: Any) -> None:
            if name == "textinfo" and value and ("frame 2" in value or when == "before"):
                setattr(type(self), flag, True)
            self.said.append(value)

    webui.shared.state = State()
    p = FilmJob(asked(pictures(3), animation={}), outpath_grids=str(folder))
    webui.process_images(p)
    webui.shared.state = state
    assert State.said[-1] is None and not list(folder.glob("*"))
    assert p.extra_generation_params.keys() == {"pxl"} and len(p.processed.images) == 4


def test_a_disk_that_is_full_is_told_and_the_pictures_stay(
    webui: Webui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lib_pxl.store import animations

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(animations, "whole_file", full)
    p = FilmJob(asked(pictures(3), animation={}), outpath_grids=str(tmp_path / "grids"))
    webui.process_images(p)
    assert "No space left" in p.extra_generation_params["pxl error"] and "pxl" in p.extra_generation_params
    assert "No space left" in p.processed.comments and len(p.processed.images) == 4
    assert not list((tmp_path / "grids").iterdir()) and webui.shared.state.textinfo is None


def test_a_disk_with_no_room_for_the_first_still_is_told_in_the_same_words(
    webui: Webui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.modules["modules.images"], "save_image", full)
    p = FilmJob(asked(pictures(3), animation={}), outpath_grids=str(tmp_path / "grids"))
    webui.process_images(p)
    wanted = f"animation: got No space left on device, wanted room to write it in {tmp_path / 'grids'}"
    assert p.extra_generation_params["pxl error"] == wanted and len(p.processed.images) == 4


def test_a_user_who_keeps_no_infotext_gets_none(webui: Webui, tmp_path: Path) -> None:
    webui.shared.opts.enable_pnginfo = False
    p = FilmJob(asked(pictures(2), animation={}), outpath_grids=str(tmp_path / "grids"))
    webui.process_images(p)
    assert infotext_of(Path(p.extra_generation_params["pxl animation"])) == ""
