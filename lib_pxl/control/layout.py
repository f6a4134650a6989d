"""The mode `layout`: the picture takes the map's structure, in colours of its own.

The map is one field, and what the picture has along it is its contrast.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lib_pxl.control.canvas import Canvas
from lib_pxl.control.contrast import contrasted
from lib_pxl.control.stage import Made, Stage


def layout(stage: Stage) -> Made:
    """Follow the map's structure and leave the colours free."""
    fields = torch.stack([structure(each, stage.canvas) for each in stage.frames.pixels(1)]).flatten(1)[:, None]
    rows = torch.cat([torch.ones_like(fields), fields], dim=1)
    return contrasted(stage, rows, torch.tensor([0.0, 1.0]).expand(len(rows), 1, 2))


def structure(pixels: Tensor, canvas: Canvas) -> Tensor:
    """A map at the latents' size (H, W), of zero mean: its colours, along the line on which they differ most."""
    small = F.adaptive_avg_pool2d(pixels.float(), (canvas.height, canvas.width))
    colours = (small - small.mean((-2, -1), keepdim=True)).flatten(1)
    axes = torch.linalg.eigh(colours @ colours.T).eigenvectors
    along: Tensor = axes[:, -1] @ colours
    return along.view(canvas.height, canvas.width)
