"""The client against a receiver that keeps the wire's rules, and against one that breaks them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lib_pxl import wire
from lib_pxl.errors import PxlError
from lib_pxl.share.endpoint import Endpoint
from lib_pxl.share.net import Answer, Http, LaterError, NeverError, Url
from tests.share.people import drafts, pack_all, send, sharer
from tests.share.receiver import Receiver, running

SECRET = wire.make_secret()
BATCH = "ab" * 16


class Scripted(Http):
    """Answers from a list, and remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self.answers, self.asked = list(answers), list[tuple[str, bytes]]()

    def post(self, url: Url, body: bytes, kind: str, what: str, limit: int = 0) -> Answer:
        self.asked.append((url.text, body))
        return self.answers.pop(0)


def told(status: int = 200, headers: dict[str, str] | None = None, **data: Any) -> Answer:
    return Answer(status, headers or {}, wire.canonical(data))


def deliver(*answers: Answer, address: str = "https://pool.example.org") -> Scripted:
    http = Scripted(*answers)
    Endpoint(address, http).deliver(BATCH, b"bytes", SECRET)
    return http


def ticket(**more: Any) -> Answer:
    fields = {
        "key": f"in/v1/{wire.rater_of(SECRET)}/{BATCH}.jsonl.gz",
        "Content-Type": "application/gzip",
        "policy": "p",
    }
    return told(**{"url": "https://bucket.s3.example.org/", "fields": fields | more.pop("fields", {}), **more})


def test_a_batch_arrives_and_is_logged_to_the_byte(tmp_path: Path) -> None:
    with running() as receiver:
        own = sharer(tmp_path, receiver.url)
        own.outbox.put(drafts(700))
        names = pack_all(own)
        send(own)
        assert receiver.batches == {name: own.outbox.data(name) for name in names}
        assert [each.state for each in own.outbox.log()] == ["sent", "sent"] and set(receiver.counted.values()) == {1}
        paths = [path for path, _ in receiver.asked]
        assert paths == ["/v1/ticket", "/s3"] * 2, "and nothing else was asked"


def test_a_ticket_says_no_word_of_a_record(tmp_path: Path) -> None:
    with running() as receiver:
        own = sharer(tmp_path, receiver.url)
        own.outbox.put(drafts(3, prompt="a very private word"))
        pack_all(own)
        send(own)
        assert not any(b"private" in body for path, body in receiver.asked if path != "/s3")


def test_a_batch_that_is_known_there_is_not_uploaded_again() -> None:
    assert len(deliver(told(done=True)).asked) == 1


def test_a_clock_that_is_a_day_off_is_mended_by_the_receivers(tmp_path: Path) -> None:
    for skew in (timedelta(days=1), timedelta(days=-1)):
        with running(Receiver(skew=skew)) as receiver:
            own = sharer(tmp_path / str(skew), receiver.url)
            own.outbox.put(drafts(1100))
            pack_all(own)
            send(own)
            assert len(receiver.counted) == 1100
            assert [path for path, _ in receiver.asked] == [
                "/v1/ticket",
                "/v1/ticket",
                "/s3",
                *["/v1/ticket", "/s3"] * 2,
            ]


def test_a_receiver_that_never_knows_the_time_is_left_for_another_time() -> None:
    for now in ("2026-01-31T10:20:30Z", "soon", None):
        with pytest.raises(LaterError):
            deliver(told(409, error="time", now=now), told(409, error="time", now=now))


@pytest.mark.parametrize("status", [400, 403, 413, 422])
def test_only_the_receivers_own_no_is_final(status: int) -> None:
    with pytest.raises(NeverError, match="this rater is blocked"):
        deliver(told(status, error="this rater is blocked"))
    with pytest.raises(LaterError):
        deliver(Answer(status, {}, b"<html>of somebody between"))


@pytest.mark.parametrize("status", [301, 302, 307, 401, 404, 408, 500, 502, 503, 504, 418])
def test_all_else_is_for_another_time(status: int) -> None:
    with pytest.raises(LaterError) as caught:
        deliver(told(status, error="oh"))
    assert not caught.value.left


@pytest.mark.parametrize(
    ("text", "after"),
    [("30", 30.0), ("0", 0.0), ("999999", 86400.0), ("soon", None), ("-5", None), ("²", None), ("", None)],
)
def test_a_receiver_may_ask_for_a_rest_of_at_most_a_day(text: str, after: float | None) -> None:
    with pytest.raises(LaterError) as caught:
        deliver(told(429, {"retry-after": text}, error="too many"))
    assert caught.value.after == after


@pytest.mark.parametrize("status", [200, 201, 204])
def test_an_upload_is_over_when_s3_says_so(status: int) -> None:
    http = deliver(ticket(), Answer(status, {}, b""))
    url, form = http.asked[1]
    assert url == "https://bucket.s3.example.org/"
    assert form.index(b'name="policy"') < form.index(b'name="file"') and b"\r\n\r\nbytes\r\n--" in form


@pytest.mark.parametrize("status", [301, 307, 400, 403, 500, 503])
def test_an_upload_that_fails_may_have_left(status: int) -> None:
    with pytest.raises(LaterError) as caught:
        deliver(ticket(), Answer(status, {"location": "https://elsewhere.example"}, b"<Error/>"))
    assert caught.value.left


@pytest.mark.parametrize(
    "odd",
    [
        {"url": "http://127.0.0.1:9/"}, {"url": "https://localhost/"}, {"url": "http://bucket.s3.example.org/"},
        {"url": "https://[::1]/"}, {"url": "file:///etc/passwd"}, {"url": 5}, {"url": None}, {"url": "https://a:b@c.org"},
        {"fields": {"key": "in/v1/../../x"}}, {"fields": {"key": "in/v1/" + "0" * 64 + f"/{BATCH}.jsonl.gz"}},
        {"fields": {"Content-Type": "text/html"}}, {"fields": {"policy": 'x"\r\n--evil'}}, {"fields": {"a b": "x"}},
        {"fields": {"policy": "x" * 10_000}}, {"fields": {f"f{i}": "x" for i in range(40)}}, {"fields": {"policy": 1}},
    ],
)  # fmt: skip
def test_a_ticket_that_leads_astray_is_not_followed(odd: dict[str, Any]) -> None:
    http = Scripted(ticket(**odd))
    with pytest.raises(PxlError) as caught:
        Endpoint("https://pool.example.org", http).deliver(BATCH, b"bytes", SECRET)
    assert len(http.asked) == 1 and not isinstance(caught.value, NeverError)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"null", b"\xff", b"[" * 50_000, b'{"done": "yes"}', b"{}"])
def test_an_answer_that_says_nothing_is_for_another_time(body: bytes) -> None:
    with pytest.raises(PxlError) as caught:
        deliver(Answer(200, {}, body))
    assert not isinstance(caught.value, NeverError)


def test_what_a_receiver_says_is_told_in_one_short_line_without_control_characters() -> None:
    with pytest.raises(NeverError) as caught:
        deliver(told(400, error="<script>\x1b[31m\u202e" + "x" * 10_000))
    assert len(str(caught.value)) < 500 and "\x1b" not in str(caught.value) and "\u202e" not in str(caught.value)
