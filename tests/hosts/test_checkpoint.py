"""What --model takes, and how it says no."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ldm
import numpy as np
import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file

from lib_pxl.errors import HostError
from lib_pxl.hosts import checkpoint
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.hosts.request import Request
from lib_pxl.small import FOLDER
from lib_pxl.small.export import export


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.sd1().save_pretrained(folder / "sd1", safe_serialization=True)
    return folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model in one file, as A1111 loads it."""
    pipe, name = checkpoint.load(str(FOLDER))
    return export(pipe, tmp_path_factory.mktemp("webui"), name)


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


def test_a_folder_gives_the_same_pictures_as_what_was_saved_in_it(saved: Path, tmp_path: Path) -> None:
    pipe, name = checkpoint.load(str(saved / "sd1"))
    assert name == "sd1"
    request = Request("a star", steps=2, width=64, height=64, seed=3)
    made = [DiffusersHost(each, tmp_path / "data").generate(request).pictures[0] for each in (pipe, tiny.sd1())]
    assert np.array_equal(np.asarray(made[0]), np.asarray(made[1]))


@pytest.mark.parametrize("wrong", WRONG)
def test_a_folder_that_cannot_be_is_one_sentence(wrong: str, broken: Callable[[str], Path]) -> None:
    with pytest.raises(HostError, match=WRONG[wrong][1]) as caught:
        checkpoint.load(str(broken(wrong)))
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
        checkpoint.load(str(tmp_path / name))


def test_a_file_of_other_weights_is_one_sentence(tmp_path: Path) -> None:
    save_file({"conv.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(HostError, match=r"other.safetensors: got .* wanted a diffusers folder"):
        checkpoint.load(str(tmp_path / "other.safetensors"))


def _never(*_: object) -> None:
    raise AssertionError("a pickle was obeyed")


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return _never, ("",)


def test_a_pickle_that_holds_more_than_tensors_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.ckpt"
    torch.save({"state_dict": {"x": torch.zeros(1)}, "callbacks": _Bomb()}, path)
    with pytest.raises(HostError, match="a pickle can run code"):
        checkpoint.load(str(path))


def test_a_checkpoint_of_tensors_alone_is_read_as_the_same_in_safetensors(exported: Path, tmp_path: Path) -> None:
    states, path = load_file(exported), tmp_path / "one.ckpt"
    torch.save({"state_dict": states, "global_step": 7}, path)
    shutil.copy(exported.with_suffix(".yaml"), tmp_path / "one.yaml")
    first, second = (checkpoint.load(str(each))[0] for each in (path, exported))
    for name in ("unet", "vae", "text_encoder"):
        own, other = (getattr(pipe, name).state_dict() for pipe in (first, second))
        assert all(torch.equal(own[key], other[key]) for key in other)


def test_a_file_whose_yaml_names_another_model_is_one_sentence(exported: Path, tmp_path: Path) -> None:
    path = shutil.copy(exported, tmp_path / "one.safetensors")
    for text in ("", "model: 3", "model: {params: {linear_start: 1}}", "{"):
        (tmp_path / "one.yaml").write_text(text)
        with pytest.raises(HostError, match=r"one.safetensors: got"):
            checkpoint.load(str(path))


@pytest.mark.parametrize("name", ["nowhere", "/no/such/folder", "../x", "https://example.org/model", "a b/c"])
def test_a_name_that_is_neither_path_nor_repository_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(HostError, match="the name of a repository on the hub"):
        checkpoint.load(name)


def test_a_repository_that_cannot_be_reached_is_one_sentence() -> None:
    with pytest.raises(HostError, match="--model nobody/nothing: got 'OSError"):
        checkpoint.load("nobody/nothing")


@pytest.mark.parametrize("made", [tiny.sdxl, lambda: tiny.sd1("v_prediction")], ids=["sdxl", "sd2"])
def test_a_single_file_with_its_folder_beside_it_gives_the_same_pictures(
    made: Callable[[], Any], tmp_path: Path
) -> None:
    pipe = made()
    pipe.save_pretrained(tmp_path / "model")
    for weights in (tmp_path / "model").rglob("*.safetensors"):
        weights.unlink()
    read, name = checkpoint.load(str(ldm.save(pipe, tmp_path / "model.safetensors")))
    assert name == "model" and read.scheduler.config.prediction_type == pipe.scheduler.config.prediction_type
    request = Request("a star", steps=2, width=64, height=64, seed=3)
    made = [DiffusersHost(each, tmp_path / "data").generate(request).pictures[0] for each in (read, pipe)]
    assert np.array_equal(np.asarray(made[0]), np.asarray(made[1]))
