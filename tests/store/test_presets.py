"""Presets: what is saved under a name is what is loaded under it."""

from __future__ import annotations

import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from lib_pxl.errors import StoreError
from lib_pxl.store.database import Database
from lib_pxl.store.presets import MAX_NAME, Presets, checked

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=20).filter(
    lambda name: bool(unicodedata.normalize("NFC", name).strip())
)


@pytest.fixture
def presets(tmp_path: Path) -> Iterator[Presets]:
    database = Database(tmp_path / "pxl.sqlite")
    yield Presets(database)
    database.close()


class Model(RuleBasedStateMachine):
    """Presets beside a dictionary: whatever is done to both, they agree."""

    name = Bundle("name")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "pxl.sqlite"
        self.presets = Presets(Database(self.path))
        self.model: dict[str, str] = {}

    @rule(target=name, name=WORDS)
    def think_of(self, name: str) -> str:
        return name

    @rule(name=name, program=st.text(st.characters(exclude_categories=["Cs"])))
    def save(self, name: str, program: str) -> None:
        self.presets.save(name, program)
        self.model[checked(name)] = program

    @rule(name=name)
    def load(self, name: str) -> None:
        if checked(name) in self.model:
            assert self.presets.load(name) == self.model[checked(name)]
        else:
            with pytest.raises(StoreError):
                self.presets.load(name)

    @rule(name=name)
    def remove(self, name: str) -> None:
        if checked(name) in self.model:
            self.presets.remove(name)
            del self.model[checked(name)]
        else:
            with pytest.raises(StoreError):
                self.presets.remove(name)

    @rule()
    def start_again(self) -> None:
        self.presets.database.close()
        self.presets = Presets(Database(self.path))

    @invariant()
    def the_names_agree(self) -> None:
        assert self.presets.names() == sorted(sorted(self.model), key=str.casefold)

    def teardown(self) -> None:
        self.presets.database.close()
        self.folder.cleanup()


Model.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestPresetsBesideADictionary = Model.TestCase


@given(WORDS)
def test_a_name_has_one_spelling(name: str) -> None:
    assert checked(checked(name)) == checked(f" {name}\u00a0") == checked(unicodedata.normalize("NFD", name))


@pytest.mark.parametrize("name", ["", "  ", "a" * (MAX_NAME + 1), "a\nb", "a\0", "\x7f", "a\u2028b", "\ud800", "\t\n"])
def test_a_name_that_cannot_be_shown_is_refused(name: str, presets: Presets) -> None:
    for use in (presets.load, presets.remove, lambda name: presets.save(name, "{}")):
        with pytest.raises(StoreError, match=r"preset name: got .*, wanted 1 to 80 characters that can be seen"):
            use(name)
    assert presets.names() == []


def test_names_may_be_long_and_of_any_script(presets: Presets) -> None:
    for name in ("a" * MAX_NAME, "晨霧", 'Müller\'s "best", 50%; DROP TABLE presets', "👩‍👩‍👧", "../../etc"):
        presets.save(name, name)
        assert presets.load(name) == name
    assert len(presets.names()) == 5


def test_saving_again_keeps_the_birthday(presets: Presets) -> None:
    presets.save("fog", "one")
    with presets.database.transaction() as connection:
        connection.execute("UPDATE presets SET created = '2001-01-01', changed = '2001-01-01'")
    presets.save("fog", "two")
    (row,) = presets.database.rows("SELECT * FROM presets")
    assert (row["program"], row["created"]) == ("two", "2001-01-01")
    assert row["changed"] > "2001-01-01"


def test_an_unknown_name_is_answered_with_near_ones(presets: Presets) -> None:
    for use in (presets.load, presets.remove):
        with pytest.raises(StoreError, match=r"^preset: got 'fog', wanted one saved before$"):
            use("fog")
    for name in ("Morning fog", "morning frog", "Sunset"):
        presets.save(name, "{}")
    for use in (presets.load, presets.remove):
        with pytest.raises(StoreError, match=r"got 'MORNING FOG', wanted a saved one: Morning fog or morning frog$"):
            use("MORNING FOG")
        with pytest.raises(StoreError, match=r"wanted a saved one: Morning fog, morning frog or Sunset$"):
            use("xyz")


def test_a_program_of_half_characters_is_refused(presets: Presets) -> None:
    with pytest.raises(StoreError, match="preset 'fog'"):
        presets.save("fog", '{"a": "\ud800"}')
    assert presets.names() == []


def test_a_save_belongs_to_the_transaction_around_it(presets: Presets) -> None:
    def save_and_fail() -> None:
        with presets.database.transaction():
            presets.save("fog", "{}")
            raise LookupError

    with pytest.raises(LookupError):
        save_and_fail()
    assert presets.names() == []


def test_what_comes_with_pxl_can_be_hidden_but_not_lost(tmp_path: Path) -> None:
    presets = Presets(Database(tmp_path / "pxl.sqlite"), {"Zebra": "stripes", "Ant": "legs"})
    assert presets.names() == ["Zebra", "Ant"] == presets.built_in()
    with pytest.raises(StoreError, match="comes with pxl"):
        presets.remove("Ant")
    presets.save("Ant", "six legs")
    presets.save("Bee", "wings")
    assert presets.names() == ["Zebra", "Ant", "Bee"] and presets.built_in() == ["Zebra"]
    assert presets.load("Ant") == "six legs"
    presets.remove("Ant")
    assert presets.load("Ant") == "legs" and presets.names() == ["Zebra", "Ant", "Bee"]
    presets.database.close()
