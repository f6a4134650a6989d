"""Files: what is saved is loaded, by us and by diffusers; what others wrote is read; what is hostile has a sentence."""

from __future__ import annotations

import base64
import copy
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections import OrderedDict
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy
import pytest
import safetensors.torch
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from lib_pxl.errors import NokenError, PxlError, StoreError
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.noken import Noken, breed
from lib_pxl.noken import files as module
from lib_pxl.noken.picture import TEXT, numbers
from tests.noken.people import noken

ROWS = torch.arange(24.0).reshape(2, 12) / 7
SOLE = Noken({"l": ROWS}, "fox")


@given(st.integers(0, 999), st.integers(1, 75), st.sampled_from([("l",), ("h",), ("l", "g")]))
@settings(max_examples=30)
def test_what_is_saved_is_loaded_to_the_bit(seed: int, length: int, letters: tuple[str, ...]) -> None:
    widths = {letter: 12 + place for place, letter in enumerate(letters)}
    path = Path(os.environ["PXL_DATA_DIR"]).parent / "noken.safetensors"
    a = noken(length, seed, widths, "晨霧 🦊")
    for each in (a, breed([a, noken(3, seed + 1, widths)], n=1)[0]):
        each.save(path)
        loaded = Noken.load(path)
        assert loaded == each and loaded.lineage == each.lineage and loaded.vectors.keys() == set(letters)
        assert loaded.name == (each.name or "noken")


def test_the_keys_are_those_that_every_host_knows(tmp_path: Path) -> None:
    for letters, keys in ((["l"], {"emb_params"}), (["h"], {"emb_params"}), (["l", "g"], {"clip_l", "clip_g"})):
        noken(widths=dict.fromkeys(letters, 8)).save(tmp_path / "a.safetensors")
        assert safetensors.torch.load_file(tmp_path / "a.safetensors").keys() == keys


def saved(path: Path, data: Any) -> Path:
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(data, path)
    else:
        torch.save(data, path)
    return path


def test_a_lone_tensor_is_whose_its_metadata_then_the_model_then_its_width_says(tmp_path: Path) -> None:
    mine, foreign = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    Noken({"h": ROWS}).save(mine)
    saved(foreign, {"emb_params": ROWS})
    wide = saved(tmp_path / "c.safetensors", {"emb_params": torch.ones(1, 1024)})
    assert Noken.load(mine).family == Noken.load(mine, {"l": 12}).family == "h12"
    assert Noken.load(foreign).family == Noken.load(foreign, {"l": 12, "g": 20}).family == "l12"
    assert Noken.load(foreign, {"h": 12}).family == "h12"
    assert Noken.load(wide).family == "h1024" and Noken.load(wide, {"l": 1024}).family == "l1024"


