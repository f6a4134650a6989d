"""Training: from the same seeds the same weights, whether it was cut short or not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lib_pxl.small.train import ANSWERS, answer, fit
from lib_pxl.world import Wish


class Line(nn.Module):
    """A line through points."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weights = nn.Linear(3, 1)

    def loss(self, step: int) -> Tensor:
        x = torch.randn(16, 3)
        return (self.weights(x) - x.sum(dim=1, keepdim=True) * 2 - 1).square().mean()


class CutError(Exception):
    """Somebody pressed Ctrl-C."""


def fitted(out: Path, steps: int, cut: int | None = None, monkeypatch: pytest.MonkeyPatch | None = None) -> Line:
    line = Line()

    def loss(step: int) -> Tensor:
        if step == cut:
            raise CutError
        return line.loss(step)

    fit("line", line, steps, 0.05, loss, out)
    return line


def test_it_learns_and_gives_back_the_average_of_its_last_weights(tmp_path: Path) -> None:
    line = fitted(tmp_path, 400)
    assert torch.allclose(line.weights.weight, torch.full((1, 3), 2.0), atol=0.1)
    assert line.weights.bias.item() == pytest.approx(1, abs=0.1)
    assert not line.weights.weight.requires_grad


def test_a_run_cut_short_ends_as_an_unbroken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib_pxl.small.train.KEEP_EVERY", 0.0)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = fitted(tmp_path / "a", 30)
    for cut in (7, 19):
        with pytest.raises(CutError):
            fitted(tmp_path / "b", 30, cut)
    again = fitted(tmp_path / "b", 30)
    assert torch.equal(whole.weights.weight, again.weights.weight)
    assert not list(tmp_path.rglob("*.part"))


def test_the_model_is_complete_small_and_half_precision(trained: Path) -> None:
    model = trained / "model"
    weights = [load_file(path) for path in model.rglob("*.safetensors")]
    assert len(weights) == 3
    assert all(each.dtype == torch.float16 for part in weights for each in part.values())
    assert sum(path.stat().st_size for path in model.rglob("*") if path.is_file()) <= 20e6
    for name in ("model_index.json", "scheduler/scheduler_config.json", "tokenizer/tokenizer_config.json"):
        assert (model / name).is_file()


def test_a_training_that_has_ended_is_not_repeated(trained: Path, tmp_path: Path) -> None:
    from small.conftest import BRIEF  # type: ignore[import-not-found]

    from lib_pxl.small.train import train

    copy = shutil.copytree(trained, tmp_path / "copy")
    before = {path.name: load_file(path) for path in (copy / "model" / "unet").glob("*.safetensors")}
    (copy / "latents.safetensors").write_bytes((trained / "latents.safetensors").read_bytes())
    train(copy, "cpu", BRIEF)
    for path in (copy / "model" / "unet").glob("*.safetensors"):
        assert all(torch.equal(each, before[path.name][key]) for key, each in load_file(path).items())


def test_every_wish_has_an_answer_and_what_is_unsaid_is_none() -> None:
    wish = Wish("", "white", ({"shape": "star", "colour": None, "size": "big", "place": "left"},))
    found = dict(zip(ANSWERS, answer(wish), strict=True))
    assert {name: ANSWERS[name][i] for name, i in found.items() if i} == {
        "ground": "white", "shape 0": "star", "size 0": "big", "place 0": "left",
    }  # fmt: skip
