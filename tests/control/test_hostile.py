"""Hostile input: what cannot be used is one sentence before the first step, that names the layer; the rest is used."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from torch import Tensor

from lib_pxl.control import Program
from lib_pxl.errors import ProgramError
from tests.control.stage import canvas, gaussian, layer, painted, program, sent, told


def refused(**fields: Any) -> str:
    with pytest.raises(ProgramError) as caught:
        program(layer(), layer(**fields)).prepare(canvas())
    return told(caught.value)


def frames(path: Path) -> dict[str, Any]:
    return {"kind": "frames", "path": str(path)}


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


HEAD = b"GIF89a\x08\x00\x08\x00\x00\x00\x00"
NOTHING = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 0, 8, 0, 0, 0, 0)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("data", [b"", b"GIF", HEAD, HEAD + b";", b"GIF89a\0\0\0\0\0\0\0;"])
def test_a_gif_without_a_frame_is_one_sentence(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "film.gif").write_bytes(data)
    assert refused(source=frames(tmp_path / "film.gif")).startswith("layer 2 source.path: ")


def test_a_gif_of_one_frame_is_a_still(tmp_path: Path) -> None:
    picture = painted(8, 8).convert("P")
    picture.save(tmp_path / "film.gif")
    picture.convert("RGB").save(tmp_path / "still.png")
    d, sigma = gaussian(1, 3, 8, 8), gaussian(1).abs()
    sources = [frames(tmp_path / "film.gif"), {"kind": "image", "image": str(tmp_path / "still.png")}]
    film, still = (program(layer(source=each)).prepare(canvas()).apply(d, sigma) for each in sources)
    assert film.allclose(still, atol=1e-6)


def test_a_mask_of_no_pixels_is_one_sentence() -> None:
    said = refused(mask=base64.b64encode(NOTHING).decode())
    assert said.startswith("layer 2 mask: ")


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1)])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_a_mask_of_any_aspect_ratio_lies_on_the_whole_canvas(size: tuple[int, int], fit: str) -> None:
    d, sigma = gaussian(1, 3, 8, 8), gaussian(1).abs()
    masked, free = (
        program(layer(mask=mask, fit=fit)).prepare(canvas()).apply(d, sigma)
        for mask in (sent(Image.new("L", size, 255)), None)
    )
    assert masked.allclose(free, atol=1e-6)


def test_a_hundred_layers_are_refused_before_any_is_read() -> None:
    with pytest.raises(ProgramError, match="got '100 layers', wanted a list of at most 8 layers"):
        Program.parse({"layers": [{"nonsense": True}] * 100})


def test_a_file_that_vanishes_while_the_others_are_encoded_is_one_sentence(tmp_path: Path) -> None:
    for i in range(4):
        painted(8, 8, i).save(tmp_path / f"{i}.png")

    def encode(pixels: Tensor) -> Tensor:
        (tmp_path / "3.png").unlink(missing_ok=True)
        return pixels

    with pytest.raises(ProgramError, match="got no file there") as caught:
        program(layer(source=frames(tmp_path))).prepare(canvas(encode=encode))
    assert told(caught.value).startswith("layer 1 source.path: ")
