"""The pipeline that the studio runs on: a folder, a file, the hub's, or the tiny one that is made on the spot."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import diffusers
import safetensors
import torch

from lib_pxl.errors import HostError
from lib_pxl.studio import tiny

log = logging.getLogger("pxl")
models: Any = diffusers
TINY = "tiny"
WANTED = "a diffusers folder, a .safetensors file, or the name of a repository on the hub"
_PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
_CLASSES = (
    "LatentConsistencyModelPipeline",
    *(f"StableDiffusion{size}{task}Pipeline" for size in ("", "XL") for task in ("", "Img2Img", "Inpaint")),
)


def load(name: str | None) -> tuple[Any, str]:
    """A pipeline ready to run, and the name that its pictures carry; a HostError where there is none to be had."""
    if not name:
        return tiny.sd1("v_prediction"), TINY
    path = Path(name).expanduser()
    if path.is_dir():
        _check_folder(path)
    elif path.is_file():
        _check_file(path)
    elif not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name):
        raise HostError("--model", got=name, wanted=WANTED)
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    dtype = torch.float16 if device == "cuda" else torch.float32
    try:
        pipe = _read(path if path.exists() else name, dtype)
    except HostError:
        raise
    except Exception as problem:  # whatever a stranger's files make three libraries raise
        log.debug("loading %s", name, exc_info=True)
        reason = " ".join(str(problem).split())[:200]
        raise HostError(f"--model {name}", got=f"{type(problem).__name__}: {reason}", wanted=WANTED) from problem
    if type(pipe).__name__ not in _CLASSES:
        raise HostError("--model", got=type(pipe).__name__, wanted="a pipeline of SD1, SD2 or SDXL")
    return pipe.to(device), path.stem if path.is_file() else path.name


def _read(source: Path | str, dtype: torch.dtype) -> Any:
    if isinstance(source, Path) and source.is_file():
        with safetensors.safe_open(source, framework="pt") as file:
            double = any(key.startswith("conditioner.embedders.1") for key in file.keys())  # noqa: SIM118  (no dict)
        family = models.StableDiffusionXLPipeline if double else models.StableDiffusionPipeline
        return family.from_single_file(str(source), torch_dtype=dtype)
    return models.DiffusionPipeline.from_pretrained(str(source), dtype=dtype, use_safetensors=True)


def _check_folder(folder: Path) -> None:
    index = folder / "model_index.json"
    try:
        kind = json.loads(index.read_text("utf-8")).get("_class_name")
    except (OSError, ValueError, AttributeError):
        raise HostError(
            "--model", got=str(folder), wanted="a diffusers folder, with a model_index.json in it"
        ) from None
    if kind not in _CLASSES:
        raise HostError("--model", got=kind, wanted="a pipeline of SD1, SD2 or SDXL")
    weights = [path for path in folder.rglob("*") if path.suffix == ".safetensors"]
    for path in weights:
        _check_file(path)
    pickled = [path for path in folder.rglob("*") if path.suffix in _PICKLES]
    bare = [path for path in pickled if not any(each.parent == path.parent for each in weights)]
    if bare:
        _check_file(bare[0])


def _check_file(path: Path) -> None:
    if path.suffix.lower() != ".safetensors":
        if path.suffix.lower() in _PICKLES:
            raise HostError(
                "--model", got=path.name, wanted="a .safetensors file: a pickle can run code when it is opened"
            )
        raise HostError("--model", got=path.name, wanted=WANTED)
    try:
        with safetensors.safe_open(path, framework="pt"):
            pass
    except (OSError, safetensors.SafetensorError):
        raise HostError(
            f"--model {path.name}", got="a file that ends early or is damaged", wanted="a whole one"
        ) from None
