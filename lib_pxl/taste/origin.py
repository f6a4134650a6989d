"""How a picture came to be, as its infotext says it: the same words for what was recorded and what is imported."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from PIL import Image

from lib_pxl.store.infotext import Infotext
from lib_pxl.taste.opinion import Item
from lib_pxl.taste.record import Record

TEMPLATES = ("Template", "Wildcard prompt")  # of sd-dynamic-prompts and of stable-diffusion-webui-wildcards
# These say which picture or which file it is, not what it is like, or have a field of their own.
LEFT_OUT = frozenset(
    {"seed", "variation seed", "hires seed", "model hash", "vae hash", "lora hashes", "ti hashes", "ti", "hashes",
     "version", "template", "negative template", "wildcard prompt", "wildcard negative prompt", "pxl", "pxl error",
     "pxl animation"}
)  # fmt: skip
MOST, LONGEST = 64, 80  # settings, and letters of a value: what is longer is a prompt or a list
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?")
_SEED = re.compile(r"-?\d{1,18}")


def is_infotext(text: str) -> bool:
    """True for what a host has written; others leave a remark or a caption in the same places."""
    return bool(Infotext.parse(text).settings)


def record_of(text: str, which: str = "new") -> Record:
    """An item of that id, and all that its infotext knows of it."""
    info = Infotext.parse(text)
    told = info.settings
    template = next((told[name] for name in TEMPLATES if told.get(name)), "")
    seed = told.get("Seed", "")
    return Record(
        Item(which, info.prompt, info.negative, settings_of(told)),
        template=template,
        seed=int(seed) if _SEED.fullmatch(seed) else None,
        checkpoint=told.get("Model") or told.get("Model hash", ""),
        nokens=_nokens(told.get("pxl", "")),
    )


def settings_of(told: Mapping[str, str]) -> dict[str, Any]:
    """The settings under their own names, numbers as numbers."""
    kept = {name: value for name, value in told.items() if name.lower() not in LEFT_OUT and len(value) <= LONGEST}
    return {name: _value(kept[name]) for name in list(kept)[:MOST]}


def identity(content: bytes | Image.Image, record: Record) -> str:
    """32 hexadecimal digits of a picture and its prompts, so that two black pictures are still two."""
    digest = hashlib.blake2b(digest_size=16)
    if isinstance(content, bytes):
        digest.update(content)
    else:
        digest.update(repr((content.mode, content.size)).encode())
        digest.update(content.tobytes())
    digest.update(json.dumps([record.item.prompt, record.item.negative]).encode())
    return digest.hexdigest()


def _value(text: str) -> str | int | float:
    if not _NUMBER.fullmatch(text):
        return text
    number = float(text)
    return int(number) if number == math.trunc(number) else number


def _nokens(job: str) -> dict[str, str]:
    try:
        hashes = json.loads(job)["nokens"]["hashes"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
    found = hashes.items() if isinstance(hashes, dict) else ()
    return {name: which for name, which in found if isinstance(which, str)}
