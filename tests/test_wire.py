"""What passes between sharer and receiver: one spelling, hard limits, signatures, and errors that quote nothing."""

from __future__ import annotations

import copy
import hashlib
import json
import zlib
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl import wire
from lib_pxl.errors import ForgeryError, WireError

NOW = datetime(2026, 3, 1, 12, 30, 15, tzinfo=timezone.utc)
EPOCH = NOW.replace(year=1970, tzinfo=None)
SECRET, OTHER = bytes(range(32)), bytes(range(1, 33))
RATER = wire.rater_of(SECRET)
BATCH = "b" * 32
PRIVATE = "ORCHID-4711"  # stands for a prompt that no error may repeat

RATING: dict[str, Any] = {
    "v": 1,
    "key": "0" * 32,
    "kind": "rating",
    "category": "quality",
    "value": 4.5,
    "time": "2026-02-28",
    "items": [
        {
            "prompt": "a red fox, (snow:1.2)\n",
            "negative": "blurry",
            "settings": {"steps": 20, "model": "sd1.5", "tiled": False},
            "caption": "a fox",
        }
    ],
}
DUEL: dict[str, Any] = {
    **{name: RATING[name] for name in ("v", "category", "time")},
    "kind": "duel",
    "key": "1" * 32,
    "winner": None,
    "items": [{"prompt": "a"}, {}],
}
texts = st.text(max_size=60).map(wire.plain)
items = st.fixed_dictionaries(
    {},
    optional={
        "prompt": texts,
        "negative": texts,
        "caption": texts,
        "settings": st.dictionaries(
            st.text("abcdefgh ü", min_size=1, max_size=10),
            texts | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False),
            max_size=4,
        ).filter(lambda settings: all(abs(each) < 1e300 for each in settings.values() if isinstance(each, float))),
    },
)
keys = st.binary(min_size=16, max_size=16).map(bytes.hex)
days = st.dates().map(lambda day: day.isoformat())
ratings = st.builds(
    lambda key, item, value, day: {**RATING, "key": key, "items": [item], "value": value, "time": day},
    *(keys, items, st.floats(-1e9, 1e9) | st.integers(-5, 5), days),
)
duels = st.builds(
    lambda key, one, two, winner: {**DUEL, "key": key, "items": [one, two], "winner": winner},
    *(keys, items, items, st.sampled_from([0, 1, None])),
)


