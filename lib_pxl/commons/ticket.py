"""What clients ask of the receiver, as a Lambda function URL hands it on: a ticket, an erasure, or how things stand."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lib_pxl import wire
from lib_pxl.commons import erase, intake, ledger, quota
from lib_pxl.commons.bucket import Bucket
from lib_pxl.errors import ForgeryError, WireError, Words

SECONDS = 300  # a ticket is good for
FULL = 100_000  # records of one rater that are kept
PATHS = {f"/v{wire.VERSION}/{purpose}": purpose for purpose in wire.MESSAGES}
HEADERS = {"content-type": "application/json", "cache-control": "no-store", "x-content-type-options": "nosniff"}


@dataclass(frozen=True)
class Limits:
    """How often one may ask in a day."""

    rater: int = 100
    address: int = 1000


Wish = Callable[[Bucket, dict[str, Any], bytes, datetime], dict[str, Any]]


def answer(bucket: Bucket, event: dict[str, Any], now: datetime, limits: Limits) -> dict[str, Any]:
    """The answer to one request: what is wrong with it in one sentence, or what was asked for."""
    asked = event["requestContext"]["http"]
    purpose = PATHS.get(event["rawPath"])
    if not purpose:
        return _say(404, error=f"path: got another, wanted {', '.join(PATHS)}")
    if asked["method"] != "POST":
        return _say(405, error="method: got another, wanted POST")
    try:
        body = _body(event)
        message = wire.parse_message(purpose, body)
    except ForgeryError as problem:
        return _say(401, error=str(problem))
    except WireError as problem:
        return _say(400, error=str(problem))
    if not wire.on_time(message, now):
        wanted = f"at most {wire.CLOCK.seconds // 60} minutes from the receiver's"
        return _say(409, error=f"time: got {message['time']}, wanted {wanted}", now=wire.stamp(now))
    if wait := quota.spend(bucket, _names(purpose, message["rater"], asked["sourceIp"], limits), now):
        return _say(429, {"retry-after": str(wait)}, error=f"requests: got too many, wanted patience for {wait} s")
    return WISHES[purpose](bucket, message, body, now)


def _say(status: int, headers: dict[str, str] | None = None, **told: Any) -> dict[str, Any]:
    return {"statusCode": status, "headers": {**HEADERS, **(headers or {})}, "body": json.dumps(told)}


def _body(event: dict[str, Any]) -> bytes:
    text: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode("utf-8", "replace")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise WireError("body", got=Words("something else"), wanted="base64, as the function URL makes it") from None


def _names(purpose: str, rater: str, address: str, limits: Limits) -> dict[str, int]:
    """What is counted: tickets by rater as well, and wishes apart from them, so that a full quota stops no erasure."""
    counted = {f"{purpose} address {quota.person(address)}": limits.address}
    return {**counted, f"ticket rater {rater}": limits.rater} if purpose == "ticket" else counted


def _ticket(bucket: Bucket, message: dict[str, Any], body: bytes, now: datetime) -> dict[str, Any]:
    page, _ = ledger.load(bucket, message["rater"])
    if page.closed:
        return _say(403, error=f"rater: got one {page.closed} on {page.since[:10]}, wanted one who shares")
    if message["batch"] in page.entries:
        return _say(200, done=True)
    if page.records >= FULL:
        return _say(403, error=f"rater: got one with {page.records} records, wanted fewer than {FULL}")
    key = intake.key_of(message["rater"], message["batch"])
    return _say(200, **bucket.ticket(key, message["sha256"], SECONDS))


def _erase(bucket: Bucket, message: dict[str, Any], body: bytes, now: datetime) -> dict[str, Any]:
    page = erase.wish(bucket, message["rater"], body, now)
    return _say(200, erased=page.swept, since=page.since)


def _state(bucket: Bucket, message: dict[str, Any], body: bytes, now: datetime) -> dict[str, Any]:
    page, _ = ledger.load(bucket, message["rater"])
    erased = page.closed == ledger.ERASED
    return _say(200, erased=erased and page.swept, pending=erased and not page.swept, records=page.records)


WISHES: dict[str, Wish] = {"ticket": _ticket, "erase": _erase, "state": _state}