SHAPES: dict[str, Any] = {
    "a1111.pt": {"string_to_token": {"*": 265}, "string_to_param": {"*": ROWS}, "name": "fox", "step": 100,
                 "sd_checkpoint": None, "sd_checkpoint_name": None},
    "trained.pt": {"string_to_token": {"*": 265}, "string_to_param": {"*": torch.nn.Parameter(ROWS)}, "name": "fox"},
    "concept.bin": {"<fox>": ROWS},
    "ordered.bin": OrderedDict({"fox": ROWS}),
    "half.bin": {"fox": ROWS.half()},
    "bare.bin": ROWS,
    "one.bin": {"fox": ROWS[0]},
    "kohya.safetensors": {"emb_params": ROWS},
    "concept.safetensors": {"fox": ROWS},
    "brain.safetensors": {"fox": ROWS.bfloat16()},
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("legacy", [False, True])
def test_every_usual_shape_is_read(name: str, legacy: bool, tmp_path: Path) -> None:
    path = tmp_path / name
    if legacy and path.suffix != ".safetensors":
        torch.save(SHAPES[name], path, _use_new_zipfile_serialization=False)
    else:
        saved(path, SHAPES[name])
    loaded = Noken.load(path)
    wanted = ROWS[:1] if name.startswith("one") else ROWS
    assert torch.allclose(loaded.vectors["l"], wanted, rtol=1e-2) and loaded.family == "l12"
    assert loaded.name == (path.stem if name in ("bare.bin", "kohya.safetensors") else "fox")
    path.rename(tmp_path / "unnamed")
    assert Noken.load(tmp_path / "unnamed") == loaded


def test_two_encoders_are_read_from_any_kind_of_file(tmp_path: Path) -> None:
    both = {"clip_g": torch.ones(2, 20), "clip_l": ROWS}
    for name in ("a.safetensors", "a.pt"):
        assert Noken.load(saved(tmp_path / name, both)) == Noken({"l": ROWS, "g": torch.ones(2, 20)})


def lcg(count: int) -> list[int]:
    """A1111's own generator, step by step."""
    found, seed = [], 0
    for _ in range(count):
        seed = (1664525 * seed + 1013904223) % 2**32
        found.append(seed % 255)
    return found


def test_the_mask_s_numbers_are_a1111_s() -> None:
    assert numbers(1000).tolist() == lcg(1000) and lcg(4) == [253, 242, 127, 44]


def in_pixels(data: bytes, size: tuple[int, int] = (40, 64)) -> Image.Image:
    """As insert_image_data_embed writes it: halves of the bytes left and right, each behind a black column."""
    height = size[1]
    count = -(-len(data) // (3 * height)) * 3 * height
    values = numpy.resize(numpy.frombuffer(data, numpy.uint8), count)
    mask = (numpy.array(lcg(count), dtype=numpy.uint8) & 15).reshape(height, -1, 3)
    low, high = ((part.reshape(mask.shape) ^ mask) | 0x40 for part in (values & 15, values >> 4))
    gap = numpy.zeros((height, 1, 3), numpy.uint8)
    middle = numpy.full((height, size[0], 3), 0x88, numpy.uint8)
    return Image.fromarray(numpy.concatenate([low, gap, middle, gap, high], axis=1))


def in_text(text: str, image: Image.Image | None = None) -> bytes:
    info, out = PngImagePlugin.PngInfo(), BytesIO()
    info.add_text(TEXT, text)
    (image or Image.new("RGB", (8, 8), "red")).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def as_json(rows: Any) -> bytes:
    return json.dumps({"string_to_param": {"*": {"TORCHTENSOR": rows}}, "name": "fox", "step": 3}).encode()


def test_a_noken_in_a_picture_is_found_in_its_text_and_in_its_pixels(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_bytes(in_text(base64.b64encode(as_json(ROWS.tolist())).decode()))
    in_pixels(zlib.compress(as_json(ROWS.tolist()), 9)).save(tmp_path / "pixels.png")
    in_pixels(zlib.compress(as_json(ROWS.tolist()), 9)).save(tmp_path / "pixels.webp", lossless=True)
    for name in ("text.png", "pixels.png", "pixels.webp"):
        loaded = Noken.load(tmp_path / name)
        assert loaded == SOLE and loaded.name == "fox"


@pytest.mark.parametrize("length", [0x0280, 0x4B50])
def test_no_header_s_length_is_mistaken_for_another_kind_of_file(length: int, tmp_path: Path) -> None:
    padded = [metadata(pad="x" * fill) for fill in range(length - 150, length - 50)]
    (tmp_path / "a").write_bytes(next(data for data in padded if int.from_bytes(data[:8], "little") == length))
    assert Noken.load(tmp_path / "a") == SOLE


class Bomb:
    """What runs a command where it is unpickled freely."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch exploded",)


class Memory:
    """What fills the memory, by means that torch allows."""

    def __reduce__(self) -> tuple[Any, ...]:
        return bytearray, (10**13,)


def zipped(pickled: bytes, how: int = zipfile.ZIP_STORED, more: bytes = b"") -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        archive.writestr("a/data.pkl", pickled)
        archive.writestr("a/version", "3\n")
        archive.writestr("a/data/0", more)
    return out.getvalue()


def header(text: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(text)) + text + data


def whole(data: Any) -> bytes:
    out = BytesIO()
    torch.save(data, out)
    return out.getvalue()


def metadata(**told: str) -> bytes:
    return safetensors.torch.save({"emb_params": ROWS}, {"format": "pt", **told})


PLAIN = whole({"fox": ROWS})
HOSTILE = {
    "empty": b"",
    "text": b"hello, I am a noken",
    "zeros": bytes(1000),
    "bomb": pickle.dumps(Bomb(), 2),
    "zipped bomb": zipped(pickle.dumps({"fox": Bomb()}, 2)),
    "new bomb": zipped(pickle.dumps({"fox": Bomb()}, 4)),
    "memory": zipped(pickle.dumps({"fox": Memory()}, 2)),
    "packed": zipped(pickle.dumps({}, 2), zipfile.ZIP_DEFLATED, bytes(10**7)),
    "pickle of text": zipped(pickle.dumps("fox", 2)),
    "endless": zipped(b"\x80\x02" + b"(" * 100_000),
    "long": zipped(b"\x80\x02" + b"]0" * 200_000 + b"N."),
    "no pickle": zipped(b""),
    "short": PLAIN[:-30],
    "shorter": PLAIN[:100],
    "header longer than the file": struct.pack("<Q", 10**6) + b"{}",
    "header of 2**63": struct.pack("<Q", 2**63) + b"{}",
    "deep header": header(b'{"a":' + b"[" * 100_000),
    "list header": header(b"[]"),
    "no tensors": header(b"{}"),
    "outside": header(b'{"emb_params":{"dtype":"F32","shape":[1,4],"data_offsets":[0,16]}}'),
    "negative": header(b'{"emb_params":{"dtype":"F32","shape":[-1,4],"data_offsets":[0,16]}}', bytes(16)),
    "whole numbers": safetensors.torch.save({"emb_params": torch.ones(1, 4, dtype=torch.int64)}),
    "many": safetensors.torch.save({str(i): torch.ones(1, 4) for i in range(9)}),
    "rows": safetensors.torch.save({"emb_params": torch.ones(75_000, 4)}),
    "wide": safetensors.torch.save({"emb_params": torch.ones(1, 20_000)}),
    "nan": safetensors.torch.save({"emb_params": torch.full((1, 4), float("nan"))}),
    "cube": safetensors.torch.save({"emb_params": torch.ones(1, 1, 4)}),
    "unequal": safetensors.torch.save({"clip_l": torch.ones(1, 4), "clip_g": torch.ones(2, 4)}),
    "g alone": safetensors.torch.save({"clip_g": torch.ones(1, 4)}),
    "lineage": metadata(lineage='{"parents": ["../../etc/passwd"]}'),
    "deep lineage": metadata(lineage="[" * 10**5),
    "sparse": whole({"fox": torch.ones(2, 2).to_sparse()}),
    "huge": whole({"fox": torch.ones(1).expand(75, 10**13)}),
    "two params": whole({"string_to_param": {"*": ROWS, "+": ROWS}}),
    "params of text": whole({"string_to_param": "fox"}),
    "list": whole([{"fox": ROWS}]),
    "plain picture": in_text("", None),
    "no base64": in_text("%%%"),
    "no json": in_text(base64.b64encode(b"{").decode()),
    "deep json": in_text(base64.b64encode(b"[" * 10**6).decode()),
    "json list": in_text(base64.b64encode(b"[]").decode()),
    "ragged": in_text(base64.b64encode(as_json([[1], [1, 2]])).decode()),
    "words": in_text(base64.b64encode(as_json([["a"]])).decode()),
    "vast number": in_text(base64.b64encode(as_json([[10**400]])).decode()),
    "nan in a picture": in_text(base64.b64encode(as_json([[float("nan")]])).decode()),
    "tensor of tensors": in_text(base64.b64encode(as_json([[{"TORCHTENSOR": [1]}]])).decode()),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_has_one_sentence_and_does_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "fox.pt"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(PxlError, match="wanted") as error:
        Noken.load(path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
    assert os.listdir() == ["fox.pt"]


def test_a_bomb_in_pixels_is_let_out_only_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib_pxl.noken.picture.MAX_JSON", 1 << 16)
    in_pixels(zlib.compress(b'{"a": "' + b"0" * 10**7 + b'"}', 9)).save(tmp_path / "a.png")
    Image.new("RGB", (50, 50), "gray").save(tmp_path / "b.png")
    Image.new("RGB", (50, 50)).save(tmp_path / "c.png")
    in_pixels(os.urandom(500)).save(tmp_path / "d.png")
    for name, told in zip("abcd", ["larger text", *["a picture without a noken"] * 3], strict=True):
        with pytest.raises(NokenError, match=told):
            Noken.load(tmp_path / f"{name}.png")


@given(st.data(), st.sampled_from([PLAIN, metadata(name="fox"), in_text(base64.b64encode(as_json([[1.0]])).decode())]))
@settings(max_examples=150)
def test_a_file_with_bytes_changed_is_a_noken_or_a_sentence(data: st.DataObject, file: bytes) -> None:
    path, changed = Path(os.environ["PXL_DATA_DIR"]).parent / "changed", bytearray(file)
    for at, byte in data.draw(st.dictionaries(st.integers(0, len(file) - 1), st.integers(0, 255), max_size=4)).items():
        changed[at] = byte
    path.write_bytes(changed[: data.draw(st.integers(0, len(file)))])
    try:
        assert isinstance(Noken.load(path), Noken)
    except PxlError as error:
        assert "\n" not in str(error)  # noqa: PT017


def test_what_is_no_file_has_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "none", tmp_path / "pipe", "a\0b", "x" * 5000):
        with pytest.raises(NokenError, match="wanted"):
            Noken.load(path)
    SOLE.save(tmp_path / "a.safetensors")
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    with pytest.raises(NokenError, match="got a larger file, wanted at most"):
        Noken.load(tmp_path / "a.safetensors")


@pytest.mark.parametrize("name", ["a.pt", "a.PNG", "none/a.safetensors", "a\0b.safetensors"])
def test_what_cannot_be_written_has_a_sentence_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="wanted"):
        SOLE.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_names_from_files_are_made_to_fit(tmp_path: Path) -> None:
    for given_, kept in (("<fox>", "fox"), ("x" * 10_000, "x" * 80), ("../a\nb", "../ab"), ("<>", "file")):
        (tmp_path / "file.safetensors").write_bytes(metadata(name=given_))
        assert Noken.load(tmp_path / "file.safetensors").name == kept


def conditioning(pipe: Any, prompt: str) -> list[torch.Tensor]:
    """All that the pipeline's text encoders make of it."""
    with torch.no_grad():
        return [each for each in pipe.encode_prompt(prompt, device="cpu", num_images_per_prompt=1,
                                                    do_classifier_free_guidance=False) if each is not None]  # fmt: skip


@pytest.mark.parametrize("make", [tiny.sd1, tiny.sdxl])
@pytest.mark.parametrize("length", [1, 3])
def test_diffusers_makes_the_same_of_the_file_as_of_our_word(make: Any, length: int, tmp_path: Path) -> None:
    pipe = make()
    other = copy.deepcopy(pipe)
    host = DiffusersHost(other)
    made = noken(length, 3, dict(host.widths()))
    path = tmp_path / "fox.safetensors"
    made.save(path)
    if len(made.vectors) == 1:
        pipe.load_textual_inversion(str(path), token="pxl-fox")
    else:
        rows = safetensors.torch.load_file(path)
        for key, end in (("clip_l", ""), ("clip_g", "_2")):
            parts = {name: getattr(pipe, f"{name}{end}") for name in ("tokenizer", "text_encoder")}
            pipe.load_textual_inversion(rows[key], token="pxl-fox", **parts)
    host.embed("pxl-fox", Noken.load(path).vectors)
    ours = host.pipe.components | dict(host.tokenizers)
    own = type(host.pipe)(**{name: ours[name] for name in host.pipe.components})
    theirs = conditioning(pipe, "the pxl-fox on star")
    for one, same in zip(theirs, conditioning(own, "the pxl-fox on star"), strict=True):
        assert torch.equal(one, same)
    plain = conditioning(other, "the fox on star")
    assert not all(torch.equal(*each) for each in zip(theirs, plain, strict=True))
