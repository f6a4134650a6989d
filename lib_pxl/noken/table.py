"""A model's table of words out of its checkpoint, of which nothing else is read."""

from __future__ import annotations

from pathlib import Path

import safetensors
from torch import Tensor

from lib_pxl.errors import NokenError, Words, shown

_END = "text_model.embeddings.token_embedding.weight"
_OPEN = "model.token_embedding.weight"
PLACES = {  # of each encoder's table in a checkpoint, or in a text encoder's own file
    f"conditioner.embedders.0.transformer.{_END}": "l",
    f"conditioner.embedders.1.{_OPEN}": "g",
    f"cond_stage_model.transformer.{_END}": "l",
    f"cond_stage_model.{_OPEN}": "h",
    _END: "",
}
USUAL = {1024: "h", 1280: "g"}  # whose a text encoder's own file is, by its width; any other is `l`
WANTED = "a safetensors checkpoint of SD1, SD2 or SDXL, or a text encoder of one"


def read_table(path: Path) -> dict[str, Tensor]:
    """The tables (V, D) of a checkpoint's encoders."""
    what = f"file {shown(path.name)}"
    try:
        with safetensors.safe_open(path, "pt") as file:
            known = set(file.keys())
            found = {letter: file.get_tensor(key) for key, letter in PLACES.items() if key in known}
    except Exception as error:  # hostile bytes make the reader raise every kind there is
        raise NokenError(what, got=Words("no such file, or one of another kind"), wanted=WANTED) from error
    if not found:
        raise NokenError(what, got=Words("one without a table of words"), wanted=WANTED)
    return {letter or USUAL.get(int(table.shape[-1]), "l"): table for letter, table in found.items()}
