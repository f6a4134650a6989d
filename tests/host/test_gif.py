"""gif2gif over HTTP: each image of a job is what img2img makes of its own frame, and the pictures become a file."""

from __future__ import annotations

import base64
import io
import itertools
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image, ImageSequence

from tests.host.client import Client, apart, blocks, layer, pixels, text

FRAMES = [blocks(20 + i) for i in range(3)]
START = {"over": "img2img", "denoising_strength": 0.6}


def film(kind: str = "PNG", durations: Any = 40) -> str:
    """The frames as one file in base64; PNG keeps every pixel."""
    file = io.BytesIO()
    FRAMES[0].save(file, kind, save_all=True, append_images=FRAMES[1:], duration=durations, loop=0)
    return base64.b64encode(file.getvalue()).decode()


def asked(**more: Any) -> dict[str, Any]:
    return {"control": {"input": film(), **more}}


def own(i: int = 9) -> dict[str, Any]:
    """A picture of the user's own."""
    return {**START, "init_images": [text(blocks(i))]}


def alone(host: Client, i: int, **more: Any) -> Any:
    return host.make(**{"seed": 1 + i, **START, "init_images": [text(FRAMES[i % 3])], **more}).first


def pixels_of(i: int) -> Any:
    return numpy.asarray(FRAMES[i % 3]).astype(numpy.int16)


def written(host: Client, path: str) -> Image.Image:
    """The file that a job says it wrote."""
    return Image.open(io.BytesIO(_bytes(host, path)))


@pytest.fixture(scope="module")
def near(host: Client) -> float:
    """How far apart an img2img job may be from itself.

    A1111 draws from the autoencoder's posterior before it seeds the job, so the job before it decides.
    """
    spread = []
    for frame in range(3):
        made = []
        for other in range(4):
            host.make(**own(other), seed=100 + other)
            made.append(alone(host, frame))
        spread += [apart(a, b) for a, b in itertools.combinations(made, 2)]
    return 2 * max(spread) + 1


@pytest.fixture
def colours_as_they_were(host: Client) -> Iterator[None]:
    """An option that a job overrides may stay as the job had it."""
    yield
    host.http.post("/sdapi/v1/options", json={"img2img_color_correction": False}).raise_for_status()


