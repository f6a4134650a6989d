"""Opinions into the outbox: what was agreed to share of them, and nothing of those that were taken back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lib_pxl.errors import ShareError, StoreError, Words
from lib_pxl.share.fields import Fields
from lib_pxl.share.record import Draft, Told, record
from lib_pxl.share.redact import own_names, redactor
from lib_pxl.share.sharer import Sharer
from lib_pxl.taste.opinion import Duel, Opinion, Rating
from lib_pxl.taste.opinions import Opinions


def collect(sharer: Sharer, opinions: Opinions) -> int:
    """Bring the outbox up to date with the opinions; says how many records are new."""
    agreed = sharer.consents.current()
    if agreed is None:
        raise ShareError("consent", got=Words(sharer.consents.answer() or "no answer"), wanted="a yes")
    keyed = opinions.keyed()
    sharer.outbox.forget(sharer.outbox.pending() - {key for key, _ in keyed})
    known, since = sharer.outbox.known(), "" if "earlier" in agreed.fields else agreed.since
    fresh = [(key, each) for key, each in keyed if key not in known and is_meant(each, agreed.fields, since)]
    return sharer.put(agreed, drafts(opinions, fresh, agreed.fields))


def drafts(opinions: Opinions, keyed: Iterable[tuple[str, Opinion]], fields: Fields) -> Iterator[Draft]:
    """Their records, each read only when it is its turn; an opinion whose item is gone has none."""
    redact = redactor(own_names(), loras="loras" in fields)
    for key, opinion in keyed:
        try:
            told = _told(opinions, opinion)
        except StoreError:
            continue
        yield Draft(key, record(told, fields, redact))


def is_meant(opinion: Opinion, fields: Fields, since: str = "") -> bool:
    """Whether it is of a kind that is shared, and was given after that moment."""
    kind = "duel" if isinstance(opinion, Duel) else "rating"
    return kind in fields and opinion.time.replace("T", " ") >= since


def _told(opinions: Opinions, opinion: Opinion) -> Told:
    if isinstance(opinion, Rating):
        return Told("rating", opinion.category, opinion.value, opinion.time, [opinions.get(opinion.item).item])
    pair = [opinions.get(which).item for which in (opinion.first, opinion.second)]
    winner = None if opinion.winner is None else int(opinion.winner == opinion.second)
    return Told("duel", opinion.category, winner, opinion.time, pair)
