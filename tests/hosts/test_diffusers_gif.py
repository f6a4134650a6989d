"""gif2gif on tiny pipelines: each image is what its own frame alone would have become."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from PIL import Image

from lib_pxl.errors import HostError
from lib_pxl.hosts.diffusers import DiffusersHost, Made
from lib_pxl.hosts.request import Request
from lib_pxl.hosts.run import KEY
from lib_pxl.hosts.watch import Step
from tests.control.stage import painted
from tests.webui.test_gif import film

pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in cast")  # an untrained model's pixels
SIZE = 64
PIPE = tiny.sd1()
FRAMES = [painted(SIZE, SIZE, i) for i in range(3)]


@pytest.fixture
def host(tmp_path: Path) -> DiffusersHost:
    return DiffusersHost(PIPE, tmp_path)


def ask(**more: Any) -> Request:
    return Request(
        **{"prompt": "a star", "steps": 2, "width": SIZE, "height": SIZE, "seed": 5, "sampler": "Euler"} | more
    )


def alike(made: Made, single: Made, i: int) -> None:
    torch.testing.assert_close(made.latents[i : i + 1], single.latents, atol=1e-4, rtol=1e-3)
    assert np.abs(np.asarray(made.pictures[i]).astype(int) - np.asarray(single.pictures[0])).max() <= 2


@pytest.mark.parametrize("batch", [1, 2])
def test_image_i_is_what_frame_i_alone_becomes(batch: int, host: DiffusersHost) -> None:
    steps: list[Step] = []
    made = host.generate(ask(redraw=True, batch=batch), {"control": {"input": film(FRAMES)}}, on_step=steps.append)
    assert made.problem is None and made.seeds == list(range(5, 5 + len(made.pictures)))
    assert len(made.pictures) == len(made.infotexts) == (3 if batch == 1 else 4)
    batches = 3 if batch == 1 else 2
    assert [(step.batch, step.batches) for step in steps] == [(i + 1, batches) for i in range(batches)]
    for i in range(len(made.pictures)):
        alike(made, host.generate(ask(image=FRAMES[i % 3], seed=5 + i)), i)
    assert "map:" in made.infotexts[0] and f"{KEY}: " in made.infotexts[0] and "Denoising strength" in made.infotexts[0]


def test_without_whole_it_is_one_batch(host: DiffusersHost) -> None:
    made = host.generate(ask(image=FRAMES[2], batch=2), {"control": {"input": film(FRAMES), "whole": False}})
    assert len(made.pictures) == 2
    for i in range(2):
        alike(made, host.generate(ask(image=FRAMES[i], seed=5 + i)), i)


@pytest.mark.parametrize("padding", [None, 8])
def test_inpainting_keeps_each_frame_outside_the_mask(padding: int | None, host: DiffusersHost) -> None:
    mask = Image.new("L", (SIZE, SIZE))
    mask.paste(255, (0, 0, 24, 24))
    asked = ask(redraw=True, mask=mask, padding=padding, batch=2)
    made = host.generate(asked, {"control": {"input": film(FRAMES)}})
    assert made.problem is None and len(made.pictures) == (4 if padding is None else 3)
    for i in range(3):
        alike(made, host.generate(ask(image=FRAMES[i], mask=mask, padding=padding, seed=5 + i)), i)


def test_stop_ends_the_batches_too(host: DiffusersHost) -> None:
    stop = threading.Event()
    job = {"control": {"input": film(FRAMES)}}
    made = host.generate(ask(redraw=True), job, on_step=lambda _: stop.set(), stop=stop)
    assert made.interrupted and len(made.pictures) == 1


def test_a_broken_input_leaves_the_users_picture_and_without_one_says_so(host: DiffusersHost) -> None:
    broken = {"control": {"input": "/no/such.gif"}}
    made = host.generate(ask(image=FRAMES[0]), broken)
    assert made.problem and "no/such.gif" in made.problem
    alike(made, host.generate(ask(image=FRAMES[0])), 0)
    with pytest.raises(HostError, match=r"no/such.gif.*wanted one, or an animation"):
        host.generate(ask(redraw=True), broken)
    with pytest.raises(HostError, match="got none, wanted one, or an animation"):
        host.generate(ask(redraw=True))
