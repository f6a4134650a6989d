"""From opinions to the outbox, and on to a receiver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lib_pxl import wire
from lib_pxl.errors import PxlError
from lib_pxl.share.net import Http
from lib_pxl.sharing import tour as touring
from lib_pxl.sharing.office import Office
from lib_pxl.taste.opinion import Rating
from tests.share.people import send
from tests.share.receiver import running
from tests.sharing.people import office, stock, yes


@pytest.fixture
def own(tmp_path: Path) -> Office:
    made = office(tmp_path)
    stock(made.opinions, "a red fox", "an owl", "a moss")
    return made


def ready(own: Office) -> list[dict[str, Any]]:
    """The records that are ready to leave."""
    own.prepare()
    data = [own.sharer.outbox.data(each.id) for each in own.sharer.outbox.batches()]
    return [each for one in data for each in wire.unpack(one).records]


def test_every_opinion_becomes_one_record(own: Office) -> None:
    own.agree(yes())
    told = [(each["kind"], [item["prompt"] for item in each["items"]]) for each in ready(own)]
    assert told == [("rating", ["a red fox"]), ("rating", ["an owl"]), ("rating", ["a moss"]),
                    ("duel", ["a red fox", "an owl"])]  # fmt: skip
    assert [each.get("value", each.get("winner")) for each in ready(own)] == [0.0, 1.0, 2.0, 1]
    assert len(ready(own)) == 4, "and that once"


def test_only_what_was_judged_after_the_yes_is_shared_unless_earlier_opinions_were_ticked(own: Office) -> None:
    own.agree(yes(rating=True, prompt=True))
    assert ready(own) == []
    stock(own.opinions, "a boat", first=3)
    assert [each["items"] for each in ready(own)] == [[{"prompt": "a boat"}]]
    own.agree(yes(rating=True, prompt=True, settings=True))
    assert [each["items"] for each in ready(own)] == [[{"prompt": "a boat", "settings": {"Steps": 20}}]], "still so"


def test_what_is_not_ticked_is_not_shared(own: Office) -> None:
    own.agree(yes(duel=True, settings=True, earlier=True))
    assert [(each["kind"], each["items"]) for each in ready(own)] == [("duel", [{"settings": {"Steps": 20}}] * 2)]


def test_an_opinion_that_is_taken_back_or_corrected_in_time_does_not_leave(own: Office) -> None:
    own.agree(yes())
    assert len(ready(own)) == 4
    own.opinions.undo()
    own.opinions.judge(Rating("item 0", "overall", 5.0, sitting="one"))
    assert [each.get("value") for each in ready(own)] == [1.0, 2.0, 5.0]


def test_the_example_is_what_a_yes_would_put_in_the_outbox(own: Office) -> None:
    shown = own.example({"fields": yes()["fields"]})
    own.agree(yes())
    left = [wire.canonical({**each, "key": "0" * 32}).decode() for each in ready(own)]
    assert shown == {"count": 4, "lines": left[:0:-1]}


def test_without_a_yes_nothing_is_collected(own: Office) -> None:
    with pytest.raises(PxlError, match="wanted a yes"):
        own.prepare()
    own.refuse()
    with pytest.raises(PxlError, match="got no"):
        own.prepare()


def test_another_profiles_opinions_stay_where_they_are(own: Office, tmp_path: Path) -> None:
    own.agree(yes())
    other = Office(own.tour, "another")
    stock(other.opinions, "a secret")
    assert "a secret" not in str(ready(own)) and other.state()["agreed"] is None


@pytest.mark.parametrize("lain", [False, True])
def test_what_lies_there_an_hour_leaves_by_itself_if_that_was_agreed_to(
    own: Office, lain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running() as receiver:
        own.agree(yes(receiver.url, rating=True, prompt=True, earlier=True, automatic=True))
        assert own.tour.step(Http()) == touring.EVERY and receiver.asked == []
        assert len(own.state()["batches"]) == 1, "it lies where it can be looked at and struck out"
        monkeypatch.setattr(touring, "GRACE", 0.0 if lain else 3600.0)
        own.tour._looked.clear()
        while own.tour.step(Http()) == 0:
            pass
        assert len(receiver.counted) == (3 if lain else 0)


def test_nothing_leaves_by_itself_otherwise(own: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(touring, "GRACE", 0.0)
    with running() as receiver:
        own.agree(yes(receiver.url))
        own.prepare()
        assert own.tour.step(Http()) is None and receiver.asked == []
        own.send({"batches": [each["id"] for each in own.state()["batches"]]})
        send(own.sharer)
        assert len(receiver.counted) == 4


def test_a_closed_door_stops_the_tour(own: Office) -> None:
    with running() as receiver:
        own.agree(yes(receiver.url))
        own.prepare()
        own.send({"batches": [each["id"] for each in own.state()["batches"]]})
        own.tour.reason = lambda: "--pxl-no-share is set"
        assert own.tour.step(Http()) is None and receiver.asked == []
        with pytest.raises(PxlError, match="--pxl-no-share is set"):
            own.hurry()


def test_a_host_that_comes_back_goes_on_with_what_was_agreed_to(own: Office) -> None:
    with running() as receiver:
        own.agree(yes(receiver.url))
        own.prepare()
        own.send({"batches": [each["id"] for each in own.state()["batches"]]})
        again = touring.Tour(own.tour.data)
        again.begin(again.open, lambda: "")
        thread = again.courier._thread
        assert thread is not None
        thread.join(30)
        assert len(receiver.counted) == 4 and not again.courier.is_running


def test_a_host_without_any_data_opens_nothing(tmp_path: Path) -> None:
    made = touring.Tour(tmp_path / "none")
    made.begin(made.open, lambda: "")
    assert not made.courier.is_running and not (tmp_path / "none").exists()
