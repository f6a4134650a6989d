"""Depth by transformers, on small random models: loaded late, near white, and refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest
import tiny
import torch
import transformers

from lib_pxl.errors import HostError
from lib_pxl.hosts.depth import DepthModel
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.hosts.request import Request
from tests.control.stage import painted, sent

words: Any = transformers
SMALL = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2}
NECK = {"neck_hidden_sizes": [8, 8, 8, 8], "fusion_hidden_size": 8, "reassemble_factors": [4, 2, 1, 0.5]}


def dpt() -> Any:
    """A DPT of a few thousand weights."""
    config = words.DPTConfig(
        **SMALL,
        **NECK,
        intermediate_size=16,
        image_size=32,
        patch_size=8,
        backbone_out_indices=[0, 1, 2, 3],
        is_hybrid=False,
    )
    return words.DPTForDepthEstimation(config)


def anything(kind: str) -> Any:
    """A Depth Anything of a few thousand weights, for nearness or for distance."""
    stages = {"out_features": ["stage1", "stage2", "stage3", "stage4"], "reshape_hidden_states": False}
    backbone = words.Dinov2Config(**SMALL, **stages, image_size=32, patch_size=8, apply_layernorm=True)
    config = words.DepthAnythingConfig(
        backbone_config=backbone,
        patch_size=8,
        reassemble_hidden_size=16,
        head_hidden_size=8,
        depth_estimation_type=kind,
        **NECK,
    )
    return words.DepthAnythingForDepthEstimation(config)


MODELS = {"dpt": dpt, "relative": lambda: anything("relative"), "metric": lambda: anything("metric")}


@pytest.fixture(params=MODELS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A model's folder, as the hub has them."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        MODELS[request.param]().save_pretrained(tmp_path / "model")
    words.DPTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_depth_is_a_grey_picture_of_the_same_size_from_black_to_white(folder: Path) -> None:
    model = DepthModel(str(folder))
    found = model.see(painted(40, 24))
    assert found.mode == "L" and found.size == (40, 24) and found.getextrema() == (0, 255)
    assert numpy.array_equal(numpy.asarray(model.see(painted(40, 24))), numpy.asarray(found))


def test_near_is_white_whichever_way_the_model_counts(folder: Path) -> None:
    model = DepthModel(str(folder))
    said = model._pipe(painted(40, 24))["predicted_depth"].squeeze()
    metric = getattr(model._pipe.model.config, "depth_estimation_type", "relative") == "metric"
    near = said.argmin() if metric else said.argmax()
    assert numpy.asarray(model.see(painted(40, 24))).reshape(-1)[int(near)] == 255


def test_a_flat_scene_is_black_and_what_is_no_number_too(folder: Path) -> None:
    model = DepthModel(str(folder))
    for value in (3.0, 0.0, float("nan")):
        said = {"predicted_depth": torch.full((1, 24, 40), value)}
        model.__dict__["_pipe"] = type(
            "Pipe", (), {"model": model._pipe.model, "__call__": lambda self, _, s=said: s}
        )()
        assert model.see(painted(40, 24)).getextrema() == (0, 0)


def test_a_layer_in_the_studio_follows_depth(folder: Path) -> None:
    model = DepthModel(str(folder))
    host = DiffusersHost(tiny.sd1("v_prediction"), annotators={"depth": model.annotator})
    assert "_pipe" not in model.__dict__, "nothing is loaded before a layer asks"
    request = Request("a star", steps=2, width=64, height=64, seed=1)
    source = {"kind": "image", "image": sent(painted(64, 64))}
    made = host.generate(request, {"control": {"layers": [{"source": source, "map": "depth", "strength": 1}]}})
    assert made.problem is None
    same = {"kind": "image", "image": sent(model.see(painted(64, 64)).convert("RGB"))}
    wanted = host.generate(request, {"control": {"layers": [{"source": same, "strength": 1}]}})
    assert numpy.array_equal(numpy.asarray(made.pictures[0]), numpy.asarray(wanted.pictures[0]))


@pytest.mark.parametrize("name", ["", "nowhere", "/no/such/folder", "a/b/c", "..", "me/../you"])
def test_what_can_be_no_model_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(HostError, match=r"--depth: got .*wanted a folder of a depth model"):
        DepthModel(name)


def test_a_folder_without_a_model_is_refused_at_the_start_too(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="wanted a folder of a depth model"):
        DepthModel(str(tmp_path))


@pytest.mark.parametrize("text", ["{}", "{", '{"model_type": "dpt"}'])
def test_a_model_that_cannot_be_loaded_is_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text, "utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle, which is never opened")
    host = DiffusersHost(tiny.sd1("v_prediction"), annotators={"depth": DepthModel(str(tmp_path)).annotator})
    source = {"kind": "image", "image": sent(painted(64, 64))}
    job = {"control": {"layers": [{"source": source, "map": "depth"}]}}
    made = host.generate(Request("a star", steps=1, width=64, height=64, seed=1), job)
    assert made.problem is not None
    assert made.problem.startswith("layer 1 map: got --depth") and "wanted a folder of a depth model" in made.problem
