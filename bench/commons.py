"""What the receiver of shared opinions costs, against a server of S3's protocol on loopback."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import partial
from queue import SimpleQueue
from typing import Any

from lib_pxl import wire
from lib_pxl.commons import intake
from lib_pxl.commons.bucket import S3Bucket
from lib_pxl.commons.loopback import open_loopback, storage
from lib_pxl.commons.ticket import Limits, answer

BATCHES = 20
# Dollars in us-east-1 by the list prices of 2025, from memory and not looked up since; free tiers are left out, and
# DELETE is free.
PUT, GET = 0.005 / 1000, 0.0004 / 1000  # LIST and POST are priced as PUT
CALL, SECOND = 0.20 / 10**6, 0.0000133334  # of Lambda: a request, and a gigabyte held for a second on arm64
MEMORY = {"ticket": 0.5, "intake": 1.0}  # gigabytes, as in the template
CORES = {"ticket": 0.29, "intake": 0.58}  # that Lambda gives with so much memory, 1,769 MB for one
LATENCY = 0.03  # seconds that one request to S3 takes within the region, on paper
PROMPT = "a portrait of a red fox in deep snow at dusk, cinematic light, 85mm, highly detailed, film grain, {}"


def record(number: int) -> bytes:
    """One opinion with a prompt of usual length; the digest keeps it from packing better than a real one."""
    told = hashlib.sha256(b"%d" % number).hexdigest()
    item = {"prompt": PROMPT.format(told), "negative": "blurry", "settings": {"steps": 20, "model": "sd1.5"}}
    common = {"v": 1, "key": told[:32], "category": "overall", "time": "2026-01-31"}
    return wire.format_record({**common, "kind": "rating", "value": 4.0, "items": [item]})


def spent(works: list[Callable[[], Any]]) -> tuple[float, float]:
    """The processor's seconds of this thread alone, without the server's, and those of the clock."""
    cpu, clock = time.thread_time(), time.perf_counter()
    for work in works:
        work()
    return time.thread_time() - cpu, time.perf_counter() - clock


def receiving() -> Iterator[list[str]]:
    """Sharing, received: batches read, checked and counted, and tickets given, one processor core each."""
    yield ["work", "records a batch", "bytes a batch", "a second of a core", "a second on loopback"]
    with storage() as (url, created):
        bucket = open_loopback(url)
        for size in (500, 100):
            secret = wire.make_secret()
            batches = [_upload(bucket, created, secret, size, number) for number in range(BATCHES + 1)]
            (first, packed), *rest = batches
            intake.take(bucket, first)
            cpu, clock = spent([partial(intake.take, bucket, key) for key, _ in rest])
            count = BATCHES * size
            yield ["records", str(size), f"{packed:,}", f"{count / cpu:,.0f}", f"{count / clock:,.0f}"]
        cpu, clock = spent([partial(_ticket, bucket, secret)] * BATCHES)
        yield ["tickets", "", "", f"{BATCHES / cpu:,.0f}", f"{BATCHES / clock:,.0f}"]


def paying() -> Iterator[list[str]]:
    """Sharing, paid for: what a million records cost the receiver, on paper, from requests counted here."""
    yield ["records a batch", "PUT", "GET", "gigabyte-seconds", "S3", "Lambda", "dollars a million"]
    with storage() as (url, created):
        bucket, secret = open_loopback(url), wire.make_secret()
        asked: Counter[str] = Counter()
        bucket.client.meta.events.register("before-call.s3", lambda model, **_: asked.update([model.name]))
        for size in (500, 100):
            batches = [_upload(bucket, created, secret, size, size + number)[0] for number in range(BATCHES)]
            held, asked = 0.0, Counter(PutObject=BATCHES)  # the client's own
            for name, works in {
                "ticket": [partial(_ticket, bucket, secret)] * BATCHES,
                "intake": [partial(intake.take, bucket, key) for key in batches],
            }.items():
                before = asked.total()
                cpu, _ = spent(works)
                held += MEMORY[name] * (cpu / CORES[name] + (asked.total() - before) * LATENCY)
            put, get = asked["PutObject"] / BATCHES, asked["GetObject"] / BATCHES
            batches_of_million = 10**6 / size
            storing = batches_of_million * (put * PUT + get * GET)
            computing = batches_of_million * (2 * CALL + held / BATCHES * SECOND)
            cells = [f"{size}", f"{put:.1f}", f"{get:.1f}", f"{held / BATCHES:.2f}"]
            yield [*cells, f"{storing:.3f}", f"{computing:.3f}", f"{storing + computing:.2f}"]


def _ticket(bucket: S3Bucket, secret: bytes) -> None:
    now = datetime.now(timezone.utc)
    body = wire.format_message(secret, "ticket", now, batch="f" * 32, sha256="0" * 64, size=1)
    event = {
        "rawPath": "/v1/ticket",
        "requestContext": {"http": {"method": "POST", "sourceIp": "203.0.113.7"}},
        "body": body.decode(),
    }
    answer(bucket, event, now, Limits())


def _upload(bucket: S3Bucket, created: SimpleQueue[str], secret: bytes, size: int, number: int) -> tuple[str, int]:
    lines = [record(number * size + each) for each in range(size)]
    data = wire.pack(secret, lines, batch=f"{number:032x}", sent=datetime.now(timezone.utc), consent=1)
    bucket.put(intake.key_of(wire.rater_of(secret), f"{number:032x}"), data)
    return created.get(), len(data)
