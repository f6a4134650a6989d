"""The whole way of an opinion, on this machine alone, in plain lines: consent, preview, ticket, S3, intake, erasure."""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from lib_pxl import wire
from lib_pxl.commons import intake, lake
from lib_pxl.commons.bucket import S3Bucket
from lib_pxl.commons.loopback import event_of, function_url, open_loopback, storage
from lib_pxl.commons.ticket import Limits, answer
from lib_pxl.errors import WireError, Words

CONSENT = """\
Sharing is off. May the two opinions below be sent, with their prompts?
They would go to the receiver on this machine, which forgets everything when this demonstration ends.
They can be taken back at any time. A prompt may hold names: look before you answer."""
OPINIONS: tuple[dict[str, Any], ...] = (
    {"kind": "rating", "value": 4.5, "items": [{"prompt": "a red fox in the snow", "settings": {"steps": 20}}]},
    {"kind": "duel", "winner": 0, "items": [{"prompt": "a lighthouse at dusk"}, {"prompt": "a lighthouse, oil"}]},
)
Say = Callable[[str], None]


def show(say: Say, agree: Callable[[], bool]) -> bool:
    """Play the whole loop to a person; whether they agreed to it."""
    lines = [wire.format_record(_record(each)) for each in OPINIONS]
    say("1. Consent")
    for told in CONSENT.splitlines():
        say(f"   {told}")
    say("2. Preview: exactly the lines that would leave")
    for line in lines:
        say(f"   {line.decode()}")
    if not agree():
        say("   The answer was no: nothing was opened, nothing was sent.")
        return False
    with storage() as (url, created):
        bucket = open_loopback(url)
        with function_url(lambda event: answer(bucket, event, datetime.now(timezone.utc), Limits())) as endpoint:
            rater, batch = Sender(endpoint, wire.make_secret()), secrets.token_hex(16)
            data = wire.pack(rater.secret, lines, batch=batch, sent=datetime.now(timezone.utc), consent=1)
            say(f"3. Send: {len(lines)} records are {len(data)} bytes, signed by rater {rater.name[:12]}…")
            _send(say, rater, batch, data)
            _receive(say, bucket, created)
            say(f"7. The same batch once more: {json.dumps(rater.ticket(batch, data))}")
            _erase(say, rater, lambda: intake.receive(bucket, event_of(created), datetime.now(timezone.utc)))
            say("   What is left of the rater in the bucket:")
            for name, _ in bucket.names("ledger/"):
                found = bucket.get(name)
                say(f"   {name}: {found.data.decode().strip() if found else ''}")
    return True


class Sender:
    """A rater's side of the wire."""

    def __init__(self, endpoint: str, secret: bytes) -> None:
        self.endpoint, self.secret, self.name = endpoint, secret, wire.rater_of(secret)

    def ask(self, purpose: str, **fields: Any) -> dict[str, Any]:
        """A signed wish, and what the receiver says to it."""
        body = wire.format_message(self.secret, purpose, datetime.now(timezone.utc), **fields)
        _, told = _post(f"{self.endpoint}/v1/{purpose}", body, "application/json")
        return wire.parse(told, "answer", wire.MAX_RECORD)

    def ticket(self, batch: str, data: bytes) -> dict[str, Any]:
        """A ticket for a batch, or that none is needed."""
        return self.ask("ticket", batch=batch, sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def _record(opinion: Mapping[str, Any]) -> dict[str, Any]:
    today = datetime.now(timezone.utc).date().isoformat()
    return {"v": wire.VERSION, "key": secrets.token_hex(16), "category": "overall", "time": today, **opinion}


def _send(say: Say, rater: Sender, batch: str, data: bytes) -> None:
    form = rater.ticket(batch, data)
    say("4. Ticket: a form of S3 for this one name and these bytes, no key of anybody's account in it")
    say(f"   {form['fields']['key']}")
    status, _ = _post(form["url"], *_multipart(form["fields"], data))
    say(f"5. S3 takes it: HTTP {status}")


def _receive(say: Say, bucket: S3Bucket, created: Any) -> None:
    key = created.get()
    outcome, count = intake.take(bucket, key)
    say(f"6. Intake: {outcome}, {count} new; in the lake now:")
    for _, record in lake.records(bucket):
        say(f"   {record['kind']} {record['key']}: {json.dumps(record['items'])}")


def _erase(say: Say, rater: Sender, wake: Callable[[], None]) -> None:
    say(f"8. Erase, signed by the rater: {json.dumps(rater.ask('erase'))}")
    say(f"   state: {json.dumps(rater.ask('state'))}")
    wake()
    say(f"   state, after the receiver has swept: {json.dumps(rater.ask('state'))}")


def _multipart(fields: Mapping[str, str], data: bytes) -> tuple[bytes, str]:
    border = secrets.token_hex(16)
    parts = [
        f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="batch"\r\n\r\n'.encode()
    return b"".join([*parts, head, data, f"\r\n--{border}--\r\n".encode()]), f"multipart/form-data; boundary={border}"


def _post(url: str, body: bytes, kind: str) -> tuple[int, bytes]:
    try:
        with urlopen(Request(url, body, {"Content-Type": kind}), timeout=30) as given:
            return given.status, given.read()
    except HTTPError as error:
        with error:
            raise WireError(url, got=Words(f"HTTP {error.code}"), wanted="an answer without an error") from None


def ask_person() -> bool:
    """Two answers, of which only a plain yes is one; where nobody can answer, the demonstration's person agrees."""
    if not sys.stdin.isatty():
        sys.stdout.write("   (Nobody is at the keyboard: the person of this demonstration says yes.)\n")
        return True
    sys.stdout.write("   [yes] [no]: ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("yes", "y")
