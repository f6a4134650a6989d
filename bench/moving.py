"""What moves: how far `warp` carries and that it brings home, how exact and alike gates are, and `start`'s noise."""

from __future__ import annotations

import importlib.util
import math
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy
import torch
from PIL import Image
from torch import Tensor

from bench.scene import FACTOR, NOISE, board, program
from bench.statistics import STEPS, noise
from lib_pxl.control import Plan
from lib_pxl.control.warp import MOTION
from lib_pxl.hosts.fake import SAMPLERS, Denoise, sigmas

SIDE, HIGH, AMOUNT, REST = 48, 3.0, 0.1, 0.7
BLOBS = ((18.0, 24.0), (24.0, 15.0), (30.0, 30.0), (27.0, 21.0))  # x and y before anything moves
NOISES = 8
HEIGHT, WIDE, FINE = 3.0, 8.0, 3  # a blob's; and how many places it may have in each latent and direction
LINE = torch.arange(float(SIDE))
BUMPS = (
    -((LINE - torch.arange(SIDE * FINE)[:, None] / FINE) ** 2) / WIDE
).exp()  # (P, SIDE): a blob is a product of two


def warp() -> Iterator[list[str]]:
    """A blob under `warp`, in latents: the furthest it is carried / how far it is off at the end, of 32 runs."""
    yield ["motion", "rest", "sampler", *(f"{steps} steps" for steps in STEPS)]
    bare = {(name, n): path(None, name, n) for name, n in product(samplers(), STEPS)}
    with tempfile.TemporaryDirectory() as folder:
        for kind, rest in product(motions(), (0.0, REST)):
            source = {"kind": "frames", "path": panorama(Path(folder))} if kind == "flow" else NOISE
            for name in samplers():
                cells = []
                for n in STEPS:
                    motion = {"kind": kind, "amount": AMOUNT, "rest": rest, "seed": 2}
                    whole = program(1, mode="warp", source=source, motion=motion)
                    plan = whole.prepare(board(sigmas(n, high=HIGH), torch.zeros(1, 4, SIDE, SIDE)))
                    away = (path(plan, name, n) - bare[name, n]).norm(dim=-1).mean(1)
                    cells.append(f"{float(away.max()):.2f} / {float(away[-1]):.2f}")
                yield [kind, f"{rest:g}" if rest else "none", name, *cells]


def contrast() -> Iterator[list[str]]:
    """The deviation of pictures with a photograph's spectrum after `warp`, relative to that without."""
    yield ["motion", "sampler", *(f"{steps} steps" for steps in STEPS)]
    for kind, name in product(("drift", "swirl", "noise"), samplers()):
        whole = program(1, mode="warp", source=NOISE, motion={"kind": kind, "amount": AMOUNT, "rest": REST, "seed": 2})
        cells = []
        for n in STEPS:
            plan = whole.prepare(board(sigmas(n), torch.zeros(1, 4, SIDE, SIDE)))
            cells.append(f"{float(_photographs(plan, name, n).std() / _photographs(None, name, n).std()):.2f}")
        yield [kind, name, *cells]


def _photographs(plan: Plan | None, sampler: str, steps: int) -> Tensor:
    """Gaussian pictures whose power falls with the square of the frequency, by their exact denoiser."""
    down, across = torch.meshgrid(*[torch.fft.fftfreq(SIDE) * SIDE] * 2, indexing="ij")
    power = 1 / (down**2 + across**2).clamp(min=1)
    power = power / power.mean()
    schedule, step = sigmas(steps), samplers()[sampler]

    def model(x: Tensor, sigma: Tensor) -> Tensor:
        d = torch.fft.ifft2(torch.fft.fft2(x) * power / (power + sigma[:, None, None, None] ** 2)).real
        return plan.apply(d, sigma) if plan else d

    x = torch.randn(NOISES, 4, SIDE, SIDE, generator=torch.Generator().manual_seed(3)) * schedule[0]
    for sigma, leads_to in pairwise(schedule):
        x = step(model, x, sigma.expand(len(x)), leads_to.expand(len(x)))
    return x


def motions() -> list[str]:
    """Those that can be measured here."""
    return [kind for kind in MOTION["kind"].choices if kind != "flow" or importlib.util.find_spec("cv2")]


def samplers() -> dict[str, Callable[[Denoise, Tensor, Tensor, Tensor], Tensor]]:
    """The fake host's, one that remembers the last estimate, and one with fresh noise at every step."""
    return {**SAMPLERS, "dpm++ 2m": _multistep(), "euler ancestral": _ancestral()}


def _multistep() -> Callable[[Denoise, Tensor, Tensor, Tensor], Tensor]:
    """DPM-Solver++ (2M) (Lu et al. 2022): the last two estimates say where the next one would be."""
    before: list[tuple[Tensor, Tensor]] = []

    def step(model: Denoise, x: Tensor, sigma: Tensor, leads_to: Tensor) -> Tensor:
        denoised, long = model(x, sigma), (sigma / leads_to).log()
        ahead = denoised
        if before and leads_to[0] > 0:
            last, was = before.pop()
            ahead = denoised + (long / was / 2)[:, None, None, None] * (denoised - last)
        before.append((denoised, long))
        return ahead + (leads_to / sigma)[:, None, None, None] * (x - ahead)

    return step


def _ancestral() -> Callable[[Denoise, Tensor, Tensor, Tensor], Tensor]:
    """Euler ancestral (k-diffusion): most of the way by the estimate, and the rest of the noise drawn anew."""
    numbers = torch.Generator().manual_seed(7)

    def step(model: Denoise, x: Tensor, sigma: Tensor, leads_to: Tensor) -> Tensor:
        fresh = (leads_to**2 * (sigma**2 - leads_to**2) / sigma**2).sqrt()
        down = (leads_to**2 - fresh**2).sqrt()
        x = SAMPLERS["euler"](model, x, sigma, down)
        return x + torch.randn(x.shape, generator=numbers) * fresh[:, None, None, None]

    return step


