"""Opinions in the database: nothing is lost, undone ones do not count, and profiles keep apart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lib_pxl.errors import PxlError, StoreError
from lib_pxl.store.database import Database
from lib_pxl.store.migrations import MIGRATIONS
from lib_pxl.taste import Duel, Item, Rating
from lib_pxl.taste.opinions import Opinions
from lib_pxl.taste.record import Record
from tests.child import environment
from tests.taste.people import items

POOL = items(10)
FULL = Record(
    Item("full", "a fox", "blurry", {"model": "x", "steps": 20, "hires": True}, {"text:l": [0.5, -1.0]}, "fox"),
    template="a __animal__", seed=7, checkpoint="x", image="out/1.png", image_hash="ab", thumbnail="1.webp",
    nokens={"owl": "00ff"}, sitting="monday", time="2024-01-01 10:00:00",
)  # fmt: skip


def opened(folder: Path, profile: str = "me") -> Opinions:
    return Opinions(Database(folder / "pxl.sqlite"), profile)


@pytest.fixture
def opinions(tmp_path: Path) -> Iterator[Opinions]:
    found = opened(tmp_path)
    found.add(POOL)
    yield found
    found.database.close()


def plain(given: list[Any]) -> list[Any]:
    """Opinions without their hour."""
    return [type(each)(**{**each.__dict__, "time": ""}) for each in given]


def test_a_record_comes_back_whole(opinions: Opinions) -> None:
    assert opinions.add([FULL]) == 1 and opinions.add([FULL, Item("full", "another")]) == 0
    found = opinions.get("full")
    assert found == FULL and found.item.vectors == FULL.item.vectors
    assert Record.parse(FULL.format()) == FULL and Record.parse(FULL.format()).item.vectors == FULL.item.vectors


def test_opinions_come_back_in_their_order(opinions: Opinions) -> None:
    given = [Rating("i0", "mood", 4.0), Duel("i1", "i2", "depth", "i2"), Duel("i1", "i2", "depth", None, sitting="s")]
    for each in given:
        opinions.judge(each)
    assert plain(opinions.opinions()) == given
    assert [item.id for item in opinions.judged()] == ["i0", "i1", "i2"]
    assert all(each.time > "2020" for each in opinions.opinions())


def test_a_rating_corrected_in_a_sitting_counts_once_and_undo_brings_the_first_back(opinions: Opinions) -> None:
    opinions.judge(Rating("i0", value=1, sitting="a"))
    opinions.judge(Rating("i0", value=2, sitting="b"))
    opinions.judge(Rating("i0", value=3, sitting="b"))
    assert [each.value for each in opinions.opinions() if isinstance(each, Rating)] == [1, 3]
    assert opinions.undo() is not None
    assert [each.value for each in opinions.opinions() if isinstance(each, Rating)] == [1, 2]
    assert opinions.undo() and opinions.undo() and opinions.undo() is None
    assert opinions.opinions() == []
    (row,) = opinions.database.rows("SELECT count(*) AS count FROM taste_opinions")
    assert row["count"] == 3  # nothing is taken away


def test_pages_go_through_all_items_the_newest_first(opinions: Opinions) -> None:
    found, before = [], None
    while page := opinions.records(3, before):
        found += [record.item for _, record in page]
        before = page[-1][0]
    assert found == POOL[::-1]


def test_items_are_found_by_text_sitting_model_and_date(opinions: Opinions) -> None:
    opinions.add([FULL, Item("odd", "100%_sure!")])
    for query in (
        {"sitting": "monday"},
        {"checkpoint": "x"},
        {"until": "2024-02-01"},
        {"text": "a fox", "sitting": "monday"},
    ):
        assert [record.item.id for _, record in opinions.records(**query)] == ["full"]  # type: ignore[arg-type]
    assert [record.item.id for _, record in opinions.records(text="100%_sure!")] == ["odd"]
    assert opinions.records(text="%") == opinions.records(text="100%") and opinions.records(since="2099") == []


def test_categories_are_renamed_merged_and_retired_without_losing_an_opinion(opinions: Opinions) -> None:
    for name, place in (("mood", 0), ("mood", 1), ("mod", 2), ("depth", 3)):
        opinions.judge(Rating(f"i{place}", name, place))
    opinions.merge_categories("mod", "mood")
    opinions.rename_category("mood", "feeling")
    opinions.retire_category("depth")
    assert [tuple(each) for each in opinions.categories()] == [("feeling", 3, False, ("mod",)), ("depth", 1, True, ())]
    assert [each.category for each in opinions.opinions()] == ["feeling"] * 3 + ["depth"]
    opinions.add_category("depth")
    assert not opinions.categories()[1].retired
    opinions.rename_category("depth", "depth")


def counted(opinions: Opinions) -> dict[str, int]:
    return {each.name: each.opinions for each in opinions.categories()}


@pytest.mark.parametrize("order", [*permutations("abd")])
def test_merged_categories_are_parted_in_any_order_with_what_each_had(order: Sequence[str], opinions: Opinions) -> None:
    for place, name in enumerate("abbcccdddd"):
        opinions.judge(Rating(f"i{place % 4}", name, place, sitting=f"s{place}"))
    before = [(each.item, each.category) for each in opinions.opinions() if isinstance(each, Rating)]
    for name, into in ("ab", "bc", "dc"):
        opinions.merge_categories(name, into)
    assert counted(opinions) == {"c": 10} and opinions.categories()[0].merged == ("b", "d")
    for name in order:
        opinions.part_category(name)
    assert [(each.item, each.category) for each in opinions.opinions() if isinstance(each, Rating)] == before
    assert counted(opinions) == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_what_is_merged_brings_what_was_merged_into_it_and_leaves_what_came_later(opinions: Opinions) -> None:
    for place, name in enumerate("abc"):
        opinions.judge(Rating(f"i{place}", name, place))
    opinions.merge_categories("a", "b")
    opinions.merge_categories("b", "c")
    opinions.judge(Rating("i3", "a", 3))
    assert counted(opinions) == {"c": 4} and {each.category for each in opinions.opinions()} == {"c"}
    opinions.undo()
    opinions.part_category("b")
    assert counted(opinions) == {"b": 2, "c": 1}
    opinions.judge(Rating("i3", "a", 3))
    opinions.part_category("a")
    assert counted(opinions) == {"a": 1, "b": 2, "c": 1}


def test_ratings_of_one_item_that_a_merge_made_one_are_two_again(opinions: Opinions) -> None:
    for name, value in (("mood", 2), ("mod", 5)):
        opinions.judge(Rating("i0", name, value, sitting="today"))
    opinions.merge_categories("mod", "mood")
    assert [each.value for each in opinions.opinions() if isinstance(each, Rating)] == [5]
    opinions.part_category("mod")
    assert counted(opinions) == {"mood": 1, "mod": 1}


def merged(opinions: Opinions) -> None:
    for name in "ab":
        opinions.add_category(name)
    opinions.merge_categories("a", "b")


WRONG: dict[str, Any] = {
    "an unknown item": lambda each: each.judge(Rating("nobody", value=1)),
    "an unknown duelist": lambda each: each.judge(Duel("i0", "nobody", winner="i0")),
    "no opinion": lambda each: each.judge("good"),
    "half a character": lambda each: each.add([Item("a", "\ud800")]),
    "half a character in settings": lambda each: each.add([Item("a", settings={"a": "\ud800"}), Item("b", "\ud800")]),
    "a category named like another": lambda each: (each.add_category("a"), each.add_category("b"),
                                                   each.rename_category("a", "b")),
    "a category merged with itself": lambda each: (each.add_category("a"), each.merge_categories("a", "a")),
    "a category named like a merged one": lambda each: (merged(each), each.rename_category("b", "a")),
    "a merged category made again": lambda each: (merged(each), each.add_category("a")),
    "a category parted from none": lambda each: (each.add_category("a"), each.part_category("a")),
    "an unknown category": lambda each: each.retire_category("nothing"),
    "an empty category": lambda each: each.add_category(""),
    "an unknown id": lambda each: each.get("nobody"),
    "an empty profile": lambda each: Opinions(each.database, " "),
    "a vector of text": lambda each: each.add([Item("a", vectors={"l": ["x"]})]),
    "a seed of text": lambda each: each.add([Record(Item("a"), seed="7")]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_has_one_sentence_and_changes_nothing(name: str, opinions: Opinions) -> None:
    with pytest.raises(PxlError, match="wanted") as error:
        WRONG[name](opinions)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500
    assert len(opinions.records()) == len(POOL) and opinions.opinions() == []


def test_profiles_keep_apart(opinions: Opinions) -> None:
    other = Opinions(opinions.database, "somebody else")
    assert other.records() == [] and other.profiles() == ["me", "somebody else"]
    other.add(POOL[:2])
    other.judge(Rating("i0", value=1))
    opinions.judge(Rating("i0", value=2))
    assert [len(each.opinions()) for each in (opinions, other)] == [1, 1]
    with pytest.raises(StoreError):
        other.judge(Rating("i5", value=1))


def test_a_database_from_before_opinions_is_brought_up_to_date(tmp_path: Path) -> None:
    names = [name for name, _ in MIGRATIONS]
    old = Database(tmp_path / "pxl.sqlite", MIGRATIONS[: names.index("taste")])
    old.close()
    found = opened(tmp_path)
    assert found.add(POOL) == 10
    found.database.close()


def test_two_who_judge_at_once_lose_nothing(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.add(POOL)
    problems: list[PxlError] = []

    def host(name: str) -> None:
        try:
            mine = opened(tmp_path)
            for place in range(10):
                mine.judge(Rating(f"i{place}", name, place))
            mine.database.close()
        except PxlError as error:
            problems.append(error)

    hosts = [threading.Thread(target=host, args=(f"c{place}",)) for place in range(4)]
    for each in hosts:
        each.start()
    for each in hosts:
        each.join()
    assert problems == [] and len(first.opinions()) == 40
    first.database.close()


JUDGE = """
import sys
from pathlib import Path
from tests.taste.test_opinions import opened
from lib_pxl.taste import Item, Rating
opinions = opened(Path(sys.argv[1]))
for place in range(10_000):
    opinions.add([Item(f"k{place}")])
    opinions.judge(Rating(f"k{place}", value=place))
    print(place, flush=True)
