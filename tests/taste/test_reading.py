"""Prompts are read as the WebUI reads them, and any text is a prompt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.taste.reading import LEAST, MOST, read


def weights(prompt: str) -> dict[str, float]:
    found = read(prompt)
    return dict(zip(found.words, found.weights, strict=True))


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("red fox", {"red": 1, "fox": 1}),
        ("(red:1.3) fox", {"red": 1.3, "fox": 1}),
        ("(red) ((fox))", {"red": 1.1, "fox": 1.21}),
        ("[red] fox", {"red": 1 / 1.1, "fox": 1}),
        ("(a (b:1.5) c:2)", {"a": 2, "b": 3, "c": 2}),
        ("(red", {"red": 1.1}),
        ("red)", {"red": 1}),
        (r"\(red\) fox", {"red": 1, "fox": 1}),
        ("[cat:dog:0.5]", {"cat": 1, "dog": 1}),
        ("[cat|dog]", {"cat": 1 / 1.1, "dog": 1 / 1.1}),
        ("<lora:ink:0.7> fox", {"<lora:ink>": 0.7, "fox": 1}),
        ("<lora:ink> fox", {"<lora:ink>": 1, "fox": 1}),
        ("red BREAK fox AND owl", {"red": 1, "fox": 1, "owl": 1}),
        ("(red:9999)", {"red": MOST}),
        ("(red:-3)", {"red": LEAST}),
        ("fox, (fox:1.4)", {"fox": 1.4}),
        ("🦊 fox", {"🦊": 1, "fox": 1}),
        ("", {}),
    ],
)
def test_weights_are_read_properly(prompt: str, wanted: dict[str, float]) -> None:
    assert weights(prompt) == pytest.approx(wanted)


def test_neighbours_do_not_cross_a_comma() -> None:
    found = read("red fox, blue owl BREAK sky")
    pairs = {(found.words[a], found.words[b]) for a, b in found.neighbours}
    assert pairs == {("red", "fox"), ("blue", "owl")} and found.phrases == 3 and found.length == 5


@given(st.text(max_size=300) | st.text("()[]<>:,\\ ab1.|", max_size=300))
def test_any_text_is_a_prompt(prompt: str) -> None:
    found = read(prompt)
    assert len(found.words) == len(set(found.words)) == len(found.weights) <= max(found.length, 0)
    assert all(LEAST <= each <= MOST for each in found.weights)
    assert all(max(pair) < len(found.words) and pair[0] != pair[1] for pair in found.neighbours)
    assert read(prompt.swapcase().swapcase()) == read(prompt.swapcase().swapcase())


@pytest.mark.parametrize(
    "prompt", ["(" * 5000 + "a" + ")" * 5000, "a " * 5000, "🦊" * 10_000, "<" * 10_000, ":" * 9999]
)
def test_long_prompts_are_read_to_the_end(prompt: str) -> None:
    assert all(LEAST <= each <= MOST for each in read(prompt).weights)
