"""Captions for what has none yet, one picture after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from PIL import Image

from lib_pxl.errors import ImageError
from lib_pxl.store.pictures import open_still
from lib_pxl.store.thumbnails import Thumbnails
from lib_pxl.taste.opinions import Opinions
from lib_pxl.taste.record import Record

PAGE = 50


def captions(opinions: Opinions, thumbnails: Thumbnails, see: Callable[[Image.Image], str]) -> Iterator[Sequence[str]]:
    """Each step says what is on one picture, the newest first, and gives its item's id; what is gone is passed by."""
    before: int | None = None
    while page := opinions.records(PAGE, before):
        before = page[-1][0]
        for _, record in page:
            picture = None if record.item.caption else _picture(record, thumbnails)
            if picture is not None:
                opinions.caption(record.item.id, see(picture))
                yield [record.item.id]


def _picture(record: Record, thumbnails: Thumbnails) -> Image.Image | None:
    """The picture itself, or at least its thumbnail."""
    for place in (Path(record.image) if record.image else None, thumbnails.find(record.thumbnail)):
        if place is not None:
            try:
                return open_still(place)
            except ImageError:
                continue
    return None
