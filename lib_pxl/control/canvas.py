"""What one sampling pass looks like from outside: all that a program needs to know of its host."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from lib_pxl.errors import ProgramError
from lib_pxl.store.animations import Animation, open_animation
from lib_pxl.store.folders import data_folder
from lib_pxl.store.maps import PREFIX, Maps, opened
from lib_pxl.store.pictures import open_mask, open_still


@dataclass(frozen=True)
class Region:
    """The part of a picture of `size` (width, height) that this pass redraws, as left, top, right, bottom."""

    box: tuple[int, int, int, int]
    size: tuple[int, int]


@dataclass(frozen=True)
class Canvas:
    """One pass: the latent's size, its schedule and seeds, and the way from pixels to latents."""

    batch: int
    channels: int
    height: int
    width: int
    factor: int
    sigmas: Tensor  # (N+1,) VE sigmas of this pass, descending, last 0
    seeds: Sequence[int]
    device: torch.device | str
    dtype: torch.dtype
    rgb: Tensor  # (C, 3): approximate latent → RGB in [-1, 1]
    encode: Callable[[Tensor], Tensor]  # (B, 3, H*factor, W*factor) in [0, 1] → latent mean, scaled
    rgb_bias: Tensor | None = None  # (3,)
    hires: bool = False
    region: Region | None = None
    maps: Callable[[str], Path | bytes] | None = None  # hash → where the picture lies; None: the user's own data folder
    first: int = 0  # the place of this batch's first image in the whole job
    annotators: Mapping[str, Callable[[Image.Image], Image.Image]] = field(default_factory=dict)
    roots: Sequence[Path] | None = None  # the folders in which a path may lie; None: anywhere
    placed: dict[tuple[str, ...], Image.Image] = field(default_factory=dict)  # stills and masks that layers may share

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width * self.factor, self.height * self.factor

    def still(self, source: str) -> Image.Image:
        """The picture behind a path, a base64 text or a `map:HASH`."""
        return open_still(self._lying(source))

    def mask(self, source: str) -> Image.Image:
        """The mask behind a path, a base64 text or a `map:HASH`."""
        return open_mask(self._lying(source))

    def animation(self, source: str) -> Animation:
        """The frames behind a path, a base64 text or a `map:HASH`."""
        return open_animation(self._lying(source))

    def _lying(self, source: str) -> Path | bytes:
        if not source.startswith(PREFIX):
            return opened(source, self.roots)
        path = self.maps or Maps(data_folder() / "maps").path
        return path(source[len(PREFIX) :])


FINE = 64  # places from one model call to the next, at which all that moves over the steps is tabled


@dataclass(frozen=True)
class Schedule:
    """Progress from sigma: i/(N-1) at the i-th model call, linear in ln sigma between; 0 where N is 1."""

    sigmas: Tensor  # (N,) of the model calls, descending, all above 0
    leads_to: Tensor  # (N,) the sigma that each step ends at
    marks: Tensor  # (M-1,) the sigmas halfway between neighbouring places
    some: Tensor | None = None  # the only places that are asked for; None: all

    @classmethod
    def parse(cls, sigmas: Tensor, device: torch.device | str) -> Schedule:
        """The schedule of a pass: every sigma but the last is a model call's."""
        values = sigmas.detach().to("cpu", torch.float32).flatten()
        calls, leads_to = values[:-1], values[1:]
        sound = values.isfinite().all() and (calls > 0).all() and (leads_to >= 0).all() and (leads_to <= calls).all()
        if len(calls) == 0 or not sound:
            raise ProgramError("sigmas", got=values[:8].tolist(), wanted="one or more sigmas above 0, falling, then 0")
        halves = (torch.arange((len(calls) - 1) * FINE) + 0.5) / FINE
        return cls(calls, leads_to, spread(calls.log(), halves).exp().to(device))

    @property
    def calls(self) -> int:
        """N, the number of model calls' sigmas."""
        return len(self.sigmas)

    @property
    def places(self) -> Tensor:
        """Every place of a table (M,), counted in model calls."""
        return torch.arange((self.calls - 1) * FINE + 1) / FINE if self.some is None else self.some

    @property
    def steps(self) -> Tensor:
        """The model calls (N,); where only some places are asked for, the call that each belongs to."""
        return torch.arange(self.calls) if self.some is None else self.some.long()

    def calls_of(self, acts: Tensor) -> Tensor:
        """At which model calls (N,) there is a place (M,) of those that act."""
        found = torch.zeros(self.calls, dtype=torch.bool)
        found[self.places[acts].long()] = True
        return found

    def only(self, places: Tensor) -> Schedule:
        """The same schedule, of which nothing but these places is asked for."""
        return replace(self, some=places)

    def asked(self, acts: Tensor) -> Schedule:
        """The same schedule for what acts at some places only (M,): others stand for the last of them, or the first."""
        last = torch.where(acts, torch.arange(len(acts)), -1).cummax(0).values
        return self.only(self.places[last.clamp(min=int(acts.long().argmax()))])

    @property
    def progress(self) -> Tensor:
        """u at every place of a table (M,)."""
        return self.places / max(self.calls - 1, 1)

    def at(self, sigma: Tensor) -> Tensor:
        """Where in a table sigma (B,) stands; nothing is read back, and torch 2.1 has it on a Mac too."""
        return (self.marks > sigma.to(self.marks)[:, None]).sum(-1)


def spread(table: Tensor, places: Tensor) -> Tensor:
    """A table (N, …) of the model calls at places between them."""
    left = places.long().clamp(max=len(table) - 1)
    right = (left + 1).clamp(max=len(table) - 1)
    between = (places - left).reshape(-1, *[1] * (table.ndim - 1))
    return torch.lerp(table[left], table[right], between.to(table))
