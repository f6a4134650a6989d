"""A picture seen: its file, or the picture itself, as a record with its thumbnail."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from lib_pxl.errors import ImageError, Words, shown
from lib_pxl.store.infotext import written_on
from lib_pxl.store.pictures import on_white, reading, still
from lib_pxl.store.thumbnails import Thumbnails
from lib_pxl.taste.origin import identity, is_infotext, record_of
from lib_pxl.taste.record import Record, keepable
from lib_pxl.taste.sitting import stamp

MAX_BYTES = 256 << 20
MAX_TEXT = 1 << 20
Says = Callable[[Image.Image], str]  # what a picture that is read says of how it was made


def see(path: Path, thumbnails: Thumbnails, says: Says = written_on, text: str = "") -> Record | None:
    """The record of a file, None where neither `text` nor the file nor a .txt beside it says how it was made.

    A PNG is known by its pixels, whatever else is written into it. Of the other formats decoders differ in their
    pixels, and their bytes are what they are known by.
    """
    data, modified = _read(path)
    with reading(data, path.name) as (image, what):
        small, is_exact = still(image, what), image.format == "PNG"
        text = text or says(image)
    if not is_infotext(text):
        text = _beside(path)
    if not text:
        return None
    place = keepable(str(path.absolute()))
    record = replace(record_of(text), image=place, image_hash=hashlib.sha256(data).hexdigest(), time=stamp(modified))
    return _kept(record, small if is_exact else data, small, thumbnails)


def remember(picture: Image.Image, text: str, time: float, thumbnails: Thumbnails) -> Record:
    """The record of a picture that lies nowhere; saved as a PNG later, it is the same item."""
    whole = on_white(picture)
    return _kept(replace(record_of(text), time=stamp(time)), whole, whole, thumbnails)


def _kept(record: Record, content: bytes | Image.Image, picture: Image.Image, thumbnails: Thumbnails) -> Record:
    which = identity(content, record)
    return replace(record, item=replace(record.item, id=which), thumbnail=thumbnails.put(which, picture))


def _read(path: Path) -> tuple[bytes, float]:
    what = f"picture {shown(path.name)}"
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        modified = path.stat().st_mtime
    except (OSError, ValueError) as error:
        raise ImageError(what, got=Words(str(error)), wanted="a file that can be read") from error
    if len(data) > MAX_BYTES:
        raise ImageError(what, got=Words("a larger file"), wanted=f"at most {MAX_BYTES >> 20} MiB")
    return data, modified


def _beside(path: Path) -> str:
    """As A1111 writes it where its settings say so."""
    try:
        with path.with_suffix(".txt").open("rb") as file:
            text = file.read(MAX_TEXT).decode("utf-8-sig", "replace")
    except (OSError, ValueError):
        return ""
    return text if is_infotext(text) else ""
