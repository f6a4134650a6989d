"""Withdrawal: from the answer on nothing of the rater counts; what lies anywhere is gone when its ledger says swept."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from lib_pxl import wire
from lib_pxl.commons import lake, ledger
from lib_pxl.commons.bucket import Bucket
from lib_pxl.errors import ForgeryError, Words

FOLDER = "erase/v1/"
PLACES = ("in/v1/", "quarantine/v1/", lake.FOLDER)  # of all that is kept of a rater beside its ledger


def wish(bucket: Bucket, rater: str, body: bytes, now: datetime) -> ledger.Ledger:
    """Note a signed wish, whose event wakes `forget`, and close the ledger: the moment from which nothing counts."""
    page, _ = ledger.load(bucket, rater)
    if page.swept:
        return page
    bucket.put(FOLDER + rater, body)
    return ledger.change(bucket, rater, lambda page: page.close(ledger.ERASED, now))


def forget(bucket: Bucket, rater: str, now: datetime) -> int:
    """Delete all that lies of a rater who signed for it, and say how many objects that were.

    Its name and the day stay, so that nothing of it is taken again.
    """
    found = bucket.get(FOLDER + rater, wire.MAX_MESSAGE)
    if found is None:
        return 0
    if wire.parse_message("erase", found.data)["rater"] != rater:
        raise ForgeryError("wish", got=Words("another rater's"), wanted="the one's that its name says")
    ledger.change(bucket, rater, lambda page: page.close(ledger.ERASED, now))
    gone = [key for place in PLACES for key, _ in bucket.names(f"{place}{rater}/")]
    bucket.delete(gone)
    ledger.change(bucket, rater, lambda page: replace(page, swept=True))
    bucket.delete([FOLDER + rater])
    return len(gone)
