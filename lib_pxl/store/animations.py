"""Animations from outside: counted once, and decoded a frame at a time, never held whole."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy
from PIL import Image

from lib_pxl.errors import ImageError, Words, shown
from lib_pxl.store.pictures import KINDS, MAX_PIXELS, on_white, open_still, reading

MAX_FRAMES = 100_000
VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
_SUFFIXES = {kind.suffix for kind in KINDS} | {".jpeg", ".tiff", ".apng"}


class Animation(Protocol):
    """Frames that can be asked for."""

    count: int

    def frames(self, wanted: Sequence[int]) -> Iterator[Image.Image]:
        """Those frames, as RGB; `wanted` rises."""


def open_animation(source: Path | bytes) -> Animation:
    """A GIF, APNG or WebP, a folder of pictures, a video where OpenCV is installed, or a still as one frame."""
    if isinstance(source, Path):
        if source.is_dir():
            return Folder(source)
        if source.suffix.lower() in VIDEOS:
            return Video(source)
    return Film(source)


class Film:
    """One file with all its frames, as Pillow reads it."""

    def __init__(self, source: Path | bytes) -> None:
        self.source = source
        with reading(source) as (image, what):
            self.count = int(getattr(image, "n_frames", 1))
            _check_count(self.count, what)

    def frames(self, wanted: Sequence[int]) -> Iterator[Image.Image]:
        """Those frames, as RGB."""
        with reading(self.source) as (image, _):
            for index in wanted:
                image.seek(index)
                yield on_white(image.convert("RGBA"))


class Folder:
    """Every picture of a folder, in the order in which a person would number them."""

    def __init__(self, folder: Path) -> None:
        what = f"folder {shown(folder.name)}"
        try:
            names = [each.name for each in os.scandir(folder) if Path(each.name).suffix.lower() in _SUFFIXES]
        except OSError as error:
            raise ImageError(what, got=Words(error.strerror), wanted="a folder that can be read") from error
        self.paths = [folder / name for name in sorted(names, key=_numbered)]
        self.count = len(self.paths)
        _check_count(self.count, what)

    def frames(self, wanted: Sequence[int]) -> Iterator[Image.Image]:
        """Those frames, as RGB."""
        for index in wanted:
            yield open_still(self.paths[index])


class Video:
    """A video, by OpenCV, which the host or the user may have installed."""

    def __init__(self, path: Path) -> None:
        self.path, self.what = path, f"video {shown(path.name)}"
        if importlib.util.find_spec("cv2") is None:
            raise ImageError(self.what, got=Words("no OpenCV"), wanted="a GIF, or: pip install opencv-python-headless")
        import cv2

        self._cv2: Any = cv2
        film = self._open()
        self.count = int(film.get(cv2.CAP_PROP_FRAME_COUNT))
        width, height = film.get(cv2.CAP_PROP_FRAME_WIDTH), film.get(cv2.CAP_PROP_FRAME_HEIGHT)
        film.release()
        _check_count(self.count, self.what)
        if width * height > MAX_PIXELS:
            got = Words(f"frames of {width:.0f}x{height:.0f} pixels")
            raise ImageError(self.what, got=got, wanted=f"at most {MAX_PIXELS >> 20} megapixels")

    def frames(self, wanted: Sequence[int]) -> Iterator[Image.Image]:
        """Those frames, as RGB; those between are passed over without being decoded to pixels."""
        film, at = self._open(), 0
        try:
            for index in wanted:
                while at < index and film.grab():
                    at += 1
                whole, pixels = film.read()
                if not whole:
                    raise ImageError(self.what, got=Words(f"{at} frames"), wanted=f"{self.count}, as it announces")
                at += 1
                yield Image.fromarray(numpy.ascontiguousarray(pixels[..., ::-1]))
        finally:
            film.release()

    def _open(self) -> Any:
        film = self._cv2.VideoCapture(str(self.path))
        if not film.isOpened():
            raise ImageError(self.what, got=Words("a file that OpenCV cannot open"), wanted="a video")
        return film


def _check_count(count: int, what: str) -> None:
    if not 1 <= count <= MAX_FRAMES:
        raise ImageError(what, got=Words(f"{count:,} frames"), wanted=f"1 to {MAX_FRAMES:,}")


def _numbered(name: str) -> list[tuple[int, str]]:
    """`2.png` before `10.png`."""
    return [(int(piece), "") if piece.isdigit() else (-1, piece.lower()) for piece in re.split(r"(\d+)", name)]
