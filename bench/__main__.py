"""`python -m bench` measures, and prints the figures; nothing is stored."""

from __future__ import annotations

import platform

import torch

from bench.cost import cost, preparing
from bench.film import film
from bench.meaning import meaning
from bench.memory import memory
from bench.moving import alike, gates, start, warp
from bench.noken import noken
from bench.show import show
from bench.statistics import deviation, distance
from bench.structure import structure
from bench.taste import price
from bench.unet import unet

TABLES = [
    deviation,
    distance,
    start,
    warp,
    gates,
    alike,
    structure,
    meaning,
    cost,
    preparing,
    memory,
    film,
    noken,
    price,
]


def main() -> None:
    """Every table in turn."""
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    for table in [*TABLES, *([unet] if torch.cuda.is_available() else [])]:
        show(table.__doc__, table())


if __name__ == "__main__":
    main()
