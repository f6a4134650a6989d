"""What a person does with the taste, one method for each wish; the routes only hand the wishes on."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lib_pxl.errors import StoreError, TasteError, Words
from lib_pxl.hosts.base import Host
from lib_pxl.hosts.desk import Desk
from lib_pxl.hosts.recorder import Finished, record
from lib_pxl.judging import wish
from lib_pxl.judging.duel import Duels
from lib_pxl.judging.learned import Learned
from lib_pxl.judging.make import making, orders
from lib_pxl.judging.picture import Pictures, content_of
from lib_pxl.judging.think import analyzed, proposed, ranked
from lib_pxl.judging.work import Progress, worker
from lib_pxl.knobs import Knob, one_of, parse_group
from lib_pxl.taste.exchange import export, take
from lib_pxl.taste.features import CHANCE
from lib_pxl.taste.folder import gather
from lib_pxl.taste.latest import Latest
from lib_pxl.taste.opinion import Duel, Item, Opinion, Rating
from lib_pxl.taste.opinions import Opinions
from lib_pxl.taste.record import Record
from lib_pxl.taste.shelf import Filter, Found, Shelf
from lib_pxl.taste.template import ready

ENOUGH = 2  # pictures, of which it is worth counting whether they are there
KNOWN = 500  # judged items whose words are tried in a prompt
FORMATS = {"jsonl": "application/x-ndjson", "csv": "text/csv"}
Told = dict[str, Any]
CHANGES: dict[str, tuple[dict[str, Knob], Callable[..., None]]] = {
    "add": (wish.NAME, Opinions.add_category),
    "rename": (wish.RENAME, Opinions.rename_category),
    "merge": (wish.MERGE, Opinions.merge_categories),
    "part": (wish.NAME, Opinions.part_category),
    "retire": (wish.NAME, Opinions.retire_category),
}


class Person:
    """A profile's opinions, and what was learned of them."""

    def __init__(self, opinions: Opinions, latest: Latest, is_seen: Callable[[Record], bool]) -> None:
        self.opinions, self.shelf, self.latest = opinions, Shelf(opinions), latest
        self.learned, self.duels = Learned(opinions, latest), Duels(self.shelf, is_seen)


