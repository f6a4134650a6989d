"""pxl inside a WebUI in miniature: the hosts' order of calls, their tensors, and everything that can go wrong."""

from __future__ import annotations

import io
import json
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio
import numpy
import pytest
import torch
from PIL import Image

from lib_pxl.control.map import pixels
from lib_pxl.control.preset import PRESETS
from lib_pxl.errors import StoreError
from lib_pxl.hosts import fake
from lib_pxl.taste import Duel, Taste
from lib_pxl.taste.origin import record_of
from tests.webui.processing import Job, RedrawJob, Stage, Webui, copied

HOOKS = {"on_before_ui", "on_ui_settings", "on_ui_tabs", "on_app_started", "on_infotext_pasted", "on_cfg_denoiser"}


@pytest.fixture
def picture() -> Image.Image:
    """Coloured noise, one block for each latent."""
    colours = torch.rand(16, 16, 3, generator=torch.Generator().manual_seed(3))
    return Image.fromarray((colours * 255).byte().numpy()).resize((128, 128), Image.Resampling.NEAREST)


@pytest.fixture
def job(picture: Image.Image) -> Callable[..., dict[str, Any]]:
    """A job with one layer; keywords set its knobs."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    image = b64encode(file.getvalue()).decode()

    def make(**knobs: Any) -> dict[str, Any]:
        return {"control": {"layers": [{"source": {"kind": "image", "image": image}, "strength": 1, **knobs}]}}

    return make


@pytest.fixture(params=["A1111", "Forge"])
def webui(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Webui:
    """A host with pxl loaded."""
    host = Webui(monkeypatch, tmp_path, request.param)
    host.reload()
    if request.param == "Forge":
        forge_only(host)
    return host


def forge_only(host: Webui) -> None:
    """What Forge has instead of A1111's embedding_db and first stage."""
    vae = SimpleNamespace(first_stage_model=Stage(), downscale_ratio=8)
    vae.first_stage_model.process_in = lambda x: x
    vae.latent_channels, vae.patcher = 4, SimpleNamespace(set_model_vae_regulation=lambda rule: None)
    vae.clone, vae.encode = lambda: vae, lambda x: fake.encode(x.movedim(-1, 1))
    host.shared.sd_model.forge_objects = SimpleNamespace(vae=vae)
    host.shared.sd_model.filename = "lite.safetensors"


def target(picture: Image.Image) -> torch.Tensor:
    return fake.encode(pixels(picture)[None])


def test_reloading_the_ui_twice_leaves_one_set_of_hooks(webui: Webui) -> None:
    before = {name: len(hooks) for name, hooks in webui.callbacks.items()}
    webui.reload()
    webui.reload()
    assert {name: len(hooks) for name, hooks in webui.callbacks.items()} == before
    assert all(before[name] == 1 for name in HOOKS)


@pytest.mark.parametrize("timesteps", [False, True])
def test_off_is_off(webui: Webui, job: Any, timesteps: bool) -> None:
    plain = webui.process_images(Job(timesteps=timesteps, scripts=False))
    switched_off = job() | {"control": job()["control"] | {"enabled": False}}
    for given in (None, {}, "", switched_off, job(strength=0), job(muted=True)):
        p = Job(given, timesteps=timesteps)
        assert torch.equal(webui.process_images(p), plain)
        assert "pxl error" not in p.extra_generation_params


@pytest.mark.parametrize("ands", [1, 2])
@pytest.mark.parametrize("kind", [Job, RedrawJob])
def test_full_strength_gives_the_map(webui: Webui, job: Any, picture: Image.Image, kind: type, ands: int) -> None:
    p = kind(job(), ands=ands, init_latent=torch.zeros(2, 4, 16, 16), seeds=[1, 2])
    torch.testing.assert_close(webui.process_images(p), target(picture).expand(2, -1, -1, -1), atol=1e-4, rtol=0)
    assert json.loads(p.extra_generation_params["pxl"])["control"]["enabled"] is True


