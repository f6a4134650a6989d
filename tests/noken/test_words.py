"""The nearest words of each vector: those of a search by hand, once each, and only what can be read."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.errors import PxlError
from lib_pxl.noken import Noken
from lib_pxl.noken import vocabulary as module
from lib_pxl.noken.vocabulary import Vocabulary
from lib_pxl.noken.words import near_words
from lib_pxl.noken.words import spoken as as_prompt
from tests.noken.people import noken, spoken, words

TABLE = words()


def text(which: int) -> str:
    """Every third entry reads like its neighbour, every seventh cannot be read."""
    return "\x07" if which % 7 == 0 else f"w{which - which % 3}</w>" if which % 2 else f"W{which - which % 3}"


@given(st.integers(0, 10**6), st.integers(1, 20))
def test_they_are_the_nearest_that_can_be_read_each_once(seed: int, count: int) -> None:
    a = noken(3, seed)
    found = near_words(a, TABLE, text, count)
    for letter, rows in a.vectors.items():
        units = torch.nn.functional.normalize(TABLE[letter])
        for row, near in zip(torch.nn.functional.normalize(rows), found[letter], strict=True):
            cosines = (units @ row).tolist()
            order = [which for which in sorted(range(300), key=lambda which: -cosines[which]) if which % 7]
            assert near[0].id == order[0] and near[0].word.isalnum()
            assert [each.cosine for each in near] == sorted((each.cosine for each in near), reverse=True)
            assert all(abs(each.cosine - cosines[each.id]) < 1e-5 for each in near)
            assert len({each.word.casefold() for each in near}) == len(near) == count


def test_a_word_is_nearest_to_itself() -> None:
    found = near_words(spoken(TABLE, [5, 8]), TABLE, str, 1)
    assert [[each.id for each in near] for near in found["g"]] == [[5], [8]]
    assert found["l"][0][0] == ("5", pytest.approx(1), 5)


def test_count_and_table_are_checked() -> None:
    for table, count in ((TABLE, 0), ({"l": TABLE["l"]}, 5)):
        with pytest.raises(PxlError, match="wanted"):
            near_words(noken(), table, str, count)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_search_in_pieces_is_a_search(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    table, rows = TABLE["l"].to(dtype), noken(9).vectors["l"]
    whole = Vocabulary(table).nearest(rows, 7)
    monkeypatch.setattr(module, "WORDS", 32)
    monkeypatch.setattr(module, "ROWS", 2)
    pieces = Vocabulary(table).nearest(rows, 7)
    assert torch.equal(whole[1], pieces[1]) and torch.allclose(whole[0], pieces[0], atol=1e-6)
    assert Vocabulary(table[:3]).nearest(rows, 7)[0].shape == (9, 3)


def test_entries_that_hold_no_word_are_never_near() -> None:
    table = torch.cat([TABLE["l"], torch.zeros(50, 12)])
    known = Vocabulary(table)
    assert int(known.nearest(noken(9).vectors["l"], 300)[1].max()) < 300
    assert known.norm_range == Vocabulary(TABLE["l"]).norm_range and known.least == Vocabulary(TABLE["l"]).least


def test_what_is_known_of_a_table_is_found_out_once_and_again_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    table = words(seed=99)["l"]
    least, norms = Vocabulary(table).least, Vocabulary(table).norm_range
    with monkeypatch.context() as patch:
        patch.setattr(Vocabulary, "_least", None)
        patch.setattr(Vocabulary, "_measure", None)
        assert Vocabulary(table.clone()).least == least and Vocabulary(table).norm_range == norms
    table *= 2
    assert Vocabulary(table).norm_range == pytest.approx(tuple(2 * each for each in norms))
    assert len(module._found) <= module._KEPT
    for seed in range(module._KEPT):
        Vocabulary(words(10, seed)["l"])
    assert len(module._found) <= module._KEPT


@given(st.integers(0, 10**6))
def test_the_guard_moves_nothing_that_is_inside_and_nothing_twice(seed: int) -> None:
    known = Vocabulary(TABLE["g"])
    rows = noken(20, seed).vectors["g"]
    near = known.nearest(rows[:1], 4)[1].flatten()
    once = known.guard(rows, near)
    assert torch.allclose(known.guard(once, near), once, atol=1e-6)
    everywhere = known.guard(rows, torch.arange(300))
    assert torch.allclose(once, everywhere, atol=1e-6)
    low, high = known.norm_range
    fine = (known.nearest(rows, 1)[0][:, 0] >= known.least) & (rows.norm(dim=1) > low) & (rows.norm(dim=1) < high)
    assert torch.equal(once[fine], rows[fine])


def test_the_guard_turns_no_farther_than_it_must() -> None:
    known = Vocabulary(TABLE["l"])
    word = torch.nn.functional.normalize(TABLE["l"][:1])
    far = -known.directions[:1].float() + 0.01 * word
    kept = known.guard(far, torch.zeros(1, dtype=torch.long))
    cosine, ids = known.nearest(far, 1)
    if float(cosine) < known.least:
        assert float(known.nearest(kept, 1)[0]) == pytest.approx(known.least, abs=1e-5)
        flat = torch.linalg.matrix_rank(torch.cat([far, kept, TABLE["l"][ids[0]]]), rtol=1e-4)
        assert int(flat) == 2
    zero = known.guard(torch.zeros(1, 12), torch.zeros(1, dtype=torch.long))
    assert float(zero.norm()) == pytest.approx(known.norm_range[0], rel=1e-4)


ENTRIES = ["red</w>", "fox</w>", "water", "color</w>", "water</w>", "color", "!</w>", "owl</w>", "mel", "on</w>"]
KNOWN = {letter: table[: len(ENTRIES)] for letter, table in TABLE.items()}


def entry(which: int) -> str:
    """As tokenizers read one: without the mark of a word's end."""
    return ENTRIES[which].removesuffix("</w>")


