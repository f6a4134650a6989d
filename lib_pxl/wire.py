"""What passes between one who shares opinions and one who receives them: records, batches and signed messages.

No error here quotes what it refuses, since that may be somebody's prompt, and errors end in logs.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

from lib_pxl.errors import ForgeryError, WireError, Words

VERSION = 1
MAX_TEXT = 4000  # characters of a prompt, a caption or a setting
MAX_NAME = 80
MAX_SETTINGS = 64
MAX_RECORD = 16 << 10
MAX_RECORDS = 500
MAX_PACKED = 64 << 10
MAX_UNPACKED = 1 << 20
MAX_MESSAGE = 2 << 10
CLOCK = timedelta(minutes=10)  # how far the sender's may be from the receiver's
CONTENT_TYPE = "application/gzip"
GZIP = 31  # zlib's name for a window of 32 KiB with gzip's own head and sum
UNFIT = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufff9-\uffff]")
TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Batch:
    """A batch whose limits, schema and signature were found right; `lines` are its records as they were signed."""

    rater: str
    batch: str
    sent: str
    consent: int
    records: tuple[dict[str, Any], ...]
    lines: tuple[bytes, ...]


@dataclass(frozen=True)
class Field:
    """What one field of a JSON object has to be."""

    fits: Callable[[Any], bool]
    wanted: str
    needed: bool = True


def plain(text: str) -> str:
    """The text without what no record may hold: control characters, marks that reorder a line, halves of characters."""
    return UNFIT.sub("", text.replace("\r\n", "\n"))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT and not UNFIT.search(value)


def _is_name(value: Any) -> bool:
    return _is_text(value) and 0 < len(value) <= MAX_NAME and not {"\n", "\t"} & {*value}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _is_whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_settings(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= MAX_SETTINGS
        and all(map(_is_name, value))
        and all(isinstance(each, bool) or _is_number(each) or _is_text(each) for each in value.values())
    )


def _is_day(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII)) and _reads(value)


def _reads(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_time(value: Any) -> bool:
    return (
        isinstance(value, str)
        and bool(re.fullmatch(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ", value, re.ASCII))
        and _reads(value[:10])
    )


def _hex(digits: int) -> Field:
    pattern = re.compile(f"[0-9a-f]{{{digits}}}")
    return Field(
        lambda value: isinstance(value, str) and bool(pattern.fullmatch(value)), f"{digits} lower hexadecimal digits"
    )


def _items(count: int) -> Field:
    return Field(lambda value: isinstance(value, list) and len(value) == count, f"a list of {count}")


TEXT = Field(_is_text, f"text of at most {MAX_TEXT} characters, no control characters", needed=False)
MOMENT = Field(_is_time, "a time like 2026-01-31T23:59:59Z")
COMMON = {
    "v": Field(lambda value: value is not True and value == VERSION, f"{VERSION}"),
    "key": _hex(32),
    "kind": Field(lambda value: value in ("rating", "duel"), "rating or duel"),
    "category": Field(_is_name, f"one line of 1 to {MAX_NAME} characters"),
    "time": Field(_is_day, "a day like 2026-01-31"),
}
KINDS = {
    "rating": {**COMMON, "value": Field(_is_number, "a finite number"), "items": _items(1)},
    "duel": {
        **COMMON,
        "winner": Field(lambda value: value is None or _is_whole(0, 1)(value), "0, 1 or null"),
        "items": _items(2),
    },
}
ITEM = {
    "prompt": TEXT,
    "negative": TEXT,
    "caption": TEXT,
    "settings": Field(
        _is_settings, f"at most {MAX_SETTINGS} names with text, a number, true or false each", needed=False
    ),
}
SIGNED = {"v": COMMON["v"], "rater": _hex(64), "signature": _hex(128)}
ENVELOPE = {
    **SIGNED,
    "batch": _hex(32),
    "sent": MOMENT,
    "count": Field(_is_whole(1, MAX_RECORDS), f"a whole number from 1 to {MAX_RECORDS}"),
    "consent": Field(_is_whole(1, 10**6), "the number of a consent's text"),
}
MESSAGES = {
    "ticket": {
        **SIGNED,
        "time": MOMENT,
        "batch": _hex(32),
        "sha256": _hex(64),
        "size": Field(_is_whole(1, MAX_PACKED), f"a whole number from 1 to {MAX_PACKED}"),
    },
    "erase": {**SIGNED, "time": MOMENT},
    "state": {**SIGNED, "time": MOMENT},
}


def told(value: Any) -> Words:
    """What a value is, without a word of what it says."""
    match value:
        case None | bool():
            return Words("null, true or false")
        case int() | float():
            return Words("a number")
        case str():
            return Words(f"text of {len(value)} characters")
        case list():
            return Words(f"a list of {len(value)}")
        case dict():
            return Words(f"an object of {len(value)} fields")
    return Words(f"a {type(value).__name__}")


def check(data: Any, fields: Mapping[str, Field], what: str) -> None:
    """Hold an object against its fields: each needed one is there, each fits, and there is no other."""
    if not isinstance(data, dict):
        raise WireError(what, got=told(data), wanted="a JSON object")
    if data.keys() - fields.keys():
        raise WireError(what, got=Words("a field nobody knows"), wanted=f"only {', '.join(fields)}")
    for name, field in fields.items():
        if name in data and not field.fits(data[name]):
            raise WireError(f"{what}, {name}", got=told(data[name]), wanted=field.wanted)
        if field.needed and name not in data:
            raise WireError(f"{what}, {name}", got=Words("nothing"), wanted=field.wanted)


def check_record(record: Any) -> None:
    """Hold a record against the schema."""
    kind = record.get("kind") if isinstance(record, dict) else None
    check(record, KINDS[kind] if kind in ("rating", "duel") else COMMON, "record")
    for item in record["items"]:
        check(item, ITEM, "item")


def canonical(data: Mapping[str, Any]) -> bytes:
    """The one spelling that is signed: keys sorted, no spaces, UTF-8."""
    try:
        text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (ValueError, TypeError, RecursionError):
        raise WireError("data", got=told(data), wanted="JSON without NaN and halves of characters") from None


def parse(data: bytes, what: str, limit: int) -> dict[str, Any]:
    """One JSON object of at most so many bytes, without the NaN and Infinity that Python would take."""
    if len(data) > limit:
        raise WireError(what, got=Words(f"{len(data)} bytes"), wanted=f"at most {limit}")
    try:
        found = json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise WireError(what, got=Words(f"{len(data)} bytes of something else"), wanted="one JSON object") from None
    if not isinstance(found, dict):
        raise WireError(what, got=told(found), wanted="one JSON object")
    return found


def _refuse(name: str) -> None:
    raise ValueError(name)


def format_record(record: Mapping[str, Any]) -> bytes:
    """A record as the line that is signed and sent."""
    check_record(record)
    line = canonical(record)
    if len(line) > MAX_RECORD:
        raise WireError("record", got=Words(f"{len(line)} bytes"), wanted=f"at most {MAX_RECORD}")
    return line


def parse_record(line: bytes) -> dict[str, Any]:
    """A record from its line, which must be in the one spelling that there is for it."""
    record = parse(line, "record", MAX_RECORD)
    check_record(record)
    if canonical(record) != line:
        raise WireError("record", got=Words("another spelling"), wanted="keys sorted, each once, and no spaces")
    return record


def make_secret() -> bytes:
    """The private half of a new rater: 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return bytes(Ed25519PrivateKey.generate().private_bytes_raw())