@pytest.mark.parametrize("size", [1, 2, 3])
def test_image_i_is_what_frame_i_alone_becomes(host: Client, near: float, size: int) -> None:
    made = host.make(asked(), **own(), batch_size=size)
    count = -(-3 // size) * size
    assert made.extra.keys() == {"pxl"} and len(made.pictures) in (count, count + 1), "the host may put a grid first"
    right, wrong = [], []
    for i, picture in enumerate(made.pictures[-count:]):
        right.append(apart(picture, alone(host, i)))
        wrong.append(apart(picture, alone(host, i + 1, seed=1 + i)))
    assert max(right) < near and sum(right) < sum(wrong)


def test_without_whole_the_batch_count_stays(host: Client, near: float) -> None:
    made = host.make(asked(whole=False), **own(), n_iter=2, batch_size=2)
    for i, picture in enumerate(made.pictures[-4:]):
        assert apart(picture, alone(host, i)) < near


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_every_resize_mode_takes_frames_of_another_shape(host: Client, near: float, mode: int) -> None:
    more = {"width": 128, "height": 64, "resize_mode": mode}
    made = host.make(asked(), **own(), **more, batch_size=2)
    for i, picture in enumerate(made.pictures[-4:]):
        assert apart(picture, alone(host, i, **more)) < near


def test_colours_are_corrected_after_each_frames_own(host: Client, near: float, colours_as_they_were: None) -> None:
    settings = {"override_settings": {"sd_model_checkpoint": host.checkpoint, "img2img_color_correction": True}}
    made = host.make(asked(), **own(), **settings)
    for i, picture in enumerate(made.pictures[-3:]):
        assert apart(picture, alone(host, i, **settings)) < near


@pytest.mark.parametrize("whole", [0, 1])
@pytest.mark.parametrize("fill", [0, 1])
def test_inpainting_keeps_each_frame_outside_the_mask(host: Client, near: float, whole: int, fill: int) -> None:
    half = Image.new("L", (128, 128))
    half.paste(255, (0, 0, 64, 128))
    inpaint = {"mask": text(half), "mask_blur": 0, "inpainting_fill": fill, "inpaint_full_res": whole}
    made = host.make(asked(), **own(), **inpaint)
    for i, picture in enumerate(made.pictures[-3:]):
        assert apart(picture[:, 72:], pixels_of(i)[:, 72:]) < 1
        assert apart(picture, alone(host, i, **inpaint)) < near


def test_a_blank_mask_is_passed_over_in_every_batch(host: Client, near: float) -> None:
    inpaint = {"mask": text(Image.new("L", (128, 128))), "mask_blur": 0, "inpaint_full_res": 1}
    made = host.make(asked(), **own(), **inpaint)
    for i, picture in enumerate(made.pictures[-3:]):
        assert apart(picture, alone(host, i, **inpaint)) < near


def test_layers_move_on_with_the_frames(host: Client) -> None:
    beside = {"source": {"kind": "frames", "path": film(), "advance": "image"}, "strength": 1}
    made = host.make(asked(layers=[beside]), **own())
    for i, picture in enumerate(made.pictures[-3:]):
        assert apart(picture, host.make(layer(FRAMES[i])).first) <= 0.3


def test_the_infotext_makes_the_same_pictures_again(host: Client, near: float) -> None:
    first = host.make(asked(), **own())
    kept = json.loads(first.extra["pxl"])["control"]
    assert kept["input"].startswith("map:")
    again = host.make(first.extra["pxl"], **own())
    assert again.extra == first.extra
    assert all(apart(a, b) < near for a, b in zip(first.pictures, again.pictures, strict=True))


def test_the_next_job_starts_from_its_own_picture(host: Client, near: float) -> None:
    without = host.make(**own())
    host.make(asked(), **own())
    after = host.make(**own())
    assert len(after.pictures) == len(without.pictures) and apart(after.first, without.first) < near


def test_in_txt2img_the_input_is_not_looked_at(host: Client) -> None:
    made = host.make({"control": {"input": "/no/such.gif"}})
    assert made.extra == {} and numpy.array_equal(made.first, host.make().first)


def test_a_broken_input_leaves_the_users_own_picture(host: Client, near: float) -> None:
    for source in ("map:" + "0" * 32, "/etc/passwd", film("GIF")[:200]):
        made = host.make({"control": {"input": source}}, **own())
        assert made.extra.keys() == {"pxl error"}
        assert apart(made.first, host.make(**own()).first) < near


@pytest.mark.parametrize(("kind", "told"), [("gif", "comment"), ("webp", "exif"), ("apng", "parameters")])
def test_the_pictures_become_an_animation_with_their_infotext(host: Client, kind: str, told: str) -> None:
    job = {"control": {"input": film("GIF", [70, 130, 250]), "animation": {"format": kind}}}
    made = host.make(job, **own())
    assert made.extra.keys() == {"pxl", "pxl animation"} and len(made.pictures) in (3, 4)
    with written(host, made.extra["pxl animation"]) as shown:
        assert shown.format == {"gif": "GIF", "webp": "WEBP", "apng": "PNG"}[kind]
        frames = [(pixels(_png(each)), each.info["duration"]) for each in ImageSequence.Iterator(shown)]
        assert [duration for _, duration in frames] == [70, 130, 250] and shown.info["loop"] == 0
        assert all(apart(a, b) < 25 for (a, _), b in zip(frames, made.pictures[-3:], strict=True))
        shown.seek(0)
        assert shown.info[told]
    url = f"data:image/{kind};base64," + base64.b64encode(_bytes(host, made.extra["pxl animation"])).decode()
    read = host.http.post("/sdapi/v1/png-info", json={"image": url}).json()
    assert read["info"] == made.infotexts[-3] or read["info"] == made.infotexts[0]


def test_txt2img_makes_animations_too(host: Client) -> None:
    made = host.make({"control": {"animation": {"fps": 10, "bounce": True}}}, batch_size=3)
    with written(host, made.extra["pxl animation"]) as shown:
        assert [each.info["duration"] for each in ImageSequence.Iterator(shown)] == [100] * 4
    assert "pxl animation" not in host.make({"control": {"animation": {}}}).extra, "of one picture there is none"


def test_interrupting_makes_no_animation_and_leaves_the_next_job_clean(host: Client, near: float) -> None:
    done: list[Any] = []
    job = threading.Thread(target=lambda: done.append(host.make(asked(animation={}), **own(), steps=100)))
    job.start()
    for _ in range(200):
        if host.get("/sdapi/v1/progress?skip_current_image=true")["state"]["sampling_step"] > 2:
            break
        time.sleep(0.05)
    host.http.post("/sdapi/v1/interrupt")
    job.join()
    assert "pxl animation" not in done[0].extra
    assert apart(host.make(asked(), **own()).pictures[-3], alone(host, 0)) < near


def test_a_moving_map_tells_its_frames(host: Client) -> None:
    told = host.http.post("/pxl/v1/maps", content=base64.b64decode(film("GIF"))).json()
    assert told["frames"] == 3 and host.make({"control": {"input": told["map"]}}, **own()).extra.keys() == {"pxl"}


def _bytes(host: Client, path: str) -> bytes:
    return Path(path).read_bytes() if Path(path).is_file() else host.http.get(f"/file={path}").content


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.convert("RGB").save(file, "PNG")
    return file.getvalue()
