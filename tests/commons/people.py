"""Raters who share, made of nothing but a number, and what they send."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import Any

from lib_pxl import wire
from lib_pxl.commons import intake

NOW = datetime(2026, 3, 1, 12, 30, 15, tzinfo=timezone.utc)
SECRET_WORD = "ORCHID-4711"  # in every prompt, so that a test can say that it is nowhere else


def key(number: int) -> str:
    return f"{number:032x}"


def record(number: int, **given: Any) -> dict[str, Any]:
    items = [{"prompt": f"{SECRET_WORD} number {number}", "settings": {"steps": 20}}]
    told = {"v": 1, "key": key(number), "kind": "rating", "category": "quality", "value": 4.0, "time": "2026-03-01"}
    return {**told, "items": items, **given}


@dataclass(frozen=True)
class Rater:
    """One who shares."""

    number: int

    @property
    def secret(self) -> bytes:
        return hashlib.sha256(b"rater %d" % self.number).digest()

    @cached_property
    def name(self) -> str:
        return wire.rater_of(self.secret)

    def batch(self, numbers: Iterable[int], batch: int = 0) -> bytes:
        lines = [wire.format_record(record(number)) for number in numbers]
        return wire.pack(self.secret, lines, batch=key(batch), sent=NOW, consent=1)

    def place(self, batch: int = 0) -> str:
        return intake.key_of(self.name, key(batch))

    def wish(self, purpose: str, now: datetime = NOW, **fields: Any) -> bytes:
        return wire.format_message(self.secret, purpose, now, **fields)

    def ticket(self, batch: int, data: bytes, now: datetime = NOW) -> bytes:
        return self.wish("ticket", now, batch=key(batch), sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def asked(purpose: str, body: bytes | str, address: str = "203.0.113.7", method: str = "POST") -> dict[str, Any]:
    """A request as a function URL hands it on."""
    text = body if isinstance(body, str) else body.decode()
    return {
        "rawPath": f"/v1/{purpose}",
        "requestContext": {"http": {"method": method, "sourceIp": address}},
        "body": text,
        "isBase64Encoded": False,
    }


def told(answer: dict[str, Any]) -> dict[str, Any]:
    found = json.loads(answer["body"])
    assert isinstance(found, dict)
    return found


ANN, BEN = Rater(1), Rater(2)
