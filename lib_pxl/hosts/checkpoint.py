"""A pipeline of diffusers from a folder, a single file or the hub."""

from __future__ import annotations

import json
import logging
import pickle
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import safetensors
import torch
import transformers
import yaml
from safetensors.torch import load_file

from lib_pxl.errors import HostError

log = logging.getLogger("pxl")
models: Any = diffusers
words: Any = transformers
WANTED = "a diffusers folder, a .safetensors file, or the name of a repository on the hub"
Weights = Mapping[str, torch.Tensor]
_PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
_CLASSES = (
    "LatentConsistencyModelPipeline",
    *(f"StableDiffusion{size}{task}Pipeline" for size in ("", "XL") for task in ("", "Img2Img", "Inpaint")),
)


def load(name: str) -> tuple[Any, str]:
    """A pipeline ready to run, and the name that its pictures carry; a HostError where there is none to be had."""
    path = Path(name).expanduser()
    _quiet()
    if path.is_dir():
        _check_folder(path)
    elif path.is_file():
        _check_file(path)
    elif not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name):
        raise HostError("--model", got=name, wanted=WANTED)
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    dtype = torch.float16 if device == "cuda" else torch.float32
    try:
        if path.is_file():
            pipe = _read_file(path, dtype)
        else:
            source = str(path if path.is_dir() else name)
            pipe = models.DiffusionPipeline.from_pretrained(source, dtype=dtype, use_safetensors=True)
    except HostError:
        raise
    except Exception as problem:  # whatever a stranger's files make three libraries raise
        log.debug("loading %s", name, exc_info=True)
        reason = " ".join(str(problem).split())[:200]
        raise HostError(f"--model {name}", got=f"{type(problem).__name__}: {reason}", wanted=WANTED) from problem
    if type(pipe).__name__ not in _CLASSES:
        raise HostError("--model", got=type(pipe).__name__, wanted="a pipeline of SD1, SD2 or SDXL")
    return pipe.to(device), path.stem if path.is_file() else path.name


def _quiet() -> None:
    """Neither library's bars and advice: what is wrong is said in one sentence."""
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()


def _read_file(path: Path, dtype: torch.dtype) -> Any:
    """A checkpoint in one file.

    What it is a folder of the same name beside it says, as diffusers lays out a pipeline, or a yaml, as the WebUIs have
    it, or else the hub.
    """
    double = any(key.startswith("conditioner.embedders.1") for key in _names(path))
    family = models.StableDiffusionXLPipeline if double else models.StableDiffusionPipeline
    folder, sidecar = path.with_suffix(""), path.with_suffix(".yaml")
    if (folder / "model_index.json").is_file():
        more: dict[str, Any] = {"config": str(folder), "local_files_only": True}
    else:
        more = _told(sidecar, path, dtype) if sidecar.is_file() else {}
    return family.from_single_file(str(path), torch_dtype=dtype, **more)


def _told(sidecar: Path, path: Path, dtype: torch.dtype) -> dict[str, Any]:
    """What a WebUI's yaml says of the checkpoint beside it."""
    settings = yaml.safe_load(sidecar.read_text("utf-8"))["model"]["params"]
    scheduler = models.DDIMScheduler(
        beta_start=settings["linear_start"], beta_end=settings["linear_end"], beta_schedule="scaled_linear",
        prediction_type="v_prediction" if settings.get("parameterization") == "v" else "epsilon",
        timestep_spacing="leading", steps_offset=1, clip_sample=False, set_alpha_to_one=False,
    )  # fmt: skip
    more = {"original_config": str(sidecar), "scheduler": scheduler}
    version = settings["cond_stage_config"].get("params", {}).get("version", "")
    if not (version and Path(version).is_dir()):
        return more
    encoder = words.CLIPTextModel(words.CLIPTextConfig.from_pretrained(version))
    start = "cond_stage_model.transformer."
    own = {key.removeprefix(start): value for key, value in _states(path).items() if key.startswith(start)}
    prefix = "" if "embeddings.token_embedding.weight" in own else "text_model."  # as transformers before 5 has it
    encoder.load_state_dict({key: own[prefix + key.removeprefix("text_model.")] for key in encoder.state_dict()})
    tokenizer = words.CLIPTokenizer.from_pretrained(version)
    return {**more, "text_encoder": encoder.to(dtype).eval(), "tokenizer": tokenizer, "local_files_only": True}


def _names(path: Path) -> Iterable[str]:
    """The weights' names, without reading gigabytes."""
    if path.suffix.lower() != ".safetensors":
        return _states(path)
    with safetensors.safe_open(path, framework="pt") as file:
        return list(file.keys())


def _states(path: Path) -> Weights:
    if path.suffix.lower() == ".safetensors":
        return load_file(path)
    found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    found = found.get("state_dict", found)
    return {key: value for key, value in found.items() if isinstance(value, torch.Tensor)}


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
        raise _unsafe(bare[0])


def _check_file(path: Path) -> None:
    try:
        if path.suffix.lower() in _PICKLES:
            torch.load(path, map_location="meta", weights_only=True)
        elif path.suffix.lower() == ".safetensors":
            with safetensors.safe_open(path, framework="pt"):
                pass
        else:
            raise HostError("--model", got=path.name, wanted=WANTED)
    except (OSError, safetensors.SafetensorError):
        raise HostError(
            f"--model {path.name}", got="a file that ends early or is damaged", wanted="a whole one"
        ) from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError):
        raise _unsafe(path) from None


def _unsafe(path: Path) -> HostError:
    wanted = "a .safetensors file, or one of tensors alone: a pickle can run code when it is opened"
    return HostError("--model", got=path.name, wanted=wanted)
