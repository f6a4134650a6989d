"""The nokens that a job's prompts name: found, and said to the host as words of its own in their places."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from lib_pxl.control.curve import Curve
from lib_pxl.errors import NokenError, StoreError, Words
from lib_pxl.hosts.base import Host
from lib_pxl.hosts.job import Nokens
from lib_pxl.noken.carry import halved, pack, unpack
from lib_pxl.noken.genome import Noken
from lib_pxl.noken.mention import Mention, mentions, mixed, replaced, swapped, word
from lib_pxl.noken.path import between
from lib_pxl.noken.pool import Pool

Attempt = Callable[[], contextlib.AbstractContextManager[object]]
EVENLY = "0:0, 1:1"  # how A becomes B where nothing is said


@dataclass(frozen=True)
class Morph:
    """A noken that becomes another along a curve; in the prompt it is one word, whose vectors change."""

    a: Noken
    b: Noken
    curve: Curve

    @property
    def word(self) -> str:
        """Of its own, since the host keeps what it has made of a word."""
        told = f"{self.a.hash}~{self.b.hash}@{self.curve.format()}"
        return word(hashlib.sha256(told.encode()).hexdigest()[:32])

    def at(self, u: float) -> Noken:
        """The noken at this progress."""
        return between(self.a, self.b, float(self.curve(torch.tensor(float(u)))))

    @property
    def longest(self) -> Noken:
        """The noken where it has most tokens, which is at one end of its mixes."""
        mixes = [key.value for key in self.curve.keys]
        return max((between(self.a, self.b, mix) for mix in (min(mixes), max(mixes))), key=len)


class Speech:
    """The nokens of one job; `say` turns a batch's prompts into what the host is to read."""

    def __init__(self, host: Host, pool: Callable[[], Pool], asked: Nokens) -> None:
        self.host, self.pool, self.asked = host, pool, asked
        self.morphs: dict[str, Morph] = {}  # in the prompts of this batch, by their words
        self._named: dict[str, Noken] = {}  # of the whole job
        self._lent: dict[str, Noken] = {}
        self._longest: dict[str, str] = {}  # by a morph's word, that of the morph at its longest
        self._damage: NokenError | None = None  # of what a picture carried

    @property
    def told(self) -> Nokens:
        """What the infotext says of the nokens: each name's hash, and the vectors where they are to be carried."""
        hashes = {name: each.hash for name, each in self._named.items()}
        carried = tuple(dict.fromkeys(map(pack, self._named.values()))) if self.asked.carry else ()
        return replace(self.asked, hashes=hashes, vectors=carried, instead=None, mix=None)

    def say(self, prompts: Sequence[Sequence[str]], attempt: Attempt = contextlib.nullcontext) -> list[list[str]]:
        """The prompts with a word of ours in place of each mention; the words are the host's until it forgets.

        Each mention is said inside an `attempt`; where that catches, nothing stands in the mention's place.
        """
        self.host.forget()
        self._lent, self.morphs, self._longest = {}, {}, {}

        def word(body: str, before: str) -> str:
            with attempt():
                return self._word(body, before)
            return ""

        return [[replaced(text, word) for text in texts] for texts in prompts]

    def lend(self, noken: Noken, name: str = "") -> str:
        """The word that now stands for a noken."""
        name = name or word(noken.hash)
        if name not in self._lent:
            self.host.embed(name, noken.vectors)
            self._lent[name] = noken
        return name

    def lend_again(self) -> None:
        """Another model has been loaded, such as a refiner, and with it the words are gone: lend those that fit.

        A morph is nearly done by then, so it is said as it ends.
        """
        lent, self._lent = self._lent, {}
        self.host.forget()
        widths = self.host.widths()
        for name, noken in lent.items():
            noken = self.morphs[name].at(1) if name in self.morphs else noken
            if widths.items() <= noken.widths.items():
                self.host.embed(name, {letter: noken.vectors[letter] for letter in widths})

    def _word(self, body: str, before: str) -> str:
        mention = Mention.parse(body)
        first = self._noken(mention.name)
        if not mention.other:
            return self._read(self.lend(first), before)
        curve = Curve.parse(mention.curve or EVENLY, f"curve of <noken:{body[:80]}>")
        morph = Morph(first, self._noken(mention.other), curve)
        if len(curve.keys) == 1:
            return self._read(self.lend(morph.at(0)), before)
        self._longest[morph.word] = self._read(self.lend(morph.longest), before)
        self.morphs[morph.word] = morph
        return self.lend(morph.at(0), morph.word)

    def _read(self, name: str, before: str) -> str:
        """The word, once it is clear that the host reads it behind this text, with each morph at its longest."""
        for morph, longest in self._longest.items():
            before = before.replace(morph, longest)
        self.host.check_room(f"{before} {name}")
        return name

    def _noken(self, name: str) -> Noken:
        if name not in self._named:
            found = self._found(name)
            widths = dict(self.host.widths())
            if found.widths != widths:
                wanted = f"one of the loaded model's family, {'+'.join(f'{k}{v}' for k, v in widths.items())}"
                raise NokenError(f"noken {name}", got=Words(f"one for {found.family}"), wanted=wanted)
            self._named[name] = halved(found) if self.asked.carry else found
        return self._named[name]

    def _found(self, name: str) -> Noken:
        """The one that a pasted picture means, whatever it is called here; else the pool's of that name or hash."""
        which = self.asked.hashes.get(name)
        if which is None:
            return self.pool().load(self.pool().named(name).hash)
        if which in self._carried:
            return self._carried[which]
        try:
            known = self.pool().get(which)
        except StoreError:
            known = None
        if known is None or known.deleted is not None:
            if self._damage is not None:
                raise self._damage
            got = "another one of that name" if self.pool().find(name) else "none in the pool"
            raise NokenError(f"noken {name}", got=Words(got), wanted=f"that of the picture, whose hash is {which}")
        return self.pool().load(which)

    @cached_property
    def _carried(self) -> dict[str, Noken]:
        sound = []
        for text in self.asked.vectors:
            try:
                sound.append(unpack(text))
            except NokenError as problem:
                self._damage = problem  # told where one that the prompt names is not among the others
        return {each.hash: each for each in sound}


def silent(prompts: Sequence[Sequence[str]]) -> list[list[str]]:
    """The prompts without their mentions."""
    return [[replaced(text, lambda body, before: "") for text in texts] for texts in prompts]


def revised(asked: Nokens, prompts: Mapping[str, Sequence[str]], main: Collection[str]) -> dict[str, list[str]]:
    """The prompts as an X/Y/Z grid's axes have them: a noken in every mention's place, a mix in every A~B's.

    Where there is no mention at all, the noken is put behind those prompts that are `main`.
    """
    made = {kind: list(texts) for kind, texts in prompts.items()}
    if asked.instead is not None:
        said = Mention.parse(asked.instead).format()
        if _bodies(made):
            made = {kind: [swapped(text, asked.instead) for text in texts] for kind, texts in made.items()}
        else:
            made |= {kind: [f"{text}, {said}" if text else said for text in made[kind]] for kind in main}
    if asked.mix is not None:
        if not any("~" in body for body in _bodies(made)):
            raise NokenError("noken mix", got=Words("prompts without one"), wanted="<noken:A~B> in them")
        made = {kind: [mixed(text, asked.mix) for text in texts] for kind, texts in made.items()}
    return made


def _bodies(prompts: Mapping[str, Sequence[str]]) -> list[str]:
    return [body for texts in prompts.values() for text in texts for body in mentions(text)]
