"""The outbox: keys made once, bytes made once, and a log that forgets nothing that may have left."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from lib_pxl import wire
from lib_pxl.errors import PxlError
from lib_pxl.share.outbox import LONGEST, Outbox, lines_of
from lib_pxl.share.sharer import Sharer
from tests.share.people import Picture, drafts, pack_all, sharer


@pytest.fixture
def own(tmp_path: Path) -> Sharer:
    return sharer(tmp_path)


def keys(own: Sharer) -> list[str]:
    """Of all records in batches, in order."""
    names = [each.id for each in (*own.outbox.batches(), *reversed(own.outbox.log()))]
    return [each["key"] for name in names for each in wire.unpack(own.outbox.data(name)).records]


def test_an_opinion_waits_once_and_keeps_its_key(own: Sharer) -> None:
    assert own.outbox.put(drafts(5)) == 5 and own.outbox.put(drafts(7)) == 2
    assert own.outbox.waiting() == 7 and own.outbox.known() == own.outbox.pending() == {
        f"opinion {i}" for i in range(7)
    }
    own.pack()
    first = keys(own)
    assert len(set(first)) == 7
    own.outbox.strike([first[3]])
    own.pack()
    assert keys(own) == [key for key in first if key != first[3]], "packed anew, with the same keys"


def test_a_batch_is_what_the_receiver_takes_and_stays_so(own: Sharer) -> None:
    own.outbox.put(drafts(wire.MAX_RECORDS + 1))
    assert own.pack() == 2 and own.pack() == 0
    batches = own.outbox.batches()
    assert [each.count for each in batches] == [wire.MAX_RECORDS, 1]
    for each in batches:
        data = own.outbox.data(each.id)
        found = wire.unpack(data)
        assert (found.rater, found.batch, len(found.records)) == (each.rater, each.id, each.count)
        assert each.size == len(data) <= wire.MAX_PACKED and data == own.outbox.data(each.id)
        assert list(lines_of(data))[1:] == [line.decode() for line in found.lines]


def test_records_that_are_large_share_out_over_batches(own: Sharer) -> None:
    from random import Random

    from lib_pxl.share.record import Draft, Told, record

    draw = Random(1)
    noise = ["".join(draw.choices("abcdefghijklmnop ,", k=3900)) for _ in range(60)]
    fields = frozenset({"rating", "prompt"})
    own.outbox.put(
        Draft(str(i), record(Told("rating", "x", 1.0, "2026-01-31", [Picture(text)]), fields, lambda text: text))
        for i, text in enumerate(noise)
    )
    own.pack()
    assert len(own.outbox.batches()) > 1 and sum(each.count for each in own.outbox.batches()) == 60
    assert all(each.size <= wire.MAX_PACKED for each in own.outbox.batches())


def test_what_was_struck_out_never_leaves_unless_it_is_spared(own: Sharer) -> None:
    own.outbox.put(drafts(3))
    own.pack()
    gone = keys(own)[1]
    assert own.outbox.strike([gone, "no such key"]) == 1
    own.outbox.put(drafts(3))
    own.pack()
    assert gone not in keys(own) and len(keys(own)) == 2 and own.outbox.struck_keys() == [gone]
    assert own.outbox.spare([gone]) == 1 and own.outbox.put(drafts(3)) == 1


def test_what_has_left_cannot_be_struck_out(own: Sharer) -> None:
    own.outbox.put(drafts(2))
    pack_all(own)
    assert own.outbox.claim(0) is not None
    assert own.outbox.strike(keys(own)) == 0 and own.outbox.forget(["opinion 0"]) == 0


def test_an_opinion_that_was_taken_back_is_forgotten_and_its_neighbours_wait_anew(own: Sharer) -> None:
    own.outbox.put(drafts(3))
    own.pack()
    assert own.outbox.forget(["opinion 1", "of nobody"]) == 1
    assert own.outbox.batches() == [] and own.outbox.known() == {"opinion 0", "opinion 2"} == own.outbox.pending()


def test_only_what_was_released_is_taken_up_the_least_tried_before_the_others(own: Sharer) -> None:
    own.outbox.put(drafts(1001))
    own.pack()
    one, two, three = [each.id for each in own.outbox.batches()]
    assert own.outbox.claim(0) is None
    assert own.outbox.release([one, two, one, "x"]) == 2 and own.outbox.release([one]) == 0
    batch = own.outbox.claim(100)
    assert batch is not None and (batch.id, batch.tries) == (one, 1)
    own.outbox.later(batch, 200.0, "no answer", left=True)
    assert own.outbox.claim(199) is None, "the way is shut for the other one too"
    following = [own.outbox.claim(200), own.outbox.claim(200)]
    assert [each and each.id for each in following] == [two, one] and own.outbox.claim(200) is None
    assert own.outbox.get(three).state == "ready"


def test_a_batch_whose_bearer_died_is_taken_up_again_when_its_time_is_over(own: Sharer) -> None:
    own.outbox.put(drafts(1))
    pack_all(own)
    assert own.outbox.claim(1000, lease=90) and not own.outbox.claim(1089)
    assert own.outbox.claim(1090) is not None


def test_a_clock_that_was_set_back_holds_nothing_up(own: Sharer) -> None:
    own.outbox.put(drafts(1))
    pack_all(own)
    batch = own.outbox.claim(1e9)
    assert batch is not None
    own.outbox.later(batch, 1e9 + LONGEST, "no answer", left=False)
    assert own.outbox.claim(1e9) is None and own.outbox.claim(1e8) is not None


@pytest.mark.parametrize(("left", "state"), [(False, None), (True, "stopped")])
def test_the_log_knows_what_may_have_left_when_everything_is_emptied(
    own: Sharer, left: bool, state: str | None
) -> None:
    own.outbox.put(drafts(600))
    pack_all(own)
    batch = own.outbox.claim(0)
    assert batch is not None
    data = own.outbox.data(batch.id)
    own.outbox.later(batch, 60, "no answer", left)
    own.outbox.put(drafts(3, first=600))
    own.outbox.empty()
    assert own.outbox.batches() == [] and own.outbox.waiting() == 0 and own.outbox.claim(1e6) is None
    assert [each.state for each in own.outbox.log()] == ([state] if state else [])
    if state:
        assert own.outbox.data(batch.id) == data and len(own.outbox.known()) == 500, "and it is not shared once more"
        own.outbox.arrived(batch)
        assert own.outbox.get(batch.id).state == "sent", "it arrived after all"


def test_what_once_may_have_left_is_never_again_said_to_lie_here(own: Sharer) -> None:
    own.outbox.put(drafts(1))
    pack_all(own)
    for now in (0, 1000):
        batch = own.outbox.claim(now)
        assert batch is not None
        own.outbox.later(batch, now + 1, "no answer", left=now == 0)
    assert [each.state for each in own.outbox.log()] == ["leaving"]


def test_the_log_goes_page_by_page_the_newest_first(own: Sharer) -> None:
    for i in range(5):
        own.outbox.put(drafts(1, first=i))
        pack_all(own)
        batch = own.outbox.claim(0)
        assert batch is not None
        own.outbox.arrived(batch)
    whole = [each.id for each in own.outbox.log()]
    assert [each.id for each in own.outbox.log(2)] == whole[:2]
    assert [each.id for each in own.outbox.log(2, before=whole[1])] == whole[2:4]
    assert own.outbox.log(2, before="nobody") == []


def test_profiles_have_nothing_to_do_with_one_another(own: Sharer) -> None:
    own.outbox.put(drafts(2))
    names = pack_all(own)
    other = Outbox(own.database, "another")
    assert other.put(drafts(2)) == 2 and other.batches() == [] and other.claim(0) is None
    assert other.release(names) == 0 and other.strike(keys(own)) == 0
    with pytest.raises(PxlError, match="wanted one that is in the outbox or in the log"):
        other.data(names[0])


def test_the_state_of_a_batch_is_one_of_those_that_there_are(own: Sharer) -> None:
    own.outbox.put(drafts(1))
    own.pack()
    with pytest.raises(sqlite3.IntegrityError), own.database.transaction() as connection:
        connection.execute("UPDATE share_batches SET state = 'lost'")
