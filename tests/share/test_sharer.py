"""One person's sharing from a yes to an erasure, over a receiver on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lib_pxl import wire
from lib_pxl.errors import PxlError
from lib_pxl.share.net import Http
from lib_pxl.share.outbox import LONGEST, TOGETHER
from lib_pxl.share.record import Draft
from lib_pxl.share.sharer import FIRST
from lib_pxl.share.target import Target
from tests.share.people import ALL, Clock, drafts, pack_all, send, sharer
from tests.share.receiver import Receiver, running


def test_without_a_yes_nothing_is_packed_released_or_sent(tmp_path: Path) -> None:
    own = sharer(tmp_path, agree=False)
    own.outbox.put(drafts(3))
    for act in (own.pack, lambda: own.release([])):
        with pytest.raises(PxlError, match="wanted a yes"):
            act()
    assert own.step(Http()) is None and not (tmp_path / "share").exists(), "and no key is made"


def test_a_withdrawal_ends_it_at_once_and_a_new_yes_begins_anew(tmp_path: Path) -> None:
    with running() as receiver:
        own = sharer(tmp_path, receiver.url)
        own.outbox.put(drafts(1200))
        pack_all(own)
        own.step(Http())
        own.withdraw()
        asked = len(receiver.asked)
        assert own.step(Http()) is None and len(receiver.asked) == asked and len(receiver.counted) == 500
        assert own.outbox.waiting() == 0 and own.outbox.batches() == []
        again = own.agree(ALL, Target("endpoint", receiver.url.rstrip("/")))
        assert own.outbox.put(drafts(1200)) == 700, "what had left is not shared once more"
        pack_all(own)
        send(own)
        assert len(receiver.counted) == 1200 and {rater for rater, _ in receiver.counted} == {again.rater}


def test_a_withdrawal_that_meets_a_batch_on_its_way_stops_it_there(tmp_path: Path) -> None:
    clock = Clock()
    with running(Receiver(fault=lambda path: "deaf" if path == "/s3" else "")) as receiver:
        own = sharer(tmp_path, receiver.url, clock=clock)
        own.outbox.put(drafts(3))
        pack_all(own)
        own.step(Http())
        own.withdraw()
        assert [each.state for each in own.outbox.log()] == ["stopped"] and len(receiver.arrivals) == 1
        clock.now += 1e6
        assert own.step(Http()) is None and own.outbox.known() == {f"opinion {i}" for i in range(3)}


def test_another_place_or_other_fields_take_nothing_along_that_was_agreed_to_before(tmp_path: Path) -> None:
    with running() as first, running() as second:
        own = sharer(tmp_path, first.url)
        own.outbox.put(drafts(3))
        pack_all(own)
        own.agree(ALL - {"prompt"}, Target("endpoint", second.url.rstrip("/")))
        assert own.outbox.known() == set()
        own.outbox.put(drafts(2))
        pack_all(own)
        send(own)
        assert first.asked == [] and len(second.counted) == 2


def test_a_month_without_a_network_loses_nothing_and_asks_less_and_less(tmp_path: Path) -> None:
    clock = Clock()
    with running() as receiver:
        pass  # its port is nobody's now
    own = sharer(tmp_path, receiver.url, clock=clock)
    own.outbox.put(drafts(1200))
    pack_all(own)
    began, tries, waits = clock.now, 0, []
    while clock.now < began + 30 * 86400:
        wait = own.step(Http())
        assert wait is not None
        tries += not wait
        waits += [wait] if wait else []
        clock.now += wait
    assert 0 < waits[0] <= FIRST * 2 and max(waits) <= LONGEST and tries < 500
    assert [each.state for each in own.outbox.batches()] == ["released"] * 3 and own.outbox.log() == []
    own.withdraw()
    assert own.outbox.known() == set(), "nothing had left"


@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_a_rest_that_was_asked_for_is_kept(tmp_path: Path, chance: float) -> None:
    clock = Clock()
    with running(Receiver(fault=lambda path: "429")) as receiver:
        own = sharer(tmp_path, receiver.url, clock=clock, chance=lambda: chance)
        own.outbox.put(drafts(1))
        pack_all(own)
        assert own.step(Http()) == 0 and own.step(Http()) >= 1


def test_two_who_fail_together_do_not_come_back_together(tmp_path: Path) -> None:
    dues = []
    for chance in (0.1, 0.9):
        own = sharer(tmp_path / str(chance), "http://127.0.0.1:9", clock=Clock(), chance=lambda chance=chance: chance)
        own.outbox.put(drafts(1))
        pack_all(own)
        own.step(Http())
        dues.append(own.outbox.next_due())
    assert dues[0] != dues[1]


def test_a_final_no_is_kept_with_its_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    with running() as receiver:
        own = sharer(tmp_path, receiver.url)
        own.outbox.put(drafts(3))
        pack_all(own)
        receiver.blocked.add(own.consents.rater())
        send(own)
        (refused,) = own.outbox.log()
        assert refused.state == "refused" and "asked to be erased" in refused.error


def test_an_erasure_ends_in_a_confirmation_and_a_new_yes_in_a_new_rater(tmp_path: Path) -> None:
    clock = Clock()
    with running(Receiver(slow_erasure=3)) as receiver:
        own = sharer(tmp_path, receiver.url, clock=clock)
        was = own.consents.rater()
        own.outbox.put(drafts(600))
        pack_all(own)
        own.step(Http())
        assert own.erase() == 1 and own.consents.answer() == "withdrawn" and own.outbox.batches() == []
        states = []
        while own.step(Http()) is not None:
            states += [each.state for each in own.erasures.all()]
            clock.now += LONGEST
        assert states == ["asked", *["asked"] * (len(states) - 2), "confirmed"] and len(states) >= 2
        assert receiver.erased == {was} and receiver.batches == {}
        assert own.agree(ALL, Target("endpoint", receiver.url.rstrip("/"))).rater != was


def test_a_wish_to_be_erased_outlives_a_network_that_is_gone(tmp_path: Path) -> None:
    clock = Clock()
    fault = [""]
    with running(Receiver(fault=lambda path: fault[0])) as receiver:
        own = sharer(tmp_path, receiver.url, clock=clock)
        own.outbox.put(drafts(1))
        pack_all(own)
        send(own)
        fault[0] = "drop"
        own.erase()
        own.step(Http())
        (wish,) = own.erasures.open()
        assert wish.state == "wanted" and wish.error
        fault[0] = ""
        send(own, clock=clock)
        assert own.erasures.open() == [] and receiver.erased == {own.consents.rater()}


def test_records_written_for_an_older_yes_are_not_put_packed_or_sent_under_a_newer_one(tmp_path: Path) -> None:
    own = sharer(tmp_path)
    older = own.consents.current()
    assert older is not None

    def drafted() -> Iterator[Draft]:
        yield from drafts(TOGETHER)
        own.agree(ALL - {"prompt"}, older.target)  # in the middle of it
        yield from drafts(3, first=TOGETHER)

    with pytest.raises(PxlError, match="another answer in the meantime"):
        own.put(older, drafted())
    assert own.outbox.known() == set()
    own.outbox.put(drafts(2))
    current = own.consents.current
    with pytest.MonkeyPatch.context() as patch:
        answers = iter([older])
        patch.setattr(own.consents, "current", lambda: next(answers, None) or current())
        with pytest.raises(PxlError, match="another answer in the meantime"):
            own.pack()
    assert own.outbox.batches() == []


def test_a_confirmed_erasure_is_not_asked_for_again(tmp_path: Path) -> None:
    with running() as receiver:
        own = sharer(tmp_path, receiver.url)
        for first in (0, 1):
            own.agree(ALL, Target("endpoint", receiver.url.rstrip("/")))
            own.outbox.put(drafts(1, first=first))
            pack_all(own)
            send(own)
            assert own.erase() == 1 and len(own.places()) == 1
            send(own)
            assert own.places() == [] and own.erase() == 0
        assert len(receiver.erased) == 2 and [path for path, _ in receiver.asked].count("/v1/erase") == 2


def test_where_nothing_was_sent_there_is_nothing_to_erase(tmp_path: Path) -> None:
    own = sharer(tmp_path)
    own.outbox.put(drafts(1))
    own.pack()
    assert own.erase() == 0 and own.erasures.all() == [] and own.step(Http()) is None


def test_a_key_that_is_lost_stops_the_way_and_loses_nothing(tmp_path: Path) -> None:
    clock = Clock()
    with running() as receiver:
        own = sharer(tmp_path, receiver.url, clock=clock)
        own.outbox.put(drafts(1))
        pack_all(own)
        path = tmp_path / "share" / f"{own.consents.rater()}.key"
        kept = path.read_bytes()
        path.unlink()
        own.step(Http())
        (batch,) = own.outbox.batches()
        assert "wanted the key that was made when you agreed" in batch.error and receiver.asked == []
        path.write_bytes(kept)
        send(own, clock=clock)
        assert len(receiver.counted) == 1


def test_what_leaves_is_what_the_preview_has_shown(tmp_path: Path) -> None:
    with running() as receiver:
        own = sharer(tmp_path, receiver.url)
        own.outbox.put(drafts(20))
        (name,) = pack_all(own)
        shown = own.outbox.data(name)
        send(own)
        assert receiver.batches[name] == shown and wire.unpack(shown).consent == 1
