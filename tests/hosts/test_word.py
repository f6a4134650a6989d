"""Words lent to a diffusers pipeline: they stand for their vectors, and are gone without a trace."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tiny
import torch
from torch import Tensor

from lib_pxl.errors import HostError
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.hosts.request import Request

SD1, SDXL = tiny.sd1(), tiny.sdxl()
KINDS = {"sd1": SD1, "xl": SDXL}


@pytest.fixture(params=KINDS)
def host(request: pytest.FixtureRequest) -> DiffusersHost:
    return DiffusersHost(KINDS[request.param])


def vectors(host: DiffusersHost, count: int, seed: int = 0) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {name: torch.randn(count, width, generator=draw) for name, width in host.widths().items()}


def picture(host: DiffusersHost, prompt: str) -> np.ndarray[Any, Any]:
    made = host.generate(Request(prompt=prompt, steps=2, width=64, height=64, seed=1, sampler="Euler", cfg=2))
    return np.asarray(made.pictures[0])


def test_a_family_is_its_encoders_and_widths() -> None:
    assert DiffusersHost(SD1).widths() == {"l": 32}
    assert DiffusersHost(SDXL).widths() == {"l": 32, "g": 64}
    other = tiny.sd1()
    other.text_encoder.config.hidden_act = "gelu"  # as OpenCLIP's, in SD2
    assert DiffusersHost(other).widths() == {"h": 32}


def test_a_word_changes_its_prompt_and_is_gone_after_the_job(host: DiffusersHost) -> None:
    before = picture(host, "a pxl-1 b")
    host.embed("pxl-1", vectors(host, 2))
    assert not np.array_equal(picture(host, "a pxl-1 b"), before)
    assert np.array_equal(picture(host, "a pxl-1 b"), before)


def test_a_prompt_without_the_word_is_bit_identical(host: DiffusersHost) -> None:
    before = picture(host, "a star")
    host.embed("pxl-1", vectors(host, 2))
    assert np.array_equal(picture(host, "a star"), before)


def test_a_word_is_as_good_as_the_token_whose_row_it_holds(host: DiffusersHost) -> None:
    """Two letters, written out, and as a word that holds their two rows."""
    rows = {}
    for letter, (_, tokenizer, encoder) in host._encoders().items():
        ids = torch.tensor(tokenizer("x y").input_ids[1:-1])
        assert len(ids) == 2
        rows[letter] = encoder.get_input_embeddings().weight[ids]
    wanted = picture(host, "a x y b")
    host.embed("pxl-xy", rows)
    assert np.array_equal(picture(host, "a pxl-xy b"), wanted)


def test_two_words_do_not_mix(host: DiffusersHost) -> None:
    pictures = []
    for names in (["one-1"], ["two-2"], ["one-1", "two-2"], ["two-2", "one-1"]):
        for name in names:
            host.embed(name, vectors(host, 1 if name == "one-1" else 3, seed=len(name) + ord(name[0])))
        pictures.append([picture(host, "one-1 a") if names[0] == "one-1" else picture(host, "two-2 a")])
    assert np.array_equal(pictures[0], pictures[2]) and np.array_equal(pictures[1], pictures[3])
    assert not np.array_equal(pictures[0], pictures[1])


def test_the_user_s_own_pipeline_does_not_see_the_words(host: DiffusersHost) -> None:
    def own() -> Tensor:
        call = {"output_type": "latent", "num_inference_steps": 1, "height": 64, "width": 64}
        return host.pipe("a pxl-1 b", generator=torch.Generator().manual_seed(1), **call).images  # type: ignore[no-any-return]

    before, known = own(), len(host.pipe.tokenizer)
    host.embed("pxl-1", vectors(host, 2))
    assert torch.equal(own(), before)
    host.forget()
    assert torch.equal(own(), before) and len(host.pipe.tokenizer) == known


@pytest.mark.parametrize("name", ["", "two words", "a\n", "a"])
def test_a_name_that_is_no_new_word_is_refused(name: str, host: DiffusersHost) -> None:
    with pytest.raises(HostError, match="wanted one word that the tokenizer does not know"):
        host.embed(name, vectors(host, 1))


@pytest.mark.parametrize("wrong", ["width", "empty", "long", "encoder", "lengths"])
def test_vectors_of_another_family_are_refused(wrong: str, host: DiffusersHost) -> None:
    given = vectors(host, {"empty": 0, "long": 76}.get(wrong, 2))
    if wrong == "width":
        given["l"] = torch.randn(2, 7)
    if wrong == "encoder":
        given["h"] = torch.randn(2, 32)
    if wrong == "lengths":
        given |= {"l": torch.randn(2, 32), "g": torch.randn(3, 64)}
    with pytest.raises(HostError, match="wanted 1 to 75 vectors of the widths"):
        host.embed("pxl-1", given)
