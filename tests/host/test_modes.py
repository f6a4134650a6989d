"""Every mode that is built, in the situations that users bring it into: it acts, says nothing, and repeats itself."""

from __future__ import annotations

import json
from typing import Any

import numpy
import pytest
from PIL import Image

from lib_pxl.control.mode import MODES
from tests.host.client import Client, apart, blocks, text

BLOCKS = {"kind": "image", "image": text(blocks())}
NOISE = {"kind": "noise", "scale": 0.5}
LAYERS: dict[str, dict[str, Any]] = {
    "color": {"source": NOISE, "strength": "0:1, 70%:0.5", "gate": {"cover": 0.6}},
    "layout": {"source": BLOCKS, "map": "luma", "strength": 0.5},
    "edges": {"source": BLOCKS, "strength": 0.5, "gate": {"cover": 0.7, "soft": 0.5}},
    "texture": {"source": BLOCKS, "strength": "0:0, 30%:1"},
    "warp": {"motion": {"kind": "swirl", "amount": 0.4, "rest": 0.9}, "strength": 1},
    "start": {"source": NOISE, "strength": 0.8},
}
HALF = Image.new("L", (128, 128))
HALF.paste(255, (0, 0, 64, 128))
REDRAWN = {"over": "img2img", "init_images": [text(blocks(7))], "denoising_strength": 0.8}
INPAINT = {**REDRAWN, "mask": text(HALF), "mask_blur": 0, "inpainting_fill": 1}
SITUATIONS: dict[str, dict[str, Any]] = {
    "DDIM": {"sampler_name": "DDIM"},
    "Heun": {"sampler_name": "Heun"},
    "Euler a": {"sampler_name": "Euler a"},
    "a batch": {"batch_size": 2},
    "hires": {"enable_hr": True, "hr_scale": 1.5, "denoising_strength": 0.6, "hr_upscaler": "Latent"},
    "img2img": REDRAWN,
    "inpainting": {**INPAINT, "inpaint_full_res": 0},
    "inpainting only masked": {**INPAINT, "inpaint_full_res": 1},
    "prompt editing": {"prompt": "a [cat:dog:0.5], (bright [red|blue]:1.3) BREAK sky"},
}


def test_every_mode_that_is_built_is_tried() -> None:
    assert {name for name, choice in MODES.items() if choice.build is not None} == set(LAYERS)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_each_mode_acts_says_nothing_and_can_be_repeated(host: Client, situation: str) -> None:
    settings = {"steps": 6, **SITUATIONS[situation]}
    without = host.make(**settings)
    for mode, layer in LAYERS.items():
        made = host.make({"control": {"layers": [{"mode": mode, **layer}]}}, **settings)
        assert made.extra.keys() == {"pxl"}, (mode, made.extra)
        again = host.make(json.loads(made.extra["pxl"]), **settings)
        for picture, repeated, plain in zip(made.pictures, again.pictures, without.pictures, strict=True):
            assert numpy.array_equal(picture, repeated), mode
            assert apart(picture, plain) > 0.5, mode
            if "mask" in settings:
                assert apart(picture[:, 72:], plain[:, 72:]) < 1, mode


def test_all_modes_together_with_a_lora_where_the_host_has_one(host: Client) -> None:
    listed = host.get("/sdapi/v1/loras")
    prompt = " ".join(["a photo of a cat", *(f"<lora:{each['name']}:0.8>" for each in listed[:1])])
    layers = [{"mode": mode, **layer} for mode, layer in LAYERS.items()]
    made = host.make({"control": {"layers": layers}}, prompt=prompt)
    assert made.extra.keys() == {"pxl"}, made.extra
    assert apart(made.first, host.make(prompt=prompt).first) > 0.5
