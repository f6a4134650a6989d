"""Templates: different prompts, the same ones again, and one sentence for one that cannot be drawn from."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.errors import TasteError
from lib_pxl.taste.template import SLOTS, Candidate, candidates, ready, wildcard_folders


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    for name, text in {
        "data/wildcards/animal.txt": "a cat\na dog\n# a note\n\na __colour/warm__ fox\n",
        "web/wildcards/colour/warm.txt": "red\namber\n",
        "web/extensions/sd-dynamic-prompts/wildcards/more.yaml": "sky: [dawn, 3::dusk]\nbomb: [1000000000::x, y]\n",
        "web/extensions/other/wildcards/endless.txt": "on and __endless__\n",
        "web/secret.txt": "secret\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return wildcard_folders(tmp_path / "data", tmp_path / "web")


def test_wildcards_of_every_folder_are_drawn_and_noted(folders: list[Path]) -> None:
    found = candidates("{a photo|art} of __animal__ at __sky__", 100, 1, folders)
    animals = ("a cat", "a dog", "a red fox", "a amber fox")
    every = {
        Candidate(f"{kind} of {animal} at {sky}", (kind, animal, sky))
        for kind in ("a photo", "art")
        for animal in animals
        for sky in ("dawn", "dusk")
    }
    assert set(found) == every and len(found) == len(every)


def test_the_ready_template_has_a_part_for_each_slot_in_its_order() -> None:
    for each in candidates(ready(), 50, 3):
        assert len(each.parts) == len(SLOTS)
        for part, words in zip(each.parts, SLOTS.values(), strict=True):
            assert {*part.split(", ")} <= {*words}
        places = [each.prompt.index(part) for part in each.parts]
        assert places == sorted(places)


def test_what_is_drawn_does_not_depend_on_others_or_on_how_many() -> None:
    many = candidates(ready(), 60, 7)
    random.seed(0)
    assert candidates(ready(), 20, 7) == many[:20] != candidates(ready(), 20, 8)
    before = random.getstate()
    candidates(ready(), 5, 7)
    assert random.getstate() == before


def test_a_variable_is_drawn_once_where_it_says_so() -> None:
    found = candidates("${x=!{red|blue}}${x} sky, ${x} sea", 10, 0)
    assert {each.prompt for each in found} == {"red sky, red sea", "blue sky, blue sea"}


@pytest.mark.parametrize("text", ["100% wool at $5", "<noken:A~B@0:0, 60%:1>, [cat:dog:0.5], (fox:1.2), [a|b]", "🦊 é"])
def test_what_is_no_template_stays_what_it_is(text: str) -> None:
    assert candidates(text, 5, 0) == [Candidate(text, ())]


def test_a_billion_combinations_are_no_more_work_than_a_few() -> None:
    digits = "{" + "|".join(map(str, range(10))) + "}"
    found = candidates(digits * 9, 300, 0)
    assert len({each.prompt for each in found}) == 300 and all(len(each.parts) == 9 for each in found)
    assert len(candidates("{1000000000$$ $$a|b|c}", 50, 0)) == 6


@given(st.integers(0, 10**30), st.integers(1, 6), st.integers(0, 20))
def test_there_are_as_many_as_asked_or_as_the_template_holds(seed: int, options: int, n: int) -> None:
    template = "{" + "|".join("abcdef"[:options]) + "}{x|y}"
    assert len({each.prompt for each in candidates(template, n, seed)}) == min(n, 2 * options)


@given(st.text(alphabet="ab{}|$_:=!%#/*-(,)1 ", max_size=40))
def test_any_text_is_drawn_from_or_refused(template: str) -> None:
    with contextlib.suppress(TasteError):
        found = candidates(template, 3, 0)
        assert len(found) <= 3 and candidates(template, 3, 0) == found


def _twice(names: tuple[str, str]) -> str:
    return "${TO=${OF}${OF}}".replace("OF", names[0]).replace("TO", names[1])


WRONG: dict[str, Callable[[], str]] = {
    "nothing": lambda: " ",
    "a bracket left open": lambda: "{a|b",
    "an unknown wildcard": lambda: "__animals__",
    "a wildcard above its folder": lambda: "__../../secret__",
    "a wildcard of the machine": lambda: "__/etc/passwd__",
    "a wildcard made of others": lambda: "__{..|/etc}/passwd__",
    "one that is its own": lambda: "__endless__",
    "a variable that is its own": lambda: "${x=${x}}${x}",
    "an unknown variable": lambda: "${x}",
    "brackets in brackets": lambda: "{" * 3000,
    "doubling": lambda: "${a=y}" + "".join(map(_twice, pairwise("abcdefghijklmn"))) + "${n}",
    "a huge weight": lambda: "{2$$__bomb__}",
    "no weight at all": lambda: "{0::a|0::b}",
    "a long text": lambda: "x" * 10_001,
    "many long words": lambda: "${x=" + "y" * 2000 + "}" + "${x}" * 6,
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_drawn_from_has_one_sentence(name: str, folders: list[Path]) -> None:
    with pytest.raises(TasteError, match="wanted") as error:
        candidates(WRONG[name](), 10, 0, folders)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300 and "secret\n" not in str(error.value)


def test_a_number_that_is_none_is_refused() -> None:
    for n in (-1, 10**9):
        with pytest.raises(TasteError, match="wanted"):
            candidates("a", n, 0)
    assert candidates("{a|b}", 0, 0) == []


def test_an_unknown_wildcard_names_those_that_are_like_it(folders: list[Path]) -> None:
    with pytest.raises(TasteError, match="animal"):
        candidates("__animals__", 1, 0, folders)
    with pytest.raises(TasteError, match="folder"):
        candidates("__animals__", 1, 0, [Path("nowhere")])
