"""From pixels to latents, once for each picture, and from latents to colours, once for each VAE."""

from __future__ import annotations

import hashlib
import itertools
from collections import OrderedDict

import torch
from torch import Tensor

from lib_pxl.errors import HostError, Words
from lib_pxl.hosts.base import Vae

_KEPT = 32  # targets; 32 of SDXL's at 1024² are 8 MiB
_FLAT = 8  # the flat pictures' side in latents, wide enough that borders do not reach the middle


class Latents:
    """Encodes with whatever VAE it is given, and remembers by content, VAE and size."""

    def __init__(self) -> None:
        self._targets: OrderedDict[tuple[str, str], Tensor] = OrderedDict()
        self._rgb: dict[str, tuple[Tensor, Tensor]] = {}

    def encode(self, pixels: Tensor, vae: Vae) -> Tensor:
        """The latent mean of pixels (B, 3, H, W) in [0, 1]."""
        content = (pixels.clamp(0, 1) * 255).round().to(torch.uint8).cpu().contiguous().numpy().tobytes()
        key = (vae.key, hashlib.sha256(content + repr(tuple(pixels.shape)).encode()).hexdigest())
        if key not in self._targets:
            target = vae.encode(pixels).detach().float().clone()
            if not target.isfinite().all():
                return target  # the program refuses it, and the next try may do better
            self._targets[key] = target
            while len(self._targets) > _KEPT:
                self._targets.popitem(last=False)
        self._targets.move_to_end(key)
        return self._targets[key]

    def rgb(self, vae: Vae) -> tuple[Tensor, Tensor]:
        """(C, 3) and (3,): latent → RGB in [-1, 1], fitted by least squares to encoded flat colours."""
        if vae.key not in self._rgb:
            self._rgb = {vae.key: _fit(vae)}
        return self._rgb[vae.key]


def _fit(vae: Vae) -> tuple[Tensor, Tensor]:
    colours = torch.tensor([*itertools.product((0.0, 1.0), repeat=3), (0.5, 0.5, 0.5)])  # (9, 3)
    side = _FLAT * vae.factor
    middle = slice(_FLAT // 2 - 1, _FLAT // 2 + 1)
    flats = [colour[None, :, None, None].expand(1, 3, side, side) for colour in colours]
    found = torch.cat([vae.encode(flat)[..., middle, middle].mean((-2, -1)).float().cpu() for flat in flats])  # (9, C)
    if not found.isfinite().all():
        raise HostError("VAE", got=Words("latents that are no numbers"), wanted="a VAE that bears this precision")
    known = torch.cat([found, torch.ones(len(found), 1)], 1)  # (9, C+1)
    answer = torch.linalg.lstsq(known, colours * 2 - 1, driver="gelsd").solution  # (C+1, 3)
    return answer[:-1], answer[-1]