class Judge:
    """A host's pictures, and the people who judge them."""

    def __init__(self, desk: Desk, host: Host) -> None:
        self.desk, self.host, self.pictures = desk, host, Pictures(desk, host)
        self._people: dict[str, Person] = {}

    def overview(self, data: Mapping[str, Any]) -> Told:
        """Who there is, what for, how much, and what is under way."""
        person = self._person(parse_group(wish.PROFILE, data, ""))
        categories = person.opinions.categories()
        return {
            "profile": person.opinions.profile, "profiles": person.opinions.profiles(),
            "pictures": person.shelf.count(ENOUGH), "opinions": sum(each.opinions for each in categories),
            "categories": [each._asdict() for each in categories], "work": self.work(data),
        }  # fmt: skip

    def work(self, data: Mapping[str, Any]) -> Told:
        """How far the work in the background is, with what it made for this person."""
        return worker(self.desk.data).describe(parse_group(wish.PROFILE, data, "")["profile"] or "me")

    def page(self, data: Mapping[str, Any]) -> Told:
        """Some of the pictures, the newest first."""
        asked = parse_group(wish.PROFILE | wish.LIST, data, "")
        person, wanted = self._person(asked), Filter(**{name: asked[name] or "" for name in Filter._fields})
        found, after = person.shelf.page(wanted, asked["limit"], asked["before"])
        return {"pictures": self._cards(person, found), "next": after}

    def filters(self, data: Mapping[str, Any]) -> Told:
        """By what pictures can be chosen."""
        shelf = self._person(parse_group(wish.PROFILE, data, "")).shelf
        return {"sittings": shelf.names("sitting"), "models": sorted(shelf.names("checkpoint"))}

    def find(self, data: Mapping[str, Any]) -> Told:
        """The card of the picture at a path, as a host's gallery shows it; None where it was not recorded."""
        asked = parse_group(wish.PROFILE | wish.FIND, data, "")
        person = self._person(asked)
        path = str(Path(asked["path"]).absolute()) if asked["path"] else ""
        found = person.shelf.picture(path, asked["hash"] or "")
        return {"picture": self._cards(person, [found])[0] if found else None}

    def record(self, data: Mapping[str, Any]) -> Told:
        """Make an item of a picture that was made without the switch, as its infotext tells of it."""
        asked = parse_group(wish.PROFILE | wish.ONE, data, "")
        person, path = self._person(asked), self.pictures.place(asked["path"], asked["hash"] or "")
        told = gather([path], person.opinions, self.desk.thumbnails)
        found = person.shelf.picture(str(path), content_of(path))
        if found is None:
            got = Words(told.reasons[0] if told.reasons else "one that does not say how it was made")
            raise TasteError("picture", got=got, wanted="one with its prompt inside, as the hosts save them")
        return {"picture": self._cards(person, [found])[0]}

    def gather(self, data: Mapping[str, Any]) -> Told:
        """Make items of all pictures in a folder, in the background."""
        asked = parse_group(wish.PROFILE | wish.PLACE, data, "")
        person, path = self._person(asked), self.pictures.place(asked["path"])

        def act(progress: Progress) -> str:
            return ". ".join(gather([path], person.opinions, self.desk.thumbnails, progress=progress).spoken())

        return {"work": worker(self.desk.data).begin("import", act)}

    def details(self, which: str, data: Mapping[str, Any]) -> Told:
        """All that is known of a picture."""
        return self.pictures.details(self._person(parse_group(wish.PROFILE, data, "")).opinions.get(which))

    def thumbnail(self, which: str, data: Mapping[str, Any]) -> tuple[bytes, str]:
        """The small picture."""
        return self.pictures.thumbnail(self._person(parse_group(wish.PROFILE, data, "")).opinions.get(which))

    def image(self, which: str, data: Mapping[str, Any]) -> tuple[bytes, str]:
        """The whole one."""
        return self.pictures.image(self._person(parse_group(wish.PROFILE, data, "")).opinions.get(which))

    def rate(self, data: Mapping[str, Any]) -> Told:
        """Stars, or none any more."""
        asked = parse_group(wish.PROFILE | wish.RATE, data, "")
        person = self._person(asked)
        if asked["value"] is None:
            return {"key": None, "withdrawn": person.opinions.withdraw(asked["item"], asked["category"])}
        rating = Rating(asked["item"], asked["category"], asked["value"], sitting=asked["sitting"] or "")
        return self._judged(person, rating)

    def duel(self, data: Mapping[str, Any]) -> Told:
        """The answer to a duel."""
        asked = parse_group(wish.PROFILE | wish.DUEL, data, "")
        sides = asked["first"], asked["second"], asked["category"]
        return self._judged(self._person(asked), Duel(*sides, asked["winner"], sitting=asked["sitting"] or ""))

    def next(self, data: Mapping[str, Any]) -> Told:
        """The duels to ask next."""
        asked = parse_group(wish.PROFILE | wish.NEXT, data, "")
        person = self._person(asked)
        how = asked["category"], asked["n"], _drawn(asked["seed"]), asked["avoid"]
        pairs = person.duels.next(person.latest.sound(), *how)
        return {"pairs": [[self.pictures.card((0, each), {}) for each in pair] for pair in pairs]}

    def undo(self, data: Mapping[str, Any]) -> Told:
        """Take back the last opinion, or that of a key."""
        asked = parse_group(wish.PROFILE | wish.UNDO, data, "")
        undone = self._person(asked).opinions.undo(asked["key"] or "")
        return {"undone": None if undone is None else {"kind": type(undone).__name__.lower(), **undone.__dict__}}

    def change(self, how: str, data: Mapping[str, Any]) -> Told:
        """Add, rename, merge, part or retire a category."""
        knobs, act = CHANGES[how]
        asked = parse_group(wish.PROFILE | knobs, data, "")
        person = self._person(asked)
        act(person.opinions, *(asked[name] for name in knobs))
        return {"categories": [each._asdict() for each in person.opinions.categories()]}

    def fit(self, data: Mapping[str, Any]) -> Told:
        """Learn, in the background."""
        person = self._person(parse_group(wish.PROFILE, data, ""))
        return {"work": worker(self.desk.data).begin("train", person.learned.train, person.opinions.profile)}

    def status(self, data: Mapping[str, Any]) -> Told:
        """What was learned, how well, and how many opinions are newer."""
        asked = parse_group(wish.PROFILE | wish.CATEGORY, data, "")
        person = self._person(asked)
        told, count = person.learned.told(), sum(each.opinions for each in person.opinions.categories())
        lessons = person.learned.lessons(asked["category"])
        return {"taste": told, "opinions": count, "new": count - (told or {"opinions": 0})["opinions"], **lessons}

    def rank(self, data: Mapping[str, Any]) -> Told:
        """Prompts in their order."""
        asked = parse_group(wish.PROFILE | wish.RANK, data, "")
        person = self._person(asked)
        found = ranked(person.latest.needed(), asked["prompts"], self._settings(person, asked), asked["category"])
        return {"ranked": found}

    def analyze(self, data: Mapping[str, Any]) -> Told:
        """A prompt part by part."""
        asked = parse_group(wish.PROFILE | wish.ANALYZE, data, "")
        person = self._person(asked)
        known, settings = person.opinions.judged()[-KNOWN:], self._settings(person, asked)
        return analyzed(person.latest.needed(), asked["prompt"] or "", settings, asked["category"], known)

    def propose(self, data: Mapping[str, Any]) -> Told:
        """What to make next."""
        asked = parse_group(wish.PROFILE | wish.PROPOSE, data, "")
        person = self._person(asked)
        how = {name: asked[name] for name in ("n", "novelty", "boldness")} | {"seed": _drawn(asked["seed"])}
        settings, template = self._settings(person, asked), asked["template"] or ready()
        taste, folders = person.latest.needed(), self.host.wildcards
        found = proposed(taste, template, settings, asked["category"], folders, **how)
        return {"seed": how["seed"], "template": template, "proposals": found}

    def generate(self, data: Mapping[str, Any]) -> Told:
        """Make pictures of prompts, in the background; each is recorded, whatever the switch says."""
        asked = parse_group(wish.PROFILE | wish.GENERATE, data, "")
        person = self._person(asked)
        newest, made = person.opinions.records(1), list[Told]()
        negative = asked["negative"] if asked["negative"] is not None else newest[0][1].item.negative if newest else ""

        def keep(finished: Finished) -> None:
            finished = replace(finished, template=asked["template"] or "")
            which = record(person.opinions, self.desk.thumbnails, finished).item.id
            made.extend(self._cards(person, [person.shelf.item(which)]))

        wanted = orders(asked["prompts"], negative, self._settings(person, asked), _drawn(asked["seed"]))
        act, whose = making(wanted, self.host.make, keep), asked["profile"] or "me"
        return {"work": worker(self.desk.data).begin("generate", act, made=made, whose=whose)}

    def take(self, data: bytes, kind: str, profile: str | None) -> Told:
        """Opinions from a file, in the background."""
        person = self._person({"profile": profile})
        name = f"opinions.{_format(kind)}"

        def act(progress: Progress) -> str:
            with tempfile.TemporaryDirectory(prefix="pxl-") as folder:
                path = Path(folder) / name
                path.write_bytes(data)
                return f"{take(person.opinions, path, progress):,} opinions are new."

        return {"work": worker(self.desk.data).begin("import", act)}

    def give(self, kind: str, profile: str | None) -> tuple[bytes, str, str]:
        """All opinions as a file, its name, and its content type."""
        person = self._person({"profile": profile})
        with tempfile.TemporaryDirectory(prefix="pxl-") as folder:
            path = Path(folder) / f"opinions.{_format(kind)}"
            export(person.opinions, path)
            return path.read_bytes(), f"pxl-{path.name}", FORMATS[kind]

    def _person(self, asked: Mapping[str, Any]) -> Person:
        profile = asked["profile"] or "me"
        if profile not in self._people:
            opinions = self.desk.opinions(profile)
            self._people[profile] = Person(opinions, self.desk.latest(profile), self.pictures.is_seen)
        return self._people[profile]

    def _cards(self, person: Person, found: Sequence[Found]) -> list[Told]:
        stars = person.shelf.stars([number for number, _ in found])
        return [self.pictures.card(each, stars) for each in found]

    def _judged(self, person: Person, opinion: Opinion) -> Told:
        key = secrets.token_hex(8)
        person.opinions.judge_all([(key, opinion)])
        return {"key": key}

    def _settings(self, person: Person, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Those given, or those of the newest picture."""
        if asked["settings"] is not None:
            return Item("prompt", settings=asked["settings"]).settings
        newest = person.opinions.records(1)
        told = newest[0][1].item.settings if newest else {}
        return {name: value for name, value in told.items() if name.lower() not in CHANCE}


def _drawn(seed: int | None) -> int:
    return secrets.randbelow(2**32) if seed is None else seed


def _format(kind: str) -> str:
    if kind not in FORMATS:
        raise StoreError("format", got=kind, wanted=one_of(FORMATS, kind))
    return kind
