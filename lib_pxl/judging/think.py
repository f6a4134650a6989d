"""What the taste thinks of prompts: which are better, what pulls them, and which to make next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lib_pxl.taste.analyze import Part, analyze
from lib_pxl.taste.explain import Pull, explain
from lib_pxl.taste.features import GRAMMAR
from lib_pxl.taste.model import Taste
from lib_pxl.taste.opinion import Item
from lib_pxl.taste.propose import propose
from lib_pxl.taste.template import candidates

AMONG = 600  # candidates that a template gives
NAMED, LEAST = 4, 0.5  # reasons, and how many deviations each must be worth
Settings = Mapping[str, Any]


def ranked(taste: Taste, prompts: Sequence[str], settings: Settings, category: str) -> list[dict[str, Any]]:
    """The prompts, the best first."""
    items = [Item(str(place), prompt, settings=settings) for place, prompt in enumerate(prompts)]
    mean, std = (each.tolist() for each in taste.score(items, category))
    order = sorted(range(len(items)), key=lambda place: -mean[place])
    return [{"prompt": prompts[place], **_score(mean[place], std[place])} for place in order]


def analyzed(taste: Taste, prompt: str, settings: Settings, category: str, known: Sequence[Item]) -> dict[str, Any]:
    """A prompt part by part; `start` and `end` are places in its text as JavaScript counts them."""
    found = analyze(taste, prompt, settings, category, known)
    return {**_score(found.mean, found.std), "parts": [_part(each, prompt) for each in found.parts]}


def proposed(
    taste: Taste, template: str, settings: Settings, category: str, folders: Sequence[Path], **how: Any
) -> list[dict[str, Any]]:
    """What to make next of a template's candidates, each with its reasons: what sets it apart from the others."""
    drawn = candidates(template, AMONG, how["seed"], folders)
    items = [Item(str(place), each.prompt, settings=settings) for place, each in enumerate(drawn)]
    told = []
    for each in propose(taste, items, category, **how):
        why = [pull._asdict() for pull in explain(taste, each.item, category) if _says(pull)]
        told.append(
            {"prompt": each.item.prompt, "parts": drawn[each.place].parts, **_score(each.mean, each.std)}
            | {"why": [{**pull, **_score(pull["mean"], pull["std"])} for pull in why[:NAMED]]}
        )
    return told


def _says(pull: Pull) -> bool:
    """Whether it tells a person something: settings are the same for all candidates, and a pair says a word again."""
    return not {"=", "+"} & {*pull.label} and pull.label not in GRAMMAR and abs(pull.mean) > LEAST * pull.std


def _score(mean: float, std: float) -> dict[str, float]:
    return {"mean": round(mean, 4), "std": round(std, 4)}


def _part(part: Part, prompt: str) -> dict[str, Any]:
    told = {**part._asdict(), **_score(part.mean, part.std)}
    told |= {name: _units(prompt[: told[name]]) for name in ("start", "end") if part.start >= 0}
    return {**told, "instead": [{**each._asdict(), "gain": round(each.gain, 4)} for each in part.instead]}


def _units(text: str) -> int:
    """How long a text is in JavaScript, in which an emoji counts as two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
