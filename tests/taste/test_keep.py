"""A taste as a file: what is saved is loaded, and nothing strange is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch

from lib_pxl.errors import PxlError
from lib_pxl.taste import Rating, Taste
from lib_pxl.taste import model as module
from lib_pxl.taste.keep import KEY
from tests.taste.people import duels, items

POOL = items(40)


def taste() -> Taste:
    opinions = duels(POOL, lambda item: float("fox" in item.prompt), 30)
    return Taste.fit(POOL, [*opinions, *(Rating(item.id, "mood", place % 4) for place, item in enumerate(POOL[:20]))])


@pytest.mark.parametrize("exact", [2000, 0])
def test_what_is_saved_is_loaded(exact: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT", exact)
    before = taste()
    before.save(tmp_path / "a.safetensors")
    after = Taste.load(str(tmp_path / "a.safetensors"))
    for category in ("overall", "mood", "other"):
        for one, other in zip(before.score(POOL, category), after.score(POOL, category), strict=True):
            assert torch.allclose(one, other, atol=1e-5)
        assert before.next_duel(POOL, category, 5) == after.next_duel(POOL, category, 5)
    assert (before.card, before.asked, before.choice) == (after.card, after.asked, after.choice)
    after.save(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_a_file_of_the_first_version_says_what_it_said(tmp_path: Path) -> None:
    """Its steps were counted from a third of what settings may usually explain now."""
    now, path = taste(), tmp_path / "a.safetensors"
    steps = now.choice.moved("setting", 1).steps
    path.write_bytes(changed(path, {"version": 1, "choice": steps}))
    then = Taste.load(path)
    assert then.choice.strength == now.choice.strength and torch.equal(then.choice.shares, now.choice.shares)
    for one, other in zip(now.score(POOL), then.score(POOL), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_no_word_is_in_the_file(tmp_path: Path) -> None:
    taste().save(tmp_path / "a.safetensors")
    data = (tmp_path / "a.safetensors").read_bytes()
    assert b"fox" not in data and b"neon" not in data and b"sdxl" not in data


def changed(path: Path, told: dict[str, Any] | None = None, tensors: dict[str, torch.Tensor] | None = None) -> bytes:
    taste().save(path)
    with safetensors.safe_open(path, "pt") as file:
        whole = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        text = {**json.loads(file.metadata()[KEY]), **(told or {})}
    return safetensors.torch.save({**whole, **(tensors or {})}, {KEY: json.dumps(text)})


STRANGE: dict[str, Any] = {
    "empty": lambda path: b"",
    "text": lambda path: b"hello, I like foxes",
    "zip": lambda path: b"PK\x03\x04" + bytes(100),
    "short": lambda path: changed(path)[:-10],
    "another kind": lambda path: safetensors.torch.save({"emb_params": torch.ones(1, 4)}),
    "newer": lambda path: changed(path, {"version": 99}),
    "other kinds": lambda path: changed(path, {"kinds": ["word"]}),
    "no card": lambda path: changed(path, {"card": "{}"}),
    "categories": lambda path: changed(path, {"categories": ["a"]}),
    "the same category twice": lambda path: changed(path, {"categories": ["a", "a"]}),
    "way": lambda path: changed(path, {"over_weights": True}),
    "ties": lambda path: changed(path, {"ties": "many"}),
    "choice": lambda path: changed(path, {"choice": 5}),
    "basis": lambda path: changed(path, tensors={"basis": torch.ones(3, 3)}),
    "nan": lambda path: changed(path, tensors={"shares": torch.full((11,), float("nan"))}),
    "kinds": lambda path: changed(path, tensors={"kinds": torch.tensor([200], dtype=torch.uint8)}),
    "keys out of order": lambda path: changed(path, tensors={"keys": torch.zeros(5, dtype=torch.long)}),
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_file_has_one_sentence(name: str, tmp_path: Path) -> None:
    data = STRANGE[name](tmp_path / "sound.safetensors")
    (tmp_path / "a.safetensors").write_bytes(data)
    with pytest.raises(PxlError, match="wanted") as error:
        Taste.load(tmp_path / "a.safetensors")
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_a_place_that_is_none_has_one_sentence(tmp_path: Path) -> None:
    for use in (lambda: Taste.load(tmp_path), lambda: taste().save(tmp_path / "no" / "where.safetensors")):
        with pytest.raises(PxlError, match="wanted"):
            use()
