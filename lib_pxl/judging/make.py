"""Proposals become pictures: the host makes one after the other, and each is an item as soon as it is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from lib_pxl.hosts.nursery import PAUSE
from lib_pxl.hosts.order import Order
from lib_pxl.hosts.recorder import Finished
from lib_pxl.judging.work import Act, Progress

Draw = Callable[[Order, Callable[[], object]], Finished]  # the order, and what is called as the host is free for it
Keep = Callable[[Finished], Any]
SEEDS = 2**32


def orders(prompts: Sequence[str], negative: str, settings: Mapping[str, Any], seed: int) -> list[Order]:
    """One for each prompt, each with the next seed."""
    return [Order(prompt, negative, (seed + place) % SEEDS, settings) for place, prompt in enumerate(prompts)]


def making(wanted: Sequence[Order], draw: Draw, keep: Keep, rest: Callable[[], object] | None = None) -> Act:
    """The work; a job of the page's has its turn between two, and a stop is heard there, or once the host is free."""
    pause = rest or (lambda: time.sleep(PAUSE))

    def act(progress: Progress) -> str:
        for place, order in enumerate(wanted):
            if place:
                pause()
            go_on = partial(progress, place / len(wanted))
            go_on()
            keep(draw(order, go_on))
        return f"{len(wanted)} {'picture is' if len(wanted) == 1 else 'pictures are'} made and recorded."

    return act
