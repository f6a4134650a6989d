"""`python -m bench` measures, and prints the figures; nothing is stored."""

from __future__ import annotations

import platform

import torch

from bench.bred import carried, crossed, mixes, morphs
from bench.commons import paying, receiving
from bench.cost import cost, preparing
from bench.evolved import elsewhere, evolved
from bench.film import film
from bench.meaning import meaning
from bench.memory import memory
from bench.moving import alike, contrast, gates, start, warp
from bench.noken import crowd, noken
from bench.proposed import liked, proposed
from bench.recording import imported, recorded_jobs, recording
from bench.share import sharing
from bench.show import show
from bench.statistics import deviation, distance
from bench.structure import fresh, structure
from bench.taste import pages, price
from bench.unet import unet

CONTROL = [deviation, distance, start, warp, contrast, gates, alike, structure, fresh, meaning]
NOKENS = [mixes, crossed, carried, morphs, evolved, elsewhere, noken, crowd]
SHARING = [sharing, receiving, paying]
TABLES = [
    *CONTROL,
    cost,
    preparing,
    memory,
    film,
    *NOKENS,
    price,
    pages,
    proposed,
    liked,
    recording,
    recorded_jobs,
    imported,
    *SHARING,
]


def main() -> None:
    """Every table in turn."""
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    for table in [*TABLES, *([unet] if torch.cuda.is_available() else [])]:
        show(table.__doc__, table())


if __name__ == "__main__":
    main()