def rater_of(secret: bytes) -> str:
    """The public half, which is the rater's name."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return bytes(Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()).hex()


def sign(secret: bytes, purpose: str, data: bytes) -> str:
    """The rater's signature, good for this purpose alone."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return bytes(Ed25519PrivateKey.from_private_bytes(secret).sign(_head(purpose) + data)).hex()


def verify(rater: str, purpose: str, data: bytes, signature: str) -> None:
    """Refuse a signature that is not the rater's, over these bytes, for this purpose."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(rater))
        key.verify(bytes.fromhex(signature), _head(purpose) + data)
    except (InvalidSignature, ValueError):
        raise ForgeryError("signature", got=Words("another"), wanted="the rater's own, over exactly this") from None


def _head(purpose: str) -> bytes:
    return f"pxl {purpose} {VERSION}\n".encode()


def room(lines: Sequence[bytes]) -> int:
    """How many of these records, from the first on, one batch holds."""
    count, size = 0, MAX_MESSAGE  # which an envelope never fills
    for line in lines[:MAX_RECORDS]:
        size += len(line) + 1
        if size > MAX_UNPACKED:
            break
        count += 1
    while count > 1 and (packed := MAX_MESSAGE + len(_gzip(lines[:count]))) > MAX_PACKED:
        count = max(1, min(count - 1, count * MAX_PACKED // packed))
    return count


def _gzip(lines: Sequence[bytes]) -> bytes:
    packer = zlib.compressobj(wbits=GZIP)
    return packer.compress(b"".join(line + b"\n" for line in lines)) + packer.flush()


def pack(secret: bytes, lines: Sequence[bytes], *, batch: str, sent: datetime, consent: int) -> bytes:
    """A signed batch of these records, gzip of JSON lines; the same arguments give the same bytes."""
    envelope = {
        "v": VERSION,
        "rater": rater_of(secret),
        "batch": batch,
        "sent": stamp(sent),
        "count": len(lines),
        "consent": consent,
    }
    check({**envelope, "signature": "0" * 128}, ENVELOPE, "envelope")
    signature = sign(secret, "batch", _digest(b"".join(line + b"\n" for line in lines)) + canonical(envelope))
    packed = _gzip([canonical({**envelope, "signature": signature}), *lines])
    if len(packed) > MAX_PACKED:
        raise WireError("batch", got=Words(f"{len(packed)} bytes packed"), wanted=f"at most {MAX_PACKED}")
    return packed


def unpack(packed: bytes) -> Batch:
    """A batch, if all of it is right: its limits, its envelope, its signature and each record."""
    head, _, rest = unzip(packed).partition(b"\n")
    envelope = parse(head, "envelope", MAX_MESSAGE)
    check(envelope, ENVELOPE, "envelope")
    signature = envelope.pop("signature")
    verify(envelope["rater"], "batch", _digest(rest) + canonical(envelope), signature)
    lines = tuple(rest.split(b"\n")[:-1])
    if not rest.endswith(b"\n") or len(lines) != envelope["count"]:
        raise WireError("batch", got=Words(f"{len(lines)} records"), wanted=f"{envelope['count']} as its envelope says")
    records = tuple(parse_record(line) for line in lines)
    return Batch(envelope["rater"], envelope["batch"], envelope["sent"], envelope["consent"], records, lines)


def unzip(packed: bytes) -> bytes:
    """What one gzip member holds, never reading on past the limit."""
    if len(packed) > MAX_PACKED:
        raise WireError("batch", got=Words(f"{len(packed)} bytes packed"), wanted=f"at most {MAX_PACKED}")
    reader = zlib.decompressobj(wbits=GZIP)
    try:
        data = reader.decompress(packed, MAX_UNPACKED + 1)
    except zlib.error:
        raise WireError("batch", got=Words("other bytes"), wanted="gzip") from None
    if len(data) > MAX_UNPACKED:
        raise WireError("batch", got=Words("more"), wanted=f"at most {MAX_UNPACKED} bytes unpacked")
    if not reader.eof or reader.unused_data:
        raise WireError("batch", got=Words("a part, or more behind it"), wanted="one whole gzip")
    return data


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def format_message(secret: bytes, purpose: str, now: datetime, **fields: Any) -> bytes:
    """A signed wish of the rater, `ticket`, `erase` or `state`, as the body of a request."""
    message = {"v": VERSION, "rater": rater_of(secret), "time": stamp(now), **fields}
    whole = {**message, "signature": sign(secret, purpose, canonical(message))}
    check(whole, MESSAGES[purpose], purpose)
    return canonical(whole)


def parse_message(purpose: str, body: bytes) -> dict[str, Any]:
    """A wish whose fields are right and whose signature is the rater's; whether its time is, `on_time` says."""
    message = parse(body, purpose, MAX_MESSAGE)
    check(message, MESSAGES[purpose], purpose)
    signed = {name: value for name, value in message.items() if name != "signature"}
    verify(message["rater"], purpose, canonical(signed), message["signature"])
    return message


def on_time(message: Mapping[str, Any], now: datetime) -> bool:
    """Whether a wish was signed near enough to now for it to be nobody's old one."""
    return abs(moment(message["time"]) - now) <= CLOCK


def stamp(time: datetime) -> str:
    """A moment as it is sent, in UTC and whole seconds."""
    return time.astimezone(timezone.utc).strftime(TIME)


def moment(text: str) -> datetime:
    """The moment that was sent."""
    if not _is_time(text):
        raise WireError("time", got=told(text), wanted=MOMENT.wanted)
    return datetime.strptime(text, TIME).replace(tzinfo=timezone.utc)
