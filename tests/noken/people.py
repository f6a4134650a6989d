"""Nokens and tables of words for tests: random, small, and the same every time."""

from __future__ import annotations

import torch
from torch import Tensor

from lib_pxl.noken import Noken

WIDTHS = {"l": 12, "g": 20}


def noken(length: int = 3, seed: int = 0, widths: dict[str, int] | None = None, name: str = "") -> Noken:
    """Random vectors of very different norms."""
    draw = torch.Generator().manual_seed(seed)
    made = {}
    for letter, width in (widths or WIDTHS).items():
        norms = torch.rand(length, 1, generator=draw) * 5 + 0.01
        made[letter] = torch.randn(length, width, generator=draw) * norms
    return Noken(made, name)


def words(count: int = 300, seed: int = 7, widths: dict[str, int] | None = None) -> dict[str, Tensor]:
    """A table for each encoder: words in clusters, some directions wider than others, with norms near 0.4."""
    draw = torch.Generator().manual_seed(seed)
    made = {}
    for letter, width in (widths or WIDTHS).items():
        spread = torch.linspace(2, 0.2, width)
        centres = torch.randn(12, width, generator=draw) * spread
        rows = centres[torch.arange(count) % 12] + 0.5 * torch.randn(count, width, generator=draw) * spread
        norms = 0.4 + 0.03 * torch.randn(count, 1, generator=draw)
        made[letter] = rows / rows.norm(dim=1, keepdim=True) * norms
    return made


def spoken(table: dict[str, Tensor], ids: list[int]) -> Noken:
    """A noken of those words."""
    return Noken({letter: rows[ids] for letter, rows in table.items()})


def cosines(a: Tensor, b: Tensor) -> Tensor:
    """Between each row of one and the same row of the other, in float64."""
    return torch.nn.functional.cosine_similarity(a.double(), b.double(), dim=-1)


def degrees(a: Tensor, b: Tensor) -> Tensor:
    """The angles between the rows, exact for small ones too."""
    a, b = (each.double() / each.double().norm(dim=-1, keepdim=True) for each in (a, b))
    return torch.rad2deg(2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1)))
