"""The whole way of an opinion: a person's office and courier on one side, tickets, S3 and intake on the other.

Nothing here speaks the wire: what leaves is made, signed and carried by lib_pxl/share and lib_pxl/sharing, and what
arrives is answered, counted and erased by lib_pxl/commons.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

from lib_pxl import wire
from lib_pxl.commons import intake, lake
from lib_pxl.commons.bucket import S3Bucket
from lib_pxl.commons.loopback import event_of, function_url, open_loopback, storage
from lib_pxl.commons.ticket import SECONDS, Limits, answer
from lib_pxl.demo.teller import Teller
from lib_pxl.errors import PxlError
from lib_pxl.share import consent, fields
from lib_pxl.share.endpoint import Endpoint
from lib_pxl.share.net import Http
from lib_pxl.sharing.office import Office
from lib_pxl.sharing.tour import Tour
from lib_pxl.taste.opinion import Duel, Item, Rating

PICTURES = (
    Item("fox", "a red fox in the snow by jane@example.com, <lora:my_style:0.8>", settings={"Steps": 20, "Seed": 7}),
    Item("house", "a lighthouse at dusk, see /home/jane/notes.txt", settings={"Steps": 30, "Sampler": "Euler"}),
)
OPINIONS = (Rating("fox", value=4.5), Rating("house", value=2.0), Duel("fox", "house", winner="fox"))
TICKED = ("rating", "duel", "prompt", "settings", "earlier")


@dataclass
class Receiver:
    """What somebody else runs, here on loopback; each of its answers is noted."""

    bucket: S3Bucket
    created: SimpleQueue[str]
    answers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def answer(self, event: dict[str, Any]) -> dict[str, Any]:
        """As the function behind the function URL."""
        told = answer(self.bucket, event, _now(), Limits())
        self.answers.append((event["rawPath"].rpartition("/")[2], json.loads(told["body"])))
        return told

    def wake(self) -> None:
        """What S3 wakes the intake for."""
        intake.receive(self.bucket, event_of(self.created), _now())


@dataclass
class Stage:
    """Both sides, and who tells of them."""

    teller: Teller
    office: Office
    receiver: Receiver
    url: str
    http: Http = field(default_factory=Http)

    def carry(self) -> None:
        """What the courier's thread does, step by step, for as long as something is due."""
        while self.office.sharer.step(self.http) == 0:
            pass


def show(teller: Teller, agree: Callable[[], bool]) -> bool:
    """Play it to a person; whether they agreed."""
    with _stage(teller) as stage:
        _have(stage)
        _ask(stage)
        if not agree():
            stage.office.refuse()
            teller.say(f"No. It is kept; the receiver was asked {len(stage.receiver.answers)} times, nothing has left.")
            return False
        _agree(stage)
        batch = _preview(stage)
        _send(stage, batch)
        _count(stage)
        _repeat(stage, batch)
        _erase(stage)
        _leave(stage)
    return True


@contextmanager
def _stage(teller: Teller) -> Iterator[Stage]:
    with TemporaryDirectory(prefix="pxl-share-demo-") as folder, storage() as (s3, created):
        receiver = Receiver(open_loopback(s3), created)
        with function_url(receiver.answer) as url:
            yield Stage(teller, Office(Tour(Path(folder))), receiver, url)


def _have(stage: Stage) -> None:
    opinions = stage.office.opinions
    opinions.add(PICTURES)
    for each in OPINIONS:
        opinions.judge(each)
    stage.teller.step("What lies on this machine: two pictures that were rated, and a duel between them")
    for item in PICTURES:
        stage.teller.exact(item.prompt)


def _ask(stage: Stage) -> None:
    say = stage.teller
    say.step("Consent: sharing is off until there is a yes")
    try:
        stage.office.prepare()
    except PxlError as problem:
        say.say(f"Asked to make a record before that, the outbox says: {problem}.")
    say.table(consent.TEXT)
    ticked = ", ".join(knob.label for name, knob in fields.KNOBS.items() if name in TICKED)
    others = ", ".join(knob.label for name, knob in fields.KNOBS.items() if name not in TICKED)
    say.table({"Ticked here": ticked, "Not ticked": others, "Receiver": f"{stage.url} (a community's is https)"})
    say.say("May they be shared? All of it is on this machine, and is deleted when this ends.")


