"""A guest that only looks: a small picture of the first image at every model call, kept on the device until the end."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from lib_pxl.control import Canvas
from lib_pxl.control.canvas import FINE, Schedule
from lib_pxl.hosts.base import Guest, Pass
from lib_pxl.hosts.formed import Formed, Reel

MOST = 200  # steps kept of a pass
SIDE = 128  # pixels of a small picture's longer side, at most


@dataclass
class Seen:
    """One pass as it is seen. Of too many steps every second is kept, then every fourth; the last one always."""

    kind: str
    schedule: Schedule
    matrix: Tensor  # (3, C, 1, 1)
    bias: Tensor  # (3, 1, 1)
    shrink: int
    calls: int = 0
    stride: int = 1
    steps: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)  # sigma (1,), wished and formed (3, H, W)

    def add(self, denoised: Tensor, edited: Tensor, sigma: Tensor) -> None:
        """One more call: nothing of it is read back."""
        if self.steps and (self.calls - 1) % self.stride:
            self.steps.pop()
        wished = self._small(denoised)
        formed = wished if edited is denoised else self._small(edited)
        self.steps.append((sigma[:1].to(torch.float32, copy=True), wished, formed))
        self.calls += 1
        if len(self.steps) > MOST:
            self.steps, self.stride = self.steps[::2], self.stride * 2

    def _small(self, estimate: Tensor) -> Tensor:
        x = estimate[0].float()
        if self.shrink > 1:
            x = F.avg_pool2d(x, self.shrink, ceil_mode=True)
        rgb = (self.matrix * x).sum(1) + self.bias  # no matrix product, which a host's autocast would round
        return ((rgb / 2 + 0.5).nan_to_num(0.5).clamp(0, 1) * 255).round().to(torch.uint8)

    def reel(self) -> Reel:
        """The pass, moved to the CPU in one piece."""
        sigmas, *pictures = (torch.stack(each) for each in zip(*self.steps, strict=True))
        place = self.schedule.at(sigmas.cpu()[:, 0]).float() / FINE / max(self.schedule.calls - 1, 1)
        wished, formed = torch.stack(pictures).permute(0, 1, 3, 4, 2).cpu().numpy()
        return Reel(self.kind, [round(u, 4) for u in place.tolist()], wished, formed)


class Trace(Guest):
    """How the last picture of a job forms, over its passes."""

    def __init__(self) -> None:
        self.passes: list[Seen] = []

    def begin(self, stage: Pass, canvas: Canvas) -> None:
        """A hires pass goes on with the picture before it; any other begins a picture."""
        kept = self.passes if canvas.hires else []
        matrix = canvas.rgb.to(stage.device, torch.float32).T[:, :, None, None]
        bias = torch.zeros(3) if canvas.rgb_bias is None else canvas.rgb_bias
        self.passes = [each for each in kept if each.steps]  # Forge begins a hires pass twice
        self.passes.append(
            Seen(
                kind="hires" if canvas.hires else "base",
                schedule=Schedule.parse(canvas.sigmas, "cpu"),
                matrix=matrix,
                bias=bias.to(stage.device, torch.float32)[:, None, None],
                shrink=-(-max(canvas.width, canvas.height) // SIDE),
            )
        )

    def look(self, denoised: Tensor, edited: Tensor, sigma: Tensor) -> None:
        """Keep both, small."""
        self.passes[-1].add(denoised, edited, sigma)

    def formed(self) -> Formed | None:
        """What was seen, or None where there was nothing."""
        reels = tuple(each.reel() for each in self.passes if each.steps)
        return Formed(reels) if reels else None
