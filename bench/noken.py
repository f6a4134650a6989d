"""What breeding costs, at the sizes of SDXL's words, and what a large pool does."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bench.cost import seconds
from lib_pxl.noken import Noken, breed
from lib_pxl.noken.lineage import Lineage
from lib_pxl.noken.method import METHODS
from lib_pxl.noken.pool import Pool
from lib_pxl.store.database import Database

WORDS, WIDTHS = 49_408, {"l": 768, "g": 1280}
TOKENS, CHILDREN = 8, 1000
CROWD, PAGE = 10_000, 200


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


def crowd() -> Iterator[list[str]]:
    """A pool of 10,000 individuals of one token of SD1: opened anew, and read page by page."""
    yield ["work", "milliseconds"]
    draw = torch.Generator().manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        file, kept = Path(folder) / "pxl.sqlite", Path(folder) / "nokens"
        rows = torch.randn(CROWD, 1, 768, generator=draw)
        first = Noken({"l": rows[0]})
        others = [Noken({"l": row}, f"n{i}", Lineage((first.hash,), "mutate", i)) for i, row in enumerate(rows[1:])]
        began = time.perf_counter()
        Pool(Database(file), kept).add([first, *others])
        yield ["taking them all in", f"{(time.perf_counter() - began) * 1000:.0f}"]
        works: dict[str, Callable[[Pool], Any]] = {
            "opening, counting and the first page": lambda pool: (pool.count(), pool.alive(PAGE)),
            "opening and the last page": lambda pool: pool.alive(PAGE, CROWD - PAGE),
            "opening and one by its name": lambda pool: pool.find("n5000"),
            "opening and a family tree of them all": lambda pool: pool.kin(first.hash),
        }
        for name, work in works.items():
            began = time.perf_counter()
            work(Pool(Database(file), kept))
            yield [name, f"{(time.perf_counter() - began) * 1000:.0f}"]
