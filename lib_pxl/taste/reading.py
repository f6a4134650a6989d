"""A prompt as a person who knows the WebUI reads it: words with their weights and places, and the phrases between."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import NamedTuple

UP = math.log(1.1)  # what a pair of brackets does to the logarithm of a weight
LEAST, MOST = 0.1, 4.0  # weights
_number = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_token = re.compile(
    # A sign that is no punctuation is a word, as an emoji is.
    rf"""(?P<word>\\[()\[\]]|\w[\w'’-]*|[^\s\w!-/:-@\[-`{{-~])
    | <(?P<network>[^<>:]{{1,40}}:[^<>:]{{1,200}})(?::\s*(?P<amount>{_number})?[^<>]{{0,80}})?>
    | :\s*(?P<weight>{_number})\s*(?P<end>[)\]])
    | (?P<open>[(\[]) | (?P<close>[)\]]) | (?P<border>[,;.|\n{{}}])""",
    re.VERBOSE,
)
_CLOSING = {"(": ")", "[": "]"}
_BORDERS = {"BREAK", "AND"}


class Reading(NamedTuple):
    """The words of a prompt, each once, where it first stands, and pairs of neighbours by their places among them."""

    words: tuple[str, ...]
    weights: tuple[float, ...]
    neighbours: tuple[tuple[int, int], ...]
    length: int  # in words, repeated ones too
    phrases: int


class Span(NamedTuple):
    """Where a word stands in a prompt."""

    word: str
    start: int
    end: int


def runs(prompt: str) -> list[list[Span]]:
    """Every word where it stands, repeated ones too, in runs of words with nothing but blanks between."""
    found: list[list[Span]] = []
    end, alone = 0, True
    for each in _token.finditer(prompt):
        network = bool(each["network"])
        if not network and (each.lastgroup != "word" or each["word"] in _BORDERS or each["word"][0] == "\\"):
            continue
        if alone or network or prompt[end : each.start()].strip(" \t"):
            found.append([])
        found[-1].append(Span(_network(each) if network else each["word"].lower(), *each.span()))
        end, alone = each.end(), network
    return found


@lru_cache(maxsize=1 << 14)
def read(prompt: str) -> Reading:
    """Read `(word:1.2)`, `((word))`, `[word]`, escaped brackets, `<lora:name:0.8>`, `BREAK`, `AND` and commas."""
    reader = _Reader()
    for found in _token.finditer(prompt):
        kind = found.lastgroup
        if kind == "word" and found["word"] not in _BORDERS:
            if found["word"][0] != "\\":
                reader.put(found["word"].lower())
        elif kind == "open":
            reader.opened.append((_CLOSING[found["open"]], len(reader.places)))
        elif kind == "close":
            reader.close(found["close"], UP if found["close"] == ")" else -UP)
        elif kind == "end":  # `(word:1.2)` is a weight; `[a:b:0.5]` a change over the steps, which weighs nothing
            reader.close(found["end"], math.log(_within(float(found["weight"]))) if found["end"] == ")" else 0.0)
        else:
            reader.fresh = True
            if found["network"]:
                reader.put(_network(found), _within(float(found["amount"] or 1.0)))
                reader.fresh = True
    return reader.done()


class _Reader:
    """What has been read so far."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.places: list[int] = []  # of the words in the text's order
        self.neighbours: dict[tuple[int, int], None] = {}
        self.opened: list[tuple[str, int]] = []  # brackets: what closes each, and at which word it began
        self.changes: dict[int, float] = {}  # of the logarithm of the weight, from this word on
        self.own: dict[int, float] = {}
        self.phrases, self.fresh = 0, True

    def put(self, word: str, weight: float | None = None) -> None:
        place = self.known.setdefault(word, len(self.known))
        if self.fresh:
            self.phrases, self.fresh = self.phrases + 1, False
        elif place != self.places[-1]:
            self.neighbours[self.places[-1], place] = None
        self.places.append(place)
        if weight is not None:
            self.own[place] = weight

    def close(self, bracket: str, change: float) -> None:
        if self.opened and self.opened[-1][0] == bracket:
            for at, by in ((self.opened.pop()[1], change), (len(self.places), -change)):
                self.changes[at] = self.changes.get(at, 0.0) + by

    def done(self) -> Reading:
        for bracket in [bracket for bracket, _ in reversed(self.opened)]:  # the WebUI closes them at the end
            self.close(bracket, UP if bracket == ")" else -UP)
        weights, level = [0.0] * len(self.known), 0.0
        for at, place in enumerate(self.places):  # a word has the largest of its weights
            level += self.changes.get(at, 0.0)
            weights[place] = max(weights[place], _within(math.exp(min(max(level, -9.0), 9.0))))
        for place, weight in self.own.items():
            weights[place] = weight
        return Reading(tuple(self.known), tuple(weights), tuple(self.neighbours), len(self.places), self.phrases)


def _network(found: re.Match[str]) -> str:
    return f"<{found['network'].strip().lower()}>"


def _within(weight: float) -> float:
    return min(max(weight, LEAST), MOST)