def ids(text: str) -> list[int]:
    """Words in as few pieces as there are, the last of which ends one."""

    def cut(word: str) -> list[int]:
        if f"{word}</w>" in ENTRIES:
            return [ENTRIES.index(f"{word}</w>")]
        cuts = [at for at in range(len(word) - 1, 0, -1) if word[:at] in ENTRIES]
        return [ENTRIES.index(word[: cuts[0]]), *cut(word[cuts[0] :])] if cuts else []

    return [piece for word in text.split() for piece in cut(word)]


@pytest.mark.parametrize(
    "words",
    [
        "red fox",
        "red watercolor fox",
        "water color",
        "watercolor watercolor",
        "fox red water",
        "watermelon fox",
        "red watercolormelon",
    ],
)
def test_what_was_made_of_words_says_them(words: str) -> None:
    said = as_prompt(spoken(KNOWN, ids(words)), KNOWN, entry, ids)
    assert said == " ".join(f"({word}:1.00)" for word in words.split())


def test_what_lies_between_words_says_the_nearer_one_more_faintly() -> None:
    red, fox = (spoken(KNOWN, ids(word)) for word in ("red", "fox"))
    between = Noken({letter: 0.7 * red.vectors[letter] + 0.3 * fox.vectors[letter] for letter in KNOWN})
    word, weight = as_prompt(between, KNOWN, entry, ids).strip("()").split(":")
    assert word == "red" and 0.7 < float(weight) < 0.99


def test_of_two_encoders_the_nearer_counts_and_what_is_no_word_is_left_out() -> None:
    owl, sign = spoken(KNOWN, ids("owl")), spoken(KNOWN, [ENTRIES.index("!</w>")])
    unsure = Noken({"l": owl.vectors["l"], "g": owl.vectors["g"] + sign.vectors["g"] * 0.9})
    assert as_prompt(unsure, KNOWN, entry, ids) == "(owl:1.00)"
    assert as_prompt(sign, KNOWN, entry, ids) == ""
    away = Noken({letter: -KNOWN[letter].sum(0, keepdim=True) for letter in KNOWN})
    assert all(float(found.strip("()").split(":")[1]) > 0 for found in as_prompt(away, KNOWN, entry, ids).split())
