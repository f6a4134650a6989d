"""A pool as one file that another person can open: safetensors, with the individuals as JSON in its metadata.

Nothing in it is packed or run, so that it is never larger than it looks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from lib_pxl.errors import NokenError, PxlError, StoreError, Words, shown
from lib_pxl.noken.genome import Noken
from lib_pxl.noken.individual import Individual
from lib_pxl.store.folders import whole_file

KEY, NOTHING = "pxl_pool", "nothing"
MAX_BYTES, MAX_HEADER, MAX_COUNT = 2 << 30, 64 << 20, 100_000
WANTED = "a pool of nokens that pxl exported"


def pack(path: Path, individuals: Iterable[Individual], nokens: Mapping[str, Noken]) -> None:
    """Write the individuals, and the vectors of those among them that are given."""
    told = [{**each.format(), "thumbnail": None} for each in individuals]
    tensors = {f"{which}.{letter}": rows for which, each in nokens.items() for letter, rows in each.vectors.items()}
    tensors = tensors or {NOTHING: torch.zeros(1)}  # safetensors 0.4.2, A1111's, cannot read a file without any
    data = safetensors.torch.save(tensors, {"format": "pt", KEY: json.dumps(told)})
    try:
        with whole_file(path) as file:
            file.write(data)
    except (OSError, ValueError) as error:
        raise StoreError(f"file {shown(path.name)}", got=Words(str(error)), wanted="a place to write it") from error


def unpack(path: Path) -> Iterator[tuple[Individual, Noken | None]]:
    """Each individual of a file, with its vectors where these are in it; one sentence where something is wrong."""
    what = f"file {shown(path.name)}"
    try:
        _judge(path, what)
        with safetensors.safe_open(path, "pt") as file:
            told = json.loads((file.metadata() or {})[KEY])
            if not isinstance(told, list) or len(told) > MAX_COUNT:
                raise NokenError(what, got=told, wanted=f"a list of at most {MAX_COUNT:,} individuals")
            keys: dict[str, list[str]] = {}
            for key in file.keys():  # noqa: SIM118  (it is no dictionary)
                keys.setdefault(key.rpartition(".")[0], []).append(key)
            for each in map(Individual.parse, told):
                yield each, _noken(file, each, keys.get(each.hash, []))
    except PxlError:
        raise
    except Exception as error:  # hostile bytes make the reader raise every kind there is
        raise NokenError(what, got=Words("a file of another kind, or a damaged one"), wanted=WANTED) from error


def is_pool(path: Path) -> bool:
    """Whether a file says of itself that it is somebody's pool, sound or not."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length <= MAX_HEADER else None
    except (OSError, ValueError, RecursionError):
        return False
    told = header.get("__metadata__") if isinstance(header, dict) else None
    return isinstance(told, dict) and KEY in told


def _judge(path: Path, what: str) -> None:
    if not path.is_file():
        raise NokenError(what, got=Words("no file there"), wanted=WANTED)
    size = path.stat().st_size
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if size > MAX_BYTES or not 2 <= header <= min(size, MAX_HEADER):
        got = Words(f"{size:,} bytes, {header:,} of them its header")
        raise NokenError(what, got=got, wanted=f"{WANTED}, of at most {MAX_BYTES >> 30} GiB")


def _noken(file: Any, told: Individual, keys: list[str]) -> Noken | None:
    if not keys:
        return None
    noken = Noken({key.rpartition(".")[2]: file.get_tensor(key) for key in keys}, told.name, told.lineage)
    if (noken.hash, noken.family, len(noken)) != (told.hash, told.family, told.tokens):
        raise NokenError(f"noken {told.hash[:8]}…", got=Words("other vectors"), wanted="those of its hash")
    return noken
