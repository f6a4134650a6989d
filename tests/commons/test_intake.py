"""What is uploaded counts once, whatever happens at the same time and wherever it is killed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl import wire
from lib_pxl.commons import erase, intake, lake, ledger
from lib_pxl.commons.bucket import Bucket
from tests.commons.memory import Killed, Memory, Worker, play
from tests.commons.people import ANN, BEN, NOW, SECRET_WORD, Rater, key

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def bucket() -> Memory:
    return Memory()


def counted(bucket: Bucket) -> Counter[tuple[str, str]]:
    return Counter((rater, record["key"]) for rater, record in lake.records(bucket))


def owned(rater: Rater, *numbers: int) -> Counter[tuple[str, str]]:
    return Counter((rater.name, key(number)) for number in numbers)


def upload(bucket: Bucket, rater: Rater, numbers: range | list[int], batch: int = 0) -> None:
    """What a client does with its ticket, and the event that follows."""
    bucket.put(rater.place(batch), rater.batch(numbers, batch))
    intake.handle(bucket, rater.place(batch), NOW)


def withdraw(bucket: Bucket, rater: Rater) -> None:
    erase.wish(bucket, rater.name, rater.wish("erase"), NOW)


def forget(bucket: Bucket, rater: Rater) -> None:
    intake.handle(bucket, erase.FOLDER + rater.name, NOW)


def test_what_is_uploaded_counts_and_comes_out_as_it_went_in(bucket: Memory) -> None:
    upload(bucket, ANN, range(3))
    batch = wire.unpack(ANN.batch(range(3)))
    assert list(lake.records(bucket)) == [(ANN.name, record) for record in batch.records]
    assert not bucket.under("in/") and ledger.load(bucket, ANN.name)[0].records == 3


def test_the_same_key_counts_once_for_a_rater_and_again_for_another(bucket: Memory) -> None:
    upload(bucket, ANN, [1, 2, 2], 0)
    upload(bucket, ANN, [2, 3], 1)
    upload(bucket, ANN, [1, 2, 3], 2)
    upload(bucket, BEN, [2], 0)
    assert counted(bucket) == owned(ANN, 1, 2, 3) + owned(BEN, 2)


def test_a_batch_that_comes_again_counts_no_more(bucket: Memory) -> None:
    for _ in range(3):
        upload(bucket, ANN, range(3))
    upload(bucket, ANN, range(10, 20))  # other records under an id that is known
    assert counted(bucket) == owned(ANN, 0, 1, 2)
    assert len(bucket.under("lake/")) == 1 and not bucket.under("in/")


def test_an_event_whose_object_is_gone_is_nothing(bucket: Memory) -> None:
    intake.handle(bucket, ANN.place(), NOW)
    assert not bucket.objects


def ends(work: Callable[[Bucket], object], before: Memory) -> list[Memory]:
    """What is left of the same start when the work is killed after 0, 1, 2 … operations."""
    left = []
    for steps in range(100):
        bucket = Memory()
        bucket.objects = dict(before.objects)
        worker = Worker(bucket, work)
        for _ in range(steps + 1):
            if not worker.done:
                worker.step()
        left.append(bucket)
        if worker.done:
            return left
        worker.step(kill=True)
    raise AssertionError("no work of ours takes so long")


def test_killed_after_any_operation_the_next_event_brings_it_to_the_same_end(bucket: Memory) -> None:
    upload(bucket, ANN, [1, 2], 0)
    bucket.put(ANN.place(1), ANN.batch([2, 3], 1))
    killed = ends(lambda each: intake.handle(each, ANN.place(1), NOW), bucket)
    assert len(killed) > 4
    for each in killed:
        intake.handle(each, ANN.place(1), NOW)
        assert counted(each) == owned(ANN, 1, 2, 3) and not each.under("in/") and len(each.under("lake/")) == 2


def test_a_withdrawal_killed_after_any_operation_is_brought_to_its_end_by_the_sweep(bucket: Memory) -> None:
    upload(bucket, ANN, [1, 2])
    upload(bucket, BEN, [1, 2])
    bucket.put(ANN.place(1), b"not yet read")
    bucket.put(intake.QUARANTINE + ANN.name + "/x", b"bad")
    withdraw(bucket, ANN)
    assert counted(bucket) == owned(BEN, 1, 2)
    killed = ends(lambda each: forget(each, ANN), bucket)
    assert len(killed) > 6
    for each in killed:
        assert counted(each) == owned(BEN, 1, 2)
        intake.sweep(each, LATER)
        assert [name for name in each.objects if ANN.name in name] == [ledger.FOLDER + ANN.name]
        assert ledger.load(each, ANN.name)[0] == ledger.Ledger("erased", wire.stamp(NOW), swept=True)


def test_a_sweep_takes_what_events_forgot_and_leaves_what_is_under_way(bucket: Memory) -> None:
    bucket.put(ANN.place(), ANN.batch([1]))
    intake.receive(bucket, {"detail-type": "Scheduled Event"}, NOW + timedelta(minutes=1))
    assert not counted(bucket)
    intake.receive(bucket, {"detail-type": "Scheduled Event"}, LATER)
    assert counted(bucket) == owned(ANN, 1)


def test_an_event_of_s3_names_its_keys_as_a_form_would(bucket: Memory) -> None:
    bucket.put("in/v1/a b", b"")
    records: list[Any] = [{"s3": {"object": {"key": name}}} for name in ("in%2Fv1/a+b", ANN.place())]
    bucket.put(ANN.place(), ANN.batch([1]))
    intake.receive(bucket, {"Records": records}, NOW)
    assert not bucket.under("in/") and counted(bucket) == owned(ANN, 1)


STRANGE = [
    "in/v1/../../ledger/v1/" + ANN.name,
    f"in/v1/{ANN.name}/../{BEN.name}/{key(0)}.jsonl.gz",
    f"in/v1/{ANN.name}/{key(0)}.jsonl.gz\n",
    f"in/v1/{ANN.name.upper()}/{key(0)}.jsonl.gz",
    f"in/v1/{ANN.name}/{key(0)}.jsonl.gz/x",
    f"in/v1//{key(0)}.jsonl.gz",
    "in/v1/\u0661" + ANN.name[1:] + f"/{key(0)}.jsonl.gz",
]


@pytest.mark.parametrize("name", STRANGE, ids=range(len(STRANGE)))
def test_a_path_trick_is_set_aside_under_a_name_of_ours(bucket: Memory, name: str) -> None:
    upload(bucket, ANN, [1])
    before = dict(bucket.objects)
    bucket.put(name, ANN.batch([5]))
    intake.handle(bucket, name, NOW)
    (aside,) = bucket.objects.keys() - before.keys()
    assert aside.startswith("quarantine/v1/strange/") and aside.isascii()
    assert counted(bucket) == owned(ANN, 1)


BAD = {
    "someone else's key": BEN.batch([1]),
    "another batch's id": ANN.batch([1], batch=7),
    "no gzip": b"x" * 100,
    "too large": b"\0" * (wire.MAX_PACKED + 1),
    "half": ANN.batch([1])[:-9],
    "nothing": b"",
}


@pytest.mark.parametrize("data", BAD.values(), ids=list(BAD))
def test_what_fails_is_set_aside_with_the_reason_and_nothing_counts(
    bucket: Memory, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bucket.put(ANN.place(), data)
    intake.handle(bucket, ANN.place(), NOW)
    (name,) = bucket.objects
    assert name == f"quarantine/v1/{ANN.name}/{key(0)}.jsonl.gz"
    kept, why, _ = bucket.objects[name]
    assert kept == data and "wanted" in why and why.isascii() and SECRET_WORD not in why
    assert caplog.messages == ["quarantined 0"]


def test_of_a_withdrawn_rater_nothing_is_set_aside_either(bucket: Memory) -> None:
    withdraw(bucket, ANN)
    forget(bucket, ANN)
    bucket.put(ANN.place(), b"late and bad")
    bucket.put(ANN.place(1), ANN.batch([1], 1))
    for batch in (0, 1):
        intake.handle(bucket, ANN.place(batch), NOW)
    assert list(bucket.objects) == [ledger.FOLDER + ANN.name]


def test_of_a_blocked_rater_nothing_counts_until_it_is_opened_again(bucket: Memory) -> None:
    upload(bucket, ANN, [1])
    ledger.change(bucket, ANN.name, lambda page: page.close(ledger.BLOCKED, NOW))
    upload(bucket, ANN, [1])
    upload(bucket, ANN, [2], 1)
    assert not counted(bucket) and not bucket.under("in/")
    ledger.change(bucket, ANN.name, ledger.Ledger.open)
    assert counted(bucket) == owned(ANN, 1)


def test_nobody_is_erased_by_a_wish_that_he_did_not_sign(bucket: Memory) -> None:
    upload(bucket, ANN, [1])
    for body in (BEN.wish("erase"), ANN.wish("state"), b"{}", b""):
        bucket.put(erase.FOLDER + ANN.name, body)
        with pytest.raises(wire.WireError):
            forget(bucket, ANN)
    assert counted(bucket) == owned(ANN, 1)


def test_the_log_says_what_became_of_an_upload_and_not_whose_it_was(
    bucket: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    upload(bucket, ANN, [1, 2])
    upload(bucket, ANN, [1, 2])
    withdraw(bucket, ANN)
    forget(bucket, ANN)
    upload(bucket, ANN, [3])
    assert caplog.messages == ["counted 2", "known 0", "erased 1", "closed 0"]


numbers = st.lists(st.integers(0, 6), min_size=1, max_size=4)


@given(st.lists(st.tuples(st.sampled_from([ANN, BEN]), st.integers(0, 3)), min_size=1, max_size=7), st.data())
def test_in_any_order_with_kills_anywhere_each_record_counts_once(
    given: list[tuple[Rater, int]], data: st.DataObject
) -> None:
    """A batch is always the same bytes; batches share keys; events come twice, at once, and are killed."""
    content = {batch: data.draw(numbers) for batch in range(4)}
    bucket = Memory()
    works = [partial(upload, rater=rater, numbers=content[batch], batch=batch) for rater, batch in given]
    kills = iter(data.draw(st.lists(st.booleans(), max_size=30)))

    def look() -> None:
        assert all(count == 1 for count in counted(bucket).values())

    play(bucket, works, lambda count: data.draw(st.integers(0, count - 1)), lambda: next(kills, False), look)
    intake.sweep(bucket, LATER)
    assert {*counted(bucket)} == {(rater.name, key(each)) for rater, batch in given for each in content[batch]}
    assert not bucket.under("in/")


@given(st.lists(st.integers(0, 3), min_size=1, max_size=5), st.data())
def test_after_a_withdrawal_nothing_counts_and_nothing_is_left(batches: list[int], data: st.DataObject) -> None:
    """The wish comes at any instant among uploads, sweeps and kills, and so does its event."""
    bucket, answered = Memory(), []
    upload(bucket, ANN, [0], 9)

    def wish(bucket: Bucket) -> None:
        withdraw(bucket, ANN)
        answered.append(True)

    def look() -> None:
        if answered:
            assert not counted(bucket)

    works: list[Callable[[Bucket], object]] = [partial(upload, rater=ANN, numbers=[n, 5], batch=n) for n in batches]
    works += [wish, partial(forget, rater=ANN), partial(forget, rater=ANN)]
    kills = iter(data.draw(st.lists(st.booleans(), max_size=20)))
    play(bucket, works, lambda count: data.draw(st.integers(0, count - 1)), lambda: next(kills, False), look)
    intake.sweep(bucket, LATER)
    assert list(bucket.objects) == [ledger.FOLDER + ANN.name]
    assert ledger.load(bucket, ANN.name)[0].swept


def test_one_who_comes_late_overwrites_nothing_that_counts(bucket: Memory) -> None:
    """The same event twice: the second read the page before another batch took one of the keys, and writes last."""
    bucket.put(ANN.place(0), ANN.batch([1, 2], 0))
    late = Worker(bucket, lambda each: intake.handle(each, ANN.place(0), NOW))
    for _ in range(3):
        late.step()  # the upload and the page are read
    upload(bucket, ANN, [2, 3], 1)
    upload(bucket, ANN, [1, 2], 0)
    while not late.done:
        late.step()
        assert counted(bucket) == owned(ANN, 1, 2, 3)
    assert len(bucket.under("lake/")) == 2


def test_the_stage_kills_before_an_operation_and_not_after(bucket: Memory) -> None:
    def work(bucket: Bucket) -> None:
        bucket.put("one", b"")
        bucket.put("two", b"")

    worker = Worker(bucket, work)
    worker.step()
    worker.step()
    worker.step(kill=True)
    assert worker.done and list(bucket.objects) == ["one"] and not issubclass(Killed, Exception)
