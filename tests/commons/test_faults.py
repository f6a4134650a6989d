"""Ten thousand records through a bad network, past kills of both sides: each counts once, and a withdrawal holds."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import httpx

from lib_pxl.commons import intake, lake, ledger
from lib_pxl.commons.bucket import S3Bucket
from lib_pxl.commons.loopback import function_url, open_loopback, storage
from lib_pxl.commons.ticket import Limits, answer
from tests.commons.lives import keep_receiving, keep_sending
from tests.commons.people import Rater, key
from tests.commons.weather import weather

STAYING = [Rater(number) for number in range(4)]
LEAVING = Rater(99)
EACH, BATCH = 2500, 250  # records of a rater, and of a batch
MANY = Limits(rater=10**6, address=10**6)
KILLS = 20  # of each side
PROCESSES = multiprocessing.get_context("forkserver")


class Forgetful(S3Bucket):
    """A bucket of which every fifth ticket has expired before it is used."""

    def ticket(self, key: str, sha256: str, seconds: int) -> dict[str, Any]:
        return super().ticket(key, sha256, random.choice([-1, seconds, seconds, seconds, seconds]))


def fill(outbox: Path) -> None:
    """Every record is in one batch, and every tenth in a second one too, as from a copied database."""
    outbox.mkdir()
    for rater in [*STAYING, LEAVING]:
        for batch, first in enumerate(range(0, EACH, BATCH)):
            own = [*range(first, first + BATCH), *range((first + BATCH) % EACH, (first + BATCH) % EACH + BATCH // 10)]
            (outbox / f"{rater.number}-{key(batch)}").write_bytes(rater.batch(own, batch))


class Life:
    """A process that is killed, and lives again."""

    def __init__(self, work: Callable[..., None], *given: str) -> None:
        self.work, self.given, self.kills = work, given, 0
        self.begin()

    def begin(self) -> None:
        self.process = PROCESSES.Process(target=self.work, args=self.given, daemon=True)
        self.process.start()

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.kills += 1


def deliver(bucket: S3Bucket, created: SimpleQueue[str], chance: random.Random) -> None:
    """The events of what was created: some lost, some twice, in any order."""
    keys = [created.get() for _ in range(created.qsize())]
    keys = [name for name in keys for _ in range(chance.choice([0, 1, 2]))]
    chance.shuffle(keys)
    for name in keys[:3]:
        intake.handle(bucket, name, datetime.now(timezone.utc))


def withdraw(endpoint: str) -> None:
    while True:
        try:
            now = datetime.now(timezone.utc)
            if httpx.post(f"{endpoint}/v1/erase", content=LEAVING.wish("erase", now)).status_code == 200:
                return
        except httpx.HTTPError:
            pass


def test_ten_thousand_records_count_once_and_a_withdrawal_holds(tmp_path: Path) -> None:
    chance, outbox = random.Random(4711), tmp_path / "outbox"
    fill(outbox)
    PROCESSES.set_forkserver_preload(["tests.commons.lives", "boto3"])
    with ExitStack() as stack:
        s3, created = stack.enter_context(storage())
        bad_s3 = stack.enter_context(weather(s3, 0.04, 1, busy=(500, 503)))
        bucket, seen = open_loopback(bad_s3), open_loopback(s3)
        front = Forgetful(bucket.client, bucket.name)
        url = stack.enter_context(function_url(lambda event: answer(front, event, datetime.now(timezone.utc), MANY)))
        endpoint = stack.enter_context(weather(url, 0.2, 2, busy=(429, 500, 502, 503)))

        sender, receiver = Life(keep_sending, endpoint, str(outbox)), Life(keep_receiving, bad_s3)
        stack.callback(lambda: [each.kill() for each in (sender, receiver)])
        withdrawn = False
        while any(outbox.iterdir()) or min(sender.kills, receiver.kills) < KILLS:
            deliver(bucket, created, chance)
            time.sleep(chance.uniform(0, 0.5))
            for each in (sender, receiver):
                if each.kills < KILLS and chance.random() < 0.5:
                    each.kill()
                    each.begin()
            if not withdrawn and ledger.load(seen, LEAVING.name)[0].records > BATCH:
                withdraw(endpoint)
                withdrawn = True
            if withdrawn:
                assert LEAVING.name not in {rater for rater, _ in lake.raters(seen)}
        receiver.kill()
        assert withdrawn
        intake.sweep(seen, datetime.now(timezone.utc).replace(year=9000))

        counted = Counter((rater, record["key"]) for rater, record in lake.records(seen))
        assert counted == Counter((rater.name, key(number)) for rater in STAYING for number in range(EACH))
        assert sum(page.records for _, page in lake.raters(seen)) == len(STAYING) * EACH == 10_000
        left = [name for name, _ in seen.names("") if LEAVING.name in name]
        assert left == [ledger.FOLDER + LEAVING.name] and ledger.load(seen, LEAVING.name)[0].swept
        assert not [*seen.names("in/")] and not [*seen.names("quarantine/")]
