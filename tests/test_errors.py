"""Errors: one tree, one sentence, short and safe whatever was handed in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl import errors
from lib_pxl.errors import (
    CurveError,
    ForgeryError,
    HostError,
    ImageError,
    NokenError,
    ProgramError,
    PxlError,
    ShareError,
    StoreError,
    TasteError,
    WireError,
    shown,
)

DEEP: Any = []
for _ in range(10_000):
    DEEP = [DEEP]


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no repr for you")


STRANGE = [
    "x" * 10**7,
    b"x" * 10**7,
    10**5000,
    -(10**400),
    [10**5000],
    {"a": {"b": {"c": {"d": 10**5000}}}},
    list(range(10**6)),
    dict.fromkeys(range(10**5)),
    DEEP,
    Rude(),
    [Rude()],
    {Rude: Rude()},
    "\ud800\0\n\u202e",
    float("nan"),
    None,
    {1, "a", None},
]


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: type(value).__name__)
def test_anything_is_shown_in_a_short_printable_line(value: Any) -> None:
    assert len(shown(value)) < 400 and shown(value).isprintable()
    told = str(PxlError("thing", got=value, wanted="another"))
    assert told == f"thing: got {shown(value)}, wanted another"


@given(st.recursive(st.none() | st.text() | st.integers() | st.floats(), lambda inner: st.lists(inner), max_leaves=20))
def test_what_is_small_is_shown_safely_too(value: Any) -> None:
    assert shown(value).isprintable() and len(shown(value)) < 2000


@pytest.mark.parametrize("value", ["a", 1, 0.5, None, True, ["a"], {"a": 1}])
def test_what_is_simple_is_shown_as_python_writes_it(value: Any) -> None:
    assert shown(value) == repr(value)


def test_every_error_is_one_of_ours_and_the_tree_in_the_docstring_is_all_of_them() -> None:
    tree = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, PxlError)]
    of_data = {ImageError, StoreError, NokenError, TasteError, WireError, ForgeryError, ShareError}
    assert {ProgramError, CurveError, HostError, PxlError} | of_data == set(tree)
    assert errors.__doc__ and all(each.__name__ in errors.__doc__ for each in tree)
    assert issubclass(CurveError, ProgramError) and issubclass(ForgeryError, WireError)
    assert not issubclass(PxlError, (ValueError, OSError))


def test_an_error_remembers_what_it_says() -> None:
    problem = StoreError("preset", got="a", wanted="b")
    assert (problem.what, problem.got, problem.wanted) == ("preset", "a", "b")
    assert str(problem) == "preset: got 'a', wanted b"
    assert str(PxlError("only words")) == "only words"


@pytest.mark.parametrize(
    ("field", "spoken"),
    [
        ("layers[0].strength", "layer 1 strength"),
        ("layers[7].source.image", "layer 8 source.image"),
        ("layers[2]", "layer 3"),
        ("layers", "layers"),
        ("control.enabled", "control.enabled"),
    ],
)
def test_a_field_is_spoken_of_as_a_person_counts(field: str, spoken: str) -> None:
    problem = CurveError(field, got=1, wanted="2")
    assert problem.field == field
    assert str(problem) == f"{spoken}: got 1, wanted 2"
