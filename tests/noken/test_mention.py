"""Mentions: whatever surrounds them, they are found whole, said as one word that CLIP reads whole, or leave no gap."""

from __future__ import annotations

import string
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lib_pxl.control.curve import Curve
from lib_pxl.errors import NokenError
from lib_pxl.noken.mention import Mention, mentions, mixed, replaced, swapped, word
from lib_pxl.small.tokens import tokenizer_of

hashes = st.integers(0, 2**128 - 1).map(lambda number: f"{number:032x}")
texts = st.text(st.sampled_from("ab,:()[]|<>~@% \n\\'é1") | st.characters(exclude_categories=["Cs"]), max_size=40)
names = st.text(st.characters(exclude_categories=["C", "Z", "M"], exclude_characters="<>~@"), min_size=1, max_size=12)
curves = st.sampled_from(["0.5", "0:0, 60%:1", "0:(0), 0.3:(1)", "10%:0.2 smooth, 1:1 hold", ".25"])
said = (
    names | st.tuples(names, names).map("~".join) | st.tuples(names, names, curves).map("{0[0]}~{0[1]}@{0[2]}".format)
)
prompts = st.lists(texts | said.map("<noken:{}>".format), max_size=6).map("".join)


@given(names, names, st.none() | curves, st.booleans())
def test_a_mention_written_is_the_mention_read(name: str, other: str, curve: str | None, two: bool) -> None:
    mention = Mention.parse(name + (f"~{other}" + (f"@{curve}" if curve else "") if two else ""))
    assert mentions(mention.format()) == [mention.format()[7:-1]]
    assert Mention.parse(mention.format()[7:-1]) == mention
    assert bool(mention.other) is two
    if mention.curve:
        assert Curve.parse(mention.curve) == Curve.parse(curve)


@pytest.mark.parametrize("body", ["", " ", "~", "a~", "~b", "a~b~c", "a@0.5", "a~b@", "a@", "@0.5", "a\0", "x" * 81])
def test_what_is_no_mention_is_one_sentence(body: str) -> None:
    with pytest.raises(NokenError, match=r"got .*, wanted "):
        Mention.parse(body)


@given(prompts)
@example("<noken:a<noken:b>>")
@example("<noken:<noken:>>~@")
def test_a_text_put_together_again_is_the_text(text: str) -> None:
    assert replaced(text, lambda body, before: f"<noken:{body}>") == text
    if not mentions(text):
        assert replaced(text, lambda body, before: pytest.fail(body)) is text


@given(prompts)
def test_no_mention_is_left_and_each_is_said_once_in_order(text: str) -> None:
    asked: list[str] = []
    made = replaced(text, lambda body, before: asked.append(body) or f"word{len(asked)}x")  # type: ignore[func-returns-value]
    assert asked == mentions(text) and mentions(made) == []
    assert "".join(made.split()).count("word") - "".join(text.split()).count("word") == len(asked)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<noken:x> in (a <noken:y~z@0:0, 60%:1>:1.2)", "W in (a W:1.2)"),
        ("[<noken:x>:<noken:y>:0.5]", "[W:W:0.5]"),
        ("[<noken:x>|a] AND <noken:y> BREAK<noken:z>", "[W|a] AND W BREAK W"),
        ("a<noken:x>b", "a W b"),
        ("<noken:x><noken:y>", "W W"),
        ("é<noken:x>\u0301", "é W \u0301"),
        ("<lora:x:1><noken:x>,\\(b\\)", "<lora:x:1>W,\\(b\\)"),
        ("a\n<noken:x>\nb", "a\nW\nb"),
        ("<noken:x <noken:y>", "<noken:x W"),
        ("<noken:x", "<noken:x"),
    ],
)
def test_a_word_stands_wherever_a_mention_may(text: str, wanted: str) -> None:
    assert replaced(text, lambda body, before: "W") == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a <noken:x> cat", "a cat"),
        ("a, <noken:x>, b", "a, b"),
        ("<noken:x>, b", "b"),
        ("<noken:x> b", "b"),
        ("a, <noken:x>", "a"),
        ("a <noken:x>", "a"),
        ("<noken:x>", ""),
        ("<noken:x>, <noken:y>, b", "b"),
        ("a, <noken:x>, <noken:y>", "a"),
        ("a<noken:x>b", "a b"),
        ("(<noken:x>:1.2) a", "(:1.2) a"),
        ("[a:<noken:x>:0.5]", "[a::0.5]"),
        ("a BREAK <noken:x> b", "a BREAK b"),
        ("a <noken:x>, b", "a, b"),
        ("a, b ", "a, b "),
    ],
)
def test_what_is_gone_leaves_no_gap(text: str, wanted: str) -> None:
    assert replaced(text, lambda body, before: "") == wanted


@given(st.lists(st.sampled_from(["cat", "in a hat", "<noken:x>", "(b:1.2)"]), max_size=8))
def test_a_list_without_its_mentions_is_the_list_of_the_others(items: list[str]) -> None:
    others = [each for each in items if each != "<noken:x>"]
    assert replaced(", ".join(items), lambda body, before: "") == ", ".join(others)


@given(st.lists(hashes, min_size=2, max_size=5, unique=True))
def test_words_are_letters_and_none_begins_another(which: list[str]) -> None:
    made = [word(each) for each in which]
    assert len(set(made)) == len(made) and {len(each) for each in made} == {35}
    assert all(set(each) <= set(string.ascii_lowercase) for each in made)


@cache
def clip() -> Any:
    """CLIP's own way of cutting text, over a vocabulary in which letters of our words join each other."""
    return tokenizer_of(["pxl abba cab face jig pxlabba ace's"])


def ids(text: str) -> list[int]:
    return list(clip()(text, add_special_tokens=False).input_ids)


@given(hashes, texts, texts)
@example("0" * 32, "it'", "'s")
@example("0" * 32, "1", "2")
@example("0" * 32, "&", ";")
@example("0" * 32, "c", "\u0327")
@example("0" * 32, "_", "_")
def test_a_word_keeps_its_ids_whatever_stands_beside_it(which: str, before: str, after: str) -> None:
    own, whole = ids(word(which)), ids(replaced(f"{before}<noken:x>{after}", lambda body, before: word(which)))
    assert any(whole[i : i + len(own)] == own for i in range(len(whole)))


@given(hashes, hashes)
def test_no_word_s_ids_begin_another_s(one: str, other: str) -> None:
    a, b = ids(word(one)), ids(word(other))
    assert (a[: len(b)] == b) is (one == other)


def test_an_axis_s_value_stands_in_every_mention_and_its_mix_in_every_pair() -> None:
    text = "a <noken:x> (b <noken:y~z@0:0, 1:1>:1.1)"
    assert swapped(text, "p~q") == "a <noken:p~q> (b <noken:p~q>:1.1)"
    assert mixed(text, 0.25) == "a <noken:x> (b <noken:y~z@0.25>:1.1)"
    assert mixed(swapped(text, "p~q"), 1) == "a <noken:p~q@1> (b <noken:p~q@1>:1.1)"
