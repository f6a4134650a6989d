"""A prompt typed by hand, part by part: what pulls it up or down, and what is known to do better in its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any, NamedTuple

from lib_pxl.taste.explain import DOUBT, Pull, explain, together
from lib_pxl.taste.features import GRAMMAR, traits
from lib_pxl.taste.model import Taste
from lib_pxl.taste.opinion import OVERALL, Item
from lib_pxl.taste.reading import runs

NAMED = 3  # alternatives of a part
TRIED, IN_ALL = 30, 600  # alternatives of a part, those that score best alone, and of all parts
LIKELY = 0.8  # to do better, before it is named
LONGEST = 4  # words of a phrase
SEEN, BESIDE = 2000, 200  # items known whose words, and whose settings, are looked at: the last ones

Frame = tuple[str, str, bool]  # what stands before and after, and whether it begins the prompt


class Instead(NamedTuple):
    """What may stand in a part's place, and what the whole would gain by it."""

    label: str
    gain: float
    std: float
    sure: bool


class Part(NamedTuple):
    """A word, a phrase or a setting, and what it adds; `start` and `end` are its place, and -1 for a setting."""

    label: str
    mean: float
    std: float
    sure: bool
    start: int
    end: int
    instead: tuple[Instead, ...] = ()


class Analysis(NamedTuple):
    """The score of it all, and its parts in the order of the text, settings last."""

    mean: float
    std: float
    parts: list[Part]


class _Stretch(NamedTuple):
    words: tuple[str, ...]
    start: int
    end: int
    frame: Frame


Swap = tuple[str, Item]  # what stands there now, and the whole with it


def analyze(
    taste: Taste, prompt: str, settings: Mapping[str, Any], category: str = OVERALL, known: Sequence[Item] = ()
) -> Analysis:
    """Take a prompt apart; of the items known, as those judged, what stood in a like place is tried instead."""
    item, others = Item("prompt", prompt, settings=settings), known[-SEEN:]
    mean, std = (float(each[0]) for each in taste.score([item], category))
    stretches = list(_stretches(prompt))
    pulls = together(taste, item, [each.words for each in stretches], category)
    parts = [_part(pull, each.start, each.end) for pull, each in zip(pulls, stretches, strict=True)]
    swaps = _other_words(taste, item, stretches, others, category)
    names = {trait.label: name for name, value in settings.items() for trait in traits({name: value})[:1]}
    for pull in explain(taste, item, category, others[-BESIDE:]):
        if pull.label in names:
            parts.append(_part(pull, -1, -1))
            swaps.append(_other_values(item, names[pull.label], others))
    better = _better(taste, item, swaps, category)
    return Analysis(mean, std, [part._replace(instead=found) for part, found in zip(parts, better, strict=True)])


def _part(pull: Pull, start: int, end: int) -> Part:
    return Part(pull.label, pull.mean, pull.std, pull.sure, start, end)


def _stretches(prompt: str) -> Iterator[_Stretch]:
    """Phrases of a few words, and words that say something."""
    for number, run in enumerate(runs(prompt)):
        words = tuple(span.word for span in run)
        if 2 <= len(run) <= LONGEST:
            yield _Stretch(words, run[0].start, run[-1].end, ("", "", number == 0))
        around = ("", *words, "")
        for place, span in enumerate(run):
            if span.word.startswith("<"):
                yield _Stretch((span.word,), span.start, span.end, ("<", ">", False))
            elif span.word not in GRAMMAR:
                frame = around[place], around[place + 2], number == 0 and len(run) == 1
                yield _Stretch((span.word,), span.start, span.end, frame)


def _other_words(
    taste: Taste, item: Item, stretches: Sequence[_Stretch], known: Sequence[Item], category: str
) -> list[list[Swap]]:
    """For each stretch the prompt with others in its place, none of whose words it has already."""
    found: dict[Frame, dict[tuple[str, ...], str]] = {each.frame: {} for each in stretches}
    for other in known:
        for each in _stretches(other.prompt):
            if each.frame in found:
                found[each.frame][each.words] = other.prompt[each.start : each.end]
    alone = sorted({text for texts in found.values() for text in texts.values()})
    means = taste.score([Item("word", text, settings=item.settings) for text in alone], category)[0].tolist()
    worth, here = dict(zip(alone, means, strict=True)), {word for each in stretches for word in each.words}
    swaps, most = [], min(TRIED, IN_ALL // max(1, len(stretches)))
    for each in stretches:
        texts = [text for words, text in found[each.frame].items() if not here - {*GRAMMAR} & {*words}]
        best = sorted(texts, key=lambda text: -worth[text])[:most]
        swaps.append([(text, _put(item, each, text)) for text in best])
    return swaps


def _put(item: Item, where: _Stretch, text: str) -> Item:
    return replace(item, prompt=item.prompt[: where.start] + text + item.prompt[where.end :])


def _other_values(item: Item, name: str, known: Sequence[Item]) -> list[Swap]:
    """The item with the other values of a setting."""
    values = {other.settings[name] for other in known if name in other.settings} - {item.settings[name], None}
    found = [(traits({name: value})[0].label, value) for value in sorted(values, key=str)]
    return [(label, replace(item, settings={**item.settings, name: value})) for label, value in found[:TRIED]]


def _better(taste: Taste, item: Item, swaps: Sequence[Sequence[Swap]], category: str) -> list[tuple[Instead, ...]]:
    """Of each part's swaps those that are likely to be better, the clearest first."""
    tried = [swap for some in swaps for swap in some]
    mean, covariance = (each.double() for each in taste.joint([item, *(other for _, other in tried)], category))
    gain = mean[1:] - mean[0]
    std = (covariance.diagonal()[1:] + covariance[0, 0] - 2 * covariance[0, 1:]).clamp(min=1e-9).sqrt()
    bell = NormalDist()
    enough, sure = bell.inv_cdf(LIKELY), bell.inv_cdf(1 - DOUBT / max(1, len(tried)))
    columns = zip(tried, gain.tolist(), std.tolist(), strict=True)
    told = [Instead(label, more, doubt, more > sure * doubt) for (label, _), more, doubt in columns]
    found, start = [], 0
    for some in swaps:
        mine = [each for each in told[start : start + len(some)] if each.gain > enough * each.std]
        found.append(tuple(sorted(mine, key=lambda each: -each.gain / each.std)[:NAMED]))
        start += len(some)
    return found
