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

# the estimate (B, C, H, W), a table's row (B, k), and which of its frames each image sees (B,)
Edit = Callable[[Tensor, Tensor, Tensor], Tensor]


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
        # The least and the most are no number either where any is none, and are found twenty times as fast as those.
        if tuple(found.shape) != wanted or not torch.stack(found.aminmax()).isfinite().all():
            raise ProgramError(
                self.where, got=f"a target of shape {tuple(found.shape)}", wanted=f"finite latents {wanted}"
            )
        return found

    def seen(self, known: Tensor) -> Tensor:
        """Of what is known of every frame (K, k), what each image sees at every place, (M, B or 1, k)."""
        return known.cpu()[self.which]

    @property
    def which(self) -> Tensor:
        """The frame that each image sees at every place, (M, B), or (M, 1) where all see the same."""
        which = self.frames.which
        return which if (which != which[:, :1]).any() else which[:, :1]

    def chooser(self) -> Callable[[Tensor, Tensor], Tensor]:
        """Of a stack (K, …), the one that each image sees, by its number (B,)."""
        if not self.frames.which.any():
            return lambda stack, shown: stack.expand(len(shown), *stack.shape[1:])
        return lambda stack, shown: stack[shown]


@dataclass(frozen=True)
class Made:
    """A mode made ready: its edit at each step, with the table of which it gets a row, or of the first noise."""

    edit: Edit | None = None
    table: Tensor | None = None  # (M, k), or (M, B, k) where images differ
    which: Tensor | None = None  # (M, B or 1): what `edit` is told instead of the frame's number
    adds: bool = False  # `edit` gives what is added to the estimate, not what comes in its place
    noise: Callable[[Tensor, Tensor, Tensor | None], Tensor] | None = None  # unit noise, frames, and where it acts


def joined(*tables: Tensor) -> Tensor:
    """Tables (M, B or 1, k) side by side."""
    images = max(each.shape[1] for each in tables)
    return torch.cat([each.expand(-1, images, -1) for each in tables], dim=2)
