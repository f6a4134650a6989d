"""Work in the background: one at a time, told how far it is, stopped when it is wanted no more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from lib_pxl.errors import HostError, TasteError
from lib_pxl.judging.work import Worker


def settled(worker: Worker) -> dict[str, Any]:
    for thread in [each for each in threading.enumerate() if each.name.startswith("pxl ")]:
        thread.join()
    return worker.describe()


def test_it_says_how_far_it_is_and_what_came_of_it() -> None:
    worker, half, go = Worker(), threading.Event(), threading.Event()

    def act(tell: Callable[[float], None]) -> str:
        tell(0.5)
        half.set()
        go.wait()
        return "done"

    assert worker.describe()["running"] is False
    which = worker.begin("train", act, "me")
    half.wait()
    seen = worker.describe()
    assert (seen["id"], seen["kind"], seen["share"], seen["running"]) == (which, "train", 0.5, True)
    assert worker.begin("train", act, "me") == which
    for kind, joined in (("train", "other"), ("import", "me"), ("train", "")):
        with pytest.raises(HostError, match="its end, or a stop"):
            worker.begin(kind, act, joined)
    go.set()
    assert (settled(worker)["said"], settled(worker)["running"]) == ("done", False)


def test_a_stop_comes_through_where_it_next_says_how_far_it_is() -> None:
    worker, begun, go = Worker(), threading.Event(), threading.Event()
    reached: list[int] = []

    def act(tell: Callable[[float], None]) -> str:
        begun.set()
        go.wait()
        tell(0.1)
        reached.append(1)
        return "done"

    worker.begin("train", act, "me")
    begun.wait()
    worker.stop()
    with pytest.raises(HostError):
        worker.begin("train", act, "me")
    go.set()
    assert settled(worker)["said"] == "Stopped." and reached == [] and worker.describe()["error"] is None


@pytest.mark.parametrize(("problem", "told"), [(TasteError("x", got=1, wanted="2"), "x: got 1, wanted 2"),
                                               (MemoryError("full"), "MemoryError: full")])  # fmt: skip
def test_what_goes_wrong_is_told_and_the_next_work_can_begin(problem: Exception, told: str) -> None:
    worker = Worker()

    def act(tell: Callable[[float], None]) -> str:
        raise problem

    worker.begin("train", act)
    assert settled(worker)["error"] == told
    worker.begin("train", lambda tell: "well")
    assert settled(worker)["said"] == "well"
