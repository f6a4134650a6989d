"""What a mode is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lib_pxl.control.canvas import Canvas, Schedule
from lib_pxl.control.source import Frames
from lib_pxl.errors import ProgramError

Edit = Callable[[Tensor, Tensor, Tensor], Tensor]  # the estimate (B, C, H, W), a table's row (B, k), its place (B,)


@dataclass(frozen=True)
class Stage:
    """What a mode is given: the layer's frames, and its strength at every place (M,) of the schedule."""

    frames: Frames
    strength: Tensor
    schedule: Schedule
    canvas: Canvas
    motion: Mapping[str, Any]
    map: str  # what of the frames is seen
    where: str  # the layer's name in errors

    def latents(self) -> Tensor:
        """All frames as latents (K, C, H, W), or a ProgramError."""
        found = self.frames.latents().detach().to(self.canvas.device, torch.float32)
        wanted = (int(self.frames.which.max()) + 1, self.canvas.channels, self.canvas.height, self.canvas.width)
        if tuple(found.shape) != wanted or not found.isfinite().all():
            raise ProgramError(
                self.where, got=f"a target of shape {tuple(found.shape)}", wanted=f"finite latents {wanted}"
            )
        return found

    def chooser(self) -> Callable[[Tensor, Tensor], Tensor]:
        """Of a stack (K, …), the one that each image (B,) sees at its place (B,)."""
        which = self.frames.which.to(self.canvas.device)
        image = torch.arange(which.shape[1], device=which.device)
        if not which.any():
            return lambda stack, place: stack.expand(len(place), *stack.shape[1:])
        return lambda stack, place: stack[which[place, image]]


@dataclass(frozen=True)
class Made:
    """A mode made ready: its edit at each step with the table (M, k) of which it gets a row, or of the first noise."""

    edit: Edit | None = None
    table: Tensor | None = None
    noise: Callable[[Tensor, Tensor | None], Tensor] | None = None  # unit noise (B, C, H, W) and where it acts
