"""A prompt taken apart: where its parts stand, what they add, and what does better in their place."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.taste import Item, Taste
from lib_pxl.taste.analyze import Part, analyze
from lib_pxl.taste.explain import explain, together
from lib_pxl.taste.reading import read, runs
from tests.taste.people import duels, items, words

POOL = items(150, seed=5)
PROMPT = "a fox, (oil painting:1.2), dark, macro, <lora:ink:0.5>"
SETTINGS = {"model": "sd15", "steps": 10}


def likes(item: Item) -> float:
    return 1.0 * ("neon" in words(item)) - 1.0 * ("dark" in words(item)) + 1.0 * (item.settings["model"] == "sdxl")


@pytest.fixture(scope="module")
def taste() -> Taste:
    return Taste.fit(POOL, duels(POOL, likes, 300))


def part(found: list[Part], label: str) -> Part:
    (only,) = [each for each in found if each.label == label]
    return only


@given(st.text() | st.text(alphabet="ab (),:1<>\\BREAKND\n🦊"))
def test_runs_have_the_words_that_are_read(prompt: str) -> None:
    found = [span for run in runs(prompt) for span in run]
    assert tuple(dict.fromkeys(span.word for span in found)) == read(prompt).words
    for span in found:
        assert prompt[span.start : span.end].lower() == span.word or span.word.startswith("<")
    assert [span.start for span in found] == sorted(span.start for span in found)
    for run in runs(prompt):
        assert not "".join(prompt[a.end : b.start] for a, b in pairwise(run)).strip(" \t")


def test_parts_stand_where_they_say(taste: Taste) -> None:
    found = analyze(taste, PROMPT, SETTINGS).parts
    assert [PROMPT[each.start : each.end] for each in found if each.start >= 0] == [
        "a fox", "fox", "oil painting", "oil", "painting", "dark", "macro", "<lora:ink:0.5>",
    ]  # fmt: skip
    assert {each.label for each in found if each.start < 0} == {"model=sd15", "steps=10"}


def test_what_a_phrase_adds_is_what_its_words_and_their_pair_add(taste: Taste) -> None:
    item = Item("x", PROMPT, settings=SETTINGS)
    alone = {pull.label: pull.mean for pull in explain(taste, item)}
    phrase, fox = together(taste, item, [["oil", "painting"], ["fox"]])
    assert fox.mean == pytest.approx(alone["fox"], abs=1e-5)
    assert phrase.mean == pytest.approx(alone["oil"] + alone["painting"] + alone["oil + painting"], abs=1e-5)


def test_what_is_liked_is_offered_and_the_gain_is_what_the_score_gains(taste: Taste) -> None:
    found = analyze(taste, PROMPT, SETTINGS, known=POOL)
    dark, model = part(found.parts, "dark"), part(found.parts, "model=sd15")
    assert dark.mean < 0 and dark.sure and dark.instead[0].label == "neon" and dark.instead[0].sure
    assert model.mean < 0 and [each.label for each in model.instead] == ["model=sdxl"]
    better = Item("x", PROMPT.replace("dark", "neon"), settings=SETTINGS)
    gain = float(taste.score([better])[0]) - found.mean
    assert dark.instead[0].gain == pytest.approx(gain, abs=1e-4)
    assert found.mean == pytest.approx(float(taste.score([Item("x", PROMPT, settings=SETTINGS)])[0]))


def test_what_stood_elsewhere_is_not_offered(taste: Taste) -> None:
    found = analyze(taste, PROMPT, SETTINGS, known=POOL).parts
    subjects = {"fox", "owl", "castle", "robot", "girl", "ship", "forest", "city", "cat", "mountain"}
    assert {each.label for each in part(found, "fox").instead} <= subjects
    assert part(found, "<lora:ink>").instead == ()
    assert analyze(taste, PROMPT, SETTINGS).parts[0].instead == ()


@pytest.mark.parametrize("prompt", ["", "🦊 " * 3000, "word " * 2000, "(" * 10_000, "a, " * 3000, "x" * 10_000])
def test_any_prompt_is_taken_apart(taste: Taste, prompt: str) -> None:
    found = analyze(taste, prompt, {"model": None, "cfg": 7.5, "seed": 3, "new": True}, "never judged", POOL)
    assert found.std > 0 and {each.label for each in found.parts if each.start < 0} == {"cfg=7.5", "new=True"}


def test_nothing_is_sure_before_anything_is_judged() -> None:
    found = analyze(Taste.fit(POOL, []), PROMPT, SETTINGS, known=POOL).parts
    assert not any(each.sure or each.instead or each.mean for each in found)
