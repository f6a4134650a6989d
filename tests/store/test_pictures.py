"""Pictures from outside: what opens, how it looks then, and the sentence for what does not."""

from __future__ import annotations

import io
import os
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from lib_pxl.errors import ImageError
from lib_pxl.store.pictures import KINDS, MAX_PIXELS, MAX_SIDE, kind_of, open_mask, open_still

FORMATS = [kind.decoder for kind in KINDS]
LOSSLESS = [name for name in FORMATS if name != "JPEG"]
GREY = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) * 4)
EARLY = "picture: got a picture that ends early or is damaged, wanted a whole picture"
OTHER = "picture: got a file of another kind, wanted a PNG, JPEG, WebP, GIF, BMP or TIFF picture"
COLOUR = Image.merge("RGB", (GREY, GREY.transpose(Image.Transpose.ROTATE_90), ImageOps.invert(GREY)))


def encoded(image: Image.Image, decoder: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, decoder, **({"lossless": True} if decoder == "WEBP" else {}), **options)
    return file.getvalue()


def png(
    width: int, height: int, depth: int = 8, colour: int = 0, rows: bytes = b"", extra: tuple[bytes, ...] = ()
) -> bytes:
    """A PNG by hand: any header, and any samples behind it."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [header, *extra, b"IDAT" + zlib.compress(rows), b"IEND"]
    framed = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def refusal(source: bytes | Path) -> str:
    """The sentence, the same for a still and for a mask."""
    with pytest.raises(ImageError) as mask:
        open_mask(source)
    with pytest.raises(ImageError) as still:
        open_still(source)
    assert str(mask.value) == str(still.value)
    assert "\n" not in str(still.value)
    return str(still.value)


def said(data: bytes) -> str:
    """The sentence, or nothing for a picture that opens."""
    try:
        assert open_still(data).mode == "RGB"
        assert open_mask(data).mode == "L"
    except ImageError as error:
        return str(error)
    return ""


def pixels(image: Image.Image) -> list[Any]:
    array = np.asarray(image)
    return [tuple(row) if row.ndim else int(row) for row in array.reshape(-1, *array.shape[2:])]


@pytest.mark.parametrize("decoder", LOSSLESS)
def test_a_lossless_picture_opens_as_it_was(decoder: str) -> None:
    opened = open_still(encoded(COLOUR if decoder != "GIF" else GREY, decoder))
    assert opened.mode == "RGB"
    assert pixels(opened) == pixels(COLOUR if decoder != "GIF" else GREY.convert("RGB"))


@pytest.mark.parametrize("decoder", FORMATS)
def test_bytes_and_path_open_alike(decoder: str, tmp_path: Path) -> None:
    data = encoded(COLOUR, decoder)
    (tmp_path / "picture").write_bytes(data)
    assert pixels(open_still(data)) == pixels(open_still(tmp_path / "picture"))
    assert pixels(open_mask(data)) == pixels(open_mask(tmp_path / "picture"))


@pytest.mark.parametrize("decoder", FORMATS)
def test_the_first_bytes_tell_the_format(decoder: str) -> None:
    kind = kind_of(encoded(COLOUR, decoder))
    assert kind is not None
    assert kind.decoder == decoder


@pytest.mark.parametrize("decoder", FORMATS)
def test_one_pixel_is_a_picture(decoder: str) -> None:
    white = encoded(Image.new("L", (1, 1), 255), decoder)
    assert pixels(open_still(white)) == [(255, 255, 255)]
    assert pixels(open_mask(white)) == [255]


@pytest.mark.parametrize("source", ["nothing", "folder", "pipe", "x" * 300, "nul\0", "half\ud800"])
def test_a_path_without_a_file_is_refused(source: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    assert "wanted a PNG, JPEG, WebP, GIF, BMP or TIFF picture" in refusal(tmp_path / source)


def test_the_sentence_names_the_file_without_its_folder(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"text")
    assert refusal(tmp_path / "photo.png").startswith("picture 'photo.png': got a file of another kind, wanted a PNG")


@pytest.mark.parametrize(
    "data",
    [b"text", b"BM and more words than a header has", b"%PDF-1.4", b"\0" * 99, b"P6 1 1 255 abc", b"8BPS" + b"\0" * 40],
)
def test_other_files_are_refused_before_a_decoder_runs(data: bytes) -> None:
    assert refusal(data) == OTHER


def test_an_empty_file_is_called_so() -> None:
    assert refusal(b"").startswith("picture: got an empty file, wanted")


def test_only_the_listed_formats_are_read() -> None:
    file = io.BytesIO()
    GREY.save(file, "PPM")
    assert refusal(file.getvalue()) == OTHER


@pytest.mark.parametrize("decoder", FORMATS)
def test_a_truncated_picture_is_refused(decoder: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), decoder)
    for share in (0.1, 0.5, 0.9):
        assert refusal(data[: int(len(data) * share)]) == EARLY


@pytest.mark.parametrize("decoder", FORMATS)
def test_every_beginning_of_a_picture_opens_or_is_refused(decoder: str) -> None:
    data = encoded(COLOUR, decoder)
    for length in range(len(data)):
        assert said(data[:length]) in ("", EARLY, OTHER, OTHER.replace("a file of another kind", "an empty file"))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(FORMATS), st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=8)
)
def test_a_damaged_picture_opens_or_is_refused(decoder: str, damage: list[tuple[int, int]]) -> None:
    data = bytearray(encoded(COLOUR, decoder))
    for place, byte in damage:
        data[place % len(data)] = byte
    assert len(said(bytes(data))) < 300


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([encoded(GREY, name)[:12] for name in FORMATS]), st.binary(max_size=400))
@example(b"", b"II*\0\xff\xff\xff\xff")
def test_any_bytes_open_or_are_refused(head: bytes, tail: bytes) -> None:
    assert re.match("picture: got [^\n]+, wanted|$", said(head + tail))


@pytest.mark.parametrize("size", [(20_000, 20_000), (10_000, 10_000), (8192, 8193), (MAX_SIDE + 1, 1), (1, 2**31 - 1)])
def test_too_large_a_picture_is_refused_from_its_header(size: tuple[int, int]) -> None:
    # A megabyte of compressed zeros: decoding it would fail otherwise, and take 1.2 GB before.
    bomb = png(*size, colour=2, rows=bytes(2**20))
    assert len(bomb) < 2000
    assert refusal(bomb).endswith("wanted 1 to 16,384 pixels a side and at most 64 megapixels")


def test_the_longest_side_still_opens() -> None:
    assert MAX_PIXELS == 8192 * 8192
    assert open_still(encoded(Image.new("L", (MAX_SIDE, 1)), "PNG")).size == (MAX_SIDE, 1)


@pytest.mark.parametrize("size", [(0, 4), (4, 0)])
def test_a_picture_without_pixels_is_refused(size: tuple[int, int]) -> None:
    assert refusal(png(*size))


@pytest.mark.parametrize("decoder", ["GIF", "PNG", "WEBP"])
def test_an_animation_is_no_still(decoder: str) -> None:
    frames = [Image.new("RGB", (8, 8), (20 * n, 0, 0)) for n in range(12)]
    data = encoded(frames[0], decoder, save_all=True, append_images=frames[1:], duration=100)
    assert refusal(data) == "picture: got an animation of 12 frames, wanted a still picture"


def test_a_document_of_pages_is_no_still() -> None:
    data = encoded(GREY, "TIFF", save_all=True, append_images=[GREY, GREY])
    assert refusal(data) == "picture: got a document of 3 pages, wanted a still picture"


def test_an_animation_too_long_to_count_is_refused_uncounted() -> None:
    data = encoded(GREY, "GIF", save_all=True, append_images=[COLOUR])
    assert refusal(data[:-1] + bytes(2**23)) == "picture: got an animation, wanted a still picture"


def test_a_photo_with_further_views_opens_as_the_photo() -> None:
    data = encoded(COLOUR, "MPO", save_all=True, append_images=[ImageOps.invert(COLOUR)], quality=95)
    difference = np.asarray(open_still(data), int) - np.asarray(COLOUR, int)
    assert abs(difference).mean() < 20


def test_cmyk_opens_in_its_colours() -> None:
    for decoder in ("JPEG", "TIFF"):
        r, g, b = pixels(open_still(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), decoder)))[0]
        assert r > 250
        assert max(g, b) < 5


@pytest.mark.parametrize("decoder", ["PNG", "TIFF", "BMP", "GIF"])
def test_one_bit_opens_as_black_and_white(decoder: str) -> None:
    data = encoded(Image.frombytes("1", (8, 1), b"\xa0"), decoder)
    assert pixels(open_mask(data)) == [255, 0, 255, 0, 0, 0, 0, 0]


def sixteen(values: list[int], layout: str) -> bytes:
    """One row of 16-bit grey as each kind of file holds it."""
    if layout == "png":
        return png(len(values), 1, 16, 0, b"\0" + np.array(values, ">u2").tobytes())
    if layout == "I":
        return encoded(Image.fromarray(np.array([values], np.int32)), "TIFF")
    row = np.array([values], layout)
    return encoded(Image.frombytes("I;16" if layout == "<u2" else "I;16B", (len(values), 1), row.tobytes()), "TIFF")


@pytest.mark.parametrize("layout", ["png", "<u2", ">u2", "I"])
def test_sixteen_bits_are_scaled_and_not_clipped(layout: str) -> None:
    levels = list(range(256))
    data = sixteen([level * 257 for level in levels], layout)
    assert pixels(open_mask(data)) == levels
    assert pixels(open_still(data)) == [(level,) * 3 for level in levels]


@settings(deadline=None)
@given(st.lists(st.integers(0, 65535), min_size=1, max_size=50))
def test_sixteen_bits_are_rounded_to_the_nearest_level(values: list[int]) -> None:
    assert pixels(open_mask(sixteen(values, "png"))) == [round(value / 257) for value in values]


def tiff(values: np.ndarray[Any, Any], **tags: int) -> bytes:
    """A one-row grey TIFF by hand, for what Pillow does not write."""
    entries = {256: values.shape[1], 257: 1, 258: 16, 259: 1, 262: 1, 273: 200, 277: 1, 278: 1, 279: values.nbytes}
    entries |= {int(tag[1:]): value for tag, value in tags.items()}
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + table + bytes(4)
    return head.ljust(200, b"\0") + values.tobytes()


def test_sixteen_bits_where_white_is_zero() -> None:
    assert pixels(open_mask(tiff(np.array([[0, 257, 65535]], "<u2"), t262=0))) == [255, 254, 0]


def test_a_small_picture_in_a_huge_tile_is_refused() -> None:
    data = tiff(np.zeros((1, 1), np.uint8), t258=8, t322=16384, t323=16384, t324=300, t325=1)
    assert refusal(data).startswith("picture: got a tile of 16384x16384 pixels, wanted")


def test_twelve_bits_reach_white() -> None:
    packed = np.array([[0xFF, 0xF0, 0x00]], np.uint8)
    data = tiff(packed, t256=2, t258=12)
    assert pixels(open_mask(data)) == [255, 0]


def test_sixteen_bits_with_a_transparent_grey() -> None:
    rows = b"\0" + np.array([0, 30000, 65535], ">u2").tobytes()
    data = png(3, 1, 16, 0, rows, extra=(b"tRNS" + struct.pack(">H", 30000),))
    assert pixels(open_still(data)) == [(0, 0, 0), (255, 255, 255), (255, 255, 255)]
    assert pixels(open_mask(data)) == [255, 0, 255]


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_of_colour_keep_their_high_byte(colour: int, channels: int) -> None:
    samples = np.full((1, 4, channels), 65535, ">u2")
    samples[0, :, 0] = [0, 0x4000, 0x8000, 0xFFFF]
    opened = open_still(png(4, 1, 16, colour, b"\0" + samples.tobytes()))
    assert [pixel[0] for pixel in pixels(opened)] == [0, 0x40, 0x80, 0xFF]


def test_floats_from_zero_to_one_are_grey() -> None:
    data = encoded(Image.fromarray(np.array([[0, 0.25, 1]], np.float32)), "TIFF")
    assert pixels(open_mask(data)) == [0, 64, 255]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.5, 255.0])
def test_floats_beyond_are_refused(value: float) -> None:
    data = encoded(Image.fromarray(np.array([[0, 0.5, value]], np.float32)), "TIFF")
    assert refusal(data).startswith("picture: got samples from ")
    assert refusal(data).endswith(", wanted samples from 0 to 1")


@pytest.mark.parametrize("value", [-1, 65536])
def test_integers_beyond_sixteen_bits_are_refused(value: int) -> None:
    assert "wanted samples from 0 to 65535" in refusal(sixteen([0, value], "I"))


def with_palette(decoder: str) -> bytes:
    image = Image.frombytes("P", (3, 1), b"\0\1\2")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    return encoded(image, decoder, transparency=1)


@pytest.mark.parametrize("decoder", ["PNG", "GIF"])
def test_a_transparent_palette_entry_is_white(decoder: str) -> None:
    assert pixels(open_still(with_palette(decoder))) == [(0, 0, 0), (255, 255, 255), (0, 255, 0)]
    assert pixels(open_mask(with_palette(decoder))) == [255, 0, 255]


def test_a_palette_with_half_transparent_entries() -> None:
    image = Image.frombytes("P", (2, 1), b"\0\1")
    image.putpalette([0, 0, 0, 255, 0, 0])
    data = encoded(image, "PNG", transparency=b"\x80\xff")
    assert pixels(open_still(data)) == [(127, 127, 127), (255, 0, 0)]
    assert pixels(open_mask(data)) == [128, 255]


@pytest.mark.parametrize("depth", [1, 8])
def test_a_transparent_grey_is_white(depth: int) -> None:
    rows = b"\0\x40" if depth == 1 else b"\0\0\x01"
    data = png(2, 1, depth, 0, rows, extra=(b"tRNS" + struct.pack(">H", 0),))
    assert pixels(open_still(data))[0] == (255, 255, 255)
    assert pixels(open_mask(data)) == [0, 255]


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 255), st.integers(0, 255))
def test_transparency_is_laid_on_white(mode: str, grey: int, alpha: int) -> None:
    data = encoded(Image.merge("LA", [Image.new("L", (1, 1), value) for value in (grey, alpha)]).convert(mode), "PNG")
    wanted = grey * alpha / 255 + 255 - alpha
    assert all(abs(channel - wanted) <= 1 for channel in pixels(open_still(data))[0])
    assert pixels(open_mask(data)) == [alpha if alpha < 255 else grey]


def test_an_opaque_alpha_channel_is_no_mask() -> None:
    picture = COLOUR.copy()
    picture.putalpha(255)
    assert pixels(open_mask(encoded(picture, "PNG"))) == pixels(COLOUR.convert("L"))
    assert pixels(open_still(encoded(picture, "PNG"))) == pixels(COLOUR)


@pytest.mark.parametrize("decoder", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(10))
def test_exif_turns_the_picture_upright(decoder: str, orientation: int) -> None:
    picture = Image.new("RGB", (24, 16), "black")
    picture.paste("white", (0, 0, 8, 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened = open_still(encoded(picture, decoder, exif=exif))
    tagged = Image.Image.copy(picture)
    tagged.info["exif"] = exif.tobytes()
    upright = ImageOps.exif_transpose(tagged)
    assert upright is not None
    assert opened.size == upright.size
    assert abs(np.asarray(opened, int) - np.asarray(upright, int)).mean() < 3
    assert "exif" not in opened.info
    assert 0x0112 not in opened.getexif()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("decoder", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", b"Exif\0\0MM\0*\0\0\0\x08\0\x09", b"Ex"])
def test_broken_exif_leaves_the_picture_as_it_lies(decoder: str, exif: bytes) -> None:
    assert open_still(encoded(Image.new("RGB", (24, 16)), decoder, exif=exif)).size == (24, 16)


def test_lab_opens_in_its_colours() -> None:
    assert min(pixels(open_still(encoded(Image.new("LAB", (1, 1), (255, 128, 128)), "TIFF")))[0]) >= 250
