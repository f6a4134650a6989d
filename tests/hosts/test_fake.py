"""The fake host: exact where a real one is not, so that a law that holds on it is a law of pxl's."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from torch import Tensor

from lib_pxl.control import Canvas
from lib_pxl.hosts import fake
from lib_pxl.hosts.base import Guest, Host, Pass
from lib_pxl.hosts.fake import FACTOR, SAMPLERS, FakeHost, encode, ideal, sigmas
from tests.control.stage import gaussian, layer


@pytest.fixture
def host(data_folder: Path) -> FakeHost:
    return FakeHost(data_folder)


class Log(Guest):
    """Everything a host says, in order."""

    def __init__(self) -> None:
        self.doors: list[str] = []
        self.stages: list[Pass] = []

    def begin(self, stage: Pass, canvas: Canvas) -> None:
        self.doors.append("begin")
        self.stages.append(stage)
        assert (canvas.batch, canvas.channels, canvas.height, canvas.width) == stage.shape
        assert canvas.size == (stage.shape[3] * FACTOR, stage.shape[2] * FACTOR)

    def noise(self, noise: Tensor) -> Tensor:
        self.doors.append("noise")
        assert noise.shape == self.stages[-1].shape
        return noise

    def conditioning(self, cond: Any, uncond: Any, sigma: Tensor) -> tuple[Any, Any]:
        self.doors.append("conditioning")
        return cond, uncond

    def estimate(self, denoised: Tensor, sigma: Tensor) -> Tensor:
        self.doors.append("estimate")
        assert sigma.shape == (len(denoised),) and denoised.shape == self.stages[-1].shape
        return denoised


def test_it_is_a_host(host: FakeHost) -> None:
    as_host: Host = host
    assert as_host.name == "fake" and as_host.vae().factor == FACTOR and as_host.widths() == {"l": 8}


def test_it_can_be_used_without_any_other_program() -> None:
    tree = ast.parse(Path(str(fake.__file__)).read_text())
    names = {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    known = {"__future__", "collections", "dataclasses", "itertools", "lib_pxl", "pathlib", "PIL", "torch", "typing"}
    assert names <= known


@pytest.mark.parametrize(("sampler", "calls"), [("euler", 8), ("heun", 15), ("midpoint", 15)])
def test_a_pass_opens_every_door_in_order(sampler: str, calls: int, host: FakeHost) -> None:
    log = Log()
    host.guests = [log]
    picture = host.generate(steps=8, sampler=sampler, seeds=(3, 4), size=(12, 6))
    assert log.doors == ["begin", "noise"] + ["conditioning", "estimate"] * calls
    assert picture.calls == calls and picture.latents.shape == (2, 4, 6, 12)
    assert log.stages[0].seeds == (3, 4) and torch.equal(log.stages[0].sigmas, sigmas(8))


def test_a_hires_pass_is_a_pass_of_its_own(host: FakeHost) -> None:
    log = Log()
    host.guests = [log]
    assert host.generate(steps=8, hires=1.5).latents.shape == (1, 4, 24, 24)
    assert [(stage.kind, stage.shape[2:], len(stage.sigmas)) for stage in log.stages] == [
        ("txt2img", (16, 16), 9),
        ("hires", (24, 24), 5),
    ]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_leads_unit_gaussian_noise_to_unit_gaussian_data(sampler: str, host: FakeHost) -> None:
    made = host.generate(steps=60, seeds=range(8), size=(32, 32), sampler=sampler).latents
    assert made.mean().item() == pytest.approx(0, abs=0.02)
    assert made.std().item() == pytest.approx(1, abs=0.05)


def test_samplers_of_second_order_come_nearer_in_as_many_steps(host: FakeHost) -> None:
    exact = host.generate(steps=400, sampler="heun").latents
    far = {name: (host.generate(steps=20, sampler=name).latents - exact).abs().max() for name in SAMPLERS}
    assert far["heun"] < far["euler"] / 3 and far["midpoint"] < far["euler"] / 3


def test_a_seed_decides_its_image_whatever_else_is_in_the_batch(host: FakeHost) -> None:
    both = host.generate(seeds=(1, 2)).latents
    assert torch.equal(both, torch.cat([host.generate(seeds=(seed,)).latents for seed in (1, 2)]))
    assert not torch.equal(both[0], both[1])


@pytest.mark.parametrize("steps", [1, 2, 20])
def test_the_schedule_falls_from_the_highest_sigma_to_nothing(steps: int) -> None:
    values = sigmas(steps, low=0.1, high=10)
    assert len(values) == steps + 1 and values[-1] == 0
    assert values[0].item() == pytest.approx(10) and (steps == 1 or values[-2].item() == pytest.approx(0.1))
    assert (values.diff() < 0).all()


def test_the_vae_is_linear_and_local() -> None:
    one, other = (gaussian(2, 3, 24, 16, seed=seed).sigmoid() for seed in (1, 2))
    assert encode((one + other) / 2).allclose((encode(one) + encode(other)) / 2, atol=1e-6)
    assert encode(one).shape == (2, 4, 3, 2)
    assert torch.equal(encode(one)[..., :1, :1], encode(one[..., :FACTOR, :FACTOR]))


def test_the_ideal_denoiser_is_the_posterior_mean_of_its_data() -> None:
    data, x = gaussian(5, 2, 3, 3, seed=1), gaussian(3, 2, 3, 3, seed=2)
    sigma = torch.tensor([0.5, 2.0, 10.0])
    flat, points = x.flatten(1).double().numpy(), data.flatten(1).double().numpy()
    for i, each in enumerate(sigma.tolist()):
        weight = numpy.exp(-((flat[i] - points) ** 2).sum(1) / (2 * each**2))
        wanted = (weight / weight.sum()) @ points
        assert numpy.allclose(ideal(data)(x, sigma)[i].flatten().numpy(), wanted, atol=1e-5)


def test_the_ideal_denoiser_knows_all_at_no_noise_and_nothing_at_much() -> None:
    data = gaussian(5, 2, 3, 3)
    assert ideal(data)(data, torch.zeros(5)).allclose(data, atol=1e-4)
    assert ideal(data)(data, torch.full((5,), 1e6)).allclose(data.mean(0).expand_as(data), atol=1e-4)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_with_an_ideal_denoiser_every_run_ends_in_its_data(sampler: str, host: FakeHost) -> None:
    data = gaussian(6, 4, 8, 8)
    host.denoise = ideal(data)
    made = host.generate(seeds=range(5), size=(8, 8), steps=20, sampler=sampler).latents
    assert torch.cdist(made.flatten(1), data.flatten(1)).min(1).values.max() < 0.2
    pulled = host.generate({"control": {"layers": [layer(strength=1)]}}, size=(8, 8), sampler=sampler)
    assert pulled.infotext.keys() == {"pxl"}
