"""What is taken out of a text before it may leave: what points to a person or to a place on the disk.

It errs towards too much, and still finds only what has the shape of such a thing: a name in a sentence stays.
"""

from __future__ import annotations

import getpass
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from lib_pxl.wire import MAX_TEXT, plain

LONGEST = 2 * MAX_TEXT  # characters that are looked at
SHORTEST = 3  # letters of a name that is searched for
# Accounts that are nobody's name.
COMMON = frozenset({"root", "user", "users", "admin", "administrator", "home", "ubuntu", "debian", "runner", "guest",
                    "worker", "docker", "nobody", "default", "public", "owner"})  # fmt: skip
WORDS = frozenset({"link", "mail", "address", "path", "file", "number", "name"})  # which stand for what is gone
Redact = Callable[[str], str]

_ENDINGS = (
    "safetensors|ckpt|pth?|bin|gguf|onnx|pickle|pkl|png|jpe?g|webp|gif|apng|bmp|tiff?|heic|avif|svg|psd|mp4|mov|mkv|webm|"
    "avi|txt|json|jsonl|ya?ml|csv|toml|ini|log|md|pdf|docx?|xlsx?|zip|rar|7z|tar|gz|py|js|exe|bat|sh|html?"
)
_TOPS = (
    "com|org|net|edu|gov|mil|int|info|biz|io|ai|app|dev|gg|tv|cc|co|uk|de|fr|nl|es|pl|ru|ua|ch|se|dk|fi|cz|eu|us|ca|au|"
    "nz|jp|kr|cn|tw|hk|sg|br|mx|ar|il|tr|gr|ro|hu|sk|pt|ie|xyz|site|online|shop|club|social|live|onion|local|lan"
)
_PIECE = r"[^\s<>()\[\]{},;:\"'|]"  # a letter of something written without a gap
_START = rf"(?<!{_PIECE})"
_ROOTS = "home|users|mnt|media|root|var|tmp|opt|etc|usr|data|srv|volumes|workspace|content|private|library"
_EXTRA = re.compile(r"<\s*([A-Za-z]\w{0,19})\s*:[^<>]*>|<\s*([A-Za-z]\w{0,19})\s*:[^<>,\n]*")
_GROUPS = r"(?<![\w.])\+?\(?\d(?:[ \-()/]{0,2}\d){6,}|\d{6,}"  # digits as a telephone number has them, or in a row
_HASH = r"(?<!\w)(?=[0-9a-f-]*\d)[0-9a-f]{8}[0-9a-f-]{8,}(?!\w)"
_DRIVE = r"\b[a-z]:[\\/](?:[^\\/:*?\"<>|\r\n,]{0,99}[\\/])*"
_DOTTED = r"(?<![\w.-])(?:[\w-]+\.)+"
# Each shape by the word that takes its place; their order counts.
_SHAPES = [
    ("link", r"\b[a-z][a-z0-9+.-]{1,20}://[^\s<>\"|]*|\bwww\.[^\s<>\"|]+|\b(?:data|mailto|magnet):[^\s<>\"|]+"),
    ("path", rf"{_DRIVE}(?:[^\\/:*?\"<>|\r\n,]{{0,99}}\.(?:{_ENDINGS})\b|[^\\/:*?\"<>|\s,]*)"),
    ("path", rf"(?<![\w/])(?:~|/(?:{_ROOTS})(?=/))(?:/[^/\r\n,:\"<>|]{{0,99}}(?=/))*(?:/[^\s,:\"<>|/]*)"),
    ("path", r"(?<![\w/.~])(?:~|\.{1,2})?/(?:[\w.@+-]+/)+[\w.@+-]*"),
    ("path", rf"{_START}{_PIECE}*\\[\w.]{_PIECE}*"),  # `\(` is how a prompt writes a bracket
    ("mail", rf"{_START}[^\s<>()\[\]{{}},;:\"'|@]+@[^\s<>()\[\]{{}},;:\"'|@]+"),
    ("file", rf"(?<![\w.~+/\\-])[\w.~+/-]*\.(?:{_ENDINGS})\b"),
    ("address", r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"),
    ("address", r"(?<![\w:])(?=[0-9a-f:]*\d)(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}(?![\w:])"),
    ("link", rf"{_DOTTED}(?:{_TOPS})\b(?:/[^\s<>\"|,]*)?|{_DOTTED}[a-z]{{2,24}}/[^\s<>\"|,]+"),
    ("name", r"(?<!\w)@[\w.-]*\w"),
    ("number", rf"{_GROUPS}|{_HASH}"),
]
_FOUND = [(f"[{word}]", re.compile(shape, re.IGNORECASE)) for word, shape in _SHAPES]


def redactor(names: Iterable[str] = (), loras: bool = False) -> Redact:
    """What cleans a text: of all that has a telling shape, of these names, and of LoRAs' names unless they may stay."""
    listed = sorted({each for each in map(_spelt, names) if _counts(each)}, key=lambda each: (-len(each), each))
    named = (
        re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, listed))})(?![^\W_])", re.IGNORECASE) if listed else None
    )

    def redact(text: str) -> str:
        text = plain(_spelt(text[:LONGEST]))
        text = _EXTRA.sub(lambda found: _extra(found, loras), text)
        for word, shape in _FOUND:
            text = shape.sub(word, text)
        return named.sub("[name]", text) if named else text

    return redact


def bare(name: str) -> str:
    """A model's name without the folders before it and the ending behind it."""
    last = re.split(r"[\\/]", _spelt(name))[-1].strip()
    return re.sub(rf"\.(?:{_ENDINGS})$", "", last, flags=re.IGNORECASE)


def own_names() -> set[str]:
    """What this machine calls its user: the account, the home folder, and the full name where there is one."""
    found = {Path.home().name}
    with suppress(OSError, KeyError, ImportError):
        found.add(getpass.getuser())
    if sys.platform != "win32":
        import os
        import pwd

        with suppress(KeyError):
            full = pwd.getpwuid(os.getuid()).pw_gecos.partition(",")[0]
            found |= {full, *full.split()}
    return found


def _extra(found: re.Match[str], loras: bool) -> str:
    """`<lora:NAME:0.8>` without its name, or with it and nothing that is a path."""
    kind = found[1] or found[2]
    if not loras or kind.lower() not in ("lora", "lyco"):
        return f"<{kind}>"
    name, *rest = found[0].strip("<>").partition(":")[2].split(":")
    weights = [each.strip() for each in rest if re.fullmatch(r"\s*[\w=]*-?[\d.]{1,8}\s*", each)]
    return f"<{':'.join([kind, bare(name), *weights])}>"


def _spelt(text: str) -> str:
    """In the one spelling of its letters, and without letters that cannot be seen, which would hide a shape."""
    return "".join(each for each in unicodedata.normalize("NFKC", text) if unicodedata.category(each) != "Cf")


def _counts(name: str) -> bool:
    return len(name) >= SHORTEST and name.lower() not in COMMON | WORDS