def path(plan: Plan | None, sampler: str, steps: int) -> Tensor:
    """Where each blob is estimated at each model call and at the end, the mean of its noises, (T, blobs, 2)."""
    schedule, numbers, seen = sigmas(steps, high=HIGH), torch.Generator().manual_seed(3), []
    blobs = torch.stack([HEIGHT * torch.outer(BUMPS[int(y * FINE)], BUMPS[int(x * FINE)]) for x, y in BLOBS])
    x = blobs.repeat_interleave(NOISES, dim=0)[:, None].expand(-1, 4, -1, -1)
    x = x + torch.randn(x.shape, generator=numbers) * schedule[0]  # it has decided on its place already

    def model(x: Tensor, sigma: Tensor) -> Tensor:
        d = one_blob(x, sigma)
        seen.append(_centres(d))
        return plan.apply(d, sigma) if plan else d

    step = samplers()[sampler]
    for sigma, leads_to in pairwise(schedule):
        x = step(model, x, sigma.expand(len(x)), leads_to.expand(len(x)))
    return torch.stack([*seen, _centres(x)]).unflatten(1, (-1, NOISES)).mean(2)


def one_blob(x: Tensor, sigma: Tensor) -> Tensor:
    """The exact denoiser of pictures with one blob that is anywhere, the same in each channel."""
    power = BUMPS.square().sum(1)
    evidence = HEIGHT * BUMPS @ x.mean(1) @ BUMPS.T - HEIGHT**2 / 2 * torch.outer(power, power)  # (B, P, P)
    odds = (evidence * x.shape[1] / sigma[:, None, None] ** 2).flatten(1).softmax(1).view_as(evidence)
    return (HEIGHT * BUMPS.T @ odds @ BUMPS)[:, None].expand_as(x)


def _centres(d: Tensor) -> Tensor:
    weight = d[:, 0].clamp(min=0) ** 2
    return torch.stack([weight.sum(1) @ LINE, weight.sum(2) @ LINE], 1) / weight.sum((1, 2))[:, None]


def panorama(folder: Path, frames: int = 12, pace: int = 6) -> str:
    """A folder of frames in which all moves to the right."""
    side = SIDE * FACTOR
    values = numpy.random.default_rng(1).integers(0, 256, (side // 16, side // 8, 3), numpy.uint8)
    whole = Image.fromarray(values).resize((2 * side, side), Image.Resampling.BICUBIC)
    for i in range(frames):
        left = (frames - i) * pace
        whole.crop((left, 0, left + side, side)).save(folder / f"{i:02}.png")
    return str(folder)


def gates(steps: int = 30, side: int = 64) -> Iterator[list[str]]:
    """Gates over 30 steps of 64×64 latents: the worst error of the covered share, in latents of 4096."""
    covers = (0.0, 0.1, 0.5, 0.9, 1.0)
    yield ["soft", *(f"cover {cover:g}" for cover in covers)]
    for soft in (0.0, 0.2, 1.0):
        found = [shares({"cover": cover, "soft": soft}, steps, side).mean((-2, -1)) for cover in covers]
        errors = [(each - cover).abs().max() * side**2 for each, cover in zip(found, covers, strict=True)]
        yield [f"{soft:g}", *(f"{float(each):.2f}" for each in errors)]


def alike(steps: int = 12, side: int = 32, seeds: int = 40) -> Iterator[list[str]]:
    """Gates of neighbouring steps, of 12: their correlation, the mean of 40 seeds, and what the speed asks for."""
    yield ["gate", "correlation", "asked for"]
    asked: list[tuple[dict[str, Any], float]] = [
        ({"speed": v}, math.exp(-((3 * v / (steps - 1)) ** 2) / 2)) for v in (0, 0.5, 1, 2, 4)
    ]
    for own, wanted in [*asked, ({"reroll": True}, 0.0)]:
        given = {"soft": 1.0, "scale": 0.15, **own}
        fields = torch.stack([shares({**given, "seed": seed}, steps, side) for seed in range(seeds)])
        fields = fields - fields.mean((-2, -1), keepdim=True)
        a, b = fields[:, :-1], fields[:, 1:]
        found = (a * b).sum((-2, -1)) / (a.square().sum((-2, -1)) * b.square().sum((-2, -1))).sqrt()
        yield [
            " ".join(f"{name} {value}" for name, value in own.items()),
            f"{float(found.mean()):.3f}",
            f"{wanted:.3f}",
        ]


def shares(gate: dict[str, Any], steps: int, side: int) -> Tensor:
    """How much a gate lets through at each step, (N, 1, H, W), as a plan has it."""
    return program(1, gate=gate).prepare(board(sigmas(steps), torch.randn(1, 4, side, side))).shares[1:]


def start() -> Iterator[list[str]]:
    """The first noise under `start`, of 64 noises: its variance, which is 1 without pxl."""
    strengths = (0.1, 0.3, 0.5, 0.7, 1.0)
    yield ["where", *(f"w {w:g}" for w in strengths)]
    soft = torch.nn.functional.interpolate(noise(5, 1)[..., :8, :8], (64, 64), mode="bicubic")
    first = noise(6, 64)
    for where, gate in (("everywhere", None), ("a gate of 0.4", {"cover": 0.4}), ("a gate of 0.1", {"cover": 0.1})):
        plans = [program(w, mode="start", gate=gate).prepare(board(sigmas(10), soft)) for w in strengths]
        yield [where, *(f"{float(plan.noise(first).square().mean()):.3f}" for plan in plans)]
