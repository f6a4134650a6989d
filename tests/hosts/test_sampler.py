"""What diffusers' schedules mean, against what its schedulers themselves work out."""

from __future__ import annotations

import inspect
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from lib_pxl.errors import HostError
from lib_pxl.hosts.sampler import OWN, SAMPLERS, Levels, scheduler_class, watched

CPU = torch.device("cpu")
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "timestep_spacing": "leading"}
KINDS = ("epsilon", "v_prediction", "sample")


def draw(seed: int) -> Tensor:
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


def make(name: str, **more: Any) -> Any:
    base, options = scheduler_class(name, None)
    scheduler = base.from_config(BETAS | more, **options)
    scheduler.set_timesteps(6)
    return scheduler


def levels_of(scheduler: Any) -> Levels:
    found = Levels.of(scheduler, len(scheduler.timesteps), CPU)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("sigma", [0.03, 1.0, 14.6, 4096.0])
def test_output_and_estimate_are_each_other_s_inverse(kind: str, scaled: bool, sigma: float) -> None:
    levels = Levels(torch.zeros(0), torch.zeros(0), scaled, kind)
    level = torch.tensor(sigma)
    noisy = draw(0) + sigma * draw(1)
    sample = noisy / (1 + level**2).sqrt() if scaled else noisy
    denoised = levels.denoised(draw(2), sample, level)
    scale = max(1.0, float(denoised.abs().max()))
    assert (levels.output(denoised, sample, level) - draw(2)).abs().max() < 1e-3
    assert (levels.denoised(levels.output(draw(0), sample, level), sample, level) - draw(0)).abs().max() < 1e-3 * scale


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["Euler", "DDIM"])
def test_the_estimate_is_the_scheduler_s_own(name: str, kind: str) -> None:
    scheduler = make(name, prediction_type=kind)
    levels = levels_of(scheduler)
    scheduler.set_timesteps(6)
    sample, output = draw(0) * scheduler.init_noise_sigma, draw(1)
    for i, time in enumerate(scheduler.timesteps):
        scheduler.scale_model_input(sample, time)
        wanted = scheduler.step(output, time, sample)
        ours = levels.denoised(output, sample, levels.calls[i])
        assert (ours - wanted.pred_original_sample).abs().max() < 1e-4 * max(1, float(ours.abs().max()))
        sample = wanted.prev_sample


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["DPM++ 2M", "DPM++ 2M Karras", "UniPC"])
def test_the_estimate_is_what_a_multistep_scheduler_keeps(name: str, kind: str) -> None:
    scheduler = make(name, prediction_type=kind)
    levels = levels_of(scheduler)
    scheduler.set_timesteps(6)
    sample, output = draw(0), draw(1)
    scheduler.step(output, scheduler.timesteps[0], sample)
    assert (levels.denoised(output, sample, levels.calls[0]) - scheduler.model_outputs[-1]).abs().max() < 1e-4


@pytest.mark.parametrize("name", sorted(SAMPLERS.keys() - {OWN}))
def test_levels_fall_and_only_true_ve_samples_grow_with_the_noise(name: str) -> None:
    levels = levels_of(make(name))
    calls = levels.calls.tolist()
    assert calls == sorted(calls, reverse=True) and calls[0] > 5 and calls[-1] > 0
    assert levels.schedule.tolist() == [*sorted(set(calls), reverse=True), 0]
    assert levels.scaled is (name not in ("Euler", "Euler a", "Heun")) and levels.schedule.dtype == torch.float32


@pytest.mark.parametrize("name", ["DDIM", "Euler", "LCM"])
def test_a_terminal_signal_of_zero_stays_finite(name: str) -> None:
    zero = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}
    levels = levels_of(make(name, **zero))
    assert levels.schedule.isfinite().all() and 1000 < float(levels.schedule[0]) <= 4096.5
    assert levels.denoised(draw(0), draw(1), levels.calls[0]).isfinite().all()


@pytest.mark.parametrize("name", sorted(SAMPLERS.keys() - {OWN}))
def test_a_watched_scheduler_takes_what_its_class_takes(name: str) -> None:
    base, options = scheduler_class(name, None)
    kind = watched(base, lambda output, sample: output, lambda noise: noise)
    assert issubclass(kind, base) and kind.__name__ == base.__name__
    assert inspect.signature(kind.step) == inspect.signature(base.step)
    ours, theirs = kind.from_config(BETAS, **options), base.from_config(BETAS, **options)
    assert dict(ours.config) == dict(theirs.config)


def test_an_unknown_sampler_is_refused_with_a_guess() -> None:
    with pytest.raises(HostError, match="did you mean 'Euler a'"):
        scheduler_class("Eular a", None)
    assert scheduler_class(OWN, diffusers.DDPMScheduler())[0] is diffusers.DDPMScheduler
