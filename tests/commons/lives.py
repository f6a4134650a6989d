"""What a sender and a receiver do for as long as they live, each in a process that is killed at any instant."""

from __future__ import annotations

import contextlib
import hashlib
import random
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx

from lib_pxl import wire
from lib_pxl.commons import intake
from lib_pxl.commons.loopback import open_loopback
from tests.commons.people import Rater

WRONG_CLOCK = timedelta(days=-1)


def keep_sending(endpoint: str, outbox: str) -> None:
    """Send each batch until the receiver says that it is known, by a clock that is a day off until it is told so."""
    off, chance = WRONG_CLOCK, random.Random()
    while True:
        for path in chance.sample(waiting := sorted(Path(outbox).iterdir()), min(1, len(waiting))):
            number, batch = path.name.split("-")
            with contextlib.suppress(httpx.HTTPError):
                off = send(endpoint, Rater(int(number)), batch, path, off)
        time.sleep(0.01)


def send(endpoint: str, rater: Rater, batch: str, path: Path, off: timedelta) -> timedelta:
    """Ask for a ticket once and use it once; the clock's offset as it is known now."""
    data, now = path.read_bytes(), datetime.now(timezone.utc) + off
    fields = {"batch": batch, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    given = httpx.post(f"{endpoint}/v1/ticket", content=rater.wish("ticket", now, **fields))
    if given.status_code == 409:
        return wire.moment(given.json()["now"]) - datetime.now(timezone.utc)
    if given.status_code == 403 or (given.status_code == 200 and "done" in given.json()):
        path.unlink()
    elif given.status_code == 200:
        httpx.post(given.json()["url"], data=given.json()["fields"], files={"file": data})
    return off


def keep_receiving(s3: str) -> None:
    """Take in whatever lies there, as one whose events were all lost."""
    bucket = open_loopback(s3)
    while True:
        intake.sweep(bucket, datetime.now(timezone.utc) + timedelta(hours=1))
        time.sleep(0.05)
