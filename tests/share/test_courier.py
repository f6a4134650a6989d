"""The thread that sends: there only while there is something to do, and gone when it is told to."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from lib_pxl.share.courier import STOPS, Courier
from lib_pxl.share.net import Http
from tests.share.people import drafts, pack_all, sharer
from tests.share.receiver import Receiver, running


def test_it_sends_all_that_is_due_and_ends(tmp_path: Path) -> None:
    with running() as receiver:
        own = sharer(tmp_path, receiver.url)
        own.outbox.put(drafts(1200))
        pack_all(own)
        courier = Courier(own.step)
        assert not courier.is_running
        courier.wake()
        thread = courier._thread
        assert thread is not None
        thread.join(30)
        assert len(receiver.counted) == 1200 and not courier.is_running and not thread.is_alive()


def test_it_can_be_stopped_while_the_receiver_hangs(tmp_path: Path) -> None:
    reached, over = threading.Event(), threading.Event()

    def hang(path: str) -> str:
        reached.set()
        over.wait(30)
        return "drop"

    with running(Receiver(fault=hang)) as receiver:
        own = sharer(tmp_path, receiver.url)
        own.outbox.put(drafts(1))
        pack_all(own)
        courier = Courier(own.step)
        courier.wake()
        assert reached.wait(30)
        began = time.monotonic()
        assert courier.stop(patience=10) and not courier.is_running
        assert time.monotonic() - began < STOPS
        over.set()
        assert "an order to stop" in own.outbox.batches()[0].error


def test_a_woken_courier_works_again_after_a_stop() -> None:
    steps: list[Http] = []
    done = threading.Event()

    def step(http: Http) -> float | None:
        steps.append(http)
        done.set()
        return 3600.0

    courier = Courier(step)
    for count in (1, 2):
        done.clear()
        courier.wake()
        assert done.wait(10) and courier.is_running
        assert courier.stop(10)
        assert len(set(map(id, steps))) == count, "with a line of its own, since the other is cut"


def test_a_wake_while_it_sleeps_or_works_is_not_lost() -> None:
    turn, seen = threading.Semaphore(0), threading.Semaphore(0)

    def step(http: Http) -> float | None:
        seen.release()
        turn.acquire()
        return None

    courier = Courier(step)
    courier.wake()
    assert seen.acquire(timeout=10)
    courier.wake()  # in the middle of a step that finds nothing
    turn.release()
    assert seen.acquire(timeout=10)
    turn.release()
    courier.stop(10)


def test_trouble_of_any_kind_is_survived(caplog: pytest.LogCaptureFixture) -> None:
    met = threading.Event()

    def step(http: Http) -> float | None:
        met.set()
        raise RuntimeError("a full disk")

    courier = Courier(step)
    courier.wake()
    assert met.wait(10) and courier.is_running and courier.stop(10)
    assert "a full disk" in caplog.text
