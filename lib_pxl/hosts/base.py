"""What every host gives, and in which order it calls.

    host  --begin-->  run  --Guest.begin, noise, conditioning, estimate, look-->  features

A host (A1111, Forge, diffusers, the fake) tells what it has through `Host` and describes each sampling pass as a
`Pass`. A `Run` (run.py) stands between it and the features: it catches, once, whatever goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor

from lib_pxl.control import Canvas, Region
from lib_pxl.hosts.annotation import Annotator
from lib_pxl.hosts.order import Order
from lib_pxl.hosts.recorder import Finished
from lib_pxl.noken.genome import Noken

LARGEST = 1024  # pixels a side of a picture that will be shown at 256

Change = Callable[[str], str]  # of a prompt
Conds = Callable[[], tuple[Any, Any]]  # cond and uncond of the model call under way; None where nothing is changed


@dataclass(frozen=True)
class Vae:
    """The way from pixels to latents of the model in use."""

    key: str  # names the weights: equal keys, equal latents
    factor: int  # pixels per latent
    channels: int
    encode: Callable[[Tensor], Tensor]  # (B, 3, H*factor, W*factor) in [0, 1] → latent mean, scaled


@dataclass(frozen=True)
class Pass:
    """One sampling pass, as it is about to start."""

    kind: str  # "txt2img", "img2img" or "hires"
    shape: tuple[int, int, int, int]  # (B, C, H, W) of the latents
    sigmas: Tensor  # (N+1,) VE sigmas, descending, last 0
    seeds: Sequence[int]
    device: torch.device
    dtype: torch.dtype
    mask: Tensor | None = None  # broadcasts to the latents; 1 where the picture may change
    region: Region | None = None  # the part of the whole picture that is redrawn
    first: int = 0  # the place of the first image in the whole job
    spoken: Callable[[Change], Conds] | None = None  # encodes the pass's prompts, each changed, as the host would


@dataclass(frozen=True)
class Wordbook:
    """The words that the loaded model knows, the same ones for all its encoders."""

    tables: Mapping[str, Tensor]  # (V, D) on the CPU, the token embedding of each encoder by its letter
    ids: Callable[[str], Sequence[int]]  # of a plain text, without beginning, end and padding
    text: Callable[[int], str]  # of one id


class Host(Protocol):
    """What pxl needs from the program it lives in."""

    name: str

    @property
    def data(self) -> Path:
        """pxl's own folder of data."""

    @property
    def readable(self) -> Sequence[Path] | None:
        """The folders whose pictures a job may name by path; None where the user is alone with the host."""

    @property
    def credentials(self) -> Mapping[str, str] | None:
        """The users and passwords of the host's own API; empty where it asks for none, None where it is off."""

    @property
    def closed(self) -> str:
        """Why nothing may be shared in this run, whatever was agreed to; empty where it may."""

    @property
    def wildcards(self) -> Sequence[Path]:
        """The folders of wildcards that templates may name."""

    def vae(self) -> Vae:
        """The VAE in use now."""

    def widths(self) -> Mapping[str, int]:
        """The text encoders' names and widths: the model's family."""

    def lexicon(self) -> Wordbook:
        """The loaded model's words; a HostError where none is loaded yet."""

    def embed(self, name: str, vectors: Mapping[str, Tensor]) -> None:
        """Make the prompt's word `name` stand for these vectors, (T, D) for each encoder, until `forget`."""

    def forget(self) -> None:
        """Take back every word that `embed` made."""

    def check_room(self, prompt: str) -> None:
        """A NokenError where a word that `embed` made stands beyond what the encoders read of a prompt."""

    def draw(
        self, prompt: str, words: Mapping[str, Mapping[str, Tensor]], seed: int, steps: int, size: int, cfg: float
    ) -> Image.Image:
        """A square picture by the host's own pipeline, once its queue lets it; `words` are embedded for it alone.

        It leaves no file and no trace in the page, and `size` 0 is the model's usual, but at most `LARGEST`.
        """

    def make(self, order: Order, free: Callable[[], object] = lambda: None) -> Finished:
        """A picture by the host's own pipeline, once its queue lets it, saved where the host saves those of its page.

        Its nokens are said, and no trace is left in the page; whoever ordered it says what becomes of it. `free` is
        called as soon as the queue lets it: what that raises, as where it is wanted no more, ends it there.
        """

    def install(self, noken: Noken) -> Path:
        """Save it where the host looks for embeddings, under `pxl/`, and have the host see it at once."""

    def annotators(self) -> Mapping[str, Annotator]:
        """What can read a map off a picture, by the map's name."""

    def caption(self, picture: Image.Image) -> str:
        """What is on a picture, in a few words; a HostError where nothing here can tell."""


class Guest:
    """A feature in one job; it overrides what it needs. Tensors in, new tensors out."""

    def begin(self, stage: Pass, canvas: Canvas) -> None:
        """Do, before the first step, all that can fail or is slow."""

    def noise(self, noise: Tensor) -> Tensor:
        """The pass's first noise (B, C, H, W), unit variance."""
        return noise

    def conditioning(self, cond: Any, uncond: Any, sigma: Tensor) -> tuple[Any, Any]:
        """The text conditionings of this model call."""
        return cond, uncond

    def estimate(self, denoised: Tensor, sigma: Tensor) -> Tensor:
        """The clean estimate (B, C, H, W) after CFG at sigma (B,)."""
        return denoised

    def look(self, denoised: Tensor, edited: Tensor, sigma: Tensor) -> None:
        """The estimate as the model gave it, and as all guests together left it; the same tensor if none acted."""
