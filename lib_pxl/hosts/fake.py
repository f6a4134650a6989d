"""A host small enough to read in one sitting: exact denoiser, plain samplers, the same calls in the same order.

Its data are unit-Gaussian latents, whose ideal denoiser is known: D(x; sigma) = x / (1 + sigma²). What a law says of
statistics can be checked on it without any weights, and what goes wrong in a real host can be provoked here.
"""

from __future__ import annotations

import hashlib
import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from lib_pxl.control.map import pixels
from lib_pxl.errors import NokenError, Words
from lib_pxl.hosts.annotation import Annotator
from lib_pxl.hosts.base import Change, Conds, Guest, Pass, Vae, Wordbook
from lib_pxl.hosts.desk import Desk
from lib_pxl.hosts.embedding import save_embedding
from lib_pxl.hosts.feed import assemble
from lib_pxl.hosts.order import Order
from lib_pxl.hosts.recorder import Finished
from lib_pxl.hosts.run import Run
from lib_pxl.noken.genome import Noken
from lib_pxl.store.infotext import Infotext
from lib_pxl.taste.template import wildcard_folders

FACTOR, WIDTH = 8, 8
SPOKEN = [
    *"abcdefghijklmnopqrstuvwxyz0123456789.,",
    "fox",
    "owl",
    "lighthouse",
    "red",
    "blue",
    "stormy",
    "sea",
    "night",
]
_TO_LATENT = torch.tensor([[1.0, 0.2, -0.3], [-0.4, 1.0, 0.1], [0.2, -0.5, 1.0], [0.6, 0.6, 0.6]])  # (4, 3)
Denoise = Callable[[Tensor, Tensor], Tensor]
_LEAST = 1e-6  # a sigma whose square float32 still holds apart from nothing


@dataclass
class Picture:
    """What one job made: latents (B, 4, H, W) of each batch's last pass, its infotext, and an animation of them."""

    latents: Tensor
    infotext: dict[str, str]
    calls: int = 0
    animation: Path | None = None
    heard: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # cond and uncond (1, T, D) of each call


