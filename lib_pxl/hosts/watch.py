"""A watch stands between one pass of a diffusers pipeline and the run: noise, model outputs and words go by it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lib_pxl.errors import HostError
from lib_pxl.hosts.base import Pass
from lib_pxl.hosts.recorder import pooled
from lib_pxl.hosts.request import Request
from lib_pxl.hosts.run import Run
from lib_pxl.hosts.sampler import SAMPLERS, Levels
from lib_pxl.knobs import one_of


@dataclass(frozen=True)
class Step:
    """A step that is done: which of how many model calls of this pass, and the clean estimate after it."""

    kind: str
    number: int
    count: int
    denoised: Callable[[], Tensor]  # (B, C, H, W), worked out when asked for
    batch: int = 1
    batches: int = 1


OnStep = Callable[[Step], None]


class Watch:
    """One pass under way. Where the run has nothing to say, every tensor goes by untouched."""

    levels: Levels | None = None
    count = 0  # of the model calls of this pass

    def __init__(self, run: Run, kind: str, on_step: OnStep | None, stop: threading.Event) -> None:
        self.run, self.kind, self.on_step, self.stop = run, kind, on_step, stop
        self.latents = torch.zeros(0)
        self.heard: list[Tensor] = []  # the prompts (D,) as the encoder made them, where the job is recorded
        self._call = 0
        self._noise_seen = False
        self._words: Any = None  # cond and uncond as the pipeline would use them
        self._estimate: Callable[[], Tensor] = lambda: self.latents

    def begin(self, scheduler: Any, count: int, batch: int, stage: Callable[[Levels], Pass]) -> None:
        """Prepare the run for the last `count` timesteps of a scheduler, before anything of them is made."""
        self.count, self._batch, self._device = count, batch, scheduler.timesteps.device
        self.levels = Levels.of(scheduler, count, self._device)
        if self.run.active:
            with self.run.stepping_aside():
                if self.levels is None:
                    raise HostError("sampler", got=type(scheduler).__name__, wanted=one_of(SAMPLERS))
                self.run.begin(stage(self.levels))

    def see_noise(self, noise: Tensor) -> Tensor:
        """The pass's first noise, edited; inpainting adds it again after each step, which is none of ours."""
        if self._noise_seen:
            return noise
        self._noise_seen = True
        return self.run.noise(noise)

    def see(self, output: Tensor, sample: Tensor) -> Tensor:
        """The model's output at the next call, edited by way of the clean estimate, or the very same tensor."""
        levels, call = self.levels, self._call
        self._call += 1
        if levels is None:
            return output
        sigma = levels.calls[call]
        self._estimate = lambda: levels.denoised(output, sample, sigma)
        if not self.run.active:
            return output
        edited_output = output
        with self.run.stepping_aside():
            denoised = levels.denoised(output, sample, sigma)
            edited = self.run.estimate(denoised, sigma.expand(len(output)))
            if edited is not denoised:
                edited_output = levels.output(edited, sample, sigma).to(output.dtype)
                self._estimate = lambda: edited
        return edited_output

    def prompts(self, pipe: Any, asked: Request) -> dict[str, Any]:
        """The pipeline's arguments for the prompts: as text, or encoded where a guest changes them as it goes."""
        if not self.run.speaks:
            return _text(asked)
        self._words = encoded(pipe, asked, self._device)
        cond, uncond = self._spoken()
        names = {"prompt_embeds": _part(cond, "crossattn"), "negative_prompt_embeds": _part(uncond, "crossattn")}
        if isinstance(cond, dict):
            names |= {"pooled_prompt_embeds": cond["vector"], "negative_pooled_prompt_embeds": _part(uncond, "vector")}
        return names

    def tensors(self, pipe: Any) -> list[str]:
        """What the pipeline shall show `after` each step."""
        listens = self._words is not None or self.run.album is not None
        words = ["prompt_embeds", "add_text_embeds"] if listens else []
        return ["latents", *(name for name in words if name in pipe._callback_tensor_inputs)]  # noqa: SLF001

    def after(self, pipe: Any, number: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        """Called by the pipeline after each step."""
        self.latents = tensors["latents"]
        if self.on_step:
            self.on_step(Step(self.kind, number + 1, self.count, self._estimate))
        if self.run.album is not None and not self.heard:
            self._listen(tensors)
        if self.stop.is_set():
            pipe._interrupt = True  # noqa: SLF001  (as diffusers' guide on callbacks has it)
        if self._words is None or self._call >= self.count:
            return {}
        cond, uncond = self._spoken()
        parts = {"prompt_embeds": "crossattn", "add_text_embeds": "vector"}
        return {name: _joined(uncond, cond, parts[name]) for name in tensors if name in parts}

    def _listen(self, tensors: dict[str, Any]) -> None:
        """The pictures' own prompts stand behind the negative ones."""
        with self.run.recording():
            rows = tensors["prompt_embeds"][-self._batch :]
            vectors = tensors["add_text_embeds"][-self._batch :] if "add_text_embeds" in tensors else None
            conds = rows if vectors is None else [{"vector": each} for each in vectors]
            self.heard = [pooled(each, rows.shape[-1]) for each in conds]

    def _spoken(self) -> tuple[Any, Any]:
        """The conditionings of the next call."""
        assert self.levels is not None  # the run has guests, so that it has begun
        cond, uncond = self._words
        return self.run.conditioning(cond, uncond, self.levels.calls[self._call].expand(self._batch))


def encoded(pipe: Any, asked: Request, device: Any) -> tuple[Any, Any]:
    """A request's cond and uncond as the pipeline makes them, None without guidance; SDXL's as A1111 has them."""
    guided = asked.cfg > 1 and pipe.unet.config.time_cond_proj_dim is None
    found = pipe.encode_prompt(**_text(asked), device=device, do_classifier_free_guidance=guided)
    cond, uncond = found[:2]
    if len(found) == 4:
        cond, uncond = ({"crossattn": found[i], "vector": found[2 + i]} for i in range(2))
    return cond, uncond if guided else None


def _text(asked: Request) -> dict[str, Any]:
    return {"prompt": asked.prompt, "negative_prompt": asked.negative or None, "num_images_per_prompt": asked.batch}


def _part(words: Any, name: str) -> Any:
    return words[name] if isinstance(words, dict) else words


def _joined(uncond: Any, cond: Any, name: str) -> Tensor:
    pieces = [_part(each, name) for each in (uncond, cond) if each is not None]
    return torch.cat(pieces)