def changed(record: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    """The record with one place of it set otherwise."""
    new = copy.deepcopy(record)
    place: Any = new
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return new


def without(record: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != name}


def lines(count: int, size: int = 0) -> list[bytes]:
    """Records of distinct keys whose prompts do not shrink by packing."""
    noise = [hashlib.shake_256(b"%d" % n).hexdigest(size // 2) for n in range(count)]
    return [
        wire.format_record({**RATING, "key": f"{n:032x}", "items": [{"prompt": text}]}) for n, text in enumerate(noise)
    ]


def packed(records: list[bytes], secret: bytes = SECRET) -> bytes:
    return wire.pack(secret, records, batch=BATCH, sent=NOW, consent=1)


def zipped(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush()


def signed(rest: bytes, **given: Any) -> bytes:
    """A batch whose signature is right, whatever else is not."""
    envelope = {"v": 1, "rater": RATER, "batch": BATCH, "sent": wire.stamp(NOW), "count": 1, "consent": 1, **given}
    data = hashlib.sha256(rest).digest() + wire.canonical(envelope)
    signature = wire.sign(SECRET, "batch", data)
    return zipped(wire.canonical({**envelope, "signature": signature}) + b"\n" + rest)


@given(ratings | duels)
def test_a_record_survives_the_way(record: dict[str, Any]) -> None:
    line = wire.format_record(record)
    assert wire.parse_record(line) == record
    assert b"\n" not in line and line == wire.canonical(json.loads(line))


@given(st.lists(ratings | duels, min_size=1, max_size=5))
def test_a_batch_survives_the_way_and_is_the_same_bytes_every_time(records: list[dict[str, Any]]) -> None:
    sent = [wire.format_record(record) for record in records]
    batch = wire.unpack(packed(sent))
    assert (batch.rater, batch.batch, batch.sent, batch.consent) == (RATER, BATCH, wire.stamp(NOW), 1)
    assert batch.records == tuple(records) and batch.lines == tuple(sent)
    assert packed(sent) == packed(sent)


WRONG = [
    changed(RATING, "v", to=2),
    changed(RATING, "v", to=True),
    changed(RATING, "v", to=PRIVATE),
    changed(RATING, "key", to="0" * 31),
    changed(RATING, "key", to="A" * 32),
    changed(RATING, "key", to="0" * 32 + "\n"),
    changed(RATING, "key", to="../" * 10 + "aa"),
    changed(RATING, "kind", to=PRIVATE),
    changed(RATING, "kind", to=["rating"]),
    changed(RATING, "kind", to="duel"),
    changed(RATING, "category", to=""),
    changed(RATING, "category", to="x" * 81),
    changed(RATING, "category", to=PRIVATE + "\n"),
    changed(RATING, "value", to=float("nan")),
    changed(RATING, "value", to=float("inf")),
    changed(RATING, "value", to=10**400),
    changed(RATING, "value", to=True),
    changed(RATING, "value", to=PRIVATE),
    changed(RATING, "time", to="2026-02-30"),
    changed(RATING, "time", to="2026-02-28T10:00:00Z"),
    changed(RATING, "time", to="٢٠٢٦-02-28"),
    changed(RATING, "items", to=[]),
    changed(RATING, "items", to=[{}, {}]),
    changed(RATING, "items", to=[PRIVATE]),
    changed(RATING, "items", 0, "image", to=PRIVATE),
    changed(RATING, "items", 0, "prompt", to=PRIVATE * 1000),
    changed(RATING, "items", 0, "prompt", to=[PRIVATE]),
    changed(RATING, "items", 0, "caption", to=None),
    changed(RATING, "items", 0, "settings", to=[PRIVATE]),
    changed(RATING, "items", 0, "settings", to={PRIVATE: [1]}),
    changed(RATING, "items", 0, "settings", to={PRIVATE: float("inf")}),
    changed(RATING, "items", 0, "settings", to={PRIVATE * 20: 1}),
    changed(RATING, "items", 0, "settings", to={"": 1}),
    changed(RATING, "items", 0, "settings", to={str(n): n for n in range(65)}),
    changed(RATING, PRIVATE, to=1),
    changed(DUEL, "winner", to=2),
    changed(DUEL, "winner", to=True),
    changed(DUEL, "winner", to="0"),
    changed(DUEL, "items", to=[{}]),
    *(without(RATING, name) for name in RATING),
    without(DUEL, "winner"),
]
UNFIT = ["\0", "\x1b[31m", "\r", "\x7f", "\x9b", "\u202e", "\u2066", "\u2028", "\ud800", "\ufeff", "\uffff"]


@pytest.mark.parametrize("record", WRONG)
def test_a_record_of_another_shape_is_refused_without_being_quoted(record: Any) -> None:
    with pytest.raises(WireError) as refused:
        wire.format_record(record)
    assert PRIVATE not in str(refused.value) and str(refused.value).isprintable()


@pytest.mark.parametrize("mark", UNFIT, ids=ascii)
@pytest.mark.parametrize("path", [("items", 0, "prompt"), ("items", 0, "settings", "model"), ("category",)], ids=str)
def test_control_characters_are_refused_and_plain_takes_them_out(mark: str, path: tuple[Any, ...]) -> None:
    with pytest.raises(WireError):
        wire.format_record(changed(RATING, *path, to=f"a{mark}b"))
    assert wire.format_record(changed(RATING, *path, to=wire.plain(f"a{mark}b")))


def test_script_in_a_prompt_is_text_and_stays_as_it_was_written() -> None:
    record = changed(RATING, "items", 0, "prompt", to='<script>alert(1)</script>"\\\n')
    assert wire.parse_record(wire.format_record(record)) == record


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"[" * 16000,
        b'{"v":NaN}',
        b"\xff\xfe",
        b'{"v":' + b"9" * 15000 + b"}",
        json.dumps(RATING).encode(),
        wire.canonical(RATING)[:-1] + b',"v":1}',
        wire.canonical(RATING).replace(b"fox", b"f\\u006fx"),
        b" " * wire.MAX_RECORD + wire.canonical(RATING),
    ],
    ids=range(12),
)
def test_a_line_that_is_not_the_one_spelling_of_a_record_is_refused(line: bytes) -> None:
    with pytest.raises(WireError):
        wire.parse_record(line)


def test_a_record_at_its_limit_goes_and_one_over_it_does_not() -> None:
    item = {"prompt": "é" * 4000, "negative": "é" * 4000}
    spare = wire.MAX_RECORD - len(wire.canonical({**RATING, "items": [{**item, "caption": ""}]}))
    assert spare < 4000
    full = {**RATING, "items": [{**item, "caption": "c" * spare}]}
    assert len(wire.format_record(full)) == wire.MAX_RECORD
    with pytest.raises(WireError, match="wanted at most 16384"):
        wire.format_record(changed(full, "items", 0, "caption", to="c" * (spare + 1)))


@pytest.mark.parametrize("size", [0, 100, 1000, 4000])
def test_room_is_what_a_batch_holds(size: int) -> None:
    many = lines(600, size)
    count = wire.room(many)
    assert 1 <= count <= wire.MAX_RECORDS
    assert len(wire.unpack(packed(many[:count])).lines) == count
    assert wire.room(many[:3]) == 3 and wire.room([]) == 0
    if size <= 100:
        assert count == wire.MAX_RECORDS


def test_room_counts_what_unpacks_to_too_much_as_well() -> None:
    item = {"prompt": "x" * 4000, "negative": "x" * 4000, "caption": "x" * 4000}
    many = [wire.format_record({**RATING, "key": f"{n:032x}", "items": [item]}) for n in range(200)]
    count = wire.room(many)
    assert 80 < count < 90 and len(wire.unpack(packed(many[:count])).lines) == count


@pytest.mark.parametrize(
    "records", [[], lines(501), lines(60, 4000), [b"x" * (1 << 20)]], ids=["none", "many", "packed", "unpacked"]
)
def test_a_batch_beyond_a_limit_is_refused(records: list[bytes]) -> None:
    with pytest.raises(WireError):
        wire.unpack(packed(records))


def test_a_gzip_bomb_is_refused_after_a_megabyte() -> None:
    bomb = zipped(b"\0" * (60 << 20))
    assert len(bomb) < wire.MAX_PACKED
    with pytest.raises(WireError, match="at most 1048576 bytes unpacked"):
        wire.unpack(bomb)


GOOD = packed(lines(3))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\3\4",
        GOOD[:-1],
        GOOD + b"\0",
        GOOD + zipped(b"more"),
        zipped(b""),
        zipped(b"\n"),
        zipped(b"{}\n"),
        zipped(zipped(wire.unzip(GOOD))),
        b"\0" * (wire.MAX_PACKED + 1),
        signed(b""),
        signed(wire.canonical(RATING)),
        signed(wire.canonical(RATING) + b"\n\n"),
        signed(wire.canonical(RATING) + b"\n", count=2),
        signed(wire.canonical(RATING) + b"\n", count=True),
        signed(wire.canonical(RATING) + b"\n", consent=0),
        signed(wire.canonical(RATING) + b"\n", sent="2026-02-30T00:00:00Z"),
        signed(wire.canonical(RATING) + b"\n", batch="../../etc/passwd"),
        signed(wire.canonical(RATING) + b"\n", more=1),
        signed(b'{"v":1}\n'),
        signed(b"nonsense\n"),
    ],
    ids=range(21),
)
def test_a_batch_that_is_not_whole_and_right_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        wire.unpack(data)
    assert wire.unpack(signed(wire.canonical(RATING) + b"\n")).records == (RATING,)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_batch_or_one_sentence(data: bytes) -> None:
    for each in (data, zipped(data)):
        with pytest.raises(WireError):
            wire.unpack(each)


