"""10,000 records over a network that does everything wrong, and through the death of the client: each counted once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from lib_pxl.share.net import Http
from tests.share.people import Clock, drafts, pack_all, send, sharer
from tests.share.receiver import Receiver, running

MANY = 10_000
ROOT = Path(__file__).resolve().parents[2]
FAULTS = ["drop", "deaf", "twice", "delay", "500", "503", "429", "expired"]
CLIENT = """
import sys, time
from pathlib import Path
from lib_pxl.share.net import Http
from tests.share.people import sharer

own = sharer(Path(sys.argv[1]), agree=False, lease=0.05)
print("up", flush=True)
while (wait := own.step(Http())) is not None:
    time.sleep(min(wait, 0.05))
    own.outbox.hurry()
print("done", flush=True)
"""


def test_every_record_is_counted_once_whatever_the_network_does(tmp_path: Path) -> None:
    draw = random.Random(7)
    clock = Clock()

    def fault(path: str) -> str:
        return draw.choice(FAULTS) if draw.random() < 0.5 else ""

    with running(Receiver(fault=fault)) as receiver:
        own = sharer(tmp_path, receiver.url, clock=clock)
        clock.now = time.time()
        own.outbox.put(drafts(MANY))
        pack_all(own)
        keys = {row["key"] for row in own.database.rows("SELECT key FROM share_records")}
        send(own, Http(), clock=Drifting(clock, receiver))
    assert {key for _, key in receiver.counted} == keys and len(keys) == MANY
    assert set(receiver.counted.values()) == {1}
    assert sum(receiver.arrivals.values()) > len(receiver.arrivals), "some came more than once"
    assert {each.state for each in own.outbox.log()} == {"sent"}


class Drifting(Clock):
    """A clock that a test turns on, and the receiver's with it, give or take a day."""

    def __init__(self, clock: Clock, receiver: Receiver) -> None:
        super().__init__(clock.now)
        self.clock, self.receiver, self.draw = clock, receiver, random.Random(3)

    def __setattr__(self, name: str, value: float) -> None:
        object.__setattr__(self, name, value)
        if name == "now" and "clock" in self.__dict__:
            from datetime import timedelta

            self.clock.now = value
            self.receiver.skew = timedelta(seconds=value - time.time() + self.draw.choice([-86400, 0, 86400]))


def test_a_client_that_is_killed_at_any_instant_loses_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    draw = random.Random(11)
    with running(Receiver(fault=lambda path: draw.choice(["", "", "delay", "deaf"]))) as receiver:
        own = sharer(tmp_path, receiver.url)
        own.outbox.put(drafts(MANY))
        pack_all(own)
        own.database.close()
        deaths = 0
        while True:
            client = subprocess.Popen(
                [sys.executable, "-c", CLIENT, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT,
                env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
            )  # fmt: skip
            assert client.stdout is not None and client.stdout.readline() == "up\n"
            if deaths < 8:
                time.sleep(draw.uniform(0, 0.12))
                client.send_signal(signal.SIGKILL)
            rest, _ = client.communicate(timeout=120)
            deaths += client.returncode != 0
            if rest == "done\n":
                break
        assert deaths >= 3, "it was killed at work"
        keys = {row["key"] for row in own.database.rows("SELECT key FROM share_records")}
        assert {key for _, key in receiver.counted} == keys and len(keys) == MANY
        assert set(receiver.counted.values()) == {1} and {each.state for each in own.outbox.log()} == {"sent"}


def test_nothing_of_one_who_withdrew_and_was_erased_is_counted_afterwards(tmp_path: Path) -> None:
    clock = Clock()
    draw = random.Random(5)
    with running(Receiver(fault=lambda path: draw.choice([*FAULTS, ""]))) as receiver:
        clock.now = time.time()
        own = sharer(tmp_path, receiver.url, clock=clock)
        own.outbox.put(drafts(3000))
        pack_all(own)
        while not receiver.arrivals:
            clock.now += own.step(Http()) or 0
            own.outbox.hurry()
            receiver.skew = Drifting(clock, receiver).receiver.skew
        own.erase()
        for _ in range(500):
            wait = own.step(Http())
            if wait is None:
                break
            own.erasures.hurry()
        assert own.erasures.open() == [] and receiver.batches == {}, "all of it is gone"
        arrived = sum(receiver.arrivals.values())
        assert own.step(Http()) is None and sum(receiver.arrivals.values()) == arrived
