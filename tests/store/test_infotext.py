"""Infotext: what is written under a picture can be read again, whoever wrote it."""

from __future__ import annotations

import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from lib_pxl.hosts.request import KNOBS, Request
from lib_pxl.hosts.sampler import SAMPLERS
from lib_pxl.store.infotext import Infotext, written_in

writable = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")
lines = st.text(writable, max_size=40).filter(lambda line: not line.startswith("Negative prompt:") and "\n" not in line)
prompts = st.lists(lines, max_size=4).map(lambda parts: "\n".join(part.strip() for part in parts).strip())
keys = st.sampled_from(["Steps", "CFG scale", "Seed", "pxl", "pxl error", "Lora hashes", "Clip-skip", "Size/2"])
FIXED = {"Steps": "20", "Sampler": "Euler a", "CFG scale": "7"}


@given(prompts, prompts, st.dictionaries(keys, st.text(writable, max_size=60)))
def test_what_is_written_is_read_again(prompt: str, negative: str, more: dict[str, str]) -> None:
    info = Infotext(prompt, negative, FIXED | more)
    assert Infotext.parse(info.format()) == info


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error_and_written_as_utf8(text: str) -> None:
    info = Infotext.parse(text)
    Infotext(text, text, FIXED | {"pxl": text}).format().encode()
    assert info.prompt.count("\n") <= text.count("\n")


def test_a1111_s_own() -> None:
    text = (
        "a (red:1.2) star,\nwith <lora:x:0.5>\nNegative prompt: dull, grey\nsecond line\n"
        "Steps: 12, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 5.5, Seed: 42, Size: 640x448, "
        'Model hash: 6ce0161689, Model: v1-5, Lora hashes: "x: 1a2b, y: 3c4d", Version: v1.10.1'
    )
    info = Infotext.parse(text)
    assert info.prompt == "a (red:1.2) star,\nwith <lora:x:0.5>" and info.negative == "dull, grey\nsecond line"
    assert info.settings["Lora hashes"] == "x: 1a2b, y: 3c4d"
    request = Request.of(info)
    assert (request.steps, request.sampler, request.cfg, request.seed) == (12, "DPM++ 2M Karras", 5.5, 42)
    assert (request.width, request.height) == (640, 448)


def test_a_prompt_alone_is_a_prompt() -> None:
    assert Infotext.parse("ratio: 3, a star") == Infotext("ratio: 3, a star")
    assert Infotext.parse("") == Infotext()


def test_a_hostile_text_is_read_in_no_time() -> None:
    began = time.monotonic()
    for text in ("a" * 200_000, " " * 200_000 + "x", 'k: "' * 20_000, "ab: " * 50_000, "," * 200_000):
        Infotext.parse(text)
    assert time.monotonic() - began < 5


sized = st.integers(8, 256).map(lambda side: side * 8)
requests = st.builds(
    Request, prompt=prompts, negative=prompts, sampler=st.sampled_from(sorted(SAMPLERS)), steps=st.integers(1, 150),
    cfg=st.integers(10, 300).map(lambda tenth: tenth / 10), seed=st.integers(0, 2**32 - 20), width=sized, height=sized,
    hires=st.sampled_from([1.0, 1.5, 2.0]), hires_steps=st.just(0), denoise=st.sampled_from([1.0, 0.75]),
)  # fmt: skip


@given(requests)
def test_a_request_comes_back_from_its_infotext(request: Request) -> None:
    again = Request.of(Infotext.parse(request.infotext(request.seed, "a, model", {"pxl": '{"a": [1, 2]}'})))
    kept = request.hires > 1
    for name in ("prompt", "negative", *KNOBS):
        if kept or name not in ("denoise", "hires_steps"):
            assert getattr(again, name) == getattr(request, name), name


def test_the_denoising_strength_is_told_where_it_matters() -> None:
    assert "Denoising strength" not in Request().infotext(1, "m", {})
    assert "Denoising strength: 0.75" in Request(image=Image.new("RGB", (8, 8))).infotext(1, "m", {})
    assert "Hires upscale: 2, Hires upscaler: Latent (bicubic), Hires steps: 5" in Request(
        hires=2, hires_steps=5
    ).infotext(1, "m", {})


@pytest.mark.parametrize(
    "wrong", ["Steps: x", "Steps: 1e9", "Size: 10x", "CFG scale: nan", "Sampler: Restart", "Seed: "]
)
def test_settings_that_cannot_be_stay_at_their_defaults(wrong: str) -> None:
    assert Request.of(Infotext.parse(f"a\n{wrong}, Model: m, Version: v, Clip skip: 2")) == Request("a")


def saved(kind: str, comment: bytes | None, text: str | None = None) -> bytes:
    file, exif, info = io.BytesIO(), Image.Exif(), PngImagePlugin.PngInfo()
    if comment is not None:
        exif[0x8769] = {0x9286: comment}
    if text is not None:
        info.add_text("parameters", text)
    Image.new("RGB", (4, 4)).save(file, kind, exif=exif, **({"pnginfo": info} if kind == "PNG" else {}))
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize("code", ["utf-16-be", "utf-16-le"])
def test_a_users_comment_is_read_whichever_way_round_it_is_written(kind: str, code: str) -> None:
    text = "a red fox\nSteps: 20, Größe: 3"
    assert written_in(saved(kind, b"UNICODE\0" + text.encode(code))) == text


def test_a_comment_in_ascii_is_read_and_a_pngs_own_text_goes_before() -> None:
    assert written_in(saved("JPEG", b"ASCII\0\0\0a fox")) == "a fox"
    assert written_in(saved("PNG", b"ASCII\0\0\0an owl", "a fox")) == "a fox"


@pytest.mark.parametrize("comment", [None, b"", b"UNICODE\0", b"\xff" * 30, b"UNICODE\0\xd8"])
def test_a_picture_that_says_nothing_says_nothing(comment: bytes | None) -> None:
    assert isinstance(written_in(saved("JPEG", comment)), str)
    assert written_in(saved("JPEG", None)) == ""
