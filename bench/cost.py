"""What control costs: as a share of one convolution of the U-Net in the same run, and in tensor operations."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from itertools import product
from statistics import median
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bench.scene import BUILT, LAYERS, NOISE, STILL, board, four, program
from lib_pxl.hosts.fake import sigmas

CHANNELS, SIDE = 320, 64  # as SD1's first block sees a picture of 512 pixels a side
LARGE, STEPS = 128, 30  # and as SDXL's sees one of 1024
ENOUGH = 1.5  # seconds for each work that is made ready
MAPS = {"a still": STILL, "moving noise": NOISE}
KINDS = list(product(BUILT, MAPS, (False, True)))


class Counter(TorchDispatchMode):
    """How many operations that make a new tensor run beneath it: on a GPU, its kernels."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not func.is_view
        return func(*args, **kwargs or {})


def devices() -> list[str]:
    """What there is to compute on."""
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def seconds(works: dict[str, Callable[[], Any]], device: str, times: int) -> dict[str, float]:
    """The median time of each work; they take turns, so that a busy moment of the machine meets them all.

    The order is drawn anew each time, or one of them alone would always follow what empties the processor's caches.
    """
    spent: dict[str, list[float]] = {name: [] for name in works}
    order, draw = list(works), random.Random(0)
    for _ in range(times):
        draw.shuffle(order)
        for name in order:
            start = time.perf_counter()
            works[name]()
            if device == "cuda":
                torch.cuda.synchronize()
            spent[name].append(time.perf_counter() - start)
    return {name: median(each) for name, each in spent.items()}


@torch.inference_mode()
def cost(times: int = 25) -> Iterator[list[str]]:
    """A step with four layers: medians, relative to one 3×3 convolution of 320 channels at the same size of latent."""
    yield ["device", "work", "milliseconds", "convolutions", "operations"]
    for device in devices():
        works = workload(device)
        medians = seconds(works, device, times)
        for name, work in works.items():
            with Counter() as counter:
                work()
            share = medians[name] / medians["one convolution"]
            yield [device, name, f"{medians[name] * 1000:.3f}", f"{share:.4f}", str(counter.count)]


def workload(device: str) -> dict[str, Callable[[], Any]]:
    """What is measured, by name."""
    canvas = board(sigmas(10), torch.randn(1, 4, SIDE, SIDE), device)
    d, sigma = torch.randn(1, 4, SIDE, SIDE, device=device), torch.ones(1, device=device)
    wide = torch.randn(1, CHANNELS, SIDE, SIDE, device=device)
    convolution = torch.nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, device=device)
    off = program(0).prepare(canvas)
    works: dict[str, Callable[[], Any]] = {
        "one convolution": lambda: convolution(wide),
        "a step switched off": lambda: off.apply(d, sigma),
    }
    for mode, shown, gated in KINDS:
        ready = four(mode, MAPS[shown], gated).prepare(canvas)
        works[f"{LAYERS} layers {kind(mode, shown, gated)}"] = lambda ready=ready: ready.apply(d, sigma)
    return works


def kind(mode: str, shown: str, gated: bool) -> str:
    """Those layers in words."""
    return f"{mode} of {shown}" + (", gated" if gated else "")


@torch.inference_mode()
def preparing() -> Iterator[list[str]]:
    """Preparing four gated layers for 128×128 latents and 30 steps, without the VAE: medians in milliseconds."""
    yield ["device", "work", "milliseconds"]
    for device in devices():
        canvas = board(sigmas(STEPS), torch.randn(1, 4, LARGE, LARGE), device)
        for mode, shown in product(BUILT, MAPS):
            one = seconds({"": lambda: four(mode, MAPS[shown], True, 1).prepare(canvas)}, device, 1)[""]  # noqa: B023
            times = round(ENOUGH / LAYERS / one)
            work = {"": lambda: four(mode, MAPS[shown], True).prepare(canvas)}  # noqa: B023
            spent = seconds(work, device, times)[""] if times else one * LAYERS
            cell = f"{spent * 1000:.0f}" if times else f"four times one layer's {one * 1000:.0f}"
            yield [device, f"{LAYERS} layers {kind(mode, shown, True)}", cell]
