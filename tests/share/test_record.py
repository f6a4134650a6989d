"""An opinion as a record: the fields chosen and no other, and always one that the receiver takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl import wire
from lib_pxl.errors import PxlError
from lib_pxl.share.fields import CONTENT, KNOBS, OPINIONS, parse_fields
from lib_pxl.share.record import Told, day, line, record
from lib_pxl.share.redact import redactor
from tests.share.people import ALL, Picture

KEY = "0123456789abcdef" * 2
FULL = Picture(
    "a fox", "blurry", "a fox on grass", {"Steps": 20, "Sampler": "Euler", "Seed": 7, "Model": "x/dream.ckpt"}
)
REDACT = redactor(["jane"])
TEXT = st.text(max_size=400)
VALUE = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
PICTURE = st.builds(
    Picture,
    TEXT,
    TEXT,
    TEXT,
    st.dictionaries(st.sampled_from(["Steps", "Sampler", "model", "Size", "x", ""]) | TEXT, VALUE),
)


def rating(*items: Picture, category: str = "overall", time: str = "2026-01-31 10:20:30.123") -> Told:
    return Told("rating", category, 4.0, time, items or [FULL])


@pytest.mark.parametrize("name", ["prompt", "negative", "caption", "settings"])
def test_a_field_that_was_not_chosen_is_not_there(name: str) -> None:
    (item,) = record(rating(), ALL - {name}, REDACT)["items"]
    assert name not in item and set(item) == {"prompt", "negative", "caption", "settings"} - {name}


def test_the_models_name_is_a_field_of_its_own_and_seeds_and_strangers_never_leave() -> None:
    picture = Picture(
        settings={"Steps": 20, "model": "a/dream.ckpt", "VAE": "jane.pt", "Seed": 1, "Wallet": "x", "Eta": None}
    )
    (plain,) = record(rating(picture), ALL, REDACT)["items"]
    assert plain["settings"] == {"Steps": 20}
    (named,) = record(rating(picture), ALL | {"model"}, REDACT)["items"]
    assert named["settings"] == {"Steps": 20, "model": "dream", "VAE": "[name]"}


def test_a_record_has_the_day_and_not_the_hour() -> None:
    assert record(rating(), ALL, REDACT)["time"] == "2026-01-31"
    assert day("2026-02-30 nonsense") == day("") and len(day("soon")) == 10


def test_a_categorys_name_is_cleaned_too() -> None:
    told = [record(rating(category=name), ALL, REDACT)["category"] for name in ("Jane's\nfeet", "\u202e", "x" * 500)]
    assert told == ["[name]'s feet", ".", "x" * 80]


def test_a_duel_names_its_winner_by_place() -> None:
    for answer in (0, 1, None):
        made = record(Told("duel", "overall", answer, "2026-01-31", [FULL, FULL]), ALL, REDACT)
        assert made["winner"] is answer and len(made["items"]) == 2 and "value" not in made


@given(first=PICTURE, second=PICTURE, category=TEXT, time=TEXT)
def test_whatever_is_in_an_opinion_its_record_is_taken(first: Any, second: Any, category: str, time: str) -> None:
    for told in (rating(first, category=category, time=time), Told("duel", category, None, time, [first, second])):
        made = record(told, ALL | {"model", "loras"}, REDACT)
        assert wire.parse_record(line(made, KEY)) == {**made, "key": KEY}


@pytest.mark.parametrize("letter", ["a", "é", "狐", "🦊", '"', "\\(", "\n"])
def test_the_longest_texts_are_cut_until_they_fit(letter: str) -> None:
    long = Picture(*[f"{letter} " * 50_000] * 3)
    made = record(Told("duel", "overall", 1, "2026-01-31", [long, long]), ALL, REDACT)
    assert len(line(made, KEY)) <= wire.MAX_RECORD
    assert all(len(item["prompt"]) >= 200 for item in made["items"])


def test_something_of_the_opinion_and_something_of_the_picture_has_to_be_chosen() -> None:
    for few in ([], [*OPINIONS], [*CONTENT], ["rating", "model"], ["prompt", "automatic"]):
        with pytest.raises(PxlError, match="wanted at least one of"):
            parse_fields(few)
    for wrong in ({"rating": 1, "prompt": True}, {"images": True}, "prompt", None, {"rating": "yes"}):
        with pytest.raises(PxlError, match="wanted"):
            parse_fields(wrong)
    assert parse_fields({"rating": True, "prompt": True, "duel": False}) == {"rating", "prompt"}
    assert not any(knob.default for knob in KNOBS.values()), "nothing is ticked by itself"
