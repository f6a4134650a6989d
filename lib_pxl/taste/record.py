"""An item as it is kept, with all that is known of the picture beside what a taste looks at."""

from __future__ import annotations

import base64
import binascii
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy

from lib_pxl.errors import StoreError, TasteError, Words
from lib_pxl.taste.opinion import Item

TEXTS = ("template", "checkpoint", "image", "image_hash", "thumbnail", "sitting", "time")


@dataclass(frozen=True)
class Record:
    """An item and where it came from; `time` is UTC, and the store's own clock where it is empty."""

    item: Item
    template: str = ""  # the prompt before its wildcards were drawn
    seed: int | None = None
    checkpoint: str = ""
    image: str = ""  # a path
    image_hash: str = ""
    thumbnail: str = ""
    nokens: Mapping[str, str] = field(default_factory=dict)  # a genome's hash for each name
    sitting: str = ""
    time: str = ""

    def format(self) -> dict[str, Any]:
        """As data for JSON; what is empty is left out."""
        item = self.item
        told: dict[str, Any] = {"id": item.id, "prompt": item.prompt, "negative": item.negative}
        told |= {"caption": item.caption, "settings": dict(item.settings), "seed": self.seed}
        told |= {"nokens": dict(self.nokens), **{name: getattr(self, name) for name in TEXTS}}
        told["vectors"] = {name: base64.b64encode(packed(given)).decode() for name, given in item.vectors.items()}
        return {name: value for name, value in told.items() if value not in ("", None, {})}

    @classmethod
    def parse(cls, data: Any) -> Record:
        """From data, checked."""
        if not isinstance(data, Mapping):
            raise TasteError("item", got=data, wanted="a dictionary")
        vectors = data.get("vectors", {})
        if not isinstance(vectors, Mapping):
            raise TasteError("item vectors", got=vectors, wanted="a dictionary")
        plain = {name: data.get(name, "") for name in ("prompt", "negative", "caption")}
        item = Item(
            id=data.get("id", ""),
            settings=data.get("settings", {}),
            vectors={name: unpacked(_decoded(given)) for name, given in vectors.items()},
            **plain,
        )
        return cls(item, seed=data.get("seed"), nokens=data.get("nokens", {}), **_texts(data)).checked()

    @classmethod
    def of_row(cls, row: sqlite3.Row, vectors: Mapping[str, bytes]) -> Record:
        """From a row of the store."""
        found = {name: unpacked(data) for name, data in vectors.items()}
        item = Item(
            row["id"], row["prompt"], row["negative"], json.loads(row["settings"]), found, caption=row["caption"]
        )
        texts = {name: row[name] for name in TEXTS}
        return cls(item, seed=row["seed"], nokens=json.loads(row["nokens"]), **texts)

    def checked(self) -> Record:
        """Itself, where it can be kept."""
        if self.seed is not None and not (
            isinstance(self.seed, int) and not isinstance(self.seed, bool) and abs(self.seed) < 1 << 63
        ):
            raise TasteError("item seed", got=self.seed, wanted="a whole number of at most 63 bits")
        if not isinstance(self.nokens, Mapping) or not all(
            isinstance(name, str) and isinstance(which, str) for name, which in self.nokens.items()
        ):
            raise TasteError("item nokens", got=self.nokens, wanted="a dictionary of text")
        for name in TEXTS:
            if not isinstance(getattr(self, name), str):
                raise TasteError(f"item {name}", got=getattr(self, name), wanted="text")
        return self


def packed(vector: Any) -> bytes:
    """A vector as float32."""
    try:
        numbers = numpy.asarray(vector, dtype="<f4").reshape(-1)
    except (TypeError, ValueError) as error:
        raise TasteError("vector", got=Words(type(vector).__name__), wanted="a list of numbers") from error
    if not numpy.isfinite(numbers).all() or not len(numbers):
        raise TasteError("vector", got=Words(f"{len(numbers)} numbers"), wanted="one or more finite ones")
    return numbers.tobytes()


def unpacked(data: bytes) -> list[float]:
    """The numbers again."""
    if len(data) % 4 or not data:
        raise TasteError("vector", got=Words(f"{len(data)} bytes"), wanted="float32 numbers")
    numbers: list[float] = numpy.frombuffer(data, dtype="<f4").tolist()
    return numbers


def keepable(text: str) -> str:
    """The text itself, where a database takes it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise StoreError("text", got=text, wanted="text without half characters") from error
    return text


def _decoded(given: Any) -> bytes:
    try:
        return base64.b64decode(given, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise TasteError("vector", got=given, wanted="float32 numbers in base64") from error


def _texts(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data.get(name, "") for name in TEXTS}
