"""Nokens named inside a prompt: `<noken:NAME>`, `<noken:A~B>` and `<noken:A~B@CURVE>`, and words to put there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from lib_pxl.errors import NokenError
from lib_pxl.noken.genome import checked

OPEN = "<noken:"
WANTED = "a name, A~B, or A~B@ and a curve"
_mention = re.compile(OPEN + "([^<>]*)>")
_letters = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


@dataclass(frozen=True)
class Mention:
    """One noken, or two and how the first becomes the second; no curve is evenly, over all steps."""

    name: str
    other: str = ""
    curve: str = ""

    @classmethod
    def parse(cls, body: str) -> Mention:
        """What stands between `<noken:` and `>`."""
        names, at, curve = body.partition("@")
        first, tilde, second = names.partition("~")
        if "~" in second or (at and not (tilde and curve.strip())):
            raise NokenError(f"mention {OPEN}{body[:80]}>", got=body, wanted=WANTED)
        found = cls(checked(first), checked(second), curve.strip())
        if not found.name or (tilde and not found.other):
            raise NokenError(f"mention {OPEN}{body[:80]}>", got="", wanted=WANTED)
        return found

    def format(self) -> str:
        """As it stands in a prompt."""
        other = f"~{self.other}" if self.other else ""
        return f"{OPEN}{self.name}{other}{f'@{self.curve}' if self.curve else ''}>"


def mentions(text: str) -> list[str]:
    """What each mention says, whether or not it can be understood."""
    return _mention.findall(text)


def replaced(text: str, say: Callable[[str, str], str]) -> str:
    """The text with what `say` makes of each mention, and of what then stands before it, in the mention's place.

    Where that is nothing, no gap is left either.
    """
    made, *rest = _mention.split(text)
    said = made
    for body, after in zip(rest[::2], rest[1::2], strict=True):
        said = say(body, made)
        made = _apart(_apart(made, said), after) if said else _closed(made, after)
    if not said and rest and not rest[-1].strip(" "):
        made = made.rstrip(" ").removesuffix(",")
    return made


def swapped(text: str, body: str) -> str:
    """The text with this in every mention."""
    return _mention.sub(lambda found: f"{OPEN}{body}>", text)


def mixed(text: str, mix: float) -> str:
    """The text in which every mention of two is a still mix of them."""

    def still(found: re.Match[str]) -> str:
        names = found[1].partition("@")[0]
        return f"{OPEN}{names}@{mix:g}>" if "~" in names else found[0]

    return _mention.sub(still, text)


def word(which: str) -> str:
    """The prompt's word for a hash.

    Letters alone, since CLIP's tokenizer takes each digit for itself, and all of one length, so that none begins
    another; the first is none that CLIP would take for the end of an English short form, as in `it's`.
    """
    return "pxl" + which.translate(_letters)


def _apart(before: str, after: str) -> str:
    """Both, with a space between them where CLIP would read the two as one word."""
    one = before and after and not _parts(before[-1]) and not _parts(after[0])
    return f"{before} {after}" if one else before + after


def _parts(letter: str) -> bool:
    return letter.isspace() or (letter.isascii() and not letter.isalnum())


def _closed(before: str, after: str) -> str:
    """Both sides of a mention that is gone, without a space or a comma too many."""
    left, right = before.rstrip(" "), after.lstrip(" ")
    if right.startswith(","):
        rest = right[1:].lstrip(" ")
        return rest if not left else f"{left} {rest}" if left.endswith(",") else left + right
    return before + right if before != left or not left else _apart(before, after)
