"""What control costs on a GPU, beside a whole step of a U-Net; and what decoding and encoding at every step would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

from bench.scene import BUILT, FACTOR, LAYERS, STILL, board, four
from lib_pxl.control import Plan
from lib_pxl.hosts.fake import sigmas

STEPS, WARM, TIMES = 30, 5, 30
LEVELS = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"


@dataclass(frozen=True)
class Family:
    """A U-Net's size and what it is called with; its weights are random, which costs the same."""

    side: int
    tokens: int
    config: dict[str, Any]


SHARED: dict[str, Any] = {"in_channels": 4, "out_channels": 4, "layers_per_block": 2}
SD15: dict[str, Any] = SHARED | {
    "sample_size": 64,
    "down_block_types": (LEVELS[0],) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + (LEVELS[1],) * 3,
    "block_out_channels": (320, 640, 1280, 1280),
    "attention_head_dim": 8,
    "cross_attention_dim": 768,
}
SDXL: dict[str, Any] = SHARED | {
    "sample_size": 128,
    "down_block_types": ("DownBlock2D", LEVELS[0], LEVELS[0]),
    "up_block_types": (LEVELS[1], LEVELS[1], "UpBlock2D"),
    "block_out_channels": (320, 640, 1280),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
FAMILIES = {"SD1.5 at 512²": Family(64, 77, SD15), "SDXL at 1024²": Family(128, 77, SDXL)}
VAE: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 2,
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}


@torch.inference_mode()
def unet() -> Iterator[list[str]]:
    """A step of one picture with CFG in fp16 on the GPU: medians by CUDA events, and what is added to the U-Net's."""
    yield ["model", "what is added to a step", "milliseconds", "alone", "added"]
    for name, family in FAMILIES.items():
        for cells in measured(family):
            yield [name, *cells]
        torch.cuda.empty_cache()


def measured(family: Family) -> Iterator[list[str]]:
    """The rows of one U-Net."""
    step, latent = sampled(family)
    adds = {"nothing": lambda d: d, **edits(family), "decode, blend on the CPU, encode": brute(family)}
    alone = timed({what: lambda add=add: add(latent) for what, add in adds.items()})
    whole = timed({what: lambda add=add: add(step()) for what, add in adds.items()})
    for what, spent in whole.items():
        yield [what, f"{spent:.3f}", f"{alone[what]:.3f}", f"{spent / whole['nothing'] - 1:.2%}"]


def sampled(family: Family) -> tuple[Callable[[], Tensor], Tensor]:
    """A model call for one picture with and without its prompt, to the estimate after CFG; and such an estimate."""
    from diffusers import UNet2DConditionModel

    model = made(UNet2DConditionModel, family.config)
    noise = {"device": "cuda", "dtype": torch.float16}
    x = torch.randn(2, 4, family.side, family.side, **noise)  # type: ignore[call-overload]
    words = torch.randn(2, family.tokens, family.config["cross_attention_dim"], **noise)  # type: ignore[call-overload]
    more = {"text_embeds": torch.randn(2, 1280, **noise), "time_ids": torch.ones(2, 6, **noise)}  # type: ignore[call-overload]
    time = torch.full((2,), 500, device="cuda")

    def step() -> Tensor:
        cond, uncond = model(x, time, words, added_cond_kwargs=more, return_dict=False)[0].chunk(2)
        guided: Tensor = uncond + 7 * (cond - uncond)
        return x[:1] - guided

    return step, x[:1]


def edits(family: Family) -> dict[str, Callable[[Tensor], Tensor]]:
    """Four gated layers of each mode; reading a value back would be an error here."""
    target, sigma = torch.randn(1, 4, family.side, family.side), torch.ones(1, device="cuda")
    canvas = board(sigmas(STEPS), target.cuda(), "cuda")
    plans = {f"{LAYERS} layers {mode}, gated": four(mode, STILL, True).prepare(canvas) for mode in BUILT}

    def applied(plan: Plan) -> Callable[[Tensor], Tensor]:
        plan.apply(target.cuda().half(), sigma)  # what is loaded on the first call is no part of a step

        def edit(d: Tensor) -> Tensor:
            torch.cuda.set_sync_debug_mode("error")
            try:
                return plan.apply(d, sigma)
            finally:
                torch.cuda.set_sync_debug_mode("default")

        return edit

    return {name: applied(plan) for name, plan in plans.items()}


def brute(family: Family) -> Callable[[Tensor], Tensor]:
    """What blending pictures at every step would take: out of the latents, to the CPU, and all the way back."""
    from diffusers import AutoencoderKL

    vae = made(AutoencoderKL, VAE)
    map_ = torch.rand(1, 3, family.side * FACTOR, family.side * FACTOR)

    def blend(d: Tensor) -> Tensor:
        pixels = vae.decode(d, return_dict=False)[0].float().cpu()
        mixed = torch.lerp(pixels, map_, 0.3)
        encoded: Tensor = vae.encode(mixed.to("cuda", torch.float16), return_dict=False)[0].mean
        return encoded

    return blend


def made(kind: Any, config: dict[str, Any]) -> Any:
    """A model of that size on the GPU."""
    with torch.device("cuda"):
        return kind(**config).half().eval().requires_grad_(False)


def timed(works: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The median milliseconds of each on the GPU; they take turns."""
    spent: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(WARM + TIMES):
        for name, work in works.items():
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            work()
            end.record()
            end.synchronize()
            if turn >= WARM:
                spent[name].append(start.elapsed_time(end))
    return {name: median(each) for name, each in spent.items()}
