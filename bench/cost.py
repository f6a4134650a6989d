"""What control costs: as a share of one convolution of the U-Net in the same run, and in tensor operations."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bench.scene import board, program
from lib_pxl.hosts.fake import sigmas

LAYERS, CHANNELS, SIDE = 4, 320, 64  # as SD1's first block sees a picture of 512 pixels a side


class Counter(TorchDispatchMode):
    """How many operations that make a new tensor run beneath it: on a GPU, its kernels."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not func.is_view
        return func(*args, **kwargs or {})


def seconds(works: dict[str, Callable[[], Any]], device: str, times: int) -> dict[str, float]:
    """The median time of each work; they take turns, so that a busy moment of the machine meets them all."""
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(times):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            if device == "cuda":
                torch.cuda.synchronize()
            spent[name].append(time.perf_counter() - start)
    return {name: median(each) for name, each in spent.items()}


@torch.inference_mode()
def cost(times: int = 60) -> Iterator[list[str]]:
    """Medians, relative to one 3×3 convolution of 320 channels at the same size of latent."""
    yield ["device", "work", "milliseconds", "convolutions", "operations"]
    for device in ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]:
        works = workload(device)
        medians = seconds(works, device, times)
        for name, work in works.items():
            with Counter() as counter:
                work()
            share = medians[name] / medians["one convolution"]
            yield [device, name, f"{medians[name] * 1000:.3f}", f"{share:.4f}", str(counter.count)]


def workload(device: str) -> dict[str, Callable[[], Any]]:
    """What is measured, by name."""
    canvas = board(sigmas(20), torch.randn(1, 4, SIDE, SIDE), device)
    d, sigma = torch.randn(1, 4, SIDE, SIDE, device=device), torch.ones(1, device=device)
    wide = torch.randn(1, CHANNELS, SIDE, SIDE, device=device)
    convolution = torch.nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, device=device)
    whole, off = program("0:0.5, 80%:0", LAYERS), program(0).prepare(canvas)
    ready = whole.prepare(canvas)
    return {
        "one convolution": lambda: convolution(wide),
        f"a step with {LAYERS} layers": lambda: ready.apply(d, sigma),
        "a step switched off": lambda: off.apply(d, sigma),
        f"preparing {LAYERS} layers, without the VAE": lambda: whole.prepare(canvas),
    }
