"""Diffusers' samplers: one dictionary, what their schedules mean, and how to stand in one's way without patching.

A scheduler keeps its sample either as x0 + σ·eps or, scaled to unit variance, as α·x0 + ασ·eps with α = 1/√(1 + σ²).
Whichever it is, pxl sees the clean estimate at the σ of the first form.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import diffusers
import torch
from torch import Tensor

from lib_pxl.errors import HostError
from lib_pxl.knobs import one_of

OWN = "Model's own"
_LARGEST = 4096.0  # σ where α² is 2^-24, as diffusers itself writes a terminal signal-to-noise ratio of zero
_KINDS = ("epsilon", "v_prediction", "sample")


@dataclass(frozen=True)
class Sampler:
    """A scheduler's class and the settings that make it this sampler."""

    scheduler: str
    options: Mapping[str, Any] = field(default_factory=dict)


_MULTISTEP = "DPMSolverMultistepScheduler"
_SDE = {"algorithm_type": "sde-dpmsolver++"}
SAMPLERS: dict[str, Sampler] = {
    "DPM++ 2M Karras": Sampler(_MULTISTEP, {"use_karras_sigmas": True}),
    "DPM++ 2M": Sampler(_MULTISTEP, {"use_karras_sigmas": False}),
    "DPM++ 2M SDE Karras": Sampler(_MULTISTEP, {"use_karras_sigmas": True, **_SDE}),
    "DPM++ 2M SDE": Sampler(_MULTISTEP, {"use_karras_sigmas": False, **_SDE}),
    "Euler": Sampler("EulerDiscreteScheduler"),
    "Euler a": Sampler("EulerAncestralDiscreteScheduler"),
    "Heun": Sampler("HeunDiscreteScheduler"),
    "UniPC": Sampler("UniPCMultistepScheduler"),
    "DDIM": Sampler("DDIMScheduler", {"clip_sample": False}),
    "PLMS": Sampler("PNDMScheduler", {"skip_prk_steps": True}),
    "LCM": Sampler("LCMScheduler", {"clip_sample": False}),
    "TCD": Sampler("TCDScheduler", {"clip_sample": False}),
    OWN: Sampler(""),
}


def scheduler_class(sampler: str, own: Any) -> tuple[type[Any], Mapping[str, Any]]:
    """The class behind a sampler's name, and its settings; `own` is the pipeline's scheduler."""
    if sampler not in SAMPLERS:
        raise HostError("sampler", got=sampler, wanted=one_of(SAMPLERS, sampler))
    chosen = SAMPLERS[sampler]
    return (getattr(diffusers, chosen.scheduler) if chosen.scheduler else type(own)), chosen.options


def watched(base: type[Any], see: Callable[..., Tensor], see_noise: Callable[[Tensor], Tensor]) -> type[Any]:
    """The scheduler class, with `see` shown each output and sample before their step, `see_noise` each noise."""

    class Watched(base):  # type: ignore[misc]  # diffusers has no types
        @functools.wraps(base.step)
        def step(self, model_output: Tensor, timestep: Any, sample: Tensor, *args: Any, **kwargs: Any) -> Any:
            return super().step(see(model_output, sample), timestep, sample, *args, **kwargs)

        @functools.wraps(base.add_noise)
        def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Any) -> Any:
            return super().add_noise(original_samples, see_noise(noise), timesteps)

    Watched.__name__ = base.__name__  # so that diffusers reads settings for it as it does for the class itself
    return Watched


@dataclass(frozen=True)
class Levels:
    """One pass of a scheduler, as noise levels."""

    calls: Tensor  # (M,) σ at every model call, in order
    schedule: Tensor  # (N+1,) the distinct σ of the steps, falling, then 0
    scaled: bool  # samples are kept at unit variance
    kind: str  # what the model predicts

    @classmethod
    def of(cls, scheduler: Any, left: int, device: torch.device) -> Levels | None:
        """The last `left` timesteps of a scheduler whose timesteps are set; None for a kind that pxl does not know."""
        kind = getattr(scheduler.config, "prediction_type", None)
        if kind not in _KINDS or not hasattr(scheduler, "alphas_cumprod"):
            return None
        steps, calls = _sigmas(scheduler)
        probe = torch.ones(1, 1, 1, 1)
        scaled = torch.equal(scheduler.scale_model_input(probe, scheduler.timesteps[0]), probe)
        distinct = torch.unique(steps[-left:]).flip(0)
        return cls(calls[-left:].to(device), torch.cat([distinct, distinct.new_zeros(1)]).to(device), scaled, kind)

    def denoised(self, output: Tensor, sample: Tensor, sigma: Tensor) -> Tensor:
        """The clean estimate behind a model's output, in float32."""
        output, sample, alpha = output.float(), sample.float(), 1 / (1 + sigma**2).sqrt()
        if self.kind == "sample":
            return output
        if self.kind == "epsilon":
            return (sample / alpha if self.scaled else sample) - sigma * output
        return alpha * ((sample if self.scaled else sample * alpha) - sigma * output)

    def output(self, denoised: Tensor, sample: Tensor, sigma: Tensor) -> Tensor:
        """The model's output that this clean estimate stands for: the inverse of `denoised`."""
        denoised, sample, alpha = denoised.float(), sample.float(), 1 / (1 + sigma**2).sqrt()
        if self.kind == "sample":
            return denoised
        if self.kind == "epsilon":
            return ((sample / alpha if self.scaled else sample) - denoised) / sigma
        return ((sample if self.scaled else sample * alpha) - denoised / alpha) / sigma


def _sigmas(scheduler: Any) -> tuple[Tensor, Tensor]:
    """σ of the step at every timestep, and σ at which its model call is made."""
    times = scheduler.timesteps
    if not hasattr(scheduler, "sigmas"):
        alpha = scheduler.alphas_cumprod[times.cpu().long()].float().clamp_min(_LARGEST**-2)
        steps = ((1 - alpha) / alpha).sqrt()
        return steps, steps
    steps = scheduler.sigmas[: len(times)].float().cpu()
    calls = steps.clone()
    if hasattr(scheduler, "sigmas_interpol"):  # DPM2: each second call stands between two steps
        between = scheduler.sigmas_interpol.float().cpu()
        first = 0 if hasattr(scheduler, "sigmas_down") else 1  # as scale_model_input of each reads it
        calls[1::2] = between[first : first + len(times) - 1 : 2]
    return steps, calls