@pytest.mark.parametrize("kind", [Job, RedrawJob])
def test_full_strength_gives_the_map_where_the_host_hands_over_eps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, job: Any, picture: Image.Image, kind: type
) -> None:
    host = Webui(monkeypatch, tmp_path)
    host.reload()
    made = host.process_images(kind(job(), timesteps=True, steps=20, init_latent=torch.zeros(1, 4, 16, 16)))
    left = (made - target(picture)).square().mean().sqrt()
    assert left < 0.06, "DDIM ends at timestep 1, whose sigma is 0.04"


def test_the_hires_pass_is_prepared_at_its_own_size(webui: Webui, job: Any, picture: Image.Image) -> None:
    made = webui.process_images(Job(job(), enable_hr=True))
    wanted = fake.encode(pixels(picture.resize((256, 256), Image.Resampling.LANCZOS))[None])
    torch.testing.assert_close(made, wanted, atol=0.02, rtol=0)


def test_hires_off_leaves_the_second_pass_alone(webui: Webui, job: Any) -> None:
    edited: set[bool] = set()
    p = Job(job(hires="off"), enable_hr=True)
    before: list[torch.Tensor] = []
    webui.callbacks["on_cfg_after_cfg"].insert(0, lambda params: before.append(params.x))
    webui.callbacks["on_cfg_after_cfg"].append(
        lambda params: edited.add(p.is_hr_pass) if params.x is not before[-1] else None
    )
    webui.process_images(p)
    assert edited == {False}


def test_inpainting_leaves_what_the_mask_keeps(webui: Webui, job: Any) -> None:
    nmask = torch.zeros(4, 16, 16)
    nmask[:, :, :8] = 1
    start = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(5))
    plain = webui.process_images(RedrawJob(scripts=False, nmask=nmask, init_latent=start))
    made = webui.process_images(RedrawJob(job(), nmask=nmask, init_latent=start))
    assert torch.equal(made[..., 8:], plain[..., 8:])
    assert not torch.allclose(made[..., :8], plain[..., :8])


def test_only_masked_follows_the_crop(webui: Webui, job: Any, picture: Image.Image) -> None:
    p = RedrawJob(job(), init_latent=torch.zeros(1, 4, 16, 16), paste_to=(64, 0, 64, 64))
    p.mask_for_overlay = Image.new("L", (128, 128), 255)
    corner = picture.crop((64, 0, 128, 64)).resize((128, 128), Image.Resampling.LANCZOS)
    torch.testing.assert_close(webui.process_images(p), target(corner), atol=0.02, rtol=0)


def test_a_job_that_another_script_starts_inside_ours_is_left_alone(webui: Webui, job: Any) -> None:
    plain = webui.process_images(Job(scripts=False))
    for given in (job(), job() | {"control": job()["control"] | {"inner": False}}):
        for inner in (copied(Job(given)), Job(scripts=False)):
            p = Job(given, inner_job=inner)
            webui.process_images(p)
            assert torch.equal(p.inner_result, plain)
    asked = job() | {"control": job()["control"] | {"inner": True}}
    p = Job(asked, inner_job=Job(asked))
    webui.process_images(p)
    assert not torch.equal(p.inner_result, plain)


def test_a_copy_of_a_running_job_has_no_right_to_its_run(webui: Webui, job: Any) -> None:
    plain = webui.process_images(Job(scripts=False))
    p = Job(job())
    p.inner_job = copied(p, scripts=False)
    webui.process_images(p)
    assert torch.equal(p.inner_result, plain)


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"strength": "0:a"}, "got '0:a'"),
        ({"strength": "2:1"}, "write 2%"),
        ({"source": {"kind": "image", "image": "/etc/passwd"}}, "/etc/passwd"),
        ({"mode": "hold"}, "not built yet"),
        ({"colour": 1}, "colour"),
        ({"source": {"kind": "image", "image": "map:" + "0" * 32}}, "not in this data folder"),
    ],
)
def test_an_error_before_sampling_leaves_the_picture_as_it_would_have_been(
    webui: Webui, job: Any, knobs: dict[str, Any], said: str
) -> None:
    plain = webui.process_images(Job(scripts=False))
    p = Job(job(**knobs))
    assert torch.equal(webui.process_images(p), plain)
    assert said in p.extra_generation_params["pxl error"]
    assert "pxl" not in p.extra_generation_params
    assert len(p.comments) == 1


