"""A recorded picture as the page shows it: a card, the small picture and the whole one, as far as they are there."""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lib_pxl.errors import ImageError, PxlError, StoreError, Words
from lib_pxl.hosts.base import Host
from lib_pxl.hosts.desk import Desk
from lib_pxl.store.maps import opened
from lib_pxl.store.pictures import WANTED, kind_of, open_still
from lib_pxl.taste.record import Record
from lib_pxl.taste.shelf import Found

SHORT = 240  # characters of a prompt on a card
WEBP = "image/webp"


class Pictures:
    """Those of a host."""

    def __init__(self, desk: Desk, host: Host) -> None:
        self.desk, self.host = desk, host

    def card(self, found: Found, stars: Mapping[int, Mapping[str, float]]) -> dict[str, Any]:
        """What a card shows."""
        number, record = found
        item, which = record.item, quote(record.item.id, safe="")
        whole = self._file(record) is not None
        seen = whole or self._small(record) is not None
        return {
            "id": item.id, "number": number, "prompt": item.prompt[:SHORT], "model": record.checkpoint,
            "sitting": record.sitting, "time": record.time, "stars": dict(stars.get(number, {})), "whole": whole,
            "thumbnail": f"/pxl/v1/taste/thumbnail/{which}" if seen else None,
            "image": f"/pxl/v1/taste/image/{which}" if seen else None,
        }  # fmt: skip

    def details(self, record: Record) -> dict[str, Any]:
        """All that is known of it, but for its vectors."""
        told = record.format()
        return {name: value for name, value in told.items() if name not in ("vectors", "thumbnail", "image_hash")}

    def is_seen(self, record: Record) -> bool:
        """Whether there is anything to look at."""
        return self._small(record) is not None or self._file(record) is not None

    def thumbnail(self, record: Record) -> tuple[bytes, str]:
        """The small picture, made again where it was lost."""
        path = self._small(record)
        if path is None:
            self.desk.thumbnails.put(_name(record), open_still(self._whole(record)[0]))
            path = self._small(record)
        return _read(path), WEBP

    def image(self, record: Record) -> tuple[bytes, str]:
        """The whole picture, or the small one where it is gone."""
        try:
            return self._whole(record)
        except PxlError:
            if self._small(record) is None:
                raise
            return self.thumbnail(record)

    def place(self, path: str, content: str = "") -> Path:
        """A file or folder that a person names, where it is among the host's; or its copy there, of this content."""
        try:
            found = opened(path, self.host.readable)
        except ImageError:
            twin = self._twin(Path(path).name, content)
            if twin is None:
                raise
            return twin.absolute()
        if not isinstance(found, Path):
            raise ImageError("picture", got=Words("a picture without a place"), wanted="a path")
        return found.absolute()

    def _twin(self, name: str, content: str) -> Path | None:
        """The picture that gradio shows a copy of; hosts keep theirs in a folder for each day."""
        for root in self.host.readable or () if name and content else ():
            for path in (root / name, *root.glob(f"*/{glob.escape(name)}")):
                if content_of(path) == content:
                    return path
        return None

    def _small(self, record: Record) -> Path | None:
        return self.desk.thumbnail(record) or self.desk.thumbnails.find(f"{_name(record)}.webp")

    def _file(self, record: Record) -> Path | None:
        """The picture's own file, where it is there, and among the host's pictures: an import may name any path."""
        try:
            found = opened(record.image, self.host.readable) if record.image else None
            return found if isinstance(found, Path) and found.is_file() else None
        except (ImageError, OSError, ValueError):
            return None

    def _whole(self, record: Record) -> tuple[bytes, str]:
        data = _read(self._file(record))
        kind = kind_of(data[:32])
        if kind is None:
            raise ImageError("picture", got=Words("a file of another kind"), wanted=WANTED)
        return data, kind.media_type


def content_of(path: Path) -> str:
    """By which a picture is found again that lies elsewhere now."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    except (OSError, ValueError):
        return ""


def _name(record: Record) -> str:
    """By which its thumbnail is found, whatever its id."""
    which = record.item.id
    return which if re.fullmatch("[0-9a-f]{32}", which) else hashlib.blake2b(which.encode(), digest_size=16).hexdigest()


def _read(path: Path | None) -> bytes:
    try:
        if path is not None:
            return path.read_bytes()
    except OSError:
        pass
    raise StoreError("picture", got=Words("one whose file is gone"), wanted="one that is still there")
