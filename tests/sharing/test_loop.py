"""The whole way over real HTTP on loopback: a yes, a look, tickets, S3's protocol, intake, and an erasure confirmed."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from lib_pxl import wire
from lib_pxl.commons import intake, lake
from lib_pxl.commons.loopback import event_of, function_url, open_loopback, storage
from lib_pxl.commons.ticket import Limits, answer
from lib_pxl.share.net import Http
from tests.share.people import send
from tests.sharing.people import office, stock, yes


def now() -> datetime:
    return datetime.now(timezone.utc)


def test_an_opinion_goes_all_the_way_and_back(tmp_path: Path) -> None:
    own = office(tmp_path)
    stock(own.opinions, "a red fox by https://example.com/jane", "an owl")
    with storage() as (url, created):
        bucket = open_loopback(url)
        with function_url(lambda event: answer(bucket, event, now(), Limits())) as endpoint:
            agreed = own.agree(yes(endpoint))["agreed"]
            state = own.prepare()
            shown = {line for each in state["batches"] for line in own.batch(each["id"])["lines"]}
            own.send({"batches": [each["id"] for each in state["batches"]]})
            send(own.sharer)
            intake.receive(bucket, event_of(created), now())
            counted = [(rater, wire.canonical(record).decode()) for rater, record in lake.records(bucket)]
            assert {rater for rater, _ in counted} == {agreed["rater"]}
            assert {line for _, line in counted} == shown and len(counted) == len(shown) == 3
            assert not any("jane" in line for line in shown)

            own.erase()
            http = Http()
            own.sharer.step(http)
            assert own.state()["erasures"][0]["state"] in ("asked", "confirmed")
            intake.receive(bucket, event_of(created), now())
            own.hurry()
            while own.sharer.step(http) == 0:
                pass
            assert own.state()["erasures"][0]["state"] == "confirmed" and list(lake.records(bucket)) == []
