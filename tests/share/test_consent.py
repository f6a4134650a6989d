"""Consent: nothing is a yes but a yes to the text as it is, and every answer is kept."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from lib_pxl.errors import PxlError
from lib_pxl.share import consent
from lib_pxl.share.consent import Consents, forbidden
from lib_pxl.share.target import Target
from lib_pxl.store.database import Database
from tests.share.people import ALL, drafts, pack_all, sharer

PLACE = Target("endpoint", "https://pool.example.org")
RATER = "ab" * 32


@pytest.fixture
def consents(tmp_path: Path) -> Consents:
    return Consents(Database(tmp_path / "pxl.sqlite"), "me")


def test_unanswered_is_no(consents: Consents) -> None:
    assert consents.current() is None and consents.answer() == "" and consents.rater() == ""
    consents.withdraw()
    assert consents.receipts() == [], "there was nothing to take back"


def test_the_last_answer_counts(consents: Consents) -> None:
    given = consents.give(ALL, PLACE, RATER)
    assert consents.current() == given and (given.fields, given.target, given.rater) == (ALL, PLACE, RATER)
    consents.withdraw()
    assert consents.current() is None and consents.answer() == "withdrawn" and consents.rater() == RATER
    consents.give(ALL, PLACE, RATER)
    consents.refuse()
    assert consents.current() is None and consents.answer() == "no"


def test_a_receipt_has_the_words_that_were_agreed_to(consents: Consents, monkeypatch: pytest.MonkeyPatch) -> None:
    consents.give(ALL, PLACE, RATER)
    was = dict(consent.TEXT)
    monkeypatch.setattr(consent, "TEXT", {"What": "everything"})
    consents.refuse()
    told = [(each["answer"], each["text"], each["fields"]) for each in consents.receipts()]
    assert told == [("no", {"What": "everything"}, []), ("yes", was, sorted(ALL))]


def test_other_words_are_another_version() -> None:
    """Whoever changes what is asked raises the version and writes down the new sum: then everybody is asked again."""
    sums = {1: "b2ce0b326660eb480da8225c1ae238898e05b2b6a33844a585267f3bd90f98ea"}
    assert sums[consent.VERSION] == hashlib.sha256(json.dumps(consent.TEXT).encode()).hexdigest()


def test_a_new_text_asks_again(consents: Consents, monkeypatch: pytest.MonkeyPatch) -> None:
    consents.give(ALL, PLACE, RATER)
    monkeypatch.setattr(consent, "VERSION", consent.VERSION + 1)
    assert consents.current() is None and consents.answer() == "outdated"
    consents.give(ALL, PLACE, RATER)
    assert consents.current() is not None


def test_opinions_count_from_the_first_yes_without_an_end_since(consents: Consents) -> None:
    first = consents.give(ALL, PLACE, RATER)
    assert consents.give(ALL - {"caption"}, PLACE, RATER).since == first.since
    consents.withdraw()
    assert consents.give(ALL, PLACE, RATER).since > first.since


def test_one_persons_yes_is_not_anothers(tmp_path: Path) -> None:
    database = Database(tmp_path / "pxl.sqlite")
    Consents(database, "ann").give(ALL, PLACE, RATER)
    assert Consents(database, "bob").current() is None and Consents(database, "bob").rater() == ""


@pytest.mark.parametrize(("told", "is_shut"), [("1", True), ("true", True), ("yes", True), ("", False), ("0", False)])
def test_do_not_track_wins_over_everything(told: str, is_shut: bool) -> None:
    assert bool(forbidden({"DO_NOT_TRACK": told})) is is_shut
    assert forbidden({}) == ""


def test_where_it_is_shut_nothing_can_be_agreed_to_or_sent(tmp_path: Path) -> None:
    own = sharer(tmp_path)
    own.outbox.put(drafts(3))
    names = pack_all(own)
    shut = sharer(tmp_path, agree=False, closed=lambda: "DO_NOT_TRACK is set")
    for act in (lambda: shut.agree(ALL, PLACE), lambda: shut.release(names)):
        with pytest.raises(PxlError, match="DO_NOT_TRACK is set"):
            act()
    assert shut.outbox.claim(0) is not None, "there would be something to send"
    shut.withdraw()
    assert shut.consents.answer() == "withdrawn", "which can be taken back at any time"


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "endpoint"}, {"kind": "endpoint", "url": "pool.example.org"}, {"kind": "moon", "url": "https://a.org"},
        {"kind": "endpoint", "url": "http://pool.example.org"}, {"kind": "endpoint", "url": "ftp://a.org"},
        {"kind": "endpoint", "url": "https://me:secret@a.org"}, {"kind": "endpoint", "url": "https://a.org/?x=1"},
        {"kind": "endpoint", "url": "https://a.org/\r\nHost: b"}, {"kind": "endpoint", "url": "https://a.org:99999"},
        {"kind": "endpoint", "url": "https://a.org#x"}, {"kind": "endpoint", "url": "https://" + "a" * 2000},
        {"kind": "endpoint", "url": "http://127.0.0.1.evil.example/"}, {"kind": "endpoint", "url": "https://[::1"},
        {"kind": "endpoint", "url": "https://a\\b.org"}, {"kind": "endpoint", "url": 5},
        {"kind": "bucket"}, {"kind": "bucket", "bucket": "A"}, {"kind": "bucket", "bucket": "a/../b"},
        {"kind": "bucket", "bucket": "mine", "prefix": "../x"}, {"kind": "bucket", "bucket": "mine", "prefix": "a\0b"},
        {"kind": "bucket", "bucket": "mine", "url": "http://minio.example.org"},
        {"kind": "bucket", "bucket": "mine", "profile": "a\nb"}, None, [],
        {"kind": "endpoint", "url": "https://a.org", "x": 1},
    ],
)  # fmt: skip
def test_a_place_that_is_none_is_refused_in_words(data: object) -> None:
    with pytest.raises(PxlError, match="wanted"):
        Target.parse(data)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"kind": "endpoint", "url": " https://pool.example.org/v/ "}, "https://pool.example.org/v"),
        ({"kind": "endpoint", "url": "http://127.0.0.1:9"}, "http://127.0.0.1:9"),
        ({"kind": "endpoint", "url": "http://[::1]:9"}, "http://[::1]:9"),
        ({"kind": "bucket", "bucket": "mine"}, "s3://mine/"),
        ({"kind": "bucket", "bucket": "mine", "prefix": "/a/b/", "profile": "me", "url": "https://s3.example.org"},
         "s3://mine/a/b/ at https://s3.example.org"),
    ],
)  # fmt: skip
def test_a_place_comes_back_as_it_was_agreed_to(data: dict[str, str], name: str) -> None:
    place = Target.parse(data)
    assert place.name == name and Target.parse(place.format()) == place
