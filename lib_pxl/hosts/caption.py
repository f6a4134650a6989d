"""Captions by a BLIP of transformers, loaded when the first picture asks."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image

from lib_pxl.errors import HostError, Words

WANTED = (
    "a folder of a BLIP model for captions, with a config.json and a .safetensors file in it, or its name on the hub"
)
LONGEST = 48  # tokens


class CaptionModel:
    """A model for captions by its folder or its name on the hub."""

    def __init__(self, name: str) -> None:
        path = Path(name).expanduser()
        if not (path / "config.json").is_file() and (path.exists() or not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name)):
            raise HostError("--caption", got=name, wanted=WANTED)
        self.name = str(path) if path.exists() else name

    def see(self, picture: Image.Image) -> str:
        """What is on it, in a few words."""
        processor, model = self._parts
        given = processor(images=picture.convert("RGB"), return_tensors="pt").to(model.device)
        with torch.inference_mode():
            (words,) = model.generate(**given, max_new_tokens=LONGEST)
        return str(processor.decode(words, skip_special_tokens=True)).strip()

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
        kinds: Any = transformers
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        try:
            processor = kinds.BlipProcessor.from_pretrained(self.name)
            model = kinds.BlipForConditionalGeneration.from_pretrained(self.name, use_safetensors=True)
        except Exception as problem:  # a damaged folder, no connection, and whatever else transformers raises
            name = Path(self.name).name
            got = Words(f"{name[:40]}, which failed with {type(problem).__name__}")
            raise HostError("--caption", got=got, wanted=WANTED) from problem
        return processor, model.to(device).eval()
