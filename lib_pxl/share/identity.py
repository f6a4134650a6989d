"""The rater's key: made on this machine, kept in a file that only its owner reads, and signed with."""

from __future__ import annotations

import re
from pathlib import Path

from lib_pxl import wire
from lib_pxl.errors import ShareError, Words, shown
from lib_pxl.store.folders import whole_file

OWNER_ONLY = 0o600
MAX_FILE = 4 << 10
_SECRET = re.compile(r"[0-9a-f]{64}")
HEAD = "pxl rater key, the private half: who has it can speak for you\n"


class Keys:
    """A folder of keys, each under its rater's name; older ones stay, since an erasure may still need them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> str:
        """A new key; its rater."""
        need_library()
        return self._keep(wire.make_secret())

    def secret(self, rater: str) -> bytes:
        """The private half."""
        path = self._path(rater)
        try:
            secret = _read(path)
        except OSError as error:
            wanted = "the key that was made when you agreed; import a copy, or withdraw and agree again"
            raise ShareError(f"key {path.name}", got=Words(error.strerror or error), wanted=wanted) from error
        if wire.rater_of(secret) != rater:
            raise ShareError(f"key {path.name}", got=Words("another rater's"), wanted="the one that its name says")
        return secret

    def has(self, rater: str) -> bool:
        """Whether its key is here."""
        return self._path(rater).is_file()

    def export(self, rater: str) -> str:
        """The key as the text of a file for another machine."""
        return f"{HEAD}{self.secret(rater).hex()}\n"

    def take(self, path: Path) -> str:
        """Bring a key in from an exported file; its rater."""
        need_library()
        try:
            secret = _read(path)
        except OSError as error:
            raise ShareError(f"file {shown(path.name)}", got=Words(error.strerror or error), wanted=LIKE) from error
        return self._keep(secret)

    def _keep(self, secret: bytes) -> str:
        rater = wire.rater_of(secret)
        path = self._path(rater)
        if not path.is_file():
            write(path, f"{HEAD}{secret.hex()}\n")
        return rater

    def _path(self, rater: str) -> Path:
        if not _SECRET.fullmatch(rater):
            raise ShareError("rater", got=rater, wanted="64 lower hexadecimal digits")
        return self.folder / f"{rater}.key"


def write(path: Path, text: str) -> None:
    """Write a key's text to a new file that only its owner reads."""
    if path.exists():
        raise ShareError(f"file {shown(path.name)}", got=Words("one that is there"), wanted="a new name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path, mode=OWNER_ONLY) as file:
            file.write(text.encode())
    except OSError as error:
        got = Words(error.strerror or error)
        raise ShareError(f"file {shown(path.name)}", got=got, wanted="room to write it") from error


LIKE = "a file that `share key export` wrote"


def need_library() -> None:
    """Say in one sentence that signing needs a package, where it is missing."""
    try:
        import cryptography  # noqa: F401
    except ImportError:
        wanted = "the package cryptography: pip install cryptography"
        raise ShareError("signing", got=Words("no library for it"), wanted=wanted) from None


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        text = file.read(MAX_FILE).decode("utf-8", "replace")
    found = _SECRET.fullmatch(text.removeprefix(HEAD).strip())
    if not found:
        raise ShareError(f"file {shown(path.name)}", got=Words("something else"), wanted=LIKE)
    return bytes.fromhex(found[0])
