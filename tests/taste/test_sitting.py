"""A sitting ends with a break of half an hour, whichever way the clock runs."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lib_pxl.store.database import Database
from lib_pxl.taste import Item
from lib_pxl.taste.opinions import Opinions
from lib_pxl.taste.record import Record
from lib_pxl.taste.sitting import GAP, sitting_at, stamp

BEGIN = 1_700_000_000.0


def sittings(opinions: Opinions, minutes: list[float]) -> list[str]:
    made = []
    for place, minute in enumerate(minutes):
        time = stamp(BEGIN + minute * 60)
        made.append(sitting_at(opinions, time))
        opinions.add([Record(Item(f"{minute} {place}"), time=time, sitting=made[-1])])
    return made


def test_a_break_of_more_than_half_an_hour_begins_another(tmp_path: Path) -> None:
    found = sittings(Opinions(Database(tmp_path / "a.sqlite")), [0, 29, 58, 89, 89.01, 200])
    assert found[0] == found[1] == found[2] == "2023-11-14 22:13:20"
    assert found[3] == found[4] == "2023-11-14 23:42:20" and found[5] == "2023-11-15 01:33:20"


def test_a_clock_put_back_finds_the_sitting_that_was_then_or_begins_one(tmp_path: Path) -> None:
    found = sittings(Opinions(Database(tmp_path / "a.sqlite")), [500, 490, 0, 485, 10])
    assert found[0] == found[1] == found[3] and found[2] == found[4] != found[0]


def test_each_person_sits_alone(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.sqlite")
    one, other = (sittings(Opinions(database, name), minutes) for name, minutes in (("a", [0.0]), ("b", [10.0])))
    assert one != other


@settings(max_examples=20)
@given(st.lists(st.integers(0, 600), min_size=1, max_size=25))
def test_in_the_order_of_time_neighbours_within_the_gap_sit_together(minutes: list[int]) -> None:
    from tempfile import TemporaryDirectory

    minutes = sorted(minutes)
    with TemporaryDirectory() as folder:
        opinions = Opinions(Database(Path(folder, "a.sqlite")))
        found = sittings(opinions, [*map(float, minutes)])
        opinions.database.close()
    limit = GAP.total_seconds() / 60
    for place in range(1, len(minutes)):
        assert (found[place] == found[place - 1]) == (minutes[place] - minutes[place - 1] <= limit)
