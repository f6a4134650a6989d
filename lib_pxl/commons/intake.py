"""What happens to an upload: read within its limits, held against its name and the schema, counted once, or set aside.

A kill between any two lines leaves a state from which the same event, delivered again, comes to the same end.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import unquote_plus

from lib_pxl import wire
from lib_pxl.commons import erase, lake, ledger, quota
from lib_pxl.commons.bucket import Bucket
from lib_pxl.errors import WireError, Words

FOLDER = "in/v1/"
QUARANTINE = "quarantine/v1/"
NAME = re.compile(r"in/v1/([0-9a-f]{64})/([0-9a-f]{32})\.jsonl\.gz")
OVERDUE = timedelta(minutes=15)  # after which an upload's event must have been lost
SOME = 1000  # overdue uploads that one sweep takes

log = logging.getLogger(__name__)


def key_of(rater: str, batch: str) -> str:
    """Where a batch is uploaded to."""
    return f"{FOLDER}{rater}/{batch}.jsonl.gz"


def receive(bucket: Bucket, event: dict[str, Any], now: datetime) -> None:
    """One event of Lambda's: objects that were created, or the hourly sweep."""
    if "Records" not in event:
        sweep(bucket, now)
    for each in event.get("Records", ()):
        # S3 writes a key as in a form, and tells so of each object on its own.
        handle(bucket, unquote_plus(each["s3"]["object"]["key"]), now)


def handle(bucket: Bucket, key: str, now: datetime) -> None:
    """One object that was created: an upload, or a wish to be erased."""
    if key.startswith(erase.FOLDER):
        outcome, count = "erased", erase.forget(bucket, key.removeprefix(erase.FOLDER), now)
    else:
        outcome, count = take(bucket, key)
    log.info("%s %d", outcome, count)  # and not a word of who, from where or what


def sweep(bucket: Bucket, now: datetime) -> None:
    """Take up what a lost event or a kill left behind, and throw yesterday's quotas away with their key."""
    quota.throw_away(bucket, now)
    late = (key for key, written in bucket.names(FOLDER) if now - written > OVERDUE)
    wishes = (key for key, _ in bucket.names(erase.FOLDER))
    for key in [*islice(wishes, SOME), *islice(late, SOME)]:
        handle(bucket, key, now)


def take(bucket: Bucket, key: str) -> tuple[str, int]:
    """Count what an upload holds and take it away; says what became of it, and how many records are new."""
    found = bucket.get(key, wire.MAX_PACKED + 1)
    if found is None:
        return "gone", 0
    try:
        batch = _read(key, found.data)
    except WireError as problem:
        outcome, count = _set_aside(bucket, key, found.data, str(problem)), 0
    else:
        outcome, count = _count(bucket, batch)
    bucket.delete([key])
    return outcome, count


def _read(key: str, data: bytes) -> wire.Batch:
    name = NAME.fullmatch(key)
    if not name:
        raise WireError("name", got=wire.told(key), wanted="in/v1/RATER/BATCH.jsonl.gz")
    batch = wire.unpack(data)
    if (batch.rater, batch.batch) != name.groups():
        raise WireError("batch", got=Words("another rater's, or another batch"), wanted="the one that its name says")
    return batch


def _count(bucket: Bucket, batch: wire.Batch) -> tuple[str, int]:
    """Put the batch on its rater's page; whatever another does meanwhile, one conditional write decides."""
    while True:
        page, tag = ledger.load(bucket, batch.rater)
        entry = page.entries.get(batch.batch)
        if page.closed or entry:
            lake.delete(bucket, batch.rater, batch.batch, but=entry.name if entry else "")
            return "closed" if page.closed else "known", 0
        keys, lines = _new(page.known, batch)
        name = lake.put(bucket, batch.rater, batch.batch, lines)
        if bucket.swap(ledger.FOLDER + batch.rater, page.add(batch.batch, name, keys).format(), tag):
            return "counted", len(keys)


def _new(known: Iterable[bytes], batch: wire.Batch) -> tuple[list[bytes], list[bytes]]:
    """The keys and lines of those records whose keys no other had before."""
    seen, keys, lines = set(known), [], []
    for record, line in zip(batch.records, batch.lines, strict=True):
        key = bytes.fromhex(record["key"])
        if key not in seen:
            seen.add(key)
            keys.append(key)
            lines.append(line)
    return keys, lines


def _set_aside(bucket: Bucket, key: str, data: bytes, why: str) -> str:
    """Keep what failed for the operator to look at, under its rater's name, so that an erasure finds it too."""
    name = NAME.fullmatch(key)
    place = QUARANTINE + (key.removeprefix(FOLDER) if name else f"strange/{hashlib.sha256(key.encode()).hexdigest()}")
    bucket.put(place, data, note=why)
    if name and ledger.load(bucket, name[1])[0].closed:
        bucket.delete([place])
        return "closed"
    return "quarantined"