"""


@pytest.mark.parametrize("count", [1, 7])
def test_a_killed_process_loses_nothing_that_it_acknowledged(count: int, tmp_path: Path) -> None:
    command = [sys.executable, "-c", JUDGE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as judge:
        assert judge.stdout
        said = [judge.stdout.readline() for _ in range(count)]
        judge.send_signal(signal.SIGKILL)
        said += [line for line in judge.stdout if line.endswith("\n")]
    found = opened(tmp_path)
    values = [each.value for each in found.opinions() if isinstance(each, Rating)]
    assert values[: len(said)] == [float(line) for line in said] and len(values) <= len(said) + 1
    found.database.close()


class Model(RuleBasedStateMachine):
    """The store beside a list: whatever is done to both, they agree."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(os.environ["PXL_DATA_DIR"]) / os.urandom(4).hex()
        self.opinions = opened(self.folder)
        self.opinions.add(POOL)
        self.told: list[Any] = []

    @rule(first=st.integers(0, 4), second=st.integers(5, 9), category=st.sampled_from("abc"))
    def duel(self, first: int, second: int, category: str) -> None:
        self.told.append(Duel(f"i{first}", f"i{second}", category, f"i{first}"))
        self.opinions.judge(self.told[-1])

    @rule(item=st.integers(0, 9), value=st.floats(-9, 9), category=st.sampled_from("abc"))
    def rate(self, item: int, value: float, category: str) -> None:
        self.told.append(Rating(f"i{item}", category, value, sitting=str(len(self.told))))
        self.opinions.judge(self.told[-1])

    @rule()
    def undo(self) -> None:
        taken = self.opinions.undo()
        assert plain([taken] if taken else []) == self.told[-1:]
        del self.told[-1:]

    @rule()
    def start_again(self) -> None:
        self.opinions.database.close()
        self.opinions = opened(self.folder)

    @invariant()
    def they_agree(self) -> None:
        assert plain(self.opinions.opinions()) == self.told

    def teardown(self) -> None:
        self.opinions.database.close()


Model.TestCase.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)
TestAStoreBesideAList = Model.TestCase
