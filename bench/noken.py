"""What breeding costs, at the sizes of SDXL's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from bench.cost import seconds
from lib_pxl.noken import Noken, breed
from lib_pxl.noken.method import METHODS

WORDS, WIDTHS = 49_408, {"l": 768, "g": 1280}
TOKENS, CHILDREN = 8, 1000


def noken(times: int = 9) -> Iterator[list[str]]:
    """1,000 children of two nokens of 8 tokens, with SDXL's widths, on the CPU: the median."""
    draw = torch.Generator().manual_seed(0)
    table = {letter: torch.randn(WORDS, width, generator=draw) * 0.014 for letter, width in WIDTHS.items()}
    parents = [
        Noken({letter: rows[start : start + TOKENS] for letter, rows in table.items()}) for start in (0, WORDS // 2)
    ]
    works: dict[str, Callable[[], Any]] = {
        method: partial(breed, parents, n=CHILDREN, method=method) for method in METHODS
    }
    works["slerp, held among the words"] = partial(breed, parents, n=CHILDREN, table=table)
    breed(parents, n=1, table=table)  # finds out once what the words are like
    yield ["method", "milliseconds"]
    for name, spent in seconds(works, "cpu", times).items():
        yield [name, f"{spent * 1000:.0f}"]
