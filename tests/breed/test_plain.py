"""A prompt as it would be said: what is syntax falls away, and what is not stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.breed.plain import plain

SYNTAX = st.text("()[]<>:|\\ .01aAND")


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("a red fox", "a red fox"),
        ("a (red:1.3) fox", "a red fox"),
        ("((a) [red]) fox", "a red fox"),
        ("(a (red:1.2) fox:0.8)", "a red fox"),
        ("a fox <lora:fur:0.7> at night", "a fox at night"),
        ("<noken:a~b@0:0, 50%:1> a fox", "a fox"),
        ("[cat:fox:0.5] at night", "fox at night"),
        ("[fox:10] at night", "fox at night"),
        ("[fox::0.4] at night", "fox at night"),
        ("[fox|owl|cat] at night", "fox at night"),
        ("a fox AND an owl :1.2", "a fox, an owl"),
        ("a fox BREAK at night", "a fox, at night"),
        ("SAND and HAND", "SAND and HAND"),
        (r"a fox \(red\)", "a fox (red)"),
        (r"(a fox \[x\]:1.1)", "a fox [x]"),
        ("at 10:30", "at 10:30"),
        ("((((a fox", "a fox"),
        ("a\nfox,  ", "a fox"),
        ("()[]<>", ""),
    ],
)
def test_only_the_words_are_left(prompt: str, wanted: str) -> None:
    assert plain(prompt) == wanted


@given(SYNTAX)
def test_whatever_it_is_no_bracket_stays_that_was_not_escaped(prompt: str) -> None:
    found = plain(prompt)
    if "\\" not in prompt:
        assert not set(found) & set("()[]")
    assert found == found.strip(" ,")


@given(st.text("abc ,", max_size=30), st.floats(0.1, 2))
def test_a_weight_changes_no_word(words: str, weight: float) -> None:
    assert plain(f"({words}:{weight:.2f})") == plain(words)


def test_a_deep_nest_is_opened_too() -> None:
    assert plain("(" * 4000 + "fox" + ")" * 4000) == "fox"
