"""A taste as one safetensors file, its card in the metadata; it holds hashes of words, never the words themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from lib_pxl.errors import PxlError, StoreError, TasteError, Words, shown
from lib_pxl.store.folders import whole_file
from lib_pxl.taste.card import Card
from lib_pxl.taste.choice import Choice
from lib_pxl.taste.features import KINDS
from lib_pxl.taste.opinion import MAX_CATEGORY
from lib_pxl.taste.solve import Learned
from lib_pxl.taste.table import Vocabulary

KEY, VERSION = "pxl_taste", 2
EARLIER = 1  # its usual choice was another one
WANTED = "a taste that pxl saved"
MAX_BYTES, MAX_HEADER, MAX_CATEGORIES = 1 << 31, 16 << 20, 10_000


class Contents(NamedTuple):
    """All that a taste is made of."""

    vocabulary: Vocabulary
    learned: Learned
    categories: list[str]
    choice: Choice
    ties: float
    card: Card
    asked: list[tuple[str, str]]


def write(path: Path, contents: Contents) -> None:
    """Write it, whole or not at all."""
    words, learned = contents.vocabulary, contents.learned
    tensors = {"keys": words.keys, "kinds": words.kinds, "shares": words.shares, "usual": words.usual}
    tensors |= {"basis": learned.basis, "mean": learned.mean, "scale": learned.scale, "factors": learned.factors}
    told = {
        "version": VERSION,
        "kinds": KINDS,
        "categories": contents.categories,
        "choice": contents.choice.steps,
        "ties": contents.ties,
        "card": contents.card.format(),
        "asked": contents.asked,
        "over_weights": learned.over_weights,
    }
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data = safetensors.torch.save(whole, {KEY: json.dumps(told)})
    try:
        with whole_file(path) as file:
            file.write(data)
    except (OSError, ValueError) as error:
        raise StoreError(f"file {shown(path.name)}", got=Words(str(error)), wanted="a place to write it") from error


def read(path: Path) -> Contents:
    """What a file holds, or one sentence on what is wrong with it."""
    what = f"file {shown(path.name)}"
    try:
        _judge(path, what)
        with safetensors.safe_open(path, "pt") as file:
            told = json.loads((file.metadata() or {})[KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no dictionary)
        if told["version"] not in (VERSION, EARLIER) or tuple(told["kinds"]) != KINDS:
            raise TasteError(what, got=Words(f"version {told['version']!r}"), wanted=f"version {VERSION}")
        contents = _contents(told, tensors)
    except PxlError:
        raise
    except Exception as error:  # hostile bytes make the readers raise every kind there is
        raise TasteError(what, got=Words("a file of another kind, or a damaged one"), wanted=WANTED) from error
    if not _sound(contents):
        raise TasteError(what, got=Words("tensors that do not fit together"), wanted=WANTED)
    return contents


def _contents(told: dict[str, Any], tensors: dict[str, Tensor]) -> Contents:
    float32 = {name: tensors[name].float() for name in ("shares", "basis", "scale", "factors")}
    usual = tensors["usual"].float() if "usual" in tensors else torch.zeros(len(tensors["keys"]))  # of older files
    learned = Learned(
        float32["basis"], tensors["mean"].double(), float32["scale"], float32["factors"], bool(told["over_weights"])
    )
    choice = Choice(tuple((str(name), max(-20, min(20, int(count)))) for name, count in told["choice"]))
    if told["version"] == EARLIER:
        choice = choice.moved("setting", -1)
    return Contents(
        Vocabulary(tensors["keys"].long(), tensors["kinds"].to(torch.uint8), float32["shares"], usual),
        learned,
        [str(name)[:MAX_CATEGORY] for name in told["categories"][:MAX_CATEGORIES]],
        choice,
        min(max(float(told["ties"]), 1e-6), 0.999),
        Card.parse(told["card"]),
        [(str(first), str(second)) for first, second in told["asked"]],
    )


def _judge(path: Path, what: str) -> None:
    if not path.is_file():
        raise TasteError(what, got=Words("no file there"), wanted=WANTED)
    size = path.stat().st_size
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if size > MAX_BYTES or not 2 <= header <= min(size, MAX_HEADER):
        raise TasteError(what, got=Words(f"{size:,} bytes, {header:,} of them its header"), wanted=WANTED)


def _sound(contents: Contents) -> bool:
    words, learned = contents.vocabulary, contents.learned
    width, rows = len(words.keys), len(contents.categories) + 1
    directions = learned.basis.shape[-1]
    return (
        words.keys.shape == words.kinds.shape == words.usual.shape == (width,)
        and words.shares.shape == (len(KINDS),)
        and bool((words.keys[1:] > words.keys[:-1]).all())
        and bool((words.kinds < len(KINDS)).all())
        and learned.basis.shape == (width, directions)
        and learned.mean.shape == learned.scale.shape == (rows, directions)
        and learned.factors.ndim == 3
        and learned.factors.shape[-1] == directions
        and len(learned.factors) == (rows if learned.over_weights else 1)
        and len({*contents.categories}) == rows - 1
        and all(bool(each.isfinite().all()) for each in (words.shares, words.usual, *learned[:4]))
    )