@dataclass
class FakeHost:
    """A host in memory; `data` is a folder of the test's own."""

    data: Path
    name: str = "fake"
    readable: Sequence[Path] | None = ()
    credentials: Mapping[str, str] | None = None
    closed: str = ""
    denoise: Denoise = lambda x, sigma: x / (1 + sigma[:, None, None, None] ** 2)
    guests: list[Guest] = field(default_factory=list)
    words: dict[str, Mapping[str, Tensor]] = field(default_factory=dict)
    seers: dict[str, Annotator] = field(default_factory=dict)
    encoders: Mapping[str, int] = field(default_factory=lambda: {"l": WIDTH})  # the model, as far as it has words
    drawn: list[str] = field(default_factory=list)  # the prompts of `draw`
    busy: threading.Lock = field(default_factory=threading.Lock)  # held by a job, for whose end orders wait
    room: float = math.inf  # rows that are read of a prompt
    desk: Desk = field(init=False)
    _prompts: tuple[str, str] = ("", "")

    def __post_init__(self) -> None:
        self.desk = Desk(self.data)

    @property
    def wildcards(self) -> Sequence[Path]:
        """Those in the data folder."""
        return wildcard_folders(self.data)

    def vae(self) -> Vae:
        """A linear VAE: each latent is the mean of its pixels, in four mixtures."""
        return Vae("fake", FACTOR, len(_TO_LATENT), encode)

    def widths(self) -> Mapping[str, int]:
        """One small encoder, unless a test says otherwise."""
        return self.encoders

    def lexicon(self) -> Wordbook:
        """Every letter is a word, and so are a few words; the vectors are random and always the same."""
        draw = torch.Generator().manual_seed(5)
        tables = {letter: torch.randn(len(SPOKEN), width, generator=draw) for letter, width in self.encoders.items()}

        def ids(text: str) -> list[int]:
            pieces = [[word] if word in SPOKEN else list(word) for word in text.lower().split()]
            return [SPOKEN.index(each) for piece in pieces for each in piece if each in SPOKEN]

        return Wordbook(tables, ids, SPOKEN.__getitem__)

    def draw(
        self, prompt: str, words: Mapping[str, Mapping[str, Tensor]], seed: int, steps: int, size: int, cfg: float
    ) -> Image.Image:
        """A plain picture whose colour is the words'."""
        self.drawn.append(prompt)
        total = sum(float(rows.sum()) for vectors in words.values() for rows in vectors.values())
        shade = int(abs(total) * 1000 + seed) % 256
        return Image.new("RGB", (size or 64, size or 64), (shade, 255 - shade, 128))

    def make(self, order: Order, free: Callable[[], object] = lambda: None) -> Finished:
        """A plain picture that lies nowhere, and the mean of its words."""
        with self.busy:
            free()
        width, height = order.size(64, FACTOR)
        picture = self.draw(order.prompt, {}, order.seed, order.steps, width, order.cfg).resize((width, height))
        told = {"Steps": f"{order.steps}", "CFG scale": f"{order.cfg:g}", "Seed": f"{order.seed}"}
        text = Infotext(order.prompt, order.negative, told | {"Size": f"{width}x{height}"}).format()
        return Finished(text, picture, heard={"fake": self.spell(order.prompt)[0].mean(0)})

    def install(self, noken: Noken) -> Path:
        """Save it in the data folder."""
        return save_embedding(self.data / "embeddings", noken)

    def embed(self, name: str, vectors: Mapping[str, Tensor]) -> None:
        """Remember the word."""
        self.words[name] = vectors

    def forget(self) -> None:
        """Forget every word."""
        self.words.clear()

    def spell(self, prompt: str) -> Tensor:
        """A prompt's conditioning (1, T, D): the vectors of its words, which it makes up where nobody embedded them."""
        said = re.findall(r"\w+|\S", prompt)
        rows = [self.words[each]["l"] if each in self.words else _made_up(each) for each in said]
        return torch.cat([_made_up(""), *rows])[None]

    def check_room(self, prompt: str) -> None:
        """Of a prompt it reads `room` rows."""
        rows = self.spell(prompt).shape[1] - 1
        if rows > self.room:
            raise NokenError("noken in the prompt", got=Words(f"one up to token {rows}"), wanted=f"{self.room:g}")

    def annotators(self) -> Mapping[str, Annotator]:
        """Those that a test has given it."""
        return self.seers

    def caption(self, picture: Image.Image) -> str:
        """Its size and its first colour."""
        return f"{picture.width} by {picture.height} of {picture.getpixel((0, 0))}"

    def generate(
        self,
        job: Any = None,
        *,
        steps: int = 10,
        seeds: Sequence[int] = (1,),
        size: tuple[int, int] = (16, 16),
        sampler: str = "euler",
        kind: str = "txt2img",
        mask: Tensor | None = None,
        hires: float = 0,
        stop_after: int | None = None,
        image: Image.Image | None = None,
        batches: int = 1,
        prompt: str = "",
        negative: str = "",
    ) -> Picture:
        """One job; `seeds` are the first batch's, `hires` the second pass's scale, `stop_after` a user's interrupt."""
        run = Run(self, self.desk)
        run.start(job, redraws=kind == "img2img")
        run.guests += self.guests if run.problem is None else []
        picture, made = Picture(torch.zeros(0), {}), []
        shape, half = (len(seeds), 4, size[1], size[0]), sigmas(steps)[steps // 2 :]
        try:
            for first in range(0, run.batches(len(seeds), batches) * len(seeds), len(seeds)):
                now = tuple(seed + first for seed in seeds)
                said = run.say([[prompt], [negative]])
                self._prompts = said[0][0], said[1][0]
                start = _latents(run.frames(first, len(seeds)) or [image] * len(seeds), size)
                schedule = sigmas(steps) if start is None else half
                x = self._sample(run, picture, kind, shape, schedule, now, sampler, start, mask, stop_after, first)
                if hires and stop_after is None:
                    x = torch.nn.functional.interpolate(x, scale_factor=hires, mode="nearest")
                    x = self._sample(run, picture, "hires", tuple(x.shape), half, now, sampler, x, None, None, first)
                made.append(x)
            self._assemble(run, picture, torch.cat(made))
        finally:
            self.forget()
            self.desk.keep(kind, run.formed())
            self.desk.finish(kind, run.complaint)
        picture.latents, picture.infotext = torch.cat(made), run.told
        return picture

    def _assemble(self, run: Run, picture: Picture, x: Tensor) -> None:
        if run.control.animation is None or run.problem is not None or len(x) < 2:
            return
        with run.stepping_aside():
            self.data.mkdir(parents=True, exist_ok=True)
            path = self.data / f"animation.{run.control.animation.format}"
            grey = [Image.fromarray((each[0].sigmoid() * 255).byte().numpy()) for each in x]
            assemble(run.control, run.feed, grey, path, run.text)
            picture.animation = path

    def _sample(
        self,
        run: Run,
        picture: Picture,
        kind: str,
        shape: Any,
        schedule: Tensor,
        seeds: Sequence[int],
        sampler: str,
        start: Tensor | None,
        mask: Tensor | None,
        stop_after: int | None,
        first: int,
    ) -> Tensor:
        noise = torch.stack([torch.randn(shape[1:], generator=torch.Generator().manual_seed(s)) for s in seeds])
        stage = Pass(kind, shape, schedule, seeds, noise.device, noise.dtype, mask, None, first, self._spoken)
        run.begin(stage)
        cond, uncond = map(self.spell, self._prompts)
        x = run.noise(noise) * schedule[0] + (0 if start is None else start)

        def model(x: Tensor, sigma: Tensor) -> Tensor:
            picture.calls += 1
            picture.heard.append(run.conditioning(cond, uncond, sigma))
            return run.estimate(self.denoise(x, sigma), sigma)

        for i, (sigma, leads_to) in enumerate(pairwise(schedule)):
            if i == stop_after:
                break
            x = SAMPLERS[sampler](model, x, sigma.expand(len(x)), leads_to.expand(len(x)))
        return x

    def _spoken(self, change: Change) -> Conds:
        cond, uncond = (self.spell(new) if (new := change(each)) != each else None for each in self._prompts)
        said = cond, uncond
        return lambda: said


def _made_up(word: str) -> Tensor:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
    return torch.randn(1, WIDTH, generator=torch.Generator().manual_seed(seed))


def _latents(images: Sequence[Image.Image | None], size: tuple[int, int]) -> Tensor | None:
    whole = (size[0] * FACTOR, size[1] * FACTOR)
    found = [pixels(each.convert("RGB").resize(whole)) for each in images if each is not None]
    return encode(torch.stack(found)) if found else None


def encode(values: Tensor) -> Tensor:
    """(B, 3, H*8, W*8) in [0, 1] → (B, 4, H, W)."""
    small = torch.nn.functional.avg_pool2d(values * 2 - 1, FACTOR)
    return torch.einsum("cr,brhw->bchw", _TO_LATENT.to(small), small)


def sigmas(steps: int, low: float = 0.03, high: float = 14.6, rho: float = 7) -> Tensor:
    """Karras's schedule (Karras et al. 2022), (steps+1,) with a 0 at the end."""
    ramp = torch.linspace(0, 1, steps)
    falling = (high ** (1 / rho) + ramp * (low ** (1 / rho) - high ** (1 / rho))) ** rho
    return torch.cat([falling, falling.new_zeros(1)])


def _euler(model: Denoise, x: Tensor, sigma: Tensor, leads_to: Tensor) -> Tensor:
    denoised = model(x, sigma)
    return denoised + (leads_to / sigma)[:, None, None, None] * (x - denoised)


def _heun(model: Denoise, x: Tensor, sigma: Tensor, leads_to: Tensor) -> Tensor:
    d = (x - model(x, sigma)) / sigma[:, None, None, None]
    step = (leads_to - sigma)[:, None, None, None]
    ahead = x + d * step
    if float(leads_to[0]) == 0:
        return ahead
    d2 = (ahead - model(ahead, leads_to)) / leads_to[:, None, None, None]
    return x + (d + d2) / 2 * step


def _midpoint(model: Denoise, x: Tensor, sigma: Tensor, leads_to: Tensor) -> Tensor:
    """DPM-2: the second call stands half way in ln sigma."""
    if float(leads_to[0]) == 0:
        return _euler(model, x, sigma, leads_to)
    between = (sigma.log().lerp(leads_to.log(), 0.5)).exp()
    half = _euler(model, x, sigma, between)
    d = (half - model(half, between)) / between[:, None, None, None]
    return x + d * (leads_to - sigma)[:, None, None, None]


SAMPLERS: dict[str, Callable[[Denoise, Tensor, Tensor, Tensor], Tensor]] = {
    "euler": _euler,
    "heun": _heun,
    "midpoint": _midpoint,
}


def ideal(data: Tensor) -> Denoise:
    """The exact denoiser of a known data set (M, C, H, W): the pictures, weighted by how well they explain x."""

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        distance = torch.cdist(x.flatten(1), data.flatten(1)) ** 2  # (B, M)
        weight = (-distance / (2 * sigma[:, None].clamp_min(_LEAST) ** 2)).softmax(1)
        return (weight @ data.flatten(1)).view_as(x)

    return denoise
