"""A mutation's angle is the one asked for, its norm the parent's; towards a word it stops there."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_pxl.errors import PxlError
from lib_pxl.noken import Noken, mutate
from lib_pxl.noken import mutation as module
from lib_pxl.noken.vocabulary import Vocabulary
from tests.noken.people import degrees, noken, spoken, words

SEEDS = st.integers(0, 10**6)
TABLE = words()
A = noken(4, 1)


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Vocabulary, "guard", lambda self, rows, near: rows)


@pytest.mark.parametrize("table", [None, TABLE])
@given(seed=SEEDS, angle=st.floats(0, 180))
@settings(max_examples=50)
def test_every_vector_turns_by_the_angle_and_keeps_its_norm(seed: int, angle: float, table: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Vocabulary, "guard", lambda self, rows, near: rows)
        made = mutate(A, seed=seed, angle=angle, table=table)
    for letter, rows in made.vectors.items():
        assert torch.allclose(degrees(rows, A.vectors[letter]), torch.tensor(angle).double(), atol=1e-3)
        assert torch.allclose(rows.norm(dim=1), A.vectors[letter].norm(dim=1), rtol=1e-5)


def test_a_seed_gives_the_same_mutant_bit_for_bit() -> None:
    for table in (None, TABLE):
        for towards in (None, "near") if table else (None,):
            one, again, other = (mutate(A, seed=seed, table=table, towards=towards) for seed in (1, 1, 2))
            assert one == again != other
    assert mutate(A).lineage.parents == (A.hash,)
    assert (mutate(A, seed=3, angle=7).lineage.amounts, mutate(A).lineage.operator) == ((7.0,), "mutate")


@pytest.mark.usefixtures("unguarded")
def test_with_a_table_the_steps_go_where_the_words_differ_most() -> None:
    flat = words(widths={"l": 80})
    directions = Vocabulary(flat["l"]).directions
    assert directions.shape == (64, 80)
    a = noken(75, 3, {"l": 80})
    for table, inside in ((flat, True), (None, False)):
        step = (mutate(a, table=table).vectors["l"] - a.vectors["l"]).double()
        units = torch.nn.functional.normalize(a.vectors["l"].double())
        basis = torch.linalg.qr(torch.cat([directions, units]).T)[0] if inside else directions.T
        rest = step - (step @ basis) @ basis.T
        assert bool((rest.norm(dim=1) < 1e-5 * step.norm(dim=1)).all()) is inside


@pytest.mark.usefixtures("unguarded")
@given(SEEDS, st.floats(0, 180), st.integers(0, 299))
@settings(max_examples=50, suppress_health_check=[])
def test_towards_a_word_it_goes_straight_and_stops_there(seed: int, angle: float, word: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Vocabulary, "guard", lambda self, rows, near: rows)
        made = mutate(A, seed=seed, angle=angle, table=TABLE, towards=word)
    for letter, rows in made.vectors.items():
        aim = TABLE[letter][word].expand_as(rows)
        way = degrees(A.vectors[letter], aim)
        assert torch.allclose(degrees(A.vectors[letter], rows), way.clamp(max=angle), atol=1e-3)
        assert torch.allclose(degrees(rows, aim), (way - angle).clamp(min=0), atol=1e-3)
        assert torch.allclose(rows.norm(dim=1), A.vectors[letter].norm(dim=1), rtol=1e-5)


@pytest.mark.usefixtures("unguarded")
def test_near_is_one_of_the_nearest_other_words_the_same_in_both_encoders() -> None:
    start = spoken(TABLE, [5, 6, 7])
    near = Vocabulary(TABLE["l"]).nearest(start.vectors["l"], module.NEIGHBOURS + 1)[1][:, 1:].tolist()
    reached = set()
    for seed in range(40):
        made = mutate(start, seed=seed, angle=180, table=TABLE, towards="near")
        for place in range(3):
            found = [
                int((torch.nn.functional.normalize(TABLE[letter]) @ rows[place]).argmax())
                for letter, rows in made.vectors.items()
            ]
            assert found[0] == found[1] and found[0] in near[place]
            reached.add((place, found[0]))
    assert len(reached) > 50


@pytest.mark.parametrize("table", [None, TABLE])
def test_many_at_once_are_those_made_one_by_one(table: Any) -> None:
    nokens = [A, spoken(TABLE, [1, 2]), A, noken(1, 5), spoken(TABLE, [2])]
    towards = [None, "near", "near", 7, None] if table else [None] * 5
    made = module.mutants(nokens, range(5), 40.0, table, towards)
    single = [mutate(each, seed, 40.0, table, towards[seed]) for seed, each in enumerate(nokens)]
    assert [each.lineage for each in made] == [each.lineage for each in single]
    for one, other in zip(made, single, strict=True):
        for letter, rows in one.vectors.items():
            torch.testing.assert_close(rows, other.vectors[letter], rtol=1e-5, atol=1e-7)


def test_a_mutant_stays_among_the_words_however_large_the_angle() -> None:
    for seed in range(20):
        made = mutate(spoken(TABLE, [1, 2]), seed=seed, angle=90, table=TABLE)
        for letter, rows in made.vectors.items():
            known = Vocabulary(TABLE[letter])
            low, high = known.norm_range
            assert float(known.nearest(rows, 1)[0].min()) >= known.least - 1e-6
            assert bool((rows.norm(dim=1) >= low - 1e-6).all() and (rows.norm(dim=1) <= high + 1e-6).all())


def test_a_vector_without_a_direction_stays_as_it_is() -> None:
    zero = Noken({"l": torch.zeros(2, 5)})
    assert mutate(zero, angle=45) == zero
    assert mutate(Noken({"l": torch.ones(1, 1)}), angle=45) == Noken({"l": torch.ones(1, 1)})


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"angle": -1}, "angle: got -1, wanted a number from 0 to 180"),
        ({"angle": 181}, "angle: got 181"),
        ({"angle": float("inf")}, "angle: got inf"),
        ({"seed": "1"}, "seed: got '1'"),
        ({"towards": 3}, "towards: got 3, wanted a table of words as well"),
        ({"towards": 300, "table": TABLE}, "towards: got 300, wanted 'near', or a word's id below 300"),
        ({"towards": "cat", "table": TABLE}, "towards: got 'cat'"),
        ({"towards": True, "table": TABLE}, "towards: got True"),
        ({"table": {"l": TABLE["l"]}}, "wanted words (V, D)"),
    ],
)
def test_what_cannot_be_done_has_one_sentence(more: dict[str, Any], told: str) -> None:
    with pytest.raises(PxlError) as error:
        mutate(A, **more)
    assert told in str(error.value)
