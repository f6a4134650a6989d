"""What sharing costs the one who shares: packing and sending over loopback, and the memory that it takes."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

MANY = (1_000, 10_000, 50_000)
PEAK = resource.RUSAGE_SELF


def sharing() -> Iterator[list[str]]:
    """Sharing records, each of a rating with a prompt and settings: seconds of each part, and the peak of memory."""
    yield ["records", "into the outbox", "packed and signed", "sent over loopback", "KiB on the wire", "MiB at most"]
    for count in MANY:  # in a process of its own, since a peak never falls
        done = subprocess.run(
            [sys.executable, "-m", "bench.share", str(count)], capture_output=True, text=True, check=True
        )
        yield done.stdout.split("\t")


def measure(count: int) -> list[str]:
    """One row."""
    from lib_pxl.share.net import Http
    from tests.share.people import drafts, pack_all, send, sharer
    from tests.share.receiver import Receiver, running

    class Deaf(Receiver):
        """It keeps nothing, so that the memory measured is the sender's."""

        size = 0

        def _upload(self, body: bytes, kind: str) -> tuple[int, dict[str, str], bytes]:
            self.asked.clear()
            Deaf.size += len(body)
            return 204, {}, b""

    with tempfile.TemporaryDirectory() as folder, running(Deaf()) as receiver:
        own = sharer(Path(folder), receiver.url)
        spent = [_seconds(lambda: own.outbox.put(drafts(count))), _seconds(lambda: pack_all(own))]
        spent.append(_seconds(lambda: send(own, Http())))
    peak = resource.getrusage(PEAK).ru_maxrss / 1024
    return [f"{count:,}", *(f"{each:.2f}" for each in spent), f"{Deaf.size / 1024:.0f}", f"{peak:.0f}"]


def _seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.stdout.write("\t".join(measure(int(sys.argv[1]))))
