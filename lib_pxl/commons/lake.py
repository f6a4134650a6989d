"""Where records lie that count, one file for each batch; pooling them, and the taste learned from all, begin here."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from lib_pxl.commons import ledger
from lib_pxl.commons.bucket import Bucket

FOLDER = "lake/v1/"


def put(bucket: Bucket, rater: str, batch: str, lines: Sequence[bytes]) -> str:
    """Write a batch's own records and say under which name; other records, another name, so nothing is overwritten."""
    data = gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)
    name = f"{batch}-{hashlib.sha256(data).hexdigest()[:16]}.jsonl.gz"
    bucket.put(f"{FOLDER}{rater}/{name}", data)
    return name


def delete(bucket: Bucket, rater: str, batch: str = "", but: str = "") -> None:
    """Take away what lies of a batch, or of all of a rater's, but for the one name that counts."""
    prefix = f"{FOLDER}{rater}/"
    bucket.delete([key for key, _ in bucket.names(prefix + batch) if key != prefix + but])


def raters(bucket: Bucket) -> Iterator[tuple[str, ledger.Ledger]]:
    """Every rater whose records count, with its page."""
    for key, _ in bucket.names(ledger.FOLDER):
        rater = key.removeprefix(ledger.FOLDER)
        page, _ = ledger.load(bucket, rater)
        if page.closed == ledger.OPEN:
            yield rater, page


def records(bucket: Bucket) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every record that counts, once, with its rater."""
    for rater, page in raters(bucket):
        for entry in page.entries.values():
            if found := bucket.get(f"{FOLDER}{rater}/{entry.name}"):
                for line in gzip.decompress(found.data).splitlines():
                    yield rater, json.loads(line)
