"""One opinion as the record that would leave: the fields chosen, cleaned, and short enough for the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple, Protocol

from lib_pxl import wire
from lib_pxl.errors import WireError
from lib_pxl.share.fields import Fields
from lib_pxl.share.redact import Redact, bare

# The settings that say how a picture was made, and neither which one it is nor whose.
SETTINGS = frozenset(
    {"steps", "sampler", "sampler name", "schedule type", "scheduler", "cfg scale", "cfg", "distilled cfg scale",
     "size", "width", "height", "denoising strength", "denoise", "clip skip", "hires upscale", "hires steps", "hires",
     "hires upscaler", "hires cfg scale", "hires resize", "hires sampler", "hires schedule type", "batch size", "eta",
     "rng", "ensd", "refiner switch at", "mask blur", "masked content", "inpaint area", "tiling", "face restoration",
     "emphasis", "guidance", "shift", "noise schedule", "beta schedule type", "sigma churn", "sigma noise", "ngms"}
)  # fmt: skip
MODELS = frozenset({"model", "vae", "checkpoint", "refiner", "unet", "module 1", "module 2", "module 3"})
PLACE = "."  # what is left of a category's name when all of it was cleaned away


class Pictured(Protocol):
    """What is shared of a picture is read off these."""

    @property
    def prompt(self) -> str: ...
    @property
    def negative(self) -> str: ...
    @property
    def caption(self) -> str: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...


class Told(NamedTuple):
    """An opinion: a rating with its value, or a duel with the place of its winner."""

    kind: str
    category: str
    answer: float | int | None
    time: str
    items: Sequence[Pictured]


class Draft(NamedTuple):
    """A record that has no key yet, and which opinion it is of."""

    opinion: str
    record: dict[str, Any]


def record(told: Told, fields: Fields, redact: Redact) -> dict[str, Any]:
    """As the wire has it, but for its key; texts are cut until it fits."""
    answer = {"value": told.answer} if told.kind == "rating" else {"winner": told.answer}
    made: dict[str, Any] = {
        "v": wire.VERSION,
        "kind": told.kind,
        "category": _category(redact(told.category)),
        "time": day(told.time),
        **answer,
        "items": [_item(each, fields, redact) for each in told.items],
    }
    limit = wire.MAX_TEXT
    while len(wire.canonical(made)) > wire.MAX_RECORD - 64:  # the key comes later
        limit //= 2
        made["items"] = [_cut(each, limit) for each in made["items"]]
    return made


def line(made: Mapping[str, Any], key: str) -> bytes:
    """The record's bytes under a key."""
    return wire.format_record({**made, "key": key})


def day(time: str) -> str:
    """The day alone; today where it cannot be read."""
    try:
        return datetime.strptime(time[:10], "%Y-%m-%d").replace(tzinfo=timezone.utc).date().isoformat()
    except ValueError:
        return datetime.now(timezone.utc).date().isoformat()


def _item(given: Pictured, fields: Fields, redact: Redact) -> dict[str, Any]:
    item: dict[str, Any] = {}
    for name in ("prompt", "negative", "caption"):
        text = redact(getattr(given, name))[: wire.MAX_TEXT] if name in fields else ""
        if text:
            item[name] = text
    settings = _settings(given.settings, fields, redact) if "settings" in fields else {}
    return {**item, "settings": settings} if settings else item


def _settings(given: Mapping[str, Any], fields: Fields, redact: Redact) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in given.items():
        known = name.strip().lower()
        if known in SETTINGS or (known in MODELS and "model" in fields):
            text = (
                redact(bare(value) if known in MODELS else value)[: wire.MAX_NAME] if isinstance(value, str) else value
            )
            kept[name.strip()] = text
    checked = {name: value for name, value in kept.items() if value is not None and _fits(name, value)}
    return dict(list(checked.items())[: wire.MAX_SETTINGS])


def _fits(name: str, value: Any) -> bool:
    try:
        wire.check({"settings": {name: value}}, wire.ITEM, "item")
    except WireError:
        return False
    return True


def _category(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()[: wire.MAX_NAME] or PLACE


def _cut(item: Mapping[str, Any], limit: int) -> dict[str, Any]:
    return {name: value[:limit] if isinstance(value, str) else value for name, value in item.items()}
