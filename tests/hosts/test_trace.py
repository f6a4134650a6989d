"""The trace: a look at every step of whatever is made, which changes nothing and costs nothing where it is off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from lib_pxl.errors import StoreError
from lib_pxl.hosts import run as runs
from lib_pxl.hosts.base import Guest, Pass
from lib_pxl.hosts.fake import SAMPLERS, FakeHost, sigmas
from lib_pxl.hosts.formed import Formed
from lib_pxl.hosts.run import ERROR_KEY, KEY, Run
from lib_pxl.hosts.trace import MOST, SIDE, Trace
from tests.control.stage import gaussian, layer


def job(*layers: dict[str, Any], **control: Any) -> dict[str, Any]:
    return {"control": {"layers": list(layers), "trace": True, **control}}


@pytest.fixture
def host(data_folder: Path) -> FakeHost:
    return FakeHost(data_folder)


def film(host: FakeHost) -> Formed:
    return host.desk.formed("txt2img")


def preview(host: FakeHost, latents: Tensor) -> NDArray[numpy.uint8]:
    """The linear preview of latents (C, H, W)."""
    matrix, bias = host.desk.latents.rgb(host.vae())
    rgb = torch.einsum("chw,cr->hwr", latents, matrix) + bias
    found: NDArray[numpy.uint8] = ((rgb / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    return found


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("layers", [[], [layer(strength=0.7)]], ids=["alone", "with a layer"])
def test_there_is_a_step_for_every_model_call_and_the_last_is_the_picture(
    layers: list[Any], sampler: str, host: FakeHost
) -> None:
    picture = host.generate(job(*layers), sampler=sampler)
    (reel,) = film(host).reels
    assert reel.kind == "base" and len(reel.formed) == len(reel.wished) == picture.calls == film(host).count
    assert reel.progress[0] == 0 and reel.progress[-1] == 1 and reel.progress == sorted(reel.progress)
    assert numpy.abs(reel.formed[-1].astype(int) - preview(host, picture.latents[0]).astype(int)).max() <= 1


def test_the_wish_is_what_the_model_said_and_the_answer_what_was_made_of_it(host: FakeHost) -> None:
    said: list[Tensor] = []

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        said.append(x / (1 + sigma[:, None, None, None] ** 2))
        return said[-1]

    host.denoise = denoise
    host.generate(job(layer(strength="0:1, 50%:0")), steps=9)
    (reel,) = film(host).reels
    wanted = numpy.stack([preview(host, each[0]) for each in said])
    assert numpy.abs(reel.wished.astype(int) - wanted.astype(int)).max() <= 1
    differ = (reel.wished != reel.formed).any((1, 2, 3))
    assert differ[:4].all() and not differ[4:].any()


def test_where_nothing_acts_both_are_one(host: FakeHost) -> None:
    host.generate(job())
    (reel,) = film(host).reels
    assert numpy.array_equal(reel.wished, reel.formed)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("layers", [[], [layer(strength=0.7)]], ids=["alone", "with a layer"])
def test_looking_changes_neither_the_picture_nor_its_infotext(layers: list[Any], sampler: str, host: FakeHost) -> None:
    settings: dict[str, Any] = {"sampler": sampler, "seeds": (1, 2), "hires": 2}
    seen = host.generate(job(*layers), **settings)
    unseen = host.generate(job(*layers, trace=False), **settings)
    assert torch.equal(seen.latents, unseen.latents)
    assert seen.infotext == unseen.infotext and seen.infotext.keys() == ({KEY} if layers else set())
    assert not layers or json.loads(seen.infotext[KEY])["control"].keys() == {"enabled", "layers"}


def test_off_makes_nothing_at_all(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "Trace", pytest.fail)
    for off in (None, {"control": {"layers": [layer()]}}, job(trace=False), job(layer(), enabled=False)):
        assert ERROR_KEY not in host.generate(off).infotext
        with pytest.raises(StoreError, match=r"""got none, wanted a job with "trace": true"""):
            film(host)


def test_the_last_job_s_film_is_the_tab_s(host: FakeHost) -> None:
    host.generate(job(), steps=4)
    host.generate(job(), steps=5, kind="img2img")
    assert film(host).count == 4 and host.desk.formed("img2img").count == 5
    host.generate()
    with pytest.raises(StoreError):
        film(host)


def test_a_hires_pass_follows_in_the_same_film(host: FakeHost) -> None:
    host.generate(job(), steps=6, hires=2)
    base, hires = film(host).reels
    assert (base.kind, hires.kind) == ("base", "hires")
    assert base.formed.shape == (6, 16, 16, 3) and hires.formed.shape == (3, 32, 32, 3)
    assert hires.progress == [0, 0.5, 1]


@pytest.mark.parametrize("stop_after", [1, 4])
def test_an_interrupted_job_shows_what_there_was(stop_after: int, host: FakeHost) -> None:
    host.generate(job(), stop_after=stop_after)
    assert film(host).count == stop_after


def test_a_job_interrupted_before_its_first_step_has_nothing_to_show(host: FakeHost) -> None:
    host.generate(job(), stop_after=0)
    with pytest.raises(StoreError):
        film(host)


def run(host: FakeHost) -> Run:
    made = Run(host, host.desk, pytest.fail)
    made.start(job())
    return made


def stage(kind: str = "txt2img", side: int = 8, steps: int = 4) -> Pass:
    return Pass(kind, (2, 4, side, side), sigmas(steps), [1, 2], torch.device("cpu"), torch.float32)


def test_of_many_batches_the_last_one_s_first_image_is_kept(host: FakeHost) -> None:
    made = run(host)
    for seed in (1, 2):
        made.begin(stage())
        for sigma in sigmas(4)[:-1]:
            made.estimate(gaussian(2, 4, 8, 8, seed=seed), sigma.expand(2))
    found = made.formed()
    assert found is not None and found.count == 4
    assert numpy.array_equal(found.reels[0].formed[-1], preview(host, gaussian(2, 4, 8, 8, seed=2)[0]))


def test_a_pass_that_is_begun_twice_is_one(host: FakeHost) -> None:
    made = run(host)
    for kind, calls in (("txt2img", 2), ("hires", 0), ("hires", 3)):
        made.begin(stage(kind))
        for _ in range(calls):
            made.estimate(gaussian(2, 4, 8, 8), torch.ones(2))
    found = made.formed()
    assert found is not None and [len(reel.formed) for reel in found.reels] == [2, 3]


@pytest.mark.parametrize("calls", [MOST - 1, MOST, MOST + 1, MOST + 2, 2 * MOST + 1, 1000])
def test_of_too_many_steps_an_even_part_is_kept_and_the_last_always(calls: int, host: FakeHost) -> None:
    made = run(host)
    made.begin(stage(steps=calls))
    for i, sigma in enumerate(sigmas(calls)[:-1]):
        made.estimate(torch.full((2, 4, 8, 8), i / calls), sigma.expand(2))
        assert made.trace is not None and len(made.trace.passes[-1].steps) <= MOST
    found = made.formed()
    assert found is not None and MOST / 2 <= found.count <= MOST
    (reel,) = found.reels
    assert reel.progress[0] == 0 and reel.progress[-1] == 1
    gaps = numpy.diff(reel.progress)[:-1]
    assert gaps.max() == pytest.approx(gaps.min(), abs=3e-4)
    assert numpy.array_equal(reel.formed[-1], preview(host, torch.full((4, 8, 8), (calls - 1) / calls)))


def test_large_latents_are_seen_small(host: FakeHost) -> None:
    made = run(host)
    made.begin(stage(side=2 * SIDE + 1))
    made.estimate(torch.ones(2, 4, 2 * SIDE + 1, 2 * SIDE + 1), torch.ones(2))
    found = made.formed()
    assert found is not None and max(found.reels[0].formed.shape[1:3]) <= SIDE


def test_an_estimate_that_is_no_number_is_drawn_all_the_same(host: FakeHost) -> None:
    made = run(host)
    made.begin(stage())
    made.estimate(torch.full((2, 4, 8, 8), float("nan")), torch.ones(2))
    assert made.formed() is not None and made.problem is None


def test_in_inference_mode_nothing_is_different(host: FakeHost) -> None:
    host.generate(job(layer()))
    outside = film(host)
    with torch.inference_mode():
        host.generate(job(layer()))
    inside = film(host)
    assert numpy.array_equal(inside.reels[0].formed, outside.reels[0].formed)
    assert inside.strip() == outside.strip() and inside.animation() == outside.animation()


class Faulty(Guest):
    """A guest that fails at its third call."""

    calls = 0

    def estimate(self, denoised: Tensor, sigma: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == 3:
            raise ValueError("no")
        return denoised


def test_after_an_error_what_was_seen_before_it_is_shown(host: FakeHost) -> None:
    host.guests = [Faulty()]
    assert ERROR_KEY in host.generate(job(layer())).infotext
    assert film(host).count == 2


def test_a_trace_that_fails_leaves_the_picture_and_says_so(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = host.generate().latents

    def fail(*_: Any) -> None:
        raise MemoryError

    for door in ("begin", "look", "formed"):
        with monkeypatch.context() as patch:
            patch.setattr(Trace, door, fail)
            assert torch.equal(host.generate(job()).latents, plain)
            assert "MemoryError" in str(host.desk.status("txt2img")[1])


def test_the_mask_s_answer_is_what_is_seen(host: FakeHost) -> None:
    host.generate(job(layer(strength=1)), mask=torch.zeros(1, 1, 16, 16))
    (reel,) = film(host).reels
    assert numpy.array_equal(reel.wished, reel.formed)
