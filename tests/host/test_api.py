"""Every promise that can be checked over HTTP, for each checkpoint."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

import numpy
import pytest
from PIL import Image

from tests.host.client import Client, apart, blocks, layer, text

ALIKE = ["Euler", "Euler a", "Heun", "DPM2", "DPM++ 2M", "DPM++ SDE", "LCM"]  # they end at sigma 0: the map, exactly
OTHERS = ["DDIM", "DDIM CFG++", "PLMS", "UniPC", "DPM adaptive", "DPM fast", "Restart"]
HIRES = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 0.5, "hr_upscaler": "Latent"}


@pytest.fixture(scope="module")
def plain(host: Client) -> Any:
    """The picture without pxl."""
    return host.make().first


@pytest.fixture(scope="module")
def mapped(host: Client) -> Any:
    """The picture that is all map."""
    return host.make(layer()).first


@pytest.mark.parametrize("sampler", ["Euler", "DDIM", "DPM++ 2M"])
def test_off_is_off(host: Client, sampler: str) -> None:
    without = host.make(sampler_name=sampler).first
    job = layer()
    job["control"]["enabled"] = False
    for given in (job, {}, layer(strength=0), layer(muted=True)):
        made = host.make(given, sampler_name=sampler)
        assert numpy.array_equal(made.first, without)
        assert "pxl error" not in made.extra


@pytest.mark.parametrize("sampler", ALIKE)
def test_full_strength_is_the_same_map_with_every_sampler(host: Client, mapped: Any, sampler: str) -> None:
    assert apart(host.make(layer(), sampler_name=sampler).first, mapped) <= 0.2


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_full_strength_is_the_same_map_after_any_number_of_steps(host: Client, mapped: Any, steps: int) -> None:
    assert apart(host.make(layer(), steps=steps).first, mapped) <= 0.2


@pytest.mark.parametrize("sampler", OTHERS)
def test_every_other_sampler_answers_to_the_map_and_repeats_itself(host: Client, sampler: str) -> None:
    without = host.make(sampler_name=sampler).first
    made = host.make(layer(strength=0.6), sampler_name=sampler)
    assert made.extra.keys() == {"pxl"}
    assert apart(made.first, without) > 1
    assert numpy.array_equal(host.make(layer(strength=0.6), sampler_name=sampler).first, made.first)


def test_every_sampler_that_the_host_lists_answers_to_the_map(host: Client) -> None:
    for sampler in (each["name"] for each in host.get("/sdapi/v1/samplers")):
        made = host.make(layer(strength=0.6), sampler_name=sampler)
        assert made.extra.keys() == {"pxl"}, (sampler, made.extra)
        assert apart(made.first, host.make(sampler_name=sampler).first) > 1, sampler


def test_the_picture_comes_nearer_to_the_map_with_strength(host: Client, mapped: Any) -> None:
    left = [apart(host.make(layer(strength=w), steps=8).first, mapped) for w in (0, 0.85, 0.97, 1)]
    assert left == sorted(left, reverse=True) and left[-1] <= 0.2 < left[-2]


def test_a_batch_is_its_single_pictures(host: Client) -> None:
    together = host.make(layer(strength=0.6), batch_size=2, n_iter=2, seed=5)
    assert len(together.pictures) in (4, 5), "the host may put a grid before them"
    for picture, seed in zip(together.pictures[-4:], (5, 6, 7, 8), strict=True):
        assert apart(picture, host.make(layer(strength=0.6), seed=seed).first) < 0.1


@pytest.mark.parametrize("settings", [{"prompt": "a cat AND a dog :0.5"}, {"cfg_scale": 1}, {"batch_size": 2}])
def test_other_rows_change_nothing_in_the_law(host: Client, mapped: Any, settings: dict[str, Any]) -> None:
    assert apart(host.make(layer(), **settings).pictures[-1], mapped) <= 0.2


def test_the_hires_pass_has_a_strength_of_its_own(host: Client) -> None:
    without = host.make(**HIRES).first
    made = {hires: host.make(layer(hires=hires), **HIRES).first for hires in ("same", "off", "0:0.3")}
    assert made["same"].shape == (256, 256, 3)
    assert len({each.tobytes() for each in (*made.values(), without)}) == 4
    alone = host.make(layer(strength=0, hires="0:1"), **HIRES).first
    assert apart(alone, made["same"]) <= 0.2


def test_img2img_and_inpainting(host: Client, mapped: Any) -> None:
    start = {"init_images": [text(blocks(7))], "denoising_strength": 0.8, "over": "img2img"}
    assert apart(host.make(layer(), **start).first, mapped) <= 0.2
    half = Image.new("L", (128, 128))
    half.paste(255, (0, 0, 64, 128))
    inpaint = {**start, "mask": text(half), "mask_blur": 0, "inpainting_fill": 1}
    for whole in (0, 1):
        without = host.make(**inpaint, inpaint_full_res=whole).first
        made = host.make(layer(), **inpaint, inpaint_full_res=whole)
        assert made.extra.keys() == {"pxl"}
        assert apart(made.first[:, 72:], without[:, 72:]) < 1 < apart(made.first[:, :56], without[:, :56])


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (layer(strength="0:a"), "'0:a'"),
        (layer(strength="2:1"), "write 2%"),
        (layer() | {"kontrol": 1}, "kontrol"),
        (layer(mode="hold"), "not built yet"),
        ({"control": {"layers": [{"source": {"kind": "image", "image": "/etc/passwd"}}]}}, "/etc/passwd"),
        ({"control": {"layers": [{"source": {"kind": "image", "image": "map:" + "0" * 32}}]}}, "data folder"),
        ('{"control": ' + "[" * 100_000, "nested too deeply"),
    ],
    ids=["curve", "frames", "key", "mode", "path", "hash", "deep"],
)
def test_what_cannot_be_done_leaves_the_picture_and_says_so(host: Client, plain: Any, job: Any, said: str) -> None:
    made = host.make(job)
    assert numpy.array_equal(made.first, plain)
    assert said in made.extra["pxl error"]
    assert "pxl error: " in made.infotexts[0]


def test_a_picture_too_large_is_refused_in_words(host: Client, plain: Any) -> None:
    made = host.make(layer(Image.new("1", (20_000, 20_000))))
    assert numpy.array_equal(made.first, plain)
    assert "pixels" in made.extra["pxl error"]


def test_the_infotext_makes_the_same_picture_again(host: Client) -> None:
    first = host.make(layer(strength="0:0, 50%:1 smooth"), steps=6)
    again = host.make(first.extra["pxl"], steps=6)
    assert numpy.array_equal(again.first, first.first)
    assert again.extra == first.extra


def test_interrupting_leaves_the_next_job_clean(host: Client, plain: Any) -> None:
    for word in ("interrupt", "skip"):
        job = threading.Thread(target=host.make, args=(layer(strength=0.5),), kwargs={"steps": 150})
        job.start()
        for _ in range(200):
            if host.get("/sdapi/v1/progress?skip_current_image=true")["state"]["sampling_step"] > 2:
                break
            time.sleep(0.05)
        host.http.post(f"/sdapi/v1/{word}")
        job.join()
        assert numpy.array_equal(host.make().first, plain)


def test_how_a_picture_formed(host: Client, plain: Any) -> None:
    traced = {"control": {"trace": True}}
    made = host.make(traced)
    assert numpy.array_equal(made.first, plain) and made.extra == {}
    told = host.get("/pxl/v1/formed/txt2img")
    assert told == {"count": 4, "passes": [{"kind": "base", "progress": told["passes"][0]["progress"]}]}
    settings = HIRES | {"batch_size": 2, "n_iter": 2}
    unseen = host.make(layer(strength=0.6), **settings)
    job = layer(strength=0.6)
    job["control"] |= traced["control"]
    seen = host.make(job, **settings)
    assert all(map(numpy.array_equal, seen.pictures, unseen.pictures)) and seen.extra == unseen.extra
    told = host.get("/pxl/v1/formed/txt2img")
    assert [each["kind"] for each in told["passes"]] == ["base", "hires"]
    for name, size in {"strip.webp?columns=4": (512, 256), "film.gif": (256, 256)}.items():
        with Image.open(io.BytesIO(host.http.get(f"/pxl/v1/formed/txt2img/{name}").content)) as opened:
            assert opened.size == size


def test_the_refiner_takes_over_in_the_middle(host: Client) -> None:
    others = [name for name in host.checkpoints() if name != host.checkpoint]
    alike = [name for name in others if ("xl" in name) == ("xl" in str(host.checkpoint))]
    for name in alike[:1]:
        made = host.make(layer(strength=0.6), steps=8, refiner_checkpoint=name, refiner_switch_at=0.5)
        assert made.extra.keys() == {"pxl"}


@pytest.mark.parametrize("over", ["txt2img", "img2img"])
def test_a_grid_of_strengths_and_presets(host: Client, plain: Any, over: str) -> None:
    host.http.put("/pxl/v1/presets/suite", json={"layers": layer(strength=0.6)["control"]["layers"]})
    kinds = {name: i for i, name in enumerate(_axis_names(host, over))}
    start = {"init_images": [text(blocks(7))], "denoising_strength": 0.8} if over == "img2img" else {}
    x, y = (kinds["[pxl] Strength"], "0, 1:0.6"), (kinds["[pxl] Preset"], "", ["suite"])
    grid = host.make(layer(), over=over, script_name="x/y/z plot", script_args=_grid(x, (0, "")), **start)
    alone = [host.make(layer(strength=w), over=over, **start).first for w in (0, 0.6)]
    assert [apart(a, b) for a, b in zip(grid.pictures[-2:], alone, strict=True)] == [0, 0]
    preset = host.make(None, over=over, script_name="x/y/z plot", script_args=_grid((0, ""), y), **start)
    assert apart(preset.pictures[-1], alone[1]) == 0
    host.http.delete("/pxl/v1/presets/suite")


AXES = [  # an axis, its values as one text, and the layers that say the same
    ("Mode", "color, 1:start", [{"mode": "color"}, {"mode": "start"}]),
    ("Strength", "0-1 (+0.5), 1:0.25", [{"strength": w} for w in (0, 0.5, 1, 0.25)]),
    ("Gate cover", "0.2-0.6 [2]", [{"gate": {"cover": 0.2}}, {"gate": {"cover": 0.6}}]),
    ("Noise scale", "1:0.1-0.2 [2]", [{"gate": {"scale": 0.1}}, {"gate": {"scale": 0.2}}]),
    ("Seed", "7-8", [{"gate": {"seed": 7}}, {"gate": {"seed": 8}}]),
]


@pytest.mark.parametrize(("name", "values", "said"), AXES, ids=[each[0] for each in AXES])
def test_a_grid_over_every_axis(host: Client, name: str, values: str, said: list[dict[str, Any]]) -> None:
    axis = _axis_names(host, "txt2img").index(f"[pxl] {name}")
    grid = host.make(layer(gate={}), script_name="x/y/z plot", script_args=_grid((axis, values), (0, ""), as_text=True))
    alone = [host.make(layer(**{"gate": {}, **each})).first for each in said]
    assert [apart(a, b) for a, b in zip(grid.pictures[-len(said) :], alone, strict=True)] == [0] * len(said)
    assert apart(alone[0], alone[-1]) > 1


def test_a_cell_that_cannot_be_is_the_picture_without_pxl(host: Client, plain: Any) -> None:
    axis = _axis_names(host, "txt2img").index("[pxl] Gate cover")
    args = _grid((axis, "0.5, 2"), (0, ""), as_text=True)
    grid = host.make(layer(), script_name="x/y/z plot", script_args=args)
    assert apart(grid.pictures[-1], plain) == 0 < apart(grid.pictures[-2], plain)
    assert "wanted a number from 0 to 1" in grid.infotexts[-1] and "pxl error" not in grid.infotexts[-2]


def _axis_names(host: Client, over: str) -> list[str]:
    """The grid's own list, from the page's configuration."""
    lists = [
        each["props"]["choices"]
        for each in host.get("/config")["components"]
        if each.get("props", {}).get("label") == "X type"
    ]
    chosen = lists[0 if over == "txt2img" else 1]
    return [each[0] if isinstance(each, list) else each for each in chosen]


def _grid(x: tuple[Any, ...], y: tuple[Any, ...], as_text: bool = False) -> list[Any]:
    x, y = (*x, [])[:3], (*y, [])[:3]
    return [*x, *y, 0, "", [], False, True, False, False, False, False, False, 0, as_text]
