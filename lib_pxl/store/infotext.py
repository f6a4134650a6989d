"""Infotext: the lines under a picture that say how it was made, as A1111 writes and reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import Image

from lib_pxl.store.animations import INFO
from lib_pxl.store.pictures import reading

_EXIF, _USER_COMMENT, _CODE = 0x8769, 0x9286, 8  # of a JPEG or WebP; the comment begins with how it is written
_NEGATIVE = "Negative prompt:"
_PAIR = re.compile(r'(\w[\w \-/]{1,60}):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')
_FEWEST = 3  # a last line with fewer pairs belongs to the prompt
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Infotext:
    """A picture's prompts and settings; every value is text."""

    prompt: str = ""
    negative: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    def format(self) -> str:
        """The text that is written into the picture."""
        lines = [self.prompt] if self.prompt else []
        if self.negative:
            lines.append(f"{_NEGATIVE} {self.negative}")
        pairs = ", ".join(f"{key}: {_quoted(value)}" for key, value in self.settings.items())
        return _UNWRITABLE.sub("�", "\n".join([*lines, pairs]))

    @classmethod
    def parse(cls, text: str) -> Infotext:
        """What a picture's text says; whatever it is, it is read without an error."""
        *lines, last = text.replace("\r\n", "\n").strip().split("\n")
        pairs = _PAIR.findall(last)
        if len(pairs) < _FEWEST:
            lines, pairs = [*lines, last], []
        prompts: dict[bool, list[str]] = {False: [], True: []}
        negative = False
        for line in map(str.strip, lines):
            if line.startswith(_NEGATIVE):
                negative, line = True, line[len(_NEGATIVE) :].strip()
            prompts[negative].append(line)
        settings = {key: _unquoted(value) for key, value in pairs}
        return cls("\n".join(prompts[False]), "\n".join(prompts[True]), settings)


def written_in(data: bytes) -> str:
    """What a picture says of how it was made, or nothing."""
    with reading(data) as (image, _):
        image.load()  # a PNG may have its text at the end
        return written_on(image)


def written_on(image: Image.Image) -> str:
    """The same of one that is read already."""
    text = image.info.get(INFO)
    if isinstance(text, str):
        return text
    comment = image.getexif().get_ifd(_EXIF).get(_USER_COMMENT)
    if not isinstance(comment, bytes):
        return ""
    code, words = comment[:_CODE], comment[_CODE:]
    little = words[1::2].count(0) > words[::2].count(0)  # A1111 writes big-endian, some others do not
    return words.decode(("utf-16-le" if little else "utf-16-be") if code.startswith(b"UNICODE") else "utf-8", "replace")


def _quoted(value: str) -> str:
    if value and value == value.strip() and not set(value) & set(',:\n"\\'):
        return value
    return json.dumps(value, ensure_ascii=False)


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) < 2 or (text[0], text[-1]) != ('"', '"'):
        return text
    try:
        return str(json.loads(text))
    except ValueError:
        return text
