"""Files of opinions: they round trip, count once, and what is wrong with a line is said with its number."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.errors import PxlError
from lib_pxl.taste import Duel, Item, Rating
from lib_pxl.taste import exchange as module
from lib_pxl.taste.exchange import COLUMNS, export, take
from lib_pxl.taste.opinions import Opinions
from tests.taste.people import items
from tests.taste.test_opinions import FULL, opened

NAMES = ["told.jsonl", "told.csv"]


def filled(folder: Path) -> Opinions:
    opinions = opened(folder)
    odd = Item("odd", 'emoji 🦊, "quotes",\nnew\r\nlines; =1+1', settings={"a": 0.1, "b": False, "c": None})
    opinions.add([FULL, odd, *items(5)])
    opinions.judge(Rating("full", "mood", 0.1 + 0.2, "2024-01-01", "monday"))
    opinions.judge(Duel("odd", "i0", "depth, or so", "i0"))
    opinions.judge(Duel("odd", "i1", winner=None))
    opinions.judge(Rating("i1", value=1))
    opinions.undo()
    opinions.retire_category("mood")
    return opinions


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Opinions]:
    found = opened(tmp_path / "other")
    yield found
    found.database.close()


@pytest.mark.parametrize("name", NAMES)
def test_what_goes_out_comes_in_and_counts_once(name: str, tmp_path: Path, other: Opinions) -> None:
    opinions = filled(tmp_path)
    assert export(opinions, tmp_path / name) == 3
    shares: list[float] = []
    assert take(other, tmp_path / name, shares.append) == 3 and take(other, tmp_path / name) == 0
    assert other.keyed() == opinions.keyed()
    assert other.categories() == opinions.categories()
    mine, theirs = ([record for _, record in each.records()] for each in (opinions, other))
    assert mine == theirs and [each.item.vectors for each in mine] == [each.item.vectors for each in theirs]
    assert shares and shares == sorted(shares) and 0 < shares[-1] <= 1
    for second in NAMES:
        export(opinions, tmp_path / f"mine {second}")
        export(other, tmp_path / f"theirs {second}")
        assert (tmp_path / f"mine {second}").read_bytes() == (tmp_path / f"theirs {second}").read_bytes()
    opinions.database.close()


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@given(
    TEXT, TEXT, st.dictionaries(TEXT, TEXT | st.floats(-1e9, 1e9) | st.booleans(), max_size=3),
    st.floats(-1e299, 1e299), st.sampled_from(NAMES),
)  # fmt: skip
def test_any_item_goes_round(prompt: str, negative: str, settings: dict[str, object], value: float, name: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        one, two = opened(Path(folder) / "one"), opened(Path(folder) / "two")
        one.add([Item("a", prompt, negative, settings)])
        one.judge(Rating("a", value=value))
        export(one, Path(folder) / name)
        assert take(two, Path(folder) / name) == 1
        assert two.get("a").item == one.get("a").item and two.keyed() == one.keyed()
        one.database.close()
        two.database.close()


def test_a_table_of_prompts_and_values_is_taken(tmp_path: Path, other: Opinions) -> None:
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["prompt", "value", "category"], ["a fox", 4, "mood"], ["an owl", 2.5, ""]])
    assert take(other, tmp_path / "a.csv") == 2 and take(other, tmp_path / "a.csv") == 0
    assert {item.prompt for item in other.judged()} == {"a fox", "an owl"}
    assert [(each.category, each.value) for each in other.opinions() if isinstance(each, Rating)] == [
        ("mood", 4.0), ("overall", 2.5),
    ]  # fmt: skip


LINE = '{"kind": "item", "id": "a"}\n'
STRANGE = {
    "columns.csv": "name,score\na,1\n",
    "empty.csv": "",
    "value.csv": "prompt,value\nfox,good\n",
    "settings.csv": "kind,id,settings\nitem,a,{\n",
    "kind.csv": "kind,id\nfriend,a\n",
    "nul.csv": "prompt,value\nfo\0x,inf\n",
    "not json.jsonl": LINE + "hello\n",
    "list.jsonl": LINE + "[1]\n",
    "deep.jsonl": LINE + "[" * 100_000 + "\n",
    "kind.jsonl": LINE + '{"kind": "friend"}\n',
    "no item.jsonl": LINE + '{"kind": "rating", "item": "b", "value": 1}\n',
    "no value.jsonl": LINE + '{"kind": "rating", "item": "a"}\n',
    "nan.jsonl": LINE + '{"kind": "rating", "item": "a", "value": NaN}\n',
    "winner.jsonl": LINE + '{"kind": "duel", "first": "a", "second": "b", "winner": "c"}\n',
    "vector.jsonl": '{"kind": "item", "id": "a", "vectors": {"l": "!!"}}\n',
    "vectors.jsonl": '{"kind": "item", "id": "a", "vectors": 5}\n',
    "settings.jsonl": '{"kind": "item", "id": "a", "settings": {"a": {}}}\n',
    "prompt.jsonl": '{"kind": "item", "id": "a", "prompt": 5}\n',
    "seed.jsonl": '{"kind": "item", "id": "a", "seed": 1e99}\n',
    "surrogate.jsonl": '{"kind": "item", "id": "a", "prompt": "\\ud800"}\n',
    "key.jsonl": LINE + '{"kind": "rating", "item": "a", "value": 1, "key": 5}\n',
    "category.jsonl": LINE + '{"kind": "rating", "item": "a", "value": 1, "category": 5}\n',
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_file_has_one_sentence_and_brings_nothing(name: str, tmp_path: Path, other: Opinions) -> None:
    (tmp_path / name).write_text(STRANGE[name])
    with pytest.raises(PxlError, match="wanted") as error:
        take(other, tmp_path / name)
    assert "\n" not in str(error.value) and len(str(error.value)) < 700
    assert other.records() == [] and other.opinions() == []


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"prompt,value\n\xff,1\n"])
def test_bytes_that_are_no_text_have_one_sentence(data: bytes, tmp_path: Path, other: Opinions) -> None:
    for name in ("a.csv", "a.jsonl"):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(PxlError, match="wanted"):
            take(other, tmp_path / name)
    for missing in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(PxlError, match="wanted"):
            take(other, missing)


def test_an_import_that_breaks_off_is_taken_up_again(
    tmp_path: Path, other: Opinions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 10)
    lines = [{"kind": "item", "id": str(place)} for place in range(35)]
    lines += [{"kind": "rating", "item": str(place), "value": place} for place in range(35)]
    text = "\n".join(map(json.dumps, lines))
    (tmp_path / "a.jsonl").write_text(text[: text.rindex("{")] + "{broken")
    with pytest.raises(PxlError, match="line 70"):
        take(other, tmp_path / "a.jsonl")
    kept = len(other.opinions())
    assert 20 <= kept < 35
    (tmp_path / "a.jsonl").write_text(text)
    assert take(other, tmp_path / "a.jsonl") == 35 - kept and len(other.opinions()) == 35


def test_every_column_is_used() -> None:
    told = {*Rating("a").__dict__, *Duel("a", "b").__dict__, "kind", "key", "rest", "id", "prompt", "negative"}
    assert {*COLUMNS} == told | {"caption", "settings"}
