"""What one sampling pass looks like from outside: all that a program needs to know of its host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from lib_pxl.errors import ProgramError
from lib_pxl.store.folders import data_folder
from lib_pxl.store.maps import PREFIX, Maps, taken
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
    maps: Callable[[str], bytes] | None = None  # hash → the picture's bytes; None: the user's own data folder

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width * self.factor, self.height * self.factor

    def still(self, source: str) -> Image.Image:
        """The picture behind a path, a base64 text or a `map:HASH`."""
        return open_still(self._bytes(source))

    def mask(self, source: str) -> Image.Image:
        """The mask behind a path, a base64 text or a `map:HASH`."""
        return open_mask(self._bytes(source))

    def _bytes(self, source: str) -> bytes:
        if not source.startswith(PREFIX):
            return taken(source)
        read = self.maps or Maps(data_folder() / "maps").read
        return read(source[len(PREFIX) :])


@dataclass(frozen=True)
class Schedule:
    """Progress from sigma: i/(N-1) at the i-th model call, linear in ln sigma between; 0 where N is 1."""

    sigmas: Tensor  # (N,) of the model calls, descending, all above 0
    leads_to: Tensor  # (N,) the sigma that each step ends at
    fall: Tensor  # (N,) -ln sigma, rising

    @classmethod
    def parse(cls, sigmas: Tensor, device: torch.device | str) -> Schedule:
        """The schedule of a pass: every sigma but the last is a model call's."""
        values = sigmas.detach().to("cpu", torch.float32).flatten()
        calls, leads_to = values[:-1], values[1:]
        sound = values.isfinite().all() and (calls > 0).all() and (leads_to >= 0).all() and (leads_to <= calls).all()
        if len(calls) == 0 or not sound:
            raise ProgramError("sigmas", got=values[:8].tolist(), wanted="one or more sigmas above 0, falling, then 0")
        return cls(calls.to(device), leads_to.to(device), -calls.log().to(device))

    @property
    def calls(self) -> int:
        """N, the number of model calls' sigmas."""
        return len(self.sigmas)

    @property
    def progress(self) -> Tensor:
        """u at every model call, (N,)."""
        return torch.arange(self.calls, device=self.sigmas.device) / max(self.calls - 1, 1)

    def place(self, sigma: Tensor) -> Tensor:
        """Where sigma (B,) stands among the calls, from 0 to N-1 and fractional between; nothing is read back."""
        fall = -sigma.to(self.fall).clamp_min(1e-10).log()
        # Not searchsorted, which torch 2.1 has no Metal kernel for.
        right = (self.fall[:, None] < fall).sum(0).clamp(1, max(self.calls - 1, 1))
        if self.calls == 1:
            return torch.zeros_like(fall)
        low, high = self.fall[right - 1], self.fall[right]
        return right - 1 + ((fall - low) / (high - low).clamp_min(1e-6)).clamp(0, 1)
