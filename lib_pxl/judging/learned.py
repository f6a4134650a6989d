"""What was learned of one person: fitted in the background, kept as a file, with how its accuracy grew."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from lib_pxl.errors import StoreError, TasteError, Words
from lib_pxl.judging.work import Progress
from lib_pxl.store.folders import whole_file
from lib_pxl.taste.card import Share
from lib_pxl.taste.explain import Pull, lessons
from lib_pxl.taste.features import GRAMMAR
from lib_pxl.taste.latest import Latest
from lib_pxl.taste.model import Taste
from lib_pxl.taste.opinion import Item, Opinion, Rating
from lib_pxl.taste.opinions import Opinions

FIRST, LAST = 20, 6000  # opinions at which accuracy is looked at, each time twice as many
LOOKED_AT = 2000  # items, the newest that were judged, of whose parts is told
NAMED, LEAST = 8, 0.7  # parts, and how many deviations a guess must be worth


class Learned:
    """The taste of a profile, if there is one."""

    def __init__(self, opinions: Opinions, latest: Latest) -> None:
        self.opinions, self.latest = opinions, latest

    def train(self, progress: Progress) -> str:
        """Learn from all opinions, and look at how well that goes with ever more of them; says what came of it."""
        given, items = self.opinions.opinions(), self.opinions.judged()
        here = {item.id for item in items}
        given = [each for each in given if here.issuperset(_of(each))]  # one may have been taken back between the two
        if not given:
            raise TasteError("training", got=Words("no opinions"), wanted="one or more: judge some pictures first")
        counts = looks(len(given))
        whole = len(given) / (len(given) + sum(counts))
        taste = Taste.fit(items, given, progress=lambda share: progress(whole * share))
        points, before = [], self._history()
        for number, count in enumerate(counts):
            points.append(_point(given[:count], items, before))
            progress(whole + (1 - whole) * (number + 1) / len(counts))
        self._keep(taste, [*points, [_digest(given), len(given), *taste.card.right]])
        return f"Learned from {len(given):,} opinions."

    def told(self) -> dict[str, Any] | None:
        """Its card, in figures and in words, and how its accuracy grew; None where nothing was learned yet."""
        taste = self.latest.taste()
        if taste is None:
            return None
        card = taste.card
        shares = {name: _share(getattr(card, name)) for name in ("right", "same", "base")}
        grown = [{"opinions": count, **_share(Share(*rest))} for _, count, *rest in self._history().values()]
        return {
            "opinions": card.ratings + card.duels, "categories": taste.categories, **shares,
            "spoken": card.spoken(), "curve": sorted(grown, key=lambda point: point["opinions"]),
        }  # fmt: skip

    def lessons(self, category: str) -> dict[str, list[dict[str, Any]]]:
        """Which parts of a person's pictures are liked, and which are not, the clearest first."""
        taste = self.latest.taste()
        items = self.opinions.judged()[-LOOKED_AT:] if taste else []
        found = lessons(taste, items, category, least=2) if taste and items else []
        found = [pull for pull in found if pull.sure or _says(pull)]
        return {
            "up": [_pull(each) for each in found if each.mean > 0][:NAMED],
            "down": [_pull(each) for each in found if each.mean < 0][:NAMED],
        }

    def _keep(self, taste: Taste, history: list[list[Any]]) -> None:
        try:
            self.latest.path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self.latest.history) as file:
                file.write(json.dumps(history).encode())
        except OSError as error:
            wanted = f"room to write in {self.latest.path.parent}"
            raise StoreError("training", got=Words(error.strerror or error), wanted=wanted) from error
        taste.save(self.latest.path)

    def _history(self) -> dict[str, list[Any]]:
        """What was measured before, by what it was measured on; the file can be lost without harm."""
        with suppress(OSError, ValueError, TypeError, RecursionError):
            told = json.loads(self.latest.history.read_text("utf-8"))
            return {digest: [digest, int(count), int(hits), int(of)] for digest, count, hits, of in told}
        return {}


def looks(count: int) -> list[int]:
    """At how many opinions, short of all, accuracy is looked at."""
    found, at = [], FIRST
    while at < min(count, LAST):
        found.append(at)
        at *= 2
    return found


def _point(given: Sequence[Opinion], items: Sequence[Item], before: dict[str, list[Any]]) -> list[Any]:
    digest = _digest(given)
    if digest in before:
        return before[digest]
    ids = {which for each in given for which in _of(each)}
    taste = Taste.fit([item for item in items if item.id in ids], given)
    return [digest, len(given), *taste.card.right]


def _digest(given: Sequence[Opinion]) -> str:
    return hashlib.blake2b(repr(given).encode("utf-8", "replace"), digest_size=12).hexdigest()


def _of(opinion: Opinion) -> tuple[str, ...]:
    return (opinion.item,) if isinstance(opinion, Rating) else (opinion.first, opinion.second)


def _share(share: Share) -> dict[str, Any]:
    low, high = share.interval
    return {"value": share.value, "low": low, "high": high, "of": share.of}


def _says(pull: Pull) -> bool:
    """Whether a guess is worth a line: no pair of words, none that only joins others, and not quite in the dark."""
    return abs(pull.mean) > LEAST * pull.std and " + " not in pull.label and pull.label not in GRAMMAR


def _pull(pull: Pull) -> dict[str, Any]:
    return {"label": pull.label, "mean": round(pull.mean, 4), "std": round(pull.std, 4), "sure": pull.sure}
