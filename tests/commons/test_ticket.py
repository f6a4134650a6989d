"""Who may have a ticket, who may not, and that nobody speaks for another."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl import wire
from lib_pxl.commons import erase, intake, ledger, quota
from lib_pxl.commons.ticket import Limits, answer
from tests.commons.memory import Memory, play
from tests.commons.people import ANN, BEN, NOW, SECRET_WORD, asked, key, told

DATA = ANN.batch([1, 2])
DAY = timedelta(days=1)


@pytest.fixture
def bucket() -> Memory:
    return Memory()


def ask(bucket: Any, purpose: str, body: bytes | str, now: datetime = NOW, **given: Any) -> dict[str, Any]:
    limits = given.pop("limits", Limits())
    return answer(bucket, asked(purpose, body, **given), now, limits)


def test_a_ticket_is_for_one_name_and_these_bytes(bucket: Memory) -> None:
    given = ask(bucket, "ticket", ANN.ticket(0, DATA))
    fields = told(given)["fields"]
    assert given["statusCode"] == 200
    assert fields["key"] == ANN.place(0) and fields["seconds"] == 300
    assert fields["sha256"] == json.loads(ANN.ticket(0, DATA))["sha256"]
    assert given["headers"]["content-type"] == "application/json"
    assert given["headers"]["x-content-type-options"] == "nosniff"


def test_a_batch_that_counts_needs_no_ticket(bucket: Memory) -> None:
    bucket.put(ANN.place(0), DATA)
    intake.handle(bucket, ANN.place(0), NOW)
    assert told(ask(bucket, "ticket", ANN.ticket(0, DATA))) == {"done": True}
    assert told(ask(bucket, "state", ANN.wish("state"))) == {"erased": False, "pending": False, "records": 2}


@pytest.mark.parametrize("off", [-DAY, DAY, timedelta(minutes=11)])
def test_a_clock_that_is_off_is_told_the_time_and_a_replay_gets_nothing(bucket: Memory, off: timedelta) -> None:
    for purpose, body in (("ticket", ANN.ticket(0, DATA, NOW + off)), ("erase", ANN.wish("erase", NOW + off))):
        given = ask(bucket, purpose, body)
        assert given["statusCode"] == 409 and wire.moment(told(given)["now"]) == NOW
    assert not bucket.objects


WRONG: dict[str, tuple[int, str, Any]] = {
    "no such path": (404, "../ticket", ANN.ticket(0, DATA)),
    "nothing": (400, "ticket", ""),
    "no json": (400, "ticket", SECRET_WORD),
    "deep": (400, "ticket", "[" * 2000),
    "large": (400, "ticket", " " * 5000),
    "halves of characters": (400, "ticket", '{"v":1,"rater":"\ud800"}'),
    "another purpose's fields": (400, "erase", ANN.ticket(0, DATA)),
    "another purpose's signature": (401, "erase", ANN.wish("state")),
    "another's name": (401, "ticket", json.dumps({**json.loads(ANN.ticket(0, DATA)), "rater": BEN.name})),
    "another batch": (401, "ticket", json.dumps({**json.loads(ANN.ticket(0, DATA)), "batch": key(5)})),
    "a path in the batch": (400, "ticket", json.dumps({**json.loads(ANN.ticket(0, DATA)), "batch": "../../x"})),
    "too large a size": (400, "ticket", json.dumps({**json.loads(ANN.ticket(0, DATA)), "size": 65537})),
    "an erasure of another": (401, "erase", json.dumps({**json.loads(BEN.wish("erase")), "rater": ANN.name})),
}


@pytest.mark.parametrize(("status", "purpose", "body"), WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_is_said_in_one_sentence_and_nothing_happens(
    bucket: Memory, status: int, purpose: str, body: Any
) -> None:
    given = ask(bucket, purpose, body)
    assert given["statusCode"] == status and set(told(given)) == {"error"}
    assert "wanted" in told(given)["error"] and SECRET_WORD not in given["body"]
    assert not bucket.objects


def test_only_post_is_answered_and_base64_as_the_function_url_makes_it(bucket: Memory) -> None:
    assert ask(bucket, "ticket", ANN.ticket(0, DATA), method="GET")["statusCode"] == 405
    event = asked("ticket", base64.b64encode(ANN.ticket(0, DATA)))
    assert answer(bucket, {**event, "isBase64Encoded": True}, NOW, Limits())["statusCode"] == 200
    assert answer(bucket, {**event, "isBase64Encoded": True, "body": "#"}, NOW, Limits())["statusCode"] == 400
    assert answer(bucket, {**event, "body": None}, NOW, Limits())["statusCode"] == 400


@given(st.text(max_size=50), st.sampled_from(["ticket", "erase", "state"]))
def test_any_text_is_answered_in_one_sentence(text: str, purpose: str) -> None:
    assert ask(Memory(), purpose, text)["statusCode"] == 400


def test_after_a_wish_tickets_are_refused_and_the_state_says_when_all_is_gone(bucket: Memory) -> None:
    bucket.put(ANN.place(0), DATA)
    intake.handle(bucket, ANN.place(0), NOW)
    assert told(ask(bucket, "erase", ANN.wish("erase"))) == {"erased": False, "since": wire.stamp(NOW)}
    assert told(ask(bucket, "state", ANN.wish("state"))) == {"erased": False, "pending": True, "records": 0}
    assert ask(bucket, "ticket", ANN.ticket(1, DATA))["statusCode"] == 403
    intake.handle(bucket, erase.FOLDER + ANN.name, NOW)
    assert told(ask(bucket, "state", ANN.wish("state"))) == {"erased": True, "pending": False, "records": 0}
    again = NOW + timedelta(hours=3)
    assert told(ask(bucket, "erase", ANN.wish("erase", again), again)) == {"erased": True, "since": wire.stamp(NOW)}
    assert ask(bucket, "ticket", ANN.ticket(1, DATA))["statusCode"] == 403
    assert not bucket.under(erase.FOLDER)


@pytest.mark.parametrize("purpose", ["block", "full"])
def test_a_rater_who_is_blocked_or_has_given_enough_gets_no_ticket(
    bucket: Memory, purpose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if purpose == "block":
        ledger.change(bucket, ANN.name, lambda page: page.close(ledger.BLOCKED, NOW))
    else:
        monkeypatch.setattr("lib_pxl.commons.ticket.FULL", 2)
        bucket.put(ANN.place(0), DATA)
        intake.handle(bucket, ANN.place(0), NOW)
    given = ask(bucket, "ticket", ANN.ticket(1, DATA))
    assert given["statusCode"] == 403 and "rater: got" in told(given)["error"]
    assert ask(bucket, "ticket", BEN.ticket(1, DATA))["statusCode"] == 200


def test_a_rater_has_its_tickets_of_the_day_and_is_told_when_the_next_begins(bucket: Memory) -> None:
    for _ in range(3):
        assert ask(bucket, "ticket", ANN.ticket(0, DATA), limits=Limits(rater=3))["statusCode"] == 200
    given = ask(bucket, "ticket", ANN.ticket(0, DATA), limits=Limits(rater=3))
    assert given["statusCode"] == 429
    wait = timedelta(seconds=int(given["headers"]["retry-after"]))
    assert (NOW + wait).date() == (NOW + DAY).date() and (NOW + wait - timedelta(seconds=2)).date() == NOW.date()
    assert ask(bucket, "ticket", BEN.ticket(0, DATA), limits=Limits(rater=3))["statusCode"] == 200
    tomorrow = NOW + wait
    assert ask(bucket, "ticket", ANN.ticket(0, DATA, tomorrow), tomorrow, limits=Limits(rater=3))["statusCode"] == 200


def test_an_address_has_its_share_and_a_full_one_stops_no_erasure(bucket: Memory) -> None:
    limits = Limits(address=2)
    for rater in (ANN, BEN):
        assert ask(bucket, "ticket", rater.ticket(0, DATA), limits=limits, address="2001:db8::1")["statusCode"] == 200
    refused = ask(bucket, "ticket", ANN.ticket(0, DATA), limits=limits, address="2001:db8::ffff:2")
    assert refused["statusCode"] == 429
    assert ask(bucket, "ticket", ANN.ticket(0, DATA), limits=limits, address="2001:db8:0:1::1")["statusCode"] == 200
    assert ask(bucket, "erase", ANN.wish("erase"), limits=limits, address="2001:db8::1")["statusCode"] == 200


@pytest.mark.parametrize(
    ("address", "same"),
    [("192.0.2.1", "::ffff:192.0.2.1"), ("2001:db8::1", "2001:db8:0:0:ffff::"), ("", "not an address")],
)
def test_one_household_is_one_person(address: str, same: str) -> None:
    assert quota.person(address) == quota.person(same) != quota.person("192.0.2.2")


def test_neither_addresses_nor_names_are_stored_and_tomorrow_nobody_can_find_them_out(bucket: Memory) -> None:
    ask(bucket, "ticket", ANN.ticket(0, DATA), address="198.51.100.9")
    kept = b"".join([name.encode() + each[0] for name, each in bucket.objects.items()])
    assert b"198.51" not in kept and ANN.name.encode() not in kept
    one = bucket.under(quota.FOLDER)
    intake.sweep(bucket, NOW)
    assert bucket.under(quota.FOLDER) == one
    ask(bucket, "ticket", ANN.ticket(0, DATA, NOW + DAY), NOW + DAY, address="198.51.100.9")
    intake.sweep(bucket, NOW + DAY)
    two = bucket.under(quota.FOLDER)
    assert len(one) == len(two) == 3
    assert {name.rpartition("/")[2] for name in one} & {name.rpartition("/")[2] for name in two} == {"key"}


@given(st.data())
def test_a_quota_is_exact_whoever_asks_at_the_same_time(data: st.DataObject) -> None:
    bucket, waits = Memory(), []
    works = [lambda each: waits.append(quota.spend(each, {"a": 3}, NOW)) for _ in range(5)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quota, "PAUSE", 0)
        play(bucket, works, lambda count: data.draw(st.integers(0, count - 1)), lambda: False)
    assert waits.count(0) == 3 and len(waits) == 5
