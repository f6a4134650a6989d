"""The way to a community: a signed wish for a ticket, then the batch to where the ticket says; no keys of AWS here."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from lib_pxl import wire
from lib_pxl.errors import ShareError, WireError, Words
from lib_pxl.share.net import Answer, Http, LaterError, NeverError, Url, parse_url

MAX_FIELDS, MAX_VALUE = 30, 8 << 10
LONGEST_REST = 86400.0  # seconds that a receiver may ask for
NEVER = (400, 403, 413, 422)  # with a sentence of the receiver's: the same bytes will not do better
OTHER_TIME, FINE = 409, 200
_NAME = re.compile(r"[A-Za-z][\w-]{0,60}", re.ASCII)


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Endpoint:
    """One receiver, spoken to through one `Http`."""

    def __init__(self, address: str, http: Http, clock: Callable[[], datetime] = _now) -> None:
        self.url, self.http, self.clock = parse_url(address, "endpoint"), http, clock
        self.ahead = timedelta(0)  # the receiver's clock, before ours

    def deliver(self, batch: str, data: bytes, secret: bytes) -> None:
        """Have a batch there, once."""
        digest = hashlib.sha256(data).hexdigest()
        ticket = self._ask("ticket", secret, batch=batch, sha256=digest, size=len(data))
        if ticket.get("done") is True:
            return
        self._upload(ticket, f"in/v1/{wire.rater_of(secret)}/{batch}.jsonl.gz", data)

    def erase(self, secret: bytes) -> bool:
        """Ask for all of a rater's to be erased; whether it is already."""
        return self._ask("erase", secret).get("erased") is True

    def erased(self, secret: bytes) -> bool:
        """Whether it is by now."""
        return self._ask("state", secret).get("erased") is True

    def _ask(self, purpose: str, secret: bytes, **fields: Any) -> dict[str, Any]:
        where = self._at(f"/v1/{purpose}")
        for _ in range(2):
            body = wire.format_message(secret, purpose, self.clock() + self.ahead, **fields)
            answer = self.http.post(where, body, "application/json", purpose)
            told = _parsed(answer)
            if answer.status != OTHER_TIME or not self._mend_clock(told):
                break
        if answer.status == FINE and told:
            return told
        raise _problem(f"{purpose} at {where.place}", answer, told)

    def _at(self, path: str) -> Url:
        return parse_url(self.url.text.rstrip("/") + path, "endpoint")

    def _mend_clock(self, told: Mapping[str, Any]) -> bool:
        """Go by the receiver's clock from now on; false where it does not say what time it is."""
        try:
            self.ahead = wire.moment(told.get("now", "")) - self.clock()
        except WireError:
            return False
        return True

    def _upload(self, ticket: Mapping[str, Any], key: str, data: bytes) -> None:
        url = parse_url(ticket.get("url", ""), "ticket's address", own=self.url.is_own)
        fields: Any = ticket.get("fields")
        wanted = f"the fields of a form for {key} with the type {wire.CONTENT_TYPE}"
        if not _is_form(fields) or fields.get("key") != key or fields.get("Content-Type") != wire.CONTENT_TYPE:
            raise LaterError("ticket", got=Words("another one"), wanted=wanted)
        boundary = secrets.token_hex(16)
        kind = f"multipart/form-data; boundary={boundary}"
        try:
            answer = self.http.post(url, form(fields, data, boundary), kind, "upload")
            if answer.status // 100 != 2:
                got = Words(f"status {answer.status}")
                raise LaterError(f"upload at {url.place}", got=got, wanted="200, 201 or 204", after=_after(answer))
        except LaterError as problem:
            problem.left = True
            raise


def form(fields: Mapping[str, str], data: bytes, boundary: str) -> bytes:
    """A form with a file behind its fields, as S3 wants it."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="batch"\r\n'
    kind = f"Content-Type: {wire.CONTENT_TYPE}\r\n\r\n"
    return b"".join([*parts, head.encode(), kind.encode(), data, f"\r\n--{boundary}--\r\n".encode()])


def _is_form(fields: Any) -> bool:
    return (
        isinstance(fields, dict)
        and len(fields) <= MAX_FIELDS
        and all(_NAME.fullmatch(name) for name in fields)
        and all(isinstance(each, str) and len(each) <= MAX_VALUE and each.isprintable() for each in fields.values())
    )


def _parsed(answer: Answer) -> dict[str, Any]:
    """The answer's JSON, or nothing of it."""
    try:
        return wire.parse(answer.body, "answer", len(answer.body))
    except WireError:
        return {}


def _problem(what: str, answer: Answer, told: Mapping[str, Any]) -> ShareError:
    """What an answer means that is not the one hoped for; only the receiver's own no is final."""
    said = told.get("error")
    said = wire.plain(said)[:200] if isinstance(said, str) else ""
    got = Words(f"status {answer.status}" + (f" ({said})" if said else ""))
    if answer.status in NEVER and said:
        return NeverError(what, got=got, wanted="a yes")
    return LaterError(what, got=got, wanted=f"status {FINE}", after=_after(answer))


def _after(answer: Answer) -> float | None:
    """The rest that was asked for, in seconds."""
    text = answer.headers.get("retry-after", "")
    return min(float(text), LONGEST_REST) if text.isascii() and text.isdigit() and len(text) < 10 else None
