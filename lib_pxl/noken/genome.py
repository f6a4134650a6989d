"""A noken: one to 75 vectors for each text encoder of a model family."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from lib_pxl.errors import NokenError, PxlError, Words, shown
from lib_pxl.noken.files import ONE, Contents, read, write
from lib_pxl.noken.lineage import Lineage

MAX_TOKENS, MAX_WIDTH, MAX_NAME = 75, 16_384, 80
LARGEST = 65_504.0  # of half precision, in which many hosts keep it
FAMILIES = (("l",), ("h",), ("l", "g"))  # SD1, SD2, SDXL
KEYS = {"l": "clip_l", "g": "clip_g"}  # of a file for more than one encoder
USUAL = {1024: "h"}  # whose a lone tensor of this width is, where nobody says; any other is `l`
RESERVED = "<>~@"  # what ends a name inside a prompt


@dataclass(frozen=True, eq=False)
class Noken:
    """Vectors (T, D) by the letters of their encoders, float32 on the CPU; two are equal where these are."""

    vectors: Mapping[str, Tensor]
    name: str = ""
    lineage: Lineage = field(default_factory=Lineage)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", checked(self.name))
        object.__setattr__(self, "vectors", _sound(self.vectors))

    def __eq__(self, other: object) -> bool:
        return self.hash == other.hash if isinstance(other, Noken) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.hash)

    def __len__(self) -> int:
        return len(next(iter(self.vectors.values())))

    @property
    def widths(self) -> dict[str, int]:
        """Each encoder's width."""
        return {letter: rows.shape[1] for letter, rows in self.vectors.items()}

    @property
    def family(self) -> str:
        """The encoders and their widths, as `l768+g1280`."""
        return family_of(self.widths)

    @cached_property
    def hash(self) -> str:
        """The first 32 hex digits of the SHA-256 of family, length and little-endian float32 vectors: not the name."""
        digest = hashlib.sha256(f"{self.family}:{len(self)}:".encode())
        for rows in self.vectors.values():
            digest.update(rows.numpy().astype("<f4").tobytes())
        return digest.hexdigest()[:32]

    def save(self, path: Path | str) -> None:
        """Write a textual inversion for any WebUI, ComfyUI and diffusers; name and lineage are in its metadata."""
        one = len(self.vectors) == 1
        tensors = {ONE if one else KEYS[letter]: rows for letter, rows in self.vectors.items()}
        told = {"name": self.name, "family": self.family, "lineage": self.lineage.format()}
        write(Path(path), tensors, told)

    @classmethod
    def load(cls, path: Path | str, widths: Mapping[str, int] | None = None) -> Noken:
        """Read any textual inversion; `widths`, the loaded model's, say whose a lone tensor of another's file is."""
        path = Path(path)
        found = read(path)
        told = found.told.get("lineage")
        try:
            lineage = Lineage.parse(told) if told else Lineage()
            return cls(_by_letter(found, widths or {}), fit(found.name) or fit(path.stem), lineage)
        except PxlError as error:
            raise NokenError(f"file {shown(path.name)}, {error.what}", got=error.got, wanted=error.wanted) from error


def family_of(widths: Mapping[str, int]) -> str:
    """A family's name: its encoders and their widths."""
    return "+".join(f"{letter}{widths[letter]}" for letter in _ordered(widths))


def checked(name: str) -> str:
    """A noken's name in its one spelling, or none; an error says what a name may be."""
    spelt = unicodedata.normalize("NFC", name).strip() if isinstance(name, str) and len(name) <= 4096 else None
    if spelt is None or len(spelt) > MAX_NAME or any(_odd(letter) for letter in spelt):
        wanted = f"at most {MAX_NAME} characters that can be seen, none of them {' '.join(RESERVED)}"
        raise NokenError("name", got=name, wanted=wanted)
    return spelt


def fit(name: str) -> str:
    """A name out of somebody's file without what a name may not have, and no longer than a name may be."""
    kept = "".join(letter for letter in name[:4096] if not _odd(letter))
    return checked(unicodedata.normalize("NFC", kept).strip()[:MAX_NAME])


def _odd(letter: str) -> bool:
    return letter in RESERVED or unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")


def _ordered(letters: Mapping[str, object]) -> tuple[str, ...]:
    for family in FAMILIES:
        if set(letters) == set(family):
            return family
    raise NokenError("encoders", got=list(letters), wanted="l alone, h alone, or l and g")


def _sound(vectors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our own copies, in the family's order, of vectors that are as they must be."""
    if not isinstance(vectors, Mapping):
        raise NokenError(
            "vectors", got=Words(f"a {type(vectors).__name__}"), wanted="a dictionary from encoders to tensors"
        )
    rows = {letter: _copied(letter, vectors[letter]) for letter in _ordered(vectors)}
    lengths = {letter: len(each) for letter, each in rows.items()}
    if len(set(lengths.values())) > 1:
        raise NokenError("vectors", got=lengths, wanted="as many for each encoder")
    return rows


def _copied(letter: str, rows: Tensor) -> Tensor:
    if not isinstance(rows, Tensor) or rows.layout != torch.strided or not rows.is_floating_point():
        raise NokenError(f"vectors {letter}", got=_kind(rows), wanted="a dense tensor of floating-point numbers")
    shape = tuple(rows.shape)
    if len(shape) != 2 or not (1 <= shape[0] <= MAX_TOKENS and 1 <= shape[1] <= MAX_WIDTH):
        wanted = f"1 to {MAX_TOKENS} vectors of at most {MAX_WIDTH:,} numbers"
        raise NokenError(f"vectors {letter}", got=Words(f"the shape {shape}"), wanted=wanted)
    copied = rows.detach().cpu().float() + 0.0  # which makes -0 a 0, as it is for ==
    low, high = copied.aminmax()
    if not -LARGEST <= float(low) <= float(high) <= LARGEST:
        got = Words("some that are not finite, or too large")
        raise NokenError(f"vectors {letter}", got=got, wanted=f"numbers from -{LARGEST:g} to {LARGEST:g}")
    return copied.contiguous()


def _kind(value: object) -> Words:
    return Words(f"a tensor of {value.dtype}, {value.layout}" if isinstance(value, Tensor) else type(value).__name__)


def _by_letter(found: Contents, widths: Mapping[str, int]) -> dict[str, Tensor]:
    """Whose each tensor is: as our own metadata says, else as the loaded model has it, else as is usual."""
    letters = {key: letter for letter, key in KEYS.items()}
    if ONE not in found.tensors:
        return {letters[key]: rows for key, rows in found.tensors.items()}
    (rows,) = found.tensors.values()
    width = int(rows.shape[-1]) if rows.ndim else 0
    for letter in ("l", "h"):
        if found.told.get("family") == f"{letter}{width}":
            return {letter: rows}
    if len(widths) == 1 and width in widths.values():
        return dict.fromkeys(widths, rows)
    return {USUAL.get(width, "l"): rows}