@given(st.data())
def test_a_signed_batch_bears_no_other_byte(data: st.DataObject) -> None:
    plain = bytearray(wire.unzip(GOOD))
    place = data.draw(st.integers(0, len(plain) - 1))
    plain[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(WireError):
        wire.unpack(zipped(bytes(plain)))


def test_nobody_signs_for_another() -> None:
    head, _, rest = wire.unzip(packed(lines(1), OTHER)).partition(b"\n")
    envelope = {**json.loads(head), "rater": RATER}
    with pytest.raises(ForgeryError):
        wire.unpack(zipped(wire.canonical(envelope) + b"\n" + rest))


def test_a_signature_is_good_for_one_purpose_alone() -> None:
    wish = wire.format_message(SECRET, "state", NOW)
    assert wire.parse_message("state", wish)["rater"] == RATER
    with pytest.raises(ForgeryError):
        wire.parse_message("erase", wish)


@pytest.mark.parametrize("rater", ["0" * 64, "f" * 64, "01" + "0" * 62])
def test_strange_keys_do_not_sign_what_is_made_up(rater: str) -> None:
    with pytest.raises(ForgeryError):
        wire.verify(rater, "erase", b"{}", "5" * 128)


def test_a_wish_for_a_ticket_survives_the_way() -> None:
    fields = {"batch": BATCH, "sha256": "c" * 64, "size": 10}
    message = wire.parse_message("ticket", wire.format_message(SECRET, "ticket", NOW, **fields))
    assert {name: message[name] for name in fields} == fields and wire.moment(message["time"]) == NOW


@pytest.mark.parametrize(
    "fields",
    [{}, {"batch": BATCH, "sha256": "c" * 64, "size": 0}, {"batch": BATCH, "sha256": "c" * 64, "size": 65537}]
    + [{"batch": BATCH, "sha256": "c" * 64, "size": 10, "path": PRIVATE}],
)
def test_a_wish_with_other_fields_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(WireError) as refused:
        wire.format_message(SECRET, "ticket", NOW, **fields)
    assert PRIVATE not in str(refused.value)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"{" * 2000, b" " * 3000, b'{"v":1}'])
def test_a_body_that_is_no_wish_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        wire.parse_message("erase", body)


@pytest.mark.parametrize(("minutes", "good"), [(0, True), (10, True), (-10, True), (10.1, False), (-1440, False)])
def test_a_wish_is_good_for_ten_minutes(minutes: float, good: bool) -> None:
    message = wire.parse_message("erase", wire.format_message(SECRET, "erase", NOW))
    assert wire.on_time(message, NOW + timedelta(minutes=minutes)) is good


@given(st.datetimes(min_value=EPOCH, timezones=st.just(timezone(timedelta(hours=5)))))
def test_a_moment_survives_the_way(time: datetime) -> None:
    assert wire.moment(wire.stamp(time)) == time.replace(microsecond=0)


@pytest.mark.parametrize(
    "text", ["", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T24:00:00Z", "2026-13-01T00:00:00Z"]
)
def test_a_moment_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        wire.moment(text)


def test_a_new_secret_is_nobody_elses() -> None:
    one, two = wire.make_secret(), wire.make_secret()
    assert len(one) == 32 and one != two and wire.rater_of(one) != wire.rater_of(two)
