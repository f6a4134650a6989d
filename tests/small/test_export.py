"""The exported checkpoint: diffusers' own converter of such files reads the same model back."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from safetensors.torch import load_file

from lib_pxl.errors import HostError
from lib_pxl.hosts import checkpoint
from lib_pxl.small.export import export


@pytest.fixture(scope="module")
def pair(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """The model, the same by way of the exported file, and that file."""
    own, _ = checkpoint.load(str(trained / "model"))
    path = export(own, tmp_path_factory.mktemp("webui"), "one")
    other, name = checkpoint.load(str(path))
    assert name == "one"
    return own, other, path


def test_the_words_are_the_same(pair: tuple[Any, Any, Path]) -> None:
    found = []
    for pipe in pair[:2]:
        ids = pipe.tokenizer(
            ["a big red star, left", "größer (星)"], padding="max_length", return_tensors="pt"
        ).input_ids
        found.append((ids, pipe.text_encoder(ids).last_hidden_state))
    assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])


@torch.no_grad()
def test_the_network_is_the_same(pair: tuple[Any, Any, Path]) -> None:
    x, told = torch.randn(2, 4, 16, 16), torch.randn(2, 77, 128)
    own, other = (pipe.unet(x, 500, told).sample for pipe in pair[:2])
    assert torch.allclose(own, other, atol=1e-5) and own.std() > 0.01


@torch.no_grad()
def test_the_autoencoder_of_32_groups_is_the_same_as_the_narrow_one(pair: tuple[Any, Any, Path]) -> None:
    own, other, _ = pair
    assert (own.vae.config.norm_num_groups, other.vae.config.norm_num_groups) == (8, 32)
    assert own.vae.config.scaling_factor == other.vae.config.scaling_factor
    z, pixels = torch.randn(2, 4, 16, 16), torch.rand(2, 3, 96, 64)
    assert torch.allclose(own.vae.decode(z).sample, other.vae.decode(z).sample, atol=1e-4)
    own_mean, other_mean = (vae.encode(pixels).latent_dist.mean for vae in (own.vae, other.vae))
    assert torch.allclose(own_mean, other_mean, atol=1e-4)


def test_the_schedule_is_the_same(pair: tuple[Any, Any, Path]) -> None:
    own, other, _ = pair
    assert torch.equal(own.scheduler.alphas_cumprod, other.scheduler.alphas_cumprod)
    assert own.scheduler.config.prediction_type == other.scheduler.config.prediction_type == "v_prediction"


def test_the_files_are_what_a1111_looks_for(pair: tuple[Any, Any, Path]) -> None:
    _, _, path = pair
    words = path.with_suffix("")
    assert {each.name for each in words.iterdir()} == {
        "config.json",
        "merges.txt",
        "tokenizer_config.json",
        "vocab.json",
    }
    params = json.loads(path.with_suffix(".yaml").read_text())["model"]["params"]
    assert params["cond_stage_config"]["params"]["version"] == str(words.resolve())
    assert all(each.dtype == torch.float16 for each in load_file(path).values())
    others = stat.S_IMODE((words / "vocab.json").stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == others, "the WebUI may run as another user"


@pytest.mark.parametrize(("make", "said"), [(tiny.sdxl, "one text encoder"), (tiny.sd1, "multiples of 32")])
def test_what_those_classes_cannot_hold_is_refused(make: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=said):
        export(make(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_one_sentence(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    pipe, _ = checkpoint.load(str(trained / "model"))
    with pytest.raises(HostError, match="one that can be written"):
        export(pipe, tmp_path / "file" / "below")
