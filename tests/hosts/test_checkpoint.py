"""What --model takes, and how it says no."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lib_pxl.errors import HostError
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.hosts.request import Request
from lib_pxl.studio import model, tiny

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")  # diffusers on numpy 2


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.sd1().save_pretrained(folder / "sd1", safe_serialization=True)
    return folder


@pytest.fixture
def broken(saved: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of the folder with one thing wrong."""

    def make(wrong: str) -> Path:
        folder = tmp_path / "sd1"
        shutil.copytree(saved / "sd1", folder)
        WRONG[wrong][0](folder)
        return folder

    return make


def rename(folder: Path, new: str) -> None:
    index = folder / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"_class_name": new}))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def pickle(folder: Path) -> None:
    torch.save({}, folder / "unet" / "diffusion_pytorch_model.bin")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()


WRONG: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no index": (lambda folder: (folder / "model_index.json").unlink(), "with a model_index.json in it"),
    "index is no JSON": (lambda folder: (folder / "model_index.json").write_text("{"), "with a model_index.json in it"),
    "index is a list": (lambda folder: (folder / "model_index.json").write_text("[]"), "with a model_index.json in it"),
    "another kind": (lambda folder: rename(folder, "FluxPipeline"), "got 'FluxPipeline', wanted a pipeline of SD1"),
    "code of its own": (lambda folder: rename(folder, "my_pipeline"), "wanted a pipeline of SD1"),
    "truncated": (
        lambda folder: cut(folder / "unet" / "diffusion_pytorch_model.safetensors"),
        "ends early or is damaged",
    ),
    "pickle": (pickle, "a pickle can run code"),
    "no part": (lambda folder: shutil.rmtree(folder / "vae"), "wanted a diffusers folder"),
    "wrong sizes": (
        lambda folder: save_file(
            {"conv_in.weight": torch.zeros(1)}, folder / "unet/diffusion_pytorch_model.safetensors"
        ),
        "wanted a diffusers folder",
    ),
}


def test_without_a_name_it_is_the_tiny_one() -> None:
    pipe, name = model.load(None)
    assert name == "tiny" and pipe.scheduler.config.prediction_type == "v_prediction"


def test_a_folder_gives_the_same_pictures_as_what_was_saved_in_it(saved: Path, tmp_path: Path) -> None:
    pipe, name = model.load(str(saved / "sd1"))
    assert name == "sd1"
    request = Request("a star", steps=2, width=64, height=64, seed=3)
    made = [DiffusersHost(each, tmp_path / "data").generate(request).pictures[0] for each in (pipe, tiny.sd1())]
    assert np.array_equal(np.asarray(made[0]), np.asarray(made[1]))


@pytest.mark.parametrize("wrong", WRONG)
def test_a_folder_that_cannot_be_is_one_sentence(wrong: str, broken: Callable[[str], Path]) -> None:
    with pytest.raises(HostError, match=WRONG[wrong][1]) as caught:
        model.load(str(broken(wrong)))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("model.ckpt", b"\x80\x02", "a pickle can run code"),
        ("model.pt", b"PK", "a pickle can run code"),
        ("model.safetensors", b"", "ends early or is damaged"),
        ("model.safetensors", b"\xff" * 64, "ends early or is damaged"),
        ("model.gguf", b"GGUF", "a .safetensors file"),
    ],
)
def test_a_file_that_cannot_be_is_one_sentence(name: str, data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(HostError, match=said):
        model.load(str(tmp_path / name))


def test_a_file_of_other_weights_is_one_sentence(tmp_path: Path) -> None:
    save_file({"conv.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(HostError, match=r"other.safetensors: got .* wanted a diffusers folder"):
        model.load(str(tmp_path / "other.safetensors"))


@pytest.mark.parametrize("name", ["nowhere", "/no/such/folder", "../x", "https://example.org/model", "a b/c"])
def test_a_name_that_is_neither_path_nor_repository_is_refused(name: str) -> None:
    with pytest.raises(HostError, match="the name of a repository on the hub"):
        model.load(name)


def test_a_repository_that_cannot_be_reached_is_one_sentence() -> None:
    with pytest.raises(HostError, match="--model nobody/nothing: got 'OSError"):
        model.load("nobody/nothing")
