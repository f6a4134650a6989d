"""The mode `layout`: the picture takes the map's structure, in colours of its own.

The map is one field, and what the picture has along it is its contrast.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lib_pxl.control.canvas import Canvas
from lib_pxl.control.contrast import bases, contrasted
from lib_pxl.control.stage import Made, Stage


def layout(stage: Stage) -> Made:
    """Follow the map's structure and leave the colours free."""
    fields = torch.stack([structure(each, stage.canvas) for each in stage.frames.pixels(1)]).flatten(1)[:, None]
    rows = torch.cat([torch.ones_like(fields), fields], dim=1)
    along = torch.tensor([0.0, 1.0]).expand(len(rows), 1, 2)
    return contrasted(stage, bases(rows @ rows.mT, along, rows.shape[-1]) @ rows, fields=1)


def structure(pixels: Tensor, canvas: Canvas) -> Tensor:
    """A map at the latents' size (H, W), of zero mean: its colours, along the line on which they differ most."""
    small, size = pixels.float(), (canvas.height, canvas.width)
    if small.shape[-2:] != size:
        small = F.adaptive_avg_pool2d(small, size)
    colours = (small - small.mean((-2, -1), keepdim=True)).flatten(1)
    axes = torch.linalg.eigh(colours @ colours.T).eigenvectors
    along: Tensor = axes[:, -1] @ colours
    return along.view(canvas.height, canvas.width)
