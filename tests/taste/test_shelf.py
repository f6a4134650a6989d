"""The shelf: pages go through everything once, however little is looked through at a time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib_pxl.store.database import Database
from lib_pxl.taste import Duel, Item, Rating, shelf
from lib_pxl.taste.opinions import Opinions
from lib_pxl.taste.record import Record
from lib_pxl.taste.shelf import ALL, Filter, Shelf


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """Thirty pictures between those of somebody else, looked through seven at a time."""
    monkeypatch.setattr(shelf, "SPAN", 7)
    mine, other = (Opinions(Database(tmp_path / "pxl.sqlite"), name) for name in ("me", "other"))
    for place in range(30):
        text = f"a {'red' if place % 10 == 0 else 'blue'} fox, 100%_{place}!"
        made = Record(
            Item(f"i{place}", text), checkpoint=f"m{place % 3}", sitting=f"s{place // 10}", image=f"out/{place}.png",
            image_hash=f"{place:064x}", time=f"2025-01-{place + 1:02} 10:00:00.000",
        )  # fmt: skip
        mine.add([made])
        other.add([Record(Item(f"o{place}", text), image=f"out/{place}.png")])
    yield Shelf(mine)
    mine.database.close()


def everything(kept: Shelf, wanted: Filter, limit: int, patience: float) -> list[str]:
    found, before, pages = [], None, 0
    while pages < 100:
        page, before = kept.page(wanted, limit, before, patience)
        found += [record.item.id for _, record in page]
        pages += 1
        assert len(page) <= limit
        if before is None:
            return found
    raise AssertionError("the pages have no end")


WANTED: dict[str, tuple[Filter, Any]] = {
    "all": (ALL, lambda place: True),
    "rare words": (Filter("fox RED"), lambda place: place % 10 == 0),
    "signs that SQL would read": (Filter("100%_2"), lambda place: str(place).startswith("2")),
    "a sitting": (Filter(sitting="s1"), lambda place: place // 10 == 1),
    "a model": (Filter(checkpoint="m2"), lambda place: place % 3 == 2),
    "days": (Filter(since="2025-01-05", until="2025-01-07"), lambda place: place in (4, 5)),
    "two at once": (Filter("red", checkpoint="m0"), lambda place: place % 30 == 0),
    "nothing": (Filter("owl"), lambda place: False),
}


@pytest.mark.parametrize("name", WANTED)
@pytest.mark.parametrize(("limit", "patience"), [(1, 1.0), (4, 0.0), (1000, 0.0), (1000, 60.0)])
def test_pages_hold_what_is_wanted_once_the_newest_first(kept: Shelf, name: str, limit: int, patience: float) -> None:
    wanted, holds = WANTED[name]
    assert everything(kept, wanted, limit, patience) == [f"i{place}" for place in range(29, -1, -1) if holds(place)]


def test_a_page_without_patience_looks_through_one_span_and_says_where_to_go_on(kept: Shelf) -> None:
    page, before = kept.page(Filter("nowhere"), 10, None, 0.0)
    assert page == [] and before is not None
    (row,) = kept.opinions.database.rows("SELECT max(number) AS top FROM taste_items")
    assert before == row["top"] + 1 - shelf.SPAN


def test_names_are_each_once_and_no_more_than_asked(kept: Shelf) -> None:
    assert kept.names("sitting") == ["s2", "s1", "s0"]
    assert kept.names("checkpoint") == ["m2", "m1", "m0"]
    assert kept.names("checkpoint", 2) == ["m2", "m1"]
    assert Shelf(Opinions(kept.opinions.database, "other")).names("sitting") == []
    assert Shelf(Opinions(kept.opinions.database, "nobody")).names("sitting") == []


def test_stars_are_the_last_that_count_of_each_category(kept: Shelf) -> None:
    opinions = kept.opinions
    for category, value, sitting in (("mood", 2, "a"), ("mood", 5, "a"), ("mood", 3, "b"), ("depth", 1, "a")):
        opinions.judge(Rating("i3", category, value, sitting=sitting))
    numbers = {record.item.id: number for number, record in opinions.records(100)}
    assert kept.stars([*numbers.values()]) == {numbers["i3"]: {"mood": 3.0, "depth": 1.0}}
    opinions.judge_all([("the key", Rating("i3", "mood", 4, sitting="c"))])
    assert (
        opinions.undo("nobody's") is None and opinions.undo("the key") is not None and opinions.undo("the key") is None
    )
    assert kept.stars([numbers["i3"]])[numbers["i3"]]["mood"] == 3.0
    assert opinions.withdraw("i3", "mood") == 3
    assert kept.stars([numbers["i3"]]) == {numbers["i3"]: {"depth": 1.0}}
    assert [each.category for each in opinions.opinions()] == ["depth"]


def test_a_picture_is_found_by_path_or_content_and_never_another_person_s(kept: Shelf) -> None:
    found = kept.picture("out/7.png")
    assert found is not None and found[1].item.id == "i7"
    found = kept.picture("moved.png", f"{7:064x}")
    assert found is not None and found[1].item.id == "i7"
    assert kept.picture("moved.png") is None and kept.picture() is None


def test_some_are_pictures_of_the_person_and_the_newest_are_among_them(kept: Shelf) -> None:
    kept.opinions.add([Record(Item("bare", "no picture"))])
    found = [record.item.id for record in kept.some(20, random.Random(1))]
    assert {f"i{place}" for place in range(27, 30)} <= {*found} and len(found) == len({*found}) <= 20
    assert not [each for each in found if not each.startswith("i")]
    empty = Shelf(Opinions(kept.opinions.database, "nobody"))
    assert empty.some(20, random.Random(1)) == [] and empty.count() == 0 and empty.page() == ([], None)


def test_duels_asked_are_those_of_the_category_that_count(kept: Shelf) -> None:
    for category, first, second in (("a", 1, 2), ("a", 3, 4), ("b", 5, 6), ("a", 7, 8)):
        kept.opinions.judge(Duel(f"i{first}", f"i{second}", category, f"i{first}"))
    kept.opinions.undo()
    assert kept.asked("a", 9) == [("i3", "i4"), ("i1", "i2")] and kept.asked("a", 1) == [("i3", "i4")]
