"""What a person does with the pool, one method for each wish; the routes only hand the wishes on."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lib_pxl.breed import create
from lib_pxl.breed.portrait import KNOBS as PORTRAIT
from lib_pxl.breed.portrait import Wish, portraits
from lib_pxl.breed.score import SCORES, Grounds
from lib_pxl.errors import HostError, NokenError, ProgramError, PxlError, StoreError, Words
from lib_pxl.hosts.base import Host, Wordbook
from lib_pxl.hosts.desk import Desk
from lib_pxl.hosts.nursery import nursery
from lib_pxl.knobs import Flag, Knob, Text, parse_group
from lib_pxl.noken import evolution
from lib_pxl.noken.breeding import KNOBS as BREEDING
from lib_pxl.noken.evolution import bear, evolve
from lib_pxl.noken.genome import Noken, family_of
from lib_pxl.noken.individual import Individual
from lib_pxl.noken.lineage import MAX_PARENTS, is_hash
from lib_pxl.noken.method import METHODS
from lib_pxl.noken.mutation import ANGLE, NEAR, mutants
from lib_pxl.noken.trend import LATEST, Trend
from lib_pxl.noken.vocabulary import Tables
from lib_pxl.noken.words import near_words
from lib_pxl.store.maps import PREFIX, taken

LITTER = replace(BREEDING["n"], high=64)
KNOWN = 200  # of the pool, the newest, from which novelty is measured
MAX_PAGE, MAX_HASHES = 1000, 10_000


class Hashes(Knob):
    """The nokens that are meant."""

    def parse(self, value: Any, where: str) -> list[str]:
        """Their hashes, each once."""
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_HASHES or not all(map(is_hash, value)):
            raise ProgramError(where, got=value, wanted="a list of nokens' hashes, each of 32 hexadecimal digits")
        return list(dict.fromkeys(value))


NOKENS = Hashes("nokens", "Nokens", "which ones", required=True)
PARENTS = Hashes("parents", "Parents", f"2 to {MAX_PARENTS}", required=True)
PASSED = Hashes("passed", "Passed over", "whom the parents were preferred to")
SEED = replace(BREEDING["seed"], default=None)
LIST = {
    "limit": Knob("limit", "Limit", "how many", 200, low=0, high=MAX_PAGE, whole=True),
    "offset": Knob("offset", "Offset", "after how many", 0, low=0, high=2**53, whole=True),
}
BREED = {
    "parents": PARENTS, "n": LITTER, "seed": SEED, "method": BREEDING["method"], "mix": BREEDING["mix"],
    "angle": replace(ANGLE, default=0.0),
    "passed": PASSED,
}  # fmt: skip
MUTATE = {
    "noken": Text("noken", "Noken", "a noken's hash", required=True), "n": LITTER, "seed": SEED, "angle": ANGLE,
    "towards": Text("towards", "Towards", f"{NEAR!r} for a word near by, or a word"),
    "passed": PASSED,
}  # fmt: skip
CHANGE: dict[str, Knob] = {
    "name": Text("name", "Name", "a name that no other has"),
    "kept": Flag("kept", "Kept", "whether to keep it"),
}
EVOLVE = {
    "parents": PARENTS, **evolution.KNOBS, "seed": SEED,
    "score": Knob("score", "Score", "what survivors are chosen by", "novelty", choices=SCORES),
    "profile": Text("profile", "Whose taste", "the name of a person who has a taste", "me"),
}  # fmt: skip


class Farm:
    """A host's pool, and what its model adds to it."""

    def __init__(self, desk: Desk, host: Host) -> None:
        self.desk, self.host = desk, host
        self.thumbnails = desk.data / "thumbnails"

    @property
    def family(self) -> str:
        """That of the loaded model, or nothing where there is none that nokens fit."""
        try:
            return family_of(self.host.widths())
        except PxlError:
            return ""

    def page(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Some of the pool, the newest first, and what there is to choose from."""
        asked = parse_group(LIST, data, "")
        pool = self.desk.pool
        return {
            "family": self.family, "total": pool.count(), "methods": _listed(METHODS), "scores": _listed(SCORES),
            "nokens": self.cards(pool.alive(asked["limit"], asked["offset"])),
        }  # fmt: skip

    def cards(self, individuals: Sequence[Individual]) -> list[dict[str, Any]]:
        """As the page shows them."""
        family = self.family
        return [self._card(each, family) for each in individuals]

    def card(self, which: str) -> dict[str, Any]:
        """One of them."""
        return self.cards([self.desk.pool.get(which)])[0]

    def details(self, which: str) -> dict[str, Any]:
        """A card, and the words near each vector."""
        card, words = self.card(which), {}
        if card["fits"] and card["deleted"] is None:
            book = self.host.lexicon()
            found = near_words(self.desk.pool.load(which), book.tables, book.text)
            words = {
                letter: [[{"word": each.word, "cosine": round(each.cosine, 4)} for each in row] for row in rows]
                for letter, rows in found.items()
            }
        return {**card, "words": words}

    def new(self, data: Mapping[str, Any]) -> list[dict[str, Any]]:
        """New ones, of what the wish says."""
        asked = parse_group(create.KNOBS, {key: value for key, value in data.items() if value != ""}, "")
        name, text = asked["name"] or "", asked["text"] or ""
        source = asked["from"]
        if source == "random":
            made = create.from_nothing(self._book(), asked["count"], asked["tokens"], _drawn(asked["seed"]), name)
        elif source == "picture":
            data_of = self._picture(asked["picture"])
            made = create.from_picture(data_of, self._book, dict(self._widths()), name)
        elif source == "words":
            made = create.from_words(text, self._book(), name)
        else:
            made = [create.from_prompt(text, self._book(), name)]
        return self._added(made)

    def breed(self, data: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A litter."""
        asked = parse_group(BREED, data, "")
        parents = self._loaded(asked.pop("parents"))
        trend, table = self._trend(parents, asked.pop("passed")), self._tables(parents)
        asked["seed"] = _drawn(asked["seed"])
        return self._added(bear(parents, table=table, trend=trend, **asked))

    def mutate(self, data: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Some that stand aside of one; their seeds follow one another."""
        asked = parse_group(MUTATE, data, "")
        (noken,) = self._loaded([asked["noken"]])
        if asked["towards"] and noken.family != self.family:
            raise HostError(
                "model", got=Words(self.family or "none"), wanted=f"one of {noken.family}, to know its words"
            )
        towards = asked["towards"] if asked["towards"] in (None, NEAR) else self._id(asked["towards"])
        n, seed, table = asked["n"], _drawn(asked["seed"]), self._tables([noken])
        seeds, trend = [(seed + i) % 2**53 for i in range(n)], self._trend([noken], asked["passed"])
        return self._added(mutants([noken] * n, seeds, asked["angle"], table, [towards] * n, trend))

    def change(self, which: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Another name, or a mark."""
        asked = parse_group(CHANGE, {key: value for key, value in data.items() if (key, value) != ("name", "")}, "")
        with self.desk.database.transaction():
            if "name" in data:
                self.desk.pool.rename(which, asked["name"] or "")
            if "kept" in data:
                self.desk.pool.keep(which, asked["kept"])
        return self.card(which)

    def delete(self, data: Mapping[str, Any]) -> list[str]:
        """Out of sight."""
        which: list[str] = parse_group({"nokens": NOKENS}, data, "")["nokens"]
        self.desk.pool.delete(which)
        return which

    def undo(self, data: Mapping[str, Any]) -> list[str]:
        """Back again."""
        which: list[str] = parse_group({"nokens": NOKENS}, data, "")["nokens"]
        self.desk.pool.undo(which)
        return which

    def install(self, which: str) -> dict[str, str]:
        """Save it where the host looks for embeddings."""
        path = self.host.install(self.desk.pool.load(which))
        return {"path": "/".join(path.parts[-3:]), "word": path.stem}

    def file(self, which: str) -> tuple[bytes, str]:
        """The bytes of a textual inversion, and what to call it."""
        noken = self.desk.pool.load(which)
        with tempfile.TemporaryDirectory(prefix="pxl-") as folder:
            path = Path(folder) / "noken.safetensors"
            noken.save(path)
            return path.read_bytes(), f"{noken.name or noken.hash[:12]}.safetensors"

    def bundle(self, which: Sequence[str] | None) -> bytes:
        """The pool as one file, or a part of it."""
        with tempfile.TemporaryDirectory(prefix="pxl-") as folder:
            path = Path(folder) / "pool.safetensors"
            self.desk.pool.export(path, which)
            return path.read_bytes()

    def take(self, data: bytes, name: str = "") -> list[dict[str, Any]]:
        """Somebody's pool or one noken, into the pool."""
        found = create.take(data, self.desk.pool, dict(self._widths()), name or create.NAMELESS)
        return self.cards(found)

    def thumbnail(self, which: str) -> bytes:
        """The picture's bytes."""
        name = self.desk.pool.get(which).thumbnail
        try:
            if name is not None:
                return (self.thumbnails / name).read_bytes()
        except OSError:
            pass
        raise StoreError("thumbnail", got=Words("none"), wanted="one that was drawn")

    def draw(self, data: Mapping[str, Any]) -> str:
        """Thumbnails, in the background."""
        asked = parse_group({"nokens": NOKENS, **PORTRAIT}, data, "")
        which, family = asked.pop("nokens"), self.family
        strangers = [each.family for each in map(self.desk.pool.get, which) if each.family != family]
        if strangers:
            raise HostError("noken of the family", got=strangers[0], wanted=f"{family or 'none'}, the loaded model's")
        steps = portraits(self.host, self.desk.pool, self.thumbnails, which, Wish(**asked))
        return nursery(self.desk.data).begin("draw", steps, len(which))

    def evolve(self, data: Mapping[str, Any]) -> str:
        """Generations, in the background; whoever survives comes into the pool."""
        asked = parse_group(EVOLVE, data, "")
        parents = self._loaded(asked.pop("parents"))
        book, known = self._words_of(parents), self._known(parents)
        latest = self.desk.latest(asked.pop("profile") or "me")
        score = SCORES[asked.pop("score")].build(Grounds(known, book, latest.needed))
        asked["seed"] = _drawn(asked["seed"])
        generations = evolve(parents, score, table=book.tables if book else None, known=known, **asked)
        steps = (self._settled(each) for each in generations)
        return nursery(self.desk.data).begin("evolve", steps, asked["generations"])

    def _added(self, made: Sequence[Noken]) -> list[dict[str, Any]]:
        """Their cards; of a crossover some are alike, or one of the parents."""
        return self.cards(self.desk.pool.add(list(dict.fromkeys(made))))

    def _trend(self, chosen: Sequence[Noken], passed: Sequence[str] | None) -> Trend | None:
        """What a choice by hand says of the way up."""
        others = [each for each in self._loaded((passed or [])[-LATEST:]) if each not in chosen]
        scores = [0.0] * len(others) + [1.0] * len(chosen)
        return Trend([*others, *chosen], scores, self._tables(chosen)) if others else None

    def _settled(self, generation: evolution.Generation) -> list[str]:
        young = {each.hash for each in generation.born}
        return [each.hash for each in self.desk.pool.add([one for one in generation.survivors if one.hash in young])]

    def _card(self, each: Individual, family: str) -> dict[str, Any]:
        told = each.lineage
        return {
            "hash": each.hash, "name": each.name, "family": each.family, "tokens": each.tokens, "kept": each.kept,
            "thumbnail": self._address(each), "created": each.created, "deleted": each.deleted,
            "generation": told.generation, "operator": told.operator, "parents": list(told.parents),
            "seed": told.seed, "amounts": list(told.amounts), "fits": each.family == family,
        }  # fmt: skip

    def _address(self, each: Individual) -> str | None:
        """Another one as soon as the picture is, so that browsers may keep what they have."""
        if each.thumbnail is None:
            return None
        try:
            version = (self.thumbnails / each.thumbnail).stat().st_mtime_ns
        except OSError:
            return None
        return f"/pxl/v1/nokens/{each.hash}/thumbnail?v={version:x}"

    def _picture(self, given: str | None) -> bytes:
        if given is None:
            raise ProgramError("picture", got=None, wanted=create.KNOBS["picture"].help)
        if given.startswith(PREFIX):
            return self.desk.maps.read(given[len(PREFIX) :])
        return taken(given, [])

    def _loaded(self, which: Sequence[str]) -> list[Noken]:
        return [self.desk.pool.load(each) for each in which]

    def _known(self, parents: Sequence[Noken]) -> list[Noken]:
        """Those from which novelty is measured: the parents, and the newest of their family that can be read."""
        family = parents[0].family
        others = [each for each in self.desk.pool.alive(KNOWN) if each.family == family]
        return [*parents, *self._loaded([each.hash for each in others if each.hash not in {p.hash for p in parents}])]

    def _widths(self) -> Mapping[str, int]:
        return self.host.widths() if self.family else {}

    def _book(self) -> Wordbook:
        if not self.family:
            raise HostError("model", got=Words("none that nokens fit"), wanted="an SD1, SD2 or SDXL model, loaded")
        return self.host.lexicon()

    def _tables(self, nokens: Sequence[Noken]) -> Tables | None:
        book = self._words_of(nokens)
        return book.tables if book else None

    def _words_of(self, nokens: Sequence[Noken]) -> Wordbook | None:
        """The loaded model's, where the nokens are of its family."""
        return self.host.lexicon() if nokens[0].family == self.family else None

    def _id(self, word: str) -> int:
        ids = self._book().ids(word)
        if len(ids) != 1:
            raise NokenError("towards", got=word, wanted=f"{NEAR!r}, or a word that is one token, not {len(ids)}")
        return ids[0]


def _drawn(seed: int | None) -> int:
    return secrets.randbelow(2**32) if seed is None else seed


def _listed(choices: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"value": value, "label": each.label, "help": each.help} for value, each in choices.items()]