def test_an_unknown_key_gives_the_picture_without_pxl_and_names_it(webui: Webui, job: Any) -> None:
    p = Job(job() | {"kontrol": True})
    assert torch.equal(webui.process_images(p), webui.process_images(Job(scripts=False)))
    assert "kontrol" in p.extra_generation_params["pxl error"]


def test_an_error_inside_a_step_finishes_the_picture_and_the_next_job_is_clean(
    webui: Webui, job: Any, monkeypatch: pytest.MonkeyPatch, picture: Image.Image
) -> None:
    from lib_pxl.control.plan import Plan

    apply, calls = Plan.apply, []

    def failing(plan: Plan, denoised: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        calls.append(sigma)
        if len(calls) == 3:
            raise RuntimeError("out of memory")
        return apply(plan, denoised, sigma)

    monkeypatch.setattr(Plan, "apply", failing)
    p = Job(job())
    made = webui.process_images(p)
    assert made.isfinite().all() and len(calls) == 3
    assert "out of memory" in p.extra_generation_params["pxl error"]
    again = webui.process_images(Job(job()))
    torch.testing.assert_close(again, target(picture), atol=1e-4, rtol=0)


def test_a_job_that_died_leaves_nothing_behind(webui: Webui, job: Any) -> None:
    plain = webui.process_images(Job(scripts=False))
    with pytest.raises(RuntimeError, match="Nans"):
        webui.process_images(Job(job(), crash_at=3))
    assert torch.equal(webui.process_images(Job(scripts=False)), plain)
    assert torch.equal(webui.process_images(Job()), plain)


def test_the_panel_keeps_its_first_fields(webui: Webui) -> None:
    with gradio.Blocks():
        first = webui.script.ui(False)
    with gradio.Blocks():
        webui.script.ui(False)
    assert webui.script.infotext_fields == [(first[0], "pxl")]
    assert webui.script.paste_field_names == ["pxl"]


def test_the_infotext_restores_the_job(webui: Webui, job: Any) -> None:
    p = Job(job(strength="0:0, 0.5:1 smooth"))
    first = webui.process_images(p)
    pasted = {"pxl": p.extra_generation_params["pxl"]}
    webui.fire("on_infotext_pasted", "", pasted)
    assert torch.equal(webui.process_images(Job(pasted["pxl"])), first)
    without: dict[str, str] = {}
    webui.fire("on_infotext_pasted", "", without)
    assert torch.equal(webui.process_images(Job(without["pxl"])), webui.process_images(Job(scripts=False)))


def test_the_grid_has_each_axis_once_and_a_value_acts_on_its_own_cell(webui: Webui, job: Any) -> None:
    webui.fire("on_before_ui")
    webui.fire("on_before_ui")
    labels = [option.label for option in webui.grid.axis_options]
    ours = ["Preset", "Mode", "Strength", "Gate cover", "Noise scale", "Seed", "Noken", "Noken mix"]
    assert labels == ["Nothing", *(f"[pxl] {name}" for name in ours)]
    strength = webui.grid.axis_options[labels.index("[pxl] Strength")]
    assert strength.prepare('0-1 (+0.5), "0:1, 1:0"') == ["0", "0.5", "1", "0:1, 1:0"]
    p = Job(job())
    cells = {}
    for value in ("0", "0.5", "9:1", "1:1"):
        cell = copied(p)  # as shallow as the grid's own: the cells share what they write their infotext into
        strength.apply(cell, value, None)
        cells[value] = webui.process_images(cell)
        assert ("pxl error" in cell.extra_generation_params) == (value == "9:1")
    assert not hasattr(p, "pxl_axis_values")
    assert torch.equal(cells["9:1"], cells["0"])
    assert torch.equal(cells["0"], webui.process_images(Job(scripts=False)))
    assert torch.equal(cells["1:1"], webui.process_images(Job(job())))
    assert torch.equal(cells["0.5"], webui.process_images(Job(job(strength=0.5))))


def test_a_preset_is_an_axis(webui: Webui, job: Any) -> None:
    import scripts.pxl as door

    door.desk.presets.save("mine", json.dumps({"layers": []}))
    webui.fire("on_before_ui")
    preset = webui.grid.axis_options[1]
    assert preset.choices() == [*PRESETS, "mine"] and preset.prepare is None
    p = Job(job())
    preset.apply(p, "yours", None)
    assert torch.equal(webui.process_images(p), webui.process_images(Job(scripts=False)))
    assert "yours" in p.extra_generation_params["pxl error"]


AXES = [  # an axis, its value, and the layer that says the same
    ("[pxl] Mode", "start", {"mode": "start"}),
    ("[pxl] Gate cover", "1:0.3", {"gate": {"cover": 0.3}}),
    ("[pxl] Noise scale", "0.1", {"gate": {"scale": 0.1}}),
    ("[pxl] Seed", "5", {"gate": {"seed": 5}}),
]


@pytest.mark.parametrize(("name", "value", "said"), AXES)
def test_a_cell_is_the_job_that_says_the_same_and_a_value_that_cannot_be_leaves_the_picture(
    webui: Webui, job: Any, name: str, value: str, said: dict[str, Any]
) -> None:
    webui.fire("on_before_ui")
    option = next(each for each in webui.grid.axis_options if each.label == name)
    p = Job(job(gate={}))
    option.apply(p, value, None)
    assert torch.equal(webui.process_images(p), webui.process_images(Job(job(**{"gate": {}, **said}))))
    assert "pxl error" not in p.extra_generation_params
    p = Job(job(gate={}))
    option.apply(p, "nonsense", None)
    assert torch.equal(webui.process_images(p), webui.process_images(Job(scripts=False)))
    assert "got 'nonsense', wanted" in p.extra_generation_params["pxl error"]


@pytest.mark.parametrize("order", [("[pxl] Preset", "[pxl] Strength"), ("[pxl] Strength", "[pxl] Preset")])
def test_a_strength_changes_a_preset_whichever_axis_comes_first(webui: Webui, job: Any, order: tuple[str, str]) -> None:
    import scripts.pxl as door

    door.desk.presets.save("mine", json.dumps({"layers": job(strength=0.9)["control"]["layers"]}))
    webui.fire("on_before_ui")
    options = {option.label: option for option in webui.grid.axis_options}
    p = Job()
    for name in order:
        options[name].apply(p, {"[pxl] Preset": "mine", "[pxl] Strength": "0.5"}[name], None)
    assert torch.equal(webui.process_images(p), webui.process_images(Job(job(strength=0.5))))


@pytest.mark.parametrize("timesteps", [False, True])
@pytest.mark.parametrize("layered", [False, True])
def test_how_a_picture_formed_is_kept(webui: Webui, job: Any, timesteps: bool, layered: bool) -> None:
    import scripts.pxl as door

    control = job(strength=0.8)["control"] if layered else {}
    unseen = webui.process_images(Job({"control": control}, timesteps=timesteps, enable_hr=True))
    p = Job({"control": control | {"trace": True}}, timesteps=timesteps, enable_hr=True)
    with torch.inference_mode():
        assert torch.equal(webui.process_images(p), unseen)
    assert ("pxl" in p.extra_generation_params) == layered and "pxl error" not in p.extra_generation_params
    assert "trace" not in p.extra_generation_params.get("pxl", "")
    film = door.desk.formed("txt2img")
    assert [reel.kind for reel in film.reels] == ["base", "hires"] and film.count == webui.calls
    assert numpy.array_equal(film.reels[-1].wished, film.reels[-1].formed) is not layered
    assert film.reels[-1].formed.shape[1:] == (32, 32, 3)


def test_a_program_s_job_leaves_the_page_s_film_alone_unless_it_asked_for_one(webui: Webui, job: Any) -> None:
    import scripts.pxl as door

    traced = {"control": {"trace": True}}
    webui.process_images(Job(traced, steps=4))
    webui.process_images(Job(job(), is_api=True))
    assert door.desk.formed("txt2img").count == 4
    webui.process_images(Job(traced, steps=5, is_api=True))
    assert door.desk.formed("txt2img").count == 5
    webui.process_images(Job(job()))
    with pytest.raises(StoreError, match="wanted a job with"):
        door.desk.formed("txt2img")


def test_each_task_of_a_page_has_its_own_film_and_its_own_end(webui: Webui, job: Any) -> None:
    import scripts.pxl as door

    for task, steps in (("task(one)", 4), ("task(two)", 5)):
        webui.progress.current_task = task
        webui.process_images(Job({"control": {"trace": True}}, steps=steps))
    assert [door.desk.formed("txt2img", task).count for task in ("task(one)", "task(two)", "")] == [4, 5, 5]
    webui.process_images(Job(job(strength="0:a")))
    assert door.desk.status("txt2img", "task(one)") == (1, None)
    assert door.desk.status("txt2img", "task(two)")[0] == 2 and "0:a" in str(
        door.desk.status("txt2img", "task(two)")[1]
    )


def test_a_layer_that_is_switched_off_may_be_half_made(webui: Webui) -> None:
    p = Job({"control": {"enabled": False, "layers": [{"source": {"kind": "image"}, "strength": "0:"}]}})
    assert torch.equal(webui.process_images(p), webui.process_images(Job(scripts=False)))
    assert p.extra_generation_params == {} and p.comments == []


def test_grids_are_marked_by_the_taste_where_the_settings_say_so(webui: Webui) -> None:
    import scripts.pxl as door

    webui.fire("on_ui_settings")
    assert webui.options["pxl_marked_grids"].default == ""
    liked, other = (f"a {colour} thing\nSteps: 4, Sampler: Euler, CFG scale: 7" for colour in ("red", "blue"))
    items = [record_of(text, name).item for text, name in ((liked, "a"), (other, "b"))]
    path = door.desk.data / "models" / "taste-me.safetensors"
    path.parent.mkdir(parents=True)
    Taste.fit(items, [Duel("a", "b", winner="a")] * 9).save(path)
    pictures = [Image.new("RGB", (64, 64)) for _ in items]
    for picture, text in zip(pictures, (liked, other), strict=True):
        picture.info["parameters"] = text
    grid = SimpleNamespace(imgs=pictures)
    webui.fire("on_image_grid", grid)
    assert grid.imgs is pictures, "nobody has set it"
    webui.shared.opts.pxl_marked_grids = "overall"
    webui.fire("on_image_grid", grid)
    assert [each.getpixel((0, 63)) == (0, 0, 0) for each in (*pictures, *grid.imgs)] == [True, True, False, False]


def test_a_job_cannot_name_folders_for_itself(webui: Webui, job: Any, picture: Image.Image, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    picture.save(tmp_path / "private" / "a.png")
    webui.fire("on_ui_settings")
    assert webui.options["pxl_map_folders"].restrict_api is True
    webui.shared.opts.outdir_samples = str(tmp_path / "private")  # as override_settings does it
    p = Job({"control": {"layers": [{"source": {"kind": "image", "image": str(tmp_path / "private" / "a.png")}}]}})
    webui.process_images(p)
    assert "private" in p.extra_generation_params["pxl error"]


def test_words_of_a_job_that_died_are_gone_in_the_next(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    host = Webui(monkeypatch, tmp_path)
    host.reload()
    import scripts.pxl as door

    door.host.embed("word", {"l": torch.zeros(1, 8)})
    with pytest.raises(RuntimeError, match="Nans"):
        host.process_images(Job(crash_at=1))
    assert host.hijack.embedding_db.ids_lookup == {}


def test_a_vae_that_overflows_is_tried_again_in_full_precision(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, job: Any, picture: Image.Image
) -> None:
    host = Webui(monkeypatch, tmp_path)
    host.reload()
    encode, stage = Stage.encode, host.shared.sd_model.first_stage_model

    def overflowing(self: Any, pixels: torch.Tensor) -> Any:
        made = encode(self, pixels)
        return SimpleNamespace(mode=lambda: made.mode() * (1 if pixels.dtype == torch.float32 else float("nan")))

    monkeypatch.setattr(type(stage), "encode", overflowing)
    monkeypatch.setattr(sys.modules["modules.devices"], "dtype_vae", torch.float16)
    torch.testing.assert_close(host.process_images(Job(job())), target(picture), atol=1e-3, rtol=0)


def test_the_tab_the_routes_and_the_settings_are_there(webui: Webui) -> None:
    webui.fire("on_ui_settings")
    assert list(webui.options) == ["pxl_map_folders", "pxl_no_share", "pxl_marked_grids"]
    [[(_, title, element)]] = webui.fire("on_ui_tabs")
    assert (title, element) == ("pxl", "pxl_tab")
    routers: list[Any] = []
    webui.fire("on_app_started", None, SimpleNamespace(include_router=routers.append))
    assert len(routers) == 1


def test_a_flag_a_setting_and_a_run_without_a_page_close_sharing(webui: Webui) -> None:
    import scripts.pxl as door

    assert door.host.closed == ""
    for place, name in ((webui.shared.opts, "pxl_no_share"), (webui.shared.cmd_opts, "pxl_no_share"),
                        (webui.shared.cmd_opts, "nowebui")):  # fmt: skip
        setattr(place, name, True)
        assert door.host.closed
        setattr(place, name, False)
    assert door.host.closed == ""


def test_a_path_may_lie_in_the_output_folder_or_where_the_settings_say(
    webui: Webui, picture: Image.Image, tmp_path: Path
) -> None:
    for folder in ("out", "added", "private"):
        (tmp_path / folder).mkdir()
        picture.save(tmp_path / folder / "a.png")
    webui.shared.opts.pxl_map_folders = f"{tmp_path / 'added'}\n"
    errors = {}
    for folder in ("out", "added", "private"):
        source = {"kind": "image", "image": str(tmp_path / folder / "a.png")}
        p = Job({"control": {"layers": [{"source": source}]}})
        webui.process_images(p)
        errors[folder] = p.extra_generation_params.get("pxl error")
    assert errors["out"] is None and errors["added"] is None
    assert errors["private"] is not None


def test_words_come_and_go_without_a_trace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    host = Webui(monkeypatch, tmp_path)
    host.reload()
    import scripts.pxl as door

    theirs = ([ord("p")], SimpleNamespace(name="p"))
    known = host.hijack.embedding_db.ids_lookup
    known[ord("p")] = [theirs]
    assert door.host.widths() == {"l": 8}
    door.host.embed("pxl1", {"l": torch.zeros(2, 8)})
    door.host.embed("q", {"l": torch.zeros(1, 8)})
    assert [len(ids) for ids, _ in known[ord("p")]] == [4, 1], "the longer word is tried first"
    assert known[ord("p")][0][1].vectors == 2
    door.host.forget()
    assert known == {ord("p"): [theirs]}


def test_credentials_are_the_hosts_own(webui: Webui) -> None:
    import scripts.pxl as door

    assert door.host.credentials == {}
    webui.shared.cmd_opts.api_auth = "ann:a:b,bob:c"
    assert door.host.credentials == {"ann": "a:b", "bob": "c"}
    webui.shared.cmd_opts.api = False
    assert door.host.credentials is None
