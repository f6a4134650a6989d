"""Animations from outside: counted once, and decoded a frame at a time, never held whole; and animations written."""

from __future__ import annotations

import importlib.util
import os
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy
from PIL import Image, ImageOps, PngImagePlugin

from lib_pxl.errors import ImageError, StoreError, Words, shown
from lib_pxl.store.folders import whole_file
from lib_pxl.store.pictures import KINDS, MAX_PIXELS, is_animated, on_white, open_still, reading

MAX_FRAMES = 100_000
VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
FORMATS = {"gif": ("GIF", ".gif"), "webp": ("WEBP", ".webp"), "apng": ("PNG", ".png")}
QUALITY = 90  # of WebP
INFO = "parameters"  # where a PNG has its infotext
_SUFFIXES = {kind.suffix for kind in KINDS} | {".jpeg", ".tiff", ".apng"}


class Animation(Protocol):
    """Frames that can be asked for."""

    count: int

    def frames(self, wanted: Sequence[int]) -> Iterator[Image.Image]:
        """Those frames, as RGB; `wanted` rises. `info["duration"]` has milliseconds, where the file says how long."""


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
            self.count = int(getattr(image, "n_frames", 1)) if is_animated(image) else 1
            _check_count(self.count, what)

    def frames(self, wanted: Sequence[int]) -> Iterator[Image.Image]:
        """Those frames, as RGB."""
        if self.count == 1:
            yield from (open_still(self.source) for _ in wanted)
            return
        with reading(self.source) as (image, _):
            for index in wanted:
                image.seek(index)
                yield _lasting(on_white(image.convert("RGBA")), image.info.get("duration"))


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
        rate = film.get(cv2.CAP_PROP_FPS)
        self.duration = 1000 / rate if rate > 0 else None
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
                yield _lasting(Image.fromarray(numpy.ascontiguousarray(pixels[..., ::-1])), self.duration)
        finally:
            film.release()

    def _open(self) -> Any:
        film = self._cv2.VideoCapture(str(self.path))
        if not film.isOpened():
            raise ImageError(self.what, got=Words("a file that OpenCV cannot open"), wanted="a video")
        return film


class Reel(Image.Image):
    """Frames as one picture that Pillow winds on by itself: each is made ready when its turn to be written comes."""

    def __init__(self, frames: Sequence[Image.Image], ready: Callable[[int, Image.Image], Image.Image]) -> None:
        super().__init__()
        self._frames, self._ready, self._at = frames, ready, -1
        self.n_frames, self.is_animated = len(frames), len(frames) > 1
        self.seek(0)

    def seek(self, frame: int) -> None:
        """Become that frame."""
        if frame >= len(self._frames):
            raise EOFError(frame)
        if frame != self._at:
            image = self._ready(frame, self._frames[frame])
            image.info.clear()
            self.__dict__.update(image.__dict__)  # its pixels, mode and size, under the names of any Pillow
            self._at = frame

    def tell(self) -> int:
        """Which frame it is."""
        return self._at


def save_animation(
    frames: Sequence[Image.Image],
    path: Path,
    kind: str,
    durations: Sequence[float],
    infotext: str = "",
    told: Callable[[int], None] = lambda frame: None,
) -> None:
    """A looping GIF, WebP or APNG with its infotext, whole or not at all; `told` hears of each frame, and may raise."""
    if not frames:
        raise ImageError("animation", got=Words("no frames"), wanted="at least one")
    size = frames[0].size
    heard: set[int] = set()

    def ready(number: int, frame: Image.Image) -> Image.Image:
        if number not in heard:  # Pillow may wind through all of them more than once
            heard.add(number)
            told(number)
        even = on_white(frame).copy()
        even = even if even.size == size else ImageOps.pad(even, size, Image.Resampling.LANCZOS)
        return _few_colours(even) if kind == "gif" else even

    told_inside = _TOLD[kind](infotext) if infotext else {}
    ticks = _ticks(durations, 10, 20) if kind == "gif" else _ticks(durations, 1, 1)
    lasting = ticks if len(ticks) > 1 else ticks[0]
    try:
        with whole_file(path) as file:
            reel = Reel(frames, ready)
            reel.save(file, FORMATS[kind][0], save_all=True, loop=0, duration=lasting, quality=QUALITY, **told_inside)
    except (OSError, ValueError, RuntimeError) as error:
        wanted = f"room to write {FORMATS[kind][0]} of {size[0]}x{size[1]} pixels in {path.parent}"
        got = Words(getattr(error, "strerror", None) or error)
        raise StoreError(f"animation {path.name}", got=got, wanted=wanted) from error


_EXIF, _USER_COMMENT, _UNICODE = 0x8769, 0x9286, b"UNICODE\0"


def _user_comment(text: str) -> bytes:
    """EXIF with nothing but a user comment, as piexif writes it; the codec's types differ between Pillow's versions."""
    data = _UNICODE + text.encode("utf_16_be", "replace")

    def entry(tag: int, kind: int, count: int, value: int) -> bytes:
        return struct.pack(">HHHLLL", 1, tag, kind, count, value, 0)

    return b"Exif\0\0MM\0*\0\0\0\x08" + entry(_EXIF, 4, 1, 26) + entry(_USER_COMMENT, 7, len(data), 44) + data


def _text(infotext: str) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text(INFO, infotext)
    return info


_TOLD: dict[str, Callable[[str], dict[str, Any]]] = {  # as the hosts write it into stills
    "gif": lambda text: {"comment": text.encode("utf-8", "replace")},
    "webp": lambda text: {"exif": _user_comment(text)},
    "apng": lambda text: {"pnginfo": _text(text)},
}


def _few_colours(frame: Image.Image) -> Image.Image:
    """256 colours by an octree, 50 times as fast as the median cut, and dithered: Pillow alone would leave bands."""
    palette = frame.quantize(256, Image.Quantize.FASTOCTREE)
    return frame.quantize(256, palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


def _ticks(durations: Sequence[float], tick: int, least: int) -> list[int]:
    """Whole ticks in milliseconds that keep the time of the whole."""
    ends = [round(end / tick) * tick for end in accumulate(durations)]
    return [max(end - start, least) for start, end in pairwise([0, *ends])]


def _lasting(frame: Image.Image, duration: float | None) -> Image.Image:
    if duration is not None:
        frame.info["duration"] = float(duration)
    return frame


def _check_count(count: int, what: str) -> None:
    if not 1 <= count <= MAX_FRAMES:
        raise ImageError(what, got=Words(f"{count:,} frames"), wanted=f"1 to {MAX_FRAMES:,}")


def _numbered(name: str) -> list[tuple[int, str]]:
    """`2.png` before `10.png`."""
    return [(int(piece), "") if piece.isdigit() else (-1, piece.lower()) for piece in re.split(r"(\d+)", name)]
