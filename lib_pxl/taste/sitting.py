"""A sitting is a run of work without a long break, named by when it began."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from lib_pxl.taste.opinions import Opinions

GAP = timedelta(minutes=30)
_LATEST = 250e9  # seconds; some file systems have times that no calendar has
_FORMAT = "%Y-%m-%d %H:%M:%S.%f"


def stamp(seconds: float) -> str:
    """A time as the store has it: UTC, in milliseconds."""
    return _format(datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=min(max(seconds, 0.0), _LATEST)))


def sitting_at(opinions: Opinions, time: str) -> str:
    """The sitting that this time belongs to: that of the nearest item within the gap, before it or after, else its own.

    The clock may have been put back, and old pictures may come in after new ones.
    """
    at = datetime.fromisoformat(time)
    around = _format(at - GAP), time, _format(at + GAP)
    for span, order in (((around[0], around[1]), "DESC"), ((around[1], around[2]), "ASC")):
        rows = opinions.database.rows(
            "SELECT sitting FROM taste_items WHERE profile = ? AND time BETWEEN ? AND ? AND sitting != '' "
            f"ORDER BY time {order} LIMIT 1",
            (opinions.number, *span),
        )
        for row in rows:
            found: str = row["sitting"]
            return found
    return time[: len("2000-01-01 00:00:00")]


def _format(at: datetime) -> str:
    return at.strftime(_FORMAT)[:-3]
