"""A noken as text: it comes back as it was in half precision, and a stranger's text is one sentence."""

from __future__ import annotations

import base64
import zlib

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_pxl.errors import NokenError
from lib_pxl.noken.breeding import breed
from lib_pxl.noken.carry import KEY, MAX_TEXT, halved, pack, unpack
from tests.noken.people import noken


def text(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


@settings(max_examples=20)
@given(st.integers(1, 75), st.integers(0, 9), st.sampled_from([{"l": 12}, {"h": 8}, {"l": 12, "g": 20}]))
def test_what_is_packed_comes_back_as_it_is_in_half_precision(length: int, seed: int, widths: dict[str, int]) -> None:
    given_one = noken(length, seed, widths, "fox")
    back = unpack(pack(given_one))
    assert back == halved(given_one) and (back.name, back.lineage) == ("fox", given_one.lineage)
    assert halved(back) == back and pack(back) == pack(given_one)
    for letter, rows in given_one.vectors.items():
        assert torch.allclose(back.vectors[letter], rows, rtol=1e-3, atol=1e-6)


def test_lineage_travels_too() -> None:
    child = breed([noken(2, 1), noken(2, 2)], n=1, mix=0.3)[0]
    assert unpack(pack(child)).lineage == child.lineage


def test_a_word_of_sd1_takes_about_two_kilobytes() -> None:
    assert len(pack(noken(1, 1, {"l": 768}, "fox"))) < 2600


BAD = {
    "empty": "",
    "no base64": "§",
    "not deflated": base64.b64encode(b"abc").decode(),
    "cut short": pack(noken(2, 1))[:-8],
    "no safetensors": text(b"\x00" * 100),
    "a bomb": text(b"\x00" * (64 << 20)),
    "too long": "A" * (MAX_TEXT + 1),
    "not finite": text(safetensors.torch.save({"l": torch.tensor([[float("nan")]])})),
    "no encoder": text(safetensors.torch.save({"x": torch.ones(1, 4)})),
    "76 vectors": text(safetensors.torch.save({"l": torch.ones(76, 4)})),
    "a stranger's lineage": text(safetensors.torch.save({"l": torch.ones(1, 4)}, {KEY: '{"lineage": "[1"}'})),
}


@pytest.mark.parametrize("which", BAD)
def test_a_stranger_s_text_is_one_sentence(which: str) -> None:
    with pytest.raises(NokenError, match=r"got .*, wanted "):
        unpack(BAD[which])
