"""Annotators: a host's own are found where they are, asked once for each picture, and fail in one sentence."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from lib_pxl.errors import HostError
from lib_pxl.hosts import annotation
from lib_pxl.hosts.annotation import Annotations, Annotator
from lib_pxl.hosts.fake import FakeHost
from lib_pxl.hosts.run import ERROR_KEY, KEY
from tests.control.stage import layer, painted, sent


def job(**knobs: Any) -> dict[str, Any]:
    return {"control": {"layers": [layer(map="depth", strength=1, **knobs)]}}


def falling(picture: Image.Image) -> Image.Image:
    """Near above, far below."""
    return Image.linear_gradient("L").transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize(picture.size)


class Seer:
    """Counts what it is asked."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.seen: list[tuple[int, int]] = []
        self.problem = problem

    def __call__(self, picture: Image.Image) -> Image.Image:
        self.seen.append(picture.size)
        if self.problem:
            raise self.problem
        return falling(picture)


def host_with(folder: Path, seer: Seer, key: str = "a") -> FakeHost:
    return FakeHost(folder, seers={"depth": Annotator(key, seer, "weights")})


def test_the_map_is_what_the_annotator_says(data_folder: Path) -> None:
    host = host_with(data_folder, Seer())
    made = host.generate(job())
    assert made.infotext.keys() == {KEY}
    said = sent(falling(Image.new("RGB", (128, 128))))
    same = {"control": {"layers": [layer(source={"kind": "image", "image": said}, strength=1)]}}
    torch.testing.assert_close(made.latents, host.generate(same).latents, atol=0.02, rtol=0)


def test_a_picture_is_annotated_once_for_each_size(data_folder: Path) -> None:
    seer = Seer()
    host = host_with(data_folder, seer)
    first = host.generate(job(), hires=2)
    assert torch.equal(host.generate(job(), hires=2).latents, first.latents)
    assert seer.seen == [(128, 128), (256, 256)]
    host.generate(job(source={"kind": "image", "image": sent(painted(8, 8, 7))}))
    host.seers = {"depth": Annotator("b", seer, "other weights")}
    host.generate(job())
    assert len(seer.seen) == 4


def test_not_every_map_is_kept_for_ever() -> None:
    seer, annotations = Seer(), Annotations()
    see = annotations.through({"depth": Annotator("a", seer, "")})["depth"]
    for value in range(200):
        see(Image.new("RGB", (4, 4), (value, 0, 0)))
    see(Image.new("RGB", (4, 4), (199, 0, 0)))
    assert len(seer.seen) == 200
    see(Image.new("RGB", (4, 4), (0, 0, 0)))
    assert len(seer.seen) == 201 and len(annotations._kept) == annotation._KEPT


@pytest.mark.parametrize("problem", [OSError("no connection"), MemoryError(), ValueError("x" * 5000)])
def test_an_annotator_that_fails_is_one_sentence_and_may_do_better_next_time(
    problem: Exception, data_folder: Path
) -> None:
    seer = Seer(problem)
    host = host_with(data_folder, seer)
    made = host.generate(job())
    assert torch.equal(made.latents, host.generate().latents)
    told = made.infotext[ERROR_KEY]
    assert (
        told.startswith(f"layer 1 map: got a, which failed with {type(problem).__name__}") and "wanted weights" in told
    )
    assert "..." not in told, "it is cut at its end, not in the middle of a word that matters"
    seer.problem = None
    assert host.generate(job()).infotext.keys() == {KEY}


def test_an_error_of_ours_is_told_as_it_is(data_folder: Path) -> None:
    told = host_with(data_folder, Seer(HostError("x", got=1, wanted="two"))).generate(job()).infotext[ERROR_KEY]
    assert told.endswith("got 1, wanted two")


def test_without_one_the_sentence_says_where_there_is_one(data_folder: Path) -> None:
    told = FakeHost(data_folder).generate(job()).infotext[ERROR_KEY]
    assert (
        "no annotator for depth (Forge has one, A1111 with the ControlNet extension, the studio with --depth)" in told
    )


# ---- ControlNet's, in the WebUIs ---------------------------------------------------------------------------------


class Preprocessor:
    """As Forge and sd-webui-controlnet have them."""

    def __init__(self, name: str) -> None:
        self.name, self.asked = name, []  # type: tuple[str, list[Any]]
        for i in (1, 2, 3):
            setattr(self, f"slider_{i}", SimpleNamespace(gradio_update_kwargs={"value": i / 10}))

    def __call__(self, input_image: NDArray[numpy.uint8], resolution: int, **more: Any) -> NDArray[numpy.uint8]:
        assert input_image.dtype == numpy.uint8 and input_image.shape[2] == 3
        self.asked.append((input_image.shape, resolution, more))
        return numpy.full((resolution, resolution * 2, 3), 200, numpy.uint8)


@pytest.fixture(params=["Forge", "ControlNet"])
def known(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Preprocessor]:
    """The host's preprocessors."""
    names = ("none", "canny", "depth_hand_refiner", "depth_leres", "depth_midas", "depth_zoe", "depth_anything")
    found = {name: Preprocessor(name) for name in names}
    if request.param == "Forge":
        monkeypatch.setitem(sys.modules, "modules_forge.shared", SimpleNamespace(supported_preprocessors=found))
    else:
        held = SimpleNamespace(Preprocessor=SimpleNamespace(all_processors=found))
        monkeypatch.setitem(sys.modules, "scripts.supported_preprocessor", held)
    monkeypatch.setitem(sys.modules, "annotator.annotator_path", SimpleNamespace(models_path=str(tmp_path)))
    return found


@pytest.mark.parametrize(
    ("lying", "wanted"),
    [
        ([], "depth_midas"),
        (["leres"], "depth_leres"),
        (["leres", "zoedepth"], "depth_zoe"),
        (["midas", "depth_anything"], "depth_anything"),
        (["depth_anything_v2"], "depth_midas"),  # weights of one that this host does not have
    ],
)
def test_the_best_whose_weights_are_there_is_asked(
    lying: list[str], wanted: str, known: dict[str, Preprocessor], tmp_path: Path
) -> None:
    (tmp_path / "leres").mkdir()  # empty
    for name in lying:
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "weights.pt").touch()
    found = annotation.of_webui()["depth"]
    assert found.key == wanted and str(tmp_path) in found.wanted
    assert not any(each.asked for each in known.values())
    assert found.see(Image.new("RGB", (96, 64))).getextrema() == (200, 200)
    sliders = {"slider_1": 0.1, "slider_2": 0.2, "slider_3": 0.3}
    assert known[wanted].asked == [((64, 96, 3), 64, sliders)]


def test_where_midas_is_missing_any_other_will_do(known: dict[str, Preprocessor]) -> None:
    del known["depth_midas"]
    assert annotation.of_webui()["depth"].key == "depth_anything"


def test_where_none_is_known_there_is_none(known: dict[str, Preprocessor]) -> None:
    for name in [name for name in known if name.startswith("depth_") and name != "depth_hand_refiner"]:
        del known[name]
    assert annotation.of_webui() == {}


def test_without_controlnet_nothing_is_imported_and_there_is_none() -> None:
    before = set(sys.modules)
    assert annotation.of_webui() == {} and set(sys.modules) == before
