"""A prompt's plain words: without weights, editing, alternation and the tags of extra networks."""

from __future__ import annotations

import re

MAX_TEXT = 10_000
_TAG = re.compile("<[^<>]*>")
_INNERMOST = re.compile(r"\(([^()\[\]]*)\)|\[([^()\[\]]*)\]")
_WEIGHT = re.compile(r":\s*[-+]?[\d.]+\s*$")
_JOINT = re.compile(r"\b(?:AND|BREAK)\b")
_ESCAPED = {rf"\{bracket}": chr(0xE000 + place) for place, bracket in enumerate("()[]")}


def plain(prompt: str) -> str:
    """As its reader would say it: of `[a:b:0.5]` the later, b, and of `[a|b]` the first, a."""
    text = _TAG.sub(" ", prompt[:MAX_TEXT])
    for written, kept in _ESCAPED.items():
        text = text.replace(written, kept)
    before = ""
    while before != text:
        before, text = text, _INNERMOST.sub(_opened, text)
    parts = _JOINT.split(re.sub(r"[()\[\]]", " ", text))
    text = ", ".join(_WEIGHT.sub("", part).strip(" ,\n") for part in parts) if len(parts) > 1 else parts[0]
    for written, kept in _ESCAPED.items():
        text = text.replace(kept, written[1:])
    return " ".join(text.split()).strip(" ,")


def _opened(found: re.Match[str]) -> str:
    if found[1] is not None:
        return _WEIGHT.sub("", found[1])
    if "|" in found[2]:
        return found[2].partition("|")[0]
    inner = _WEIGHT.sub("", found[2])
    earlier, colon, later = inner.partition(":")
    return (later if later.strip() else earlier) if colon and inner != found[2] else inner
