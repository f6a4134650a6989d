"""Knobs: a value from outside is either what was asked for, or an error that says what that is."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.errors import ProgramError
from lib_pxl.knobs import Choice, Flag, Knob, Text, format_group, one_of, parse_group
from tests.control.stage import told

NUMBER = Knob("scale", "Scale", "how large", 0.5, 0, 1)
WHOLE = Knob("seed", "Seed", "which", -1, -1, 2**63 - 1, whole=True)
FREE = Knob("free", "Free", "any number", 0.0)
CHOICE = Knob("fit", "Fit", "how", "crop", choices={"crop": Choice("Crop", ""), "pad": Choice("Pad", "")})
FLAG = Flag("on", "On", "whether")
TEXT = Text("path", "Path", "a path")
NEEDED = Text("image", "Image", "a picture", required=True)
GROUP = {knob.name: knob for knob in (NUMBER, WHOLE, FREE, CHOICE, FLAG, TEXT, NEEDED)}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def refusal(knob: Knob, value: Any) -> ProgramError:
    with pytest.raises(ProgramError) as caught:
        knob.parse(value, "here")
    assert caught.value.field == "here" and caught.value.wanted
    return caught.value


@pytest.mark.parametrize("knob", GROUP.values(), ids=lambda knob: knob.name)
@given(anything)
def test_a_value_is_taken_and_comes_back_or_is_refused_in_words(knob: Knob, value: Any) -> None:
    try:
        parsed = knob.parse(value, "here")
    except ProgramError as problem:
        told(problem)
    else:
        assert parsed == value
        assert knob.parse(knob.format(parsed), "here") == parsed


@pytest.mark.parametrize("value", [0, 1, 0.0, 1.0, 0.3])
def test_a_range_holds_its_ends(value: float) -> None:
    assert NUMBER.parse(value, "here") == value and isinstance(NUMBER.parse(value, "here"), float)


@pytest.mark.parametrize(
    "value", [-1e-9, math.nextafter(1, 2), math.nan, math.inf, -math.inf, True, "0.5", None, 10**400]
)
def test_a_range_holds_nothing_else(value: Any) -> None:
    assert refusal(NUMBER, value).wanted == "a number from 0 to 1"


@pytest.mark.parametrize("value", [-1, 0, 3.0, 2**63 - 1])
def test_a_whole_number_is_whole_however_it_is_written(value: float) -> None:
    assert WHOLE.parse(value, "here") == value and type(WHOLE.parse(value, "here")) is int


@pytest.mark.parametrize("value", [0.5, -2, 2**63, 2.0**63, True, "1", math.nan])
def test_a_whole_number_is_no_other(value: Any) -> None:
    assert refusal(WHOLE, value).wanted.startswith("a whole number from -1 to ")


def test_a_number_without_a_range_is_any_that_can_be_reckoned_with() -> None:
    assert FREE.parse(-1e9, "here") == -1e9
    assert refusal(FREE, math.inf).wanted == "a number"


@pytest.mark.parametrize("value", ["a\0b", "\ud800", "a\udfffb", "", " \n", None, 1])
def test_text_that_no_file_takes_is_refused(value: Any) -> None:
    assert refusal(NEEDED, value).wanted == "a picture"


@pytest.mark.parametrize("value", ["C:\\a b\\ü.png", "日本.png", " a ", "\U0001f600", "map:" + "0" * 32])
def test_any_other_text_is_kept_as_it_is(value: str) -> None:
    assert NEEDED.parse(value, "here") == TEXT.parse(value, "here") == value
    assert value.encode().decode() == value


@pytest.mark.parametrize(
    ("names", "got", "text"),
    [
        ([], "a", "none"),
        (["color"], None, "color"),
        (["color", "luma"], "x", "color or luma"),
        (["color", "luma", "edges"], "colour", "color, luma or edges (did you mean 'color'?)"),
        (["color"], ["x"], "color"),
        (["color"], "y" * 10**7, "color"),
    ],
    ids=lambda each: str(each)[:20],
)
def test_a_list_of_names_reads_as_a_person_says_it(names: list[str], got: Any, text: str) -> None:
    assert one_of(names, got) == text


def test_a_group_has_every_value_and_is_written_with_those_that_differ() -> None:
    values = parse_group(GROUP, {"image": "a"}, "here")
    assert list(values) == list(GROUP)
    assert format_group(GROUP, values) == {"image": "a"}
    changed = values | {"scale": 0.7, "path": "b", "on": True}
    assert format_group(GROUP, changed) == {"image": "a", "scale": 0.7, "path": "b", "on": True}
    assert parse_group(GROUP, format_group(GROUP, changed), "here") == changed


@given(st.dictionaries(st.sampled_from([*GROUP, "new"]) | st.text() | st.integers(), anything, max_size=4))
def test_a_group_is_understood_or_refused_with_the_place(data: dict[Any, Any]) -> None:
    try:
        values = parse_group(GROUP, data, "here")
    except ProgramError as problem:
        told(problem)
    else:
        assert set(values) == set(GROUP) >= set(data)


def test_a_group_s_place_may_be_the_top() -> None:
    with pytest.raises(ProgramError) as caught:
        parse_group(GROUP, {"image": "a", "scael": 1}, "")
    assert caught.value.field == "scael" and "did you mean 'scale'?" in str(caught.value)
    with pytest.raises(ProgramError, match=r"^program: got \[\], wanted a dictionary"):
        parse_group(GROUP, [], "")


@pytest.mark.parametrize(("knob", "kind"), [(NUMBER, "number"), (CHOICE, "choice"), (FLAG, "flag"), (TEXT, "text")])
def test_a_knob_says_what_the_panel_draws(knob: Knob, kind: str) -> None:
    assert knob.kind == kind
