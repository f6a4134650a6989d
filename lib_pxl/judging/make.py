"""Proposals become pictures: the host makes one after the other, and each is an item as soon as it is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lib_pxl.hosts.nursery import PAUSE
from lib_pxl.hosts.order import Order
from lib_pxl.hosts.recorder import Finished
from lib_pxl.judging.work import Act, Progress

Draw = Callable[[Order], Finished]
Keep = Callable[[Finished], Any]
SEEDS = 2**32


def orders(prompts: Sequence[str], negative: str, settings: Mapping[str, Any], seed: int) -> list[Order]:
    """One for each prompt, each with the next seed."""
    return [Order(prompt, negative, (seed + place) % SEEDS, settings) for place, prompt in enumerate(prompts)]


def making(wanted: Sequence[Order], draw: Draw, keep: Keep, rest: Callable[[], object] | None = None) -> Act:
    """The work; it is stopped between two pictures, and then a job of the page's has its turn too."""
    pause = rest or (lambda: time.sleep(PAUSE))

    def act(progress: Progress) -> str:
        for place, order in enumerate(wanted):
            if place:
                pause()
            progress(place / len(wanted))
            keep(draw(order))
        return f"{len(wanted)} {'picture is' if len(wanted) == 1 else 'pictures are'} made and recorded."

    return act
