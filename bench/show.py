"""Tables, printed."""

from __future__ import annotations

from collections.abc import Iterable


def show(title: str | None, rows: Iterable[list[str]]) -> None:
    """A table with its title, each column as wide as it needs to be."""
    cells = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    print(f"\n{title}\n")
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
