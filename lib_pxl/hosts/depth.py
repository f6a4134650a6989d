"""Depth by a model of transformers: DPT, Depth Anything and their like, loaded when a layer first asks."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy
import torch
import transformers
from PIL import Image

from lib_pxl.errors import HostError
from lib_pxl.hosts.annotation import Annotator

WANTED = "a folder of a depth model, with a config.json and a .safetensors file in it, or its name on the hub"
_METRIC = ("depth_pro", "glpn", "prompt_depth_anything", "zoedepth")  # they give distance, the others nearness


class DepthModel:
    """A model for depth by its folder or its name on the hub."""

    def __init__(self, name: str) -> None:
        path = Path(name).expanduser()
        if not (path / "config.json").is_file() and (path.exists() or not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name)):
            raise HostError("--depth", got=name, wanted=WANTED)
        self.name = str(path) if path.exists() else name

    @property
    def annotator(self) -> Annotator:
        """The model as an annotator."""
        return Annotator(f"--depth {self.name}", self.see, WANTED)

    def see(self, picture: Image.Image) -> Image.Image:
        """What is near is white, what is far is black."""
        with numpy.errstate(all="ignore"):  # transformers paints the depth, too, and divides by its span
            found = self._pipe(picture.convert("RGB"))["predicted_depth"]
        depth = found.float().cpu().squeeze()
        config = self._pipe.model.config
        if config.model_type in _METRIC or getattr(config, "depth_estimation_type", "") == "metric":
            depth = 1 / depth.clamp_min(1e-3)
        low, high = depth.aminmax()
        even = (depth - low) / (high - low).clamp_min(torch.finfo(depth.dtype).tiny)
        return Image.fromarray((even.nan_to_num(0) * 255).round().numpy().astype(numpy.uint8))

    @cached_property
    def _pipe(self) -> Any:
        kinds: Any = transformers
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return kinds.pipeline(
            "depth-estimation", model=self.name, device=device, model_kwargs={"use_safetensors": True}
        )