def _agree(stage: Stage) -> None:
    ticked = dict.fromkeys(TICKED, True)
    target = {"kind": "endpoint", "url": stage.url}
    agreed = stage.office.agree({"version": consent.VERSION, "fields": ticked, "target": target})["agreed"]
    (receipt,) = stage.office.log()["receipts"]
    stage.teller.say(
        f"Yes, to text {receipt['version']}, at {receipt['time'][:19]} UTC; the receipt is kept with every word above. "
        f"A key was made on this machine; its public half is the name: {agreed['rater'][:16]}…"
    )


def _preview(stage: Stage) -> str:
    """The name of the one batch that is to leave."""
    office, say = stage.office, stage.teller
    say.step("Preview: the bytes that would leave, and no others")
    (first,) = office.prepare()["batches"]
    lines = _shown(stage, first["id"])["lines"]
    say.say("The second record is struck out: it never leaves. The others are packed and signed anew.")
    (batch,) = office.strike({"keys": [json.loads(lines[1])["key"]]})["batches"]
    _shown(stage, batch["id"])
    return str(batch["id"])


def _shown(stage: Stage, which: str) -> dict[str, Any]:
    told = stage.office.batch(which)
    for line in (told["envelope"], *told["lines"]):
        stage.teller.exact(line)
    stage.teller.say(f"{told['count']} records, {told['size']} bytes as gzip, SHA-256 {told['sha256'][:16]}…")
    return told


def _send(stage: Stage, batch: str) -> None:
    say, receiver = stage.teller, stage.receiver
    say.step("Send: a ticket, then one upload to S3")
    stage.office.send({"batches": [batch]})
    stage.carry()
    (_, ticket) = receiver.answers[-1]
    say.say(f"Ticket, for {SECONDS} seconds: these bytes, under this key, and no key of anybody's account in it.")
    say.exact(ticket["fields"]["key"])
    found = receiver.bucket.get(ticket["fields"]["key"])
    data = found.data if found else b""
    same = "the same as in" if data == stage.office.sharer.outbox.data(batch) else "NOT those of"
    say.say(f"S3 has {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()[:16]}…, {same} the preview.")
    (left,) = stage.office.log()["batches"]
    say.say(f"The log of what ever left: {left['left'][:19]} UTC, {left['count']} records, {left['state']}.")


def _count(stage: Stage) -> None:
    stage.teller.step("Intake: signature, size, schema, each record once")
    stage.receiver.wake()
    found = [record for _, record in lake.records(stage.receiver.bucket)]
    stage.teller.say(f"{len(found)} records count now; the upload itself is gone:")
    for record in found:
        stage.teller.exact(wire.canonical(record).decode())


def _repeat(stage: Stage, batch: str) -> None:
    say, own, receiver = stage.teller, stage.office.sharer, stage.receiver
    say.step("The same batch once more, as after a kill before the answer was heard")
    Endpoint(stage.url, stage.http).deliver(batch, own.outbox.data(batch), own.keys.secret(own.consents.rater()))
    receiver.wake()
    say.say(f"The receiver answers {json.dumps(receiver.answers[-1][1])}; {_counted(stage)} records count, as before.")


def _erase(stage: Stage) -> None:
    say, office = stage.teller, stage.office
    say.step("Erase: withdrawn in one step, and asked for with the key that signed the records")
    office.erase()
    stage.carry()
    say.say(f"The tab says: {_erasure(stage)}. {_counted(stage)} records count from this answer on.")
    stage.receiver.wake()
    office.hurry()
    stage.carry()
    say.say(f"The receiver has deleted all that lay of it. The tab says: {_erasure(stage)}.")


def _leave(stage: Stage) -> None:
    say = stage.teller
    say.step("What is left")
    say.say("In the bucket, but for the day's counts under a key that is thrown away: the name and the day.")
    for key, _ in stage.receiver.bucket.names(""):
        found = stage.receiver.bucket.get(key) if not key.startswith("quota/") else None
        if found:
            say.exact(f"{key[:32]}… {found.data.decode().strip()}")
    answers = ", then ".join(each["answer"] for each in reversed(stage.office.log()["receipts"]))
    say.say(f"On this machine: the log of what left, and the answers, {answers}. Both are deleted with this play.")


def _counted(stage: Stage) -> int:
    return sum(1 for _ in lake.records(stage.receiver.bucket))


def _erasure(stage: Stage) -> str:
    (told,) = stage.office.state()["erasures"]
    return "asked, not confirmed yet" if told["state"] == "asked" else str(told["state"])


def _now() -> datetime:
    return datetime.now(timezone.utc)
