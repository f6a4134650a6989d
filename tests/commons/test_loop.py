"""The whole loop over real HTTP on loopback: a function URL in front, a server of S3's protocol behind."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from queue import SimpleQueue
from typing import Any

import httpx
import pytest

from lib_pxl import wire
from lib_pxl.commons import intake, lake
from lib_pxl.commons.bucket import S3Bucket
from lib_pxl.commons.loopback import event_of, function_url, open_loopback, storage
from lib_pxl.commons.ticket import Limits, answer
from tests.commons.people import ANN, BEN, SECRET_WORD, Rater, key


@dataclass
class Receiver:
    """A receiver that runs: where it is asked, where its bucket is, and the events that wait."""

    endpoint: str
    s3: str
    bucket: S3Bucket
    created: SimpleQueue[str]

    def receive(self) -> None:
        intake.receive(self.bucket, event_of(self.created), datetime.now(timezone.utc))

    def ask(self, purpose: str, body: bytes) -> httpx.Response:
        return httpx.post(f"{self.endpoint}/v1/{purpose}", content=body)

    def ticket(self, rater: Rater, batch: int, data: bytes) -> dict[str, Any]:
        given = self.ask("ticket", rater.ticket(batch, data, datetime.now(timezone.utc)))
        assert given.status_code == 200, given.text
        found = given.json()
        assert isinstance(found, dict)
        return found

    def wish(self, rater: Rater, purpose: str) -> Any:
        return self.ask(purpose, rater.wish(purpose, datetime.now(timezone.utc))).json()

    def counted(self) -> list[tuple[str, str]]:
        return [(rater, record["key"]) for rater, record in lake.records(self.bucket)]


def post(form: dict[str, Any], data: bytes, **changed: str) -> httpx.Response:
    return httpx.post(form["url"], data={**form["fields"], **changed}, files={"file": data})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with storage() as (s3, created):
        bucket = open_loopback(s3)
        with function_url(lambda event: answer(bucket, event, datetime.now(timezone.utc), Limits())) as endpoint:
            yield Receiver(endpoint, s3, bucket, created)


def test_the_loop_from_a_ticket_to_the_erasure(receiver: Receiver) -> None:
    data = ANN.batch(range(5))
    form = receiver.ticket(ANN, 0, data)
    assert post(form, data).status_code == 204
    assert [name for name, _ in receiver.bucket.names("in/")] == [ANN.place(0)]
    receiver.receive()
    assert receiver.counted() == [(ANN.name, key(number)) for number in range(5)]
    assert receiver.ticket(ANN, 0, data) == {"done": True}
    assert receiver.wish(ANN, "state") == {"erased": False, "pending": False, "records": 5}

    other = BEN.batch([7])
    assert post(receiver.ticket(BEN, 0, other), other).status_code == 204
    assert receiver.wish(ANN, "erase")["erased"] is False
    assert receiver.wish(ANN, "state") == {"erased": False, "pending": True, "records": 0}
    assert receiver.counted() == []
    receiver.receive()
    assert receiver.wish(ANN, "state") == {"erased": True, "pending": False, "records": 0}
    assert receiver.counted() == [(BEN.name, key(7))]
    left = [name for name, _ in receiver.bucket.names("") if ANN.name in name]
    assert left == [f"ledger/v1/{ANN.name}"]


def test_what_counts_lies_in_the_lake_as_it_was_signed(receiver: Receiver) -> None:
    data = ANN.batch(range(3))
    post(receiver.ticket(ANN, 0, data), data)
    receiver.receive()
    ((name, _),) = receiver.bucket.names(lake.FOLDER)
    found = receiver.bucket.get(name)
    assert found and gzip.decompress(found.data).splitlines() == [*wire.unpack(data).lines]


def test_a_ticket_is_no_ticket_for_anything_else(receiver: Receiver) -> None:
    data = ANN.batch([1])
    form = receiver.ticket(ANN, 0, data)
    large = ANN.batch(range(400))
    assert post(form, b"\0" * (wire.MAX_PACKED + 1)).status_code == 403
    assert post(form, large).status_code == 403
    assert post(form, data, key=BEN.place(0)).status_code == 403
    assert post(form, data, key="ledger/v1/" + ANN.name).status_code == 403
    assert post(form, data, **{"Content-Type": "text/html"}).status_code == 403
    assert post(form, data, acl="public-read").status_code == 403
    assert post({**form, "fields": {**form["fields"], "policy": "e30="}}, data).status_code == 403
    assert not [*receiver.bucket.names("in/")]
    assert post(form, data).status_code == 204


def test_a_ticket_used_again_counts_nothing_more(receiver: Receiver) -> None:
    data = ANN.batch([1, 2])
    form = receiver.ticket(ANN, 0, data)
    for _ in range(3):
        assert post(form, data).status_code == 204
        receiver.receive()
    assert receiver.counted() == [(ANN.name, key(1)), (ANN.name, key(2))]


def test_an_expired_ticket_is_refused_and_the_next_one_is_good(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ANN.batch([1])
    with monkeypatch.context() as patch:
        patch.setattr("lib_pxl.commons.ticket.SECONDS", -1)
        assert post(receiver.ticket(ANN, 0, data), data).status_code == 403
    assert post(receiver.ticket(ANN, 0, data), data).status_code == 204


def test_a_bomb_a_wrong_schema_and_anothers_batch_are_set_aside_with_the_reason(receiver: Receiver) -> None:
    bad = {
        0: gzip.compress(b"\0" * (50 << 20)),
        1: gzip.compress(b'{"v":1,"prompt":"%s"}\n' % SECRET_WORD.encode()),
        2: BEN.batch([1], 2),
    }
    for batch, data in bad.items():
        assert post(receiver.ticket(ANN, batch, data), data).status_code == 204
    receiver.receive()
    assert receiver.counted() == [] and not [*receiver.bucket.names("in/")]
    for batch, data in bad.items():
        name = f"quarantine/v1/{ANN.name}/{key(batch)}.jsonl.gz"
        kept = receiver.bucket.client.get_object(Bucket=receiver.bucket.name, Key=name)
        assert kept["Body"].read() == data
        assert "wanted" in kept["Metadata"]["note"] and SECRET_WORD not in kept["Metadata"]["note"]
    assert receiver.wish(ANN, "state")["records"] == 0


def test_script_in_a_prompt_comes_through_as_text_and_in_no_answer(receiver: Receiver) -> None:
    hostile = '<script>alert("x")</script><img src=x onerror=1>'
    lines = [wire.format_record({**wire.unpack(ANN.batch([1])).records[0], "items": [{"prompt": hostile}]})]
    data = wire.pack(ANN.secret, lines, batch=key(0), sent=datetime.now(timezone.utc), consent=1)
    post(receiver.ticket(ANN, 0, data), data)
    receiver.receive()
    ((_, record),) = lake.records(receiver.bucket)
    assert record["items"] == [{"prompt": hostile}]
    asked = receiver.ask("ticket", b'{"v":1,"<script>":"<script>"}')
    assert asked.status_code == 400 and "<script>" not in asked.text
    assert asked.headers["content-type"] == "application/json"


def test_conditional_writes_hold_on_the_server_too(receiver: Receiver) -> None:
    bucket = receiver.bucket
    assert bucket.swap("x", b"1", None) and not bucket.swap("x", b"2", None)
    found = bucket.get("x")
    assert found and found.data == b"1"
    assert bucket.swap("x", b"22", found.tag) and not bucket.swap("x", b"3", found.tag)
    bucket.delete(["x", "never there"])
    assert bucket.get("x") is None and not bucket.swap("x", b"4", found.tag)
    assert bucket.swap("x", b"5" * 10, None)
    part = bucket.get("x", 3)
    assert part and part.data == b"555"
    bucket.delete([])


def test_more_objects_are_deleted_than_go_into_one_request(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib_pxl.commons.bucket.AT_ONCE", 3)
    names = [f"in/v1/{ANN.name}/{number}" for number in range(8)]
    for name in names:
        receiver.bucket.put(name, b"")
    listed = [*receiver.bucket.names("in/")]
    assert [name for name, _ in listed] == names
    assert all(abs(datetime.now(timezone.utc) - at) < timedelta(hours=1) for _, at in listed)
    receiver.bucket.delete(names)
    assert not [*receiver.bucket.names("")]
