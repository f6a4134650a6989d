"""Captions by transformers, on a small random BLIP: loaded late, the same for the same picture, refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
import transformers
from PIL import Image

from lib_pxl.errors import HostError
from lib_pxl.hosts.caption import CaptionModel
from lib_pxl.hosts.diffusers import DiffusersHost
from tests.control.stage import painted
from tests.webui.processing import Webui

words: Any = transformers
VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "[DEC]",
    "[ENC]",
    "a",
    "red",
    "fox",
    "in",
    "snow",
    ",",
    "##s",
]
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BLIP of a few thousand weights, as the hub has them."""
    place = tmp_path_factory.mktemp("blip")
    (place / "vocab.txt").write_text("\n".join(VOCABULARY))
    tokenizer = words.BertTokenizerFast(str(place / "vocab.txt"))
    text = {**SMALL, "vocab_size": len(VOCABULARY), "bos_token_id": 5, "sep_token_id": 3, "eos_token_id": 3,
            "pad_token_id": 0, "encoder_hidden_size": 16, "max_position_embeddings": 64}  # fmt: skip
    vision = {**SMALL, "image_size": 32, "patch_size": 8}
    config = words.BlipConfig(text_config=text, vision_config=vision, projection_dim=16, image_text_hidden_size=16)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = words.BlipForConditionalGeneration(config)
    model.save_pretrained(place / "model")
    sizes = {"height": 32, "width": 32}
    words.BlipProcessor(words.BlipImageProcessor(size=sizes), tokenizer).save_pretrained(place / "model")
    return place / "model"


def test_a_picture_is_told_in_words_of_the_model_and_the_same_again(folder: Path) -> None:
    model = CaptionModel(str(folder))
    assert "_parts" not in model.__dict__, "nothing is loaded before the first picture"
    said = [model.see(picture) for picture in (painted(40, 24), painted(40, 24), Image.new("L", (5, 90)))]
    assert said[0] == said[1] and said[0].strip() == said[0]
    for each in said:
        assert any(word in each for word in VOCABULARY[7:12])
        assert not any(sign in each for sign in ("[CLS]", "[SEP]", "[PAD]", "##"))


def test_the_studio_asks_the_model_that_it_was_given_and_says_where_there_is_none(folder: Path) -> None:
    pipe, picture = tiny.sd1(), painted(40, 24)
    model = CaptionModel(str(folder))
    assert DiffusersHost(pipe, captions=model.see).caption(picture) == model.see(picture)
    with pytest.raises(HostError, match="caption: got no model for it, wanted a BLIP: start with --caption"):
        DiffusersHost(pipe).caption(picture)


@pytest.mark.parametrize("name", ["", "nowhere", "/no/such/folder", "a/b/c", "..", "me/../you"])
def test_what_can_be_no_model_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(HostError, match=r"--caption: got .*wanted a folder of a BLIP model"):
        CaptionModel(name)


@pytest.mark.parametrize("text", ["{}", "{", '{"model_type": "blip"}'])
def test_a_model_that_cannot_be_loaded_is_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text, "utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle, which is never opened")
    with pytest.raises(HostError, match=r"--caption: got .* failed with .*wanted a folder of a BLIP model"):
        CaptionModel(str(tmp_path)).see(painted(8, 8))


class Interrogator:
    """shared.interrogator."""

    blip_model: Any = None

    def __init__(self) -> None:
        self.calls: list[str] = []

    def load(self) -> None:
        self.calls.append("load")

    def generate_caption(self, picture: Image.Image) -> str:
        assert picture.mode == "RGB"
        self.calls.append("see")
        if picture.width == 1:
            raise RuntimeError("out of memory")
        return "a fox"

    def unload(self) -> None:
        self.calls.append("unload")


@pytest.mark.parametrize("flavour", ["A1111", "Forge"])
def test_a_webui_asks_its_interrogator_but_fetches_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flavour: str
) -> None:
    webui = Webui(monkeypatch, tmp_path, flavour)
    webui.shared.interrogator = asked = Interrogator()
    webui.reload()
    host = webui.script.hooks.host
    with pytest.raises(HostError, match="caption: got no model for it, wanted BLIP in "):
        host.caption(Image.new("L", (4, 4)))
    assert asked.calls == []
    (tmp_path / "models" / "BLIP").mkdir(parents=True)
    (tmp_path / "models" / "BLIP" / "base.pth").write_bytes(b"")
    assert host.caption(Image.new("L", (4, 4))) == "a fox" and asked.calls == ["load", "see", "unload"]
    with pytest.raises(RuntimeError):
        host.caption(Image.new("L", (1, 4)))
    assert asked.calls[-1] == "unload", "the memory is the pictures' again"
