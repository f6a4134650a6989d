"""Textual inversions as files: safetensors written; safetensors, `.pt`, `.bin` and pictures read, nothing unpickled.

What a file is, is told by how it begins, never by its name.
"""

from __future__ import annotations

import io
import json
import pickletools
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from lib_pxl.errors import NokenError, PxlError, StoreError, Words, shown
from lib_pxl.noken.picture import hidden
from lib_pxl.store.folders import whole_file
from lib_pxl.store.pictures import kind_of

ONE = "emb_params"  # the key of a file for one encoder
BOTH = ("clip_l", "clip_g")
MAX_BYTES = 64 << 20
MAX_HEADER = 1 << 20
WANTED = "a textual inversion: .safetensors, .pt, .bin, or a picture that holds one"
FOREIGN = (".pt", ".pth", ".bin", ".ckpt", ".png", ".webp", ".jpg")  # what hosts would not read as safetensors
ZIP, OLD = b"PK\x03\x04", b"\x80\x02\x8a"  # how torch's files begin, and no safetensors file of a sound header does
MAX_STEPS = 100_000  # of a pickle; one that holds only tensors has some hundreds
HARMLESS = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    *(f"torch {kind}Storage" for kind in ("Float", "Half", "BFloat16", "Double")),
}


@dataclass(frozen=True)
class Contents:
    """The tensors of a textual inversion, under `emb_params`, or `clip_l` and `clip_g`, its name and its metadata."""

    tensors: dict[str, Tensor]
    name: str = ""
    told: Mapping[str, str] = field(default_factory=dict)


def write(path: Path, tensors: Mapping[str, Tensor], told: Mapping[str, str]) -> None:
    """A safetensors file, whole or not at all."""
    what = f"file {shown(path.name)}"
    if path.suffix.lower() in FOREIGN:
        raise StoreError(what, got=path.suffix, wanted="a name that ends in .safetensors")
    data = safetensors.torch.save(dict(tensors), metadata={"format": "pt", **told})
    try:
        with whole_file(path) as file:
            file.write(data)
    except (OSError, ValueError) as error:
        raise StoreError(what, got=Words(str(error)), wanted="a place to write it") from error


def read(path: Path) -> Contents:
    """What the file holds, or one sentence on what is wrong with it."""
    what = f"file {shown(path.name)}"
    data = _bytes(path, what)
    try:
        if kind_of(data[:32]):
            return _recognised(hidden(data), what)
        if data[:4] == ZIP or data[:3] == OLD:
            return _recognised(_unpickled(data, what), what)
        told = _header(data, what).get("__metadata__", {})
        found = _recognised(safetensors.torch.load(data), what)
        sound = isinstance(told, dict) and all(isinstance(value, str) for value in told.values())
        told = told if sound else {}
        return Contents(found.tensors, told.get("name") or found.name, told)
    except PxlError:
        raise
    except Exception as error:  # hostile bytes make the readers raise every kind there is
        raise NokenError(what, got=Words("a file that is damaged, or no such file"), wanted=WANTED) from error


def _bytes(path: Path, what: str) -> bytes:
    try:
        if not path.is_file():  # a pipe or a device would never end
            raise NokenError(what, got=Words("a folder" if path.is_dir() else "no file there"), wanted=WANTED)
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise NokenError(what, got=Words(str(error)), wanted="a file that can be read") from error
    if len(data) > MAX_BYTES:
        raise NokenError(what, got=Words("a larger file"), wanted=f"at most {MAX_BYTES >> 20} MiB")
    return data


def _header(data: bytes, what: str) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= min(MAX_HEADER, len(data) - 8):
        raise NokenError(what, got=Words("a file of another kind"), wanted=WANTED)
    header: dict[str, Any] = json.loads(data[8 : 8 + length])
    return header


def _unpickled(data: bytes, what: str) -> object:
    """What torch's weights-only reader makes of it, once nothing in it is found that names more than tensors."""
    if data[:4] == ZIP:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
            if packed or sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise NokenError(what, got=Words("an archive of compressed entries"), wanted="one as torch writes it")
            pickles = [archive.read(entry) for entry in entries if entry.filename.endswith("data.pkl")]
        _judge(b"".join(pickles), len(pickles), what)
    else:
        _judge(data, 5, what)  # magic number, version, machine, the data itself, the keys of its storages
    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


def _judge(data: bytes, count: int, what: str) -> None:
    stream = io.BytesIO(data)
    for _ in range(count):
        for step, (code, argument, _place) in enumerate(pickletools.genops(stream)):
            if step > MAX_STEPS:
                raise NokenError(what, got=Words("an endless pickle"), wanted="a file of tensors and nothing else")
            if "GLOBAL" in code.name and argument not in HARMLESS:
                raise NokenError(what, got=argument or code.name, wanted="a file of tensors and nothing else")


def _recognised(data: object, what: str) -> Contents:
    """The tensors, in whichever of the usual shapes they come."""
    if isinstance(data, Tensor):
        return Contents({ONE: _flat(data)})
    if not isinstance(data, Mapping):
        raise NokenError(what, got=Words(f"a {type(data).__name__}"), wanted=WANTED)
    name = data.get("name")
    found = data.get("string_to_param", data)
    tensors = {str(key): value for key, value in found.items() if isinstance(value, Tensor)}
    known = {key: _flat(tensors[key]) for key in BOTH if key in tensors}
    if known:
        return Contents(known, name if isinstance(name, str) else "")
    if len(tensors) != 1:
        raise NokenError(what, got=list(tensors), wanted=f"one tensor, or {' and '.join(BOTH)}")
    ((key, rows),) = tensors.items()
    own = "" if key in (ONE, "*") else key
    return Contents({ONE: _flat(rows)}, name if isinstance(name, str) else own)


def _flat(rows: Tensor) -> Tensor:
    return rows[None] if rows.ndim == 1 else rows
