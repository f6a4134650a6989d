"""Every picture that a user hands in, kept under the hash of its bytes, so that an infotext finds it again."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lib_pxl.errors import ImageError, StoreError, Words, shown
from lib_pxl.store.animations import VIDEOS, open_animation
from lib_pxl.store.pictures import KINDS, WANTED, kind_of, open_still

MAX_BYTES = 64 * 1024 * 1024
MAX_TEXT = 2 * MAX_BYTES  # base64 is a third longer than its bytes, and may be broken into lines
MAX_PATH = 4096
PREFIX = "map:"
TOO_LARGE = f"at most {MAX_BYTES >> 20} MiB"


class Maps:
    """The folder of pictures, each named by the first 32 hex digits of its bytes' SHA-256."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes, moving: bool = True) -> str:
        """The hash under which the picture now lies on the disk, whole and once."""
        if len(data) > MAX_BYTES:
            raise ImageError("picture", got=Words(f"{len(data):,} bytes"), wanted=TOO_LARGE)
        if moving:
            next(open_animation(data).frames([0]))
        else:
            open_still(data)
        kind = kind_of(data)
        assert kind is not None  # open_still has read it
        name = hashlib.sha256(data).hexdigest()[:32]
        path = self.folder / (name + kind.suffix)
        try:
            if not path.exists():
                self.folder.mkdir(parents=True, exist_ok=True)
                _write(path, data)
        except OSError as error:
            got = error.strerror or str(error)
            raise StoreError(f"map {path.name}", got=got, wanted=f"room to write it in {self.folder}") from error
        return name

    def path(self, name: str) -> Path:
        """Where the picture with this hash lies."""
        if not re.fullmatch(r"[0-9a-f]{32}", name):
            raise ImageError("map", got=name, wanted="a hash of 32 hexadecimal digits")
        for kind in KINDS:
            path = self.folder / (name + kind.suffix)
            if path.is_file():
                return path
        got = Words(f"map {name[:8]}…, which is not in this data folder")
        raise ImageError("picture", got=got, wanted="one that was handed in here")

    def media_type(self, name: str) -> str:
        """The content type of the picture with this hash."""
        suffix = self.path(name).suffix
        return next(kind.media_type for kind in KINDS if kind.suffix == suffix)

    def read(self, name: str) -> bytes:
        """The bytes of the picture with this hash."""
        path = self.path(name)
        try:
            return path.read_bytes()
        except OSError as error:
            raise StoreError(f"map {path.name}", got=error.strerror, wanted="a file that can be read") from error

    def adopt(self, source: str, roots: Sequence[Path] | None = None, moving: bool = False) -> str:
        """`map:HASH` for a picture that is named so, sent as base64, or lies inside one of `roots` (None: anywhere).

        Where it may be moving, a folder and a video stay where they are, and keep their own name.
        """
        if source.startswith(PREFIX):
            self.path(source[len(PREFIX) :])
            return source
        given = opened(source, roots)
        if moving and isinstance(given, Path) and (given.is_dir() or given.suffix.lower() in VIDEOS):
            open_animation(given)
            return source
        return PREFIX + self.put(_read(given, source) if isinstance(given, Path) else given, moving)


def opened(source: str, roots: Sequence[Path] | None = None) -> Path | bytes:
    """The bytes of a picture sent as base64, or its path, which must be inside `roots` (None: anywhere)."""
    if len(source) > MAX_TEXT:
        raise ImageError("picture", got=Words(f"a text of {len(source):,} characters"), wanted=TOO_LARGE)
    data = _sent(source)
    return _lying(source, roots) if data is None else data


def taken(source: str, roots: Sequence[Path] | None = None) -> bytes:
    """The bytes of a picture sent as base64, or lying at a path inside `roots` (None: anywhere)."""
    given = opened(source, roots)
    return _read(given, source) if isinstance(given, Path) else given


def _write(path: Path, data: bytes) -> None:
    """All of the data under that name, or nothing, whatever happens meanwhile."""
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(path)
    finally:
        Path(part).unlink(missing_ok=True)
    if os.name == "posix":
        _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network drives refuse this; the file itself is safe already
            os.fsync(handle)
    finally:
        os.close(handle)


def _sent(source: str) -> bytes | None:
    """The bytes of a data URL or of bare base64; None for text that must be a path."""
    is_url = source[:5].lower() == "data:"
    text = source.partition(",")[2] if is_url else source
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        data = None
    if data is not None and (is_url or kind_of(data)):
        return data
    if is_url:
        raise ImageError("picture", got=source, wanted="a data URL whose base64 is whole")
    return None


def _lying(source: str, roots: Sequence[Path] | None) -> Path:
    """The path, where something is there; outside the roots, the answer is the same whether it exists or not."""
    if len(source) > MAX_PATH or "\0" in source or "://" in source:
        raise ImageError("picture", got=source, wanted=f"{WANTED} as base64, as a path or as {PREFIX}HASH")
    path = _inside(source, roots)
    try:
        if path.is_file() or path.is_dir():
            return path
    except (OSError, ValueError):
        pass
    raise ImageError("picture", got=source, wanted="the path of a file that exists")


def _read(path: Path, source: str) -> bytes:
    try:
        if not path.is_file():
            raise ImageError("picture", got=source, wanted="the path of a file that exists")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ImageError("picture", got=source, wanted="the path of a file that can be read") from error
    if len(data) > MAX_BYTES:
        raise ImageError(f"picture {shown(source)}", got=Words("a larger file"), wanted=TOO_LARGE)
    return data


def _inside(source: str, roots: Sequence[Path] | None) -> Path:
    """The path with every link followed, if that leads into one of the roots."""
    if roots is None:
        return Path(source)
    # Two slashes may name a server on Windows, which merely looking at the path would already call.
    if not re.match(r"[\\/]{2}", source):
        try:
            path = Path(os.path.realpath(source))
            if any(path.is_relative_to(os.path.realpath(root)) for root in roots):
                return path
        except (OSError, ValueError):
            pass
    folders = " or ".join(map(str, roots))
    wanted = f"a path inside {folders}" if folders else f"the picture itself or {PREFIX}HASH"
    raise ImageError("picture", got=source, wanted=wanted)
