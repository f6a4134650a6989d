"""What a person does about sharing, one method for each wish; the routes and the command only hand the wishes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

from lib_pxl.errors import ProgramError, ShareError, Words
from lib_pxl.knobs import Knob, parse_group
from lib_pxl.share import consent, fields
from lib_pxl.share.erasure import Erasure
from lib_pxl.share.outbox import lines_of
from lib_pxl.share.record import line
from lib_pxl.share.sharer import Sharer, describe
from lib_pxl.share.target import KNOBS as PLACE
from lib_pxl.share.target import Target
from lib_pxl.sharing.collect import collect, drafts, is_meant
from lib_pxl.sharing.tour import Tour, sharer
from lib_pxl.taste.opinions import Opinions

EXAMPLES = 3
RECENT = 20  # of what has left, among which the page looks for what is on its way
UNSENT = "0" * 32  # in place of a key that there is not yet
MAX_NAMES = 10_000


class Names(Knob):
    """What is meant: keys of records or names of batches."""

    def parse(self, value: Any, where: str) -> list[str]:
        """Each once."""
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_NAMES or not all(map(_is_name, value)):
            raise ProgramError(where, got=value, wanted="a list of names of 32 hexadecimal digits each")
        return list(dict.fromkeys(value))


KEYS = {"keys": Names("keys", "Keys", "which records", required=True)}
BATCHES = {"batches": Names("batches", "Batches", "which ones", required=True)}
ASKED = ("version", "fields", "target")


class Office:
    """One profile's; nothing is opened or made before it is needed."""

    def __init__(self, tour: Tour, profile: str = "me") -> None:
        self.tour, self.profile = tour, profile

    @property
    def sharer(self) -> Sharer:
        """What was agreed to and what is to leave."""
        return sharer(self.tour, self.profile)

    @property
    def opinions(self) -> Opinions:
        """Those that could be shared."""
        return Opinions(self.tour.database, self.profile)

    def state(self) -> dict[str, Any]:
        """All that the tab shows but for the records."""
        own = self.sharer
        agreed = own.consents.current()
        return {
            "closed": self.tour.closed(), "answer": own.consents.answer(),
            "version": consent.VERSION, "text": consent.TEXT,
            "fields": {name: [_knob(each) for each in knobs.values()] for name, knobs in fields.GROUPS.items()},
            "place": [_knob(each) for each in PLACE.values()],
            "agreed": agreed and {"fields": sorted(agreed.fields), "target": agreed.target.format(),
                                  "name": agreed.target.name, "rater": agreed.rater, "since": agreed.since},
            "waiting": own.outbox.waiting(), "struck": own.outbox.struck_keys(),
            "batches": [describe(each) for each in own.outbox.batches()],
            "leaving": [describe(each) for each in own.outbox.log(RECENT) if each.state == "leaving"],
            "left": bool(own.places()),
            "erasures": [_erasure(each) for each in own.erasures.all()],
        }  # fmt: skip

    def example(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """What a yes to these fields would put into the outbox: the newest records as they would leave."""
        chosen = fields.parse_fields(data.get("fields", {}))
        opinions = self.opinions
        meant = [(key, each) for key, each in opinions.keyed() if is_meant(each, chosen)]
        made = drafts(opinions, reversed(meant), chosen)
        return {"count": len(meant), "lines": [line(each.record, UNSENT).decode() for each in islice(made, EXAMPLES)]}

    def agree(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """A yes to the text of that version, with these fields and this place."""
        for name in data:
            if name not in ASKED:
                raise ShareError("consent", got=name, wanted=", ".join(ASKED))
        if data.get("version") != consent.VERSION:
            got = data.get("version")
            raise ShareError("version of the text", got=got, wanted=f"{consent.VERSION}, that of the text as it is now")
        chosen = fields.parse_fields(data.get("fields", {}))
        self.sharer.agree(chosen, Target.parse(data.get("target", {})))
        self.tour.wake()
        return self.state()

    def refuse(self) -> dict[str, Any]:
        """A no, which ends a yes too."""
        self.sharer.refuse()
        return self._broken_off()

    def withdraw(self) -> dict[str, Any]:
        """The end of it: nothing more leaves, nothing waits."""
        self.sharer.withdraw()
        return self._broken_off()

    def erase(self) -> dict[str, Any]:
        """The end of it, and the wish that what was sent is forgotten, wherever it was sent to."""
        self.sharer.check_open()
        places = self.sharer.erase()
        return {**self._broken_off(), "places": places}

    def _broken_off(self) -> dict[str, Any]:
        """What is under way is cut; what other profiles share, and erasures, go on."""
        self.tour.courier.stop()
        self.tour.wake()
        return self.state()

    def prepare(self) -> dict[str, Any]:
        """Take up all opinions that are new, and make the batches as they would leave."""
        collect(self.sharer, self.opinions)
        self.sharer.pack()
        return self.state()

    def batch(self, which: str) -> dict[str, Any]:
        """Exactly what is in one: its lines, its size and its sum."""
        own = self.sharer.outbox
        data = own.data(which)
        envelope, *records = lines_of(data)
        digest = hashlib.sha256(data).hexdigest()
        return {**describe(own.get(which)), "envelope": envelope, "lines": records, "sha256": digest}

    def strike(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Keep records from ever leaving; those beside them are packed anew."""
        if not self.sharer.outbox.strike(parse_group(KEYS, data, "")["keys"]):
            raise ShareError("record", got=Words("none of those"), wanted="one that has not left")
        self.sharer.pack()
        return self.state()

    def spare(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Take struck records up again."""
        self.sharer.outbox.spare(parse_group(KEYS, data, "")["keys"])
        return self.prepare()

    def send(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Let these batches leave."""
        self.sharer.release(parse_group(BATCHES, data, "")["batches"])
        return self.hurry()

    def hurry(self) -> dict[str, Any]:
        """Try at once what waits for its next try, be it a batch or an erasure."""
        own = self.sharer
        own.check_open()
        own.outbox.hurry()
        own.erasures.hurry()
        self.tour.wake()
        return self.state()

    def log(self, before: str = "") -> dict[str, Any]:
        """All that ever left, the newest first, and every answer that was given."""
        own = self.sharer
        batches = [describe(each) for each in own.outbox.log(before=before)]
        return {"batches": batches, "receipts": own.consents.receipts()}

    def key(self) -> tuple[str, str]:
        """The key's text for another machine, and what to call the file."""
        own = self.sharer
        rater = own.consents.rater()
        if not rater:
            raise ShareError("key", got=Words("none"), wanted="a yes first, with which one is made")
        return own.keys.export(rater), f"pxl-{rater[:8]}.key"


def _knob(knob: Knob) -> dict[str, Any]:
    told: dict[str, Any] = {"name": knob.name, "label": knob.label, "help": knob.help}
    choices = [{"value": name, "label": each.label, "help": each.help} for name, each in knob.choices.items()]
    return {**told, "choices": choices} if choices else told


def _erasure(given: Erasure) -> dict[str, Any]:
    told = {name: getattr(given, name) for name in ("rater", "state", "wanted", "confirmed", "due", "error")}
    return {**told, "target": Target.parse(json.loads(given.target)).name}


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 32 and not set(value) - set("0123456789abcdef")
