"""Work in the background: one at a time, told as it goes, and over when it says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lib_pxl.errors import PxlError
from lib_pxl.hosts.nursery import Nursery, nursery


def over(works: Nursery) -> dict[str, object]:
    while (told := works.describe())["running"]:
        time.sleep(0.005)
    return told


def steps(count: int, gate: threading.Semaphore | None = None) -> Iterator[Sequence[str]]:
    for number in range(count):
        if gate is not None:
            assert gate.acquire(timeout=30)
        yield [str(number)]


def test_all_is_done_in_order_in_a_thread_that_keeps_nobody_from_leaving() -> None:
    works, seen = Nursery(), []

    def watched() -> Iterator[Sequence[str]]:
        seen.append(threading.current_thread())
        yield ["a", "b"]
        yield []

    works.begin("draw", watched(), 2)
    told = over(works)
    assert (told["done"], told["nokens"], told["error"]) == (2, ["a", "b"], None)
    assert seen[0].daemon and seen[0] is not threading.current_thread()


def test_the_time_left_is_known_after_the_first_step() -> None:
    works, gate = Nursery(), threading.Semaphore(1)
    works.begin("draw", steps(3, gate), 3)
    while works.describe()["done"] < 1:
        time.sleep(0.005)
    told = [works.describe()["left"] for _ in range(200)]
    assert told == sorted(told, reverse=True) and told[-1] >= 0, "it falls while the second is under way"
    gate.release(2)
    assert over(works)["left"] is None


def test_a_second_kind_waits_outside_and_the_same_kind_joins() -> None:
    works, gate = Nursery(), threading.Semaphore(0)
    first = works.begin("draw", steps(1, gate), 1)
    with pytest.raises(PxlError, match="draw"):
        works.begin("evolve", steps(1), 1)
    assert works.begin("draw", steps(2, gate), 2) == first
    gate.release(3)
    told = over(works)
    assert (told["done"], told["total"], told["nokens"]) == (3, 3, ["0", "0", "1"])
    assert works.begin("evolve", steps(1), 1) != first and over(works)["kind"] == "evolve"


def test_nothing_joins_work_that_is_being_stopped_and_stopping_twice_is_stopping() -> None:
    works, gate = Nursery(), threading.Semaphore(0)
    works.stop()
    works.begin("draw", steps(5, gate), 5)
    works.stop()
    works.stop()
    with pytest.raises(PxlError, match="stop"):
        works.begin("draw", steps(1), 1)
    gate.release(5)
    assert over(works)["done"] == 1
    works.begin("draw", steps(2), 2)
    assert over(works)["done"] == 2


def test_after_each_step_it_rests_while_it_holds_nothing() -> None:
    """So that a host's lock, which whoever asks again at once would have at once, goes to who waits for it."""
    lock, order = threading.Lock(), []

    def drawn() -> Iterator[Sequence[str]]:
        for _ in range(2):
            with lock:
                order.append("picture")
            yield []

    def rest() -> None:
        with lock:
            order.append("job")

    works = Nursery(rest)
    works.begin("draw", drawn(), 2)
    over(works)
    assert order == ["picture", "job"] * 2


def test_each_data_folder_has_one(tmp_path: Path) -> None:
    assert nursery(tmp_path) is nursery(tmp_path) is not nursery(tmp_path / "other")
