"""The laws of breeding: ends, norms, whole tokens, one mask, alignment, seeds, and the model's own words."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lib_pxl.errors import PxlError
from lib_pxl.noken import Noken, breed
from lib_pxl.noken.method import METHODS, NEAR, OPPOSITE, turned
from tests.noken.people import WIDTHS, cosines, degrees, noken, spoken, words

SEEDS = st.integers(0, 10**6)
LENGTHS = st.integers(1, 9)
MIXES = st.floats(0, 1)
TABLE = words()


def sources(child: Noken, letter: str, parents: list[Noken]) -> list[tuple[int, int]]:
    """For each token of the child whose it is, and which."""
    found = []
    for row in child.vectors[letter]:
        ((who, which),) = {
            (who, which)
            for who, each in enumerate(parents)
            for which, other in enumerate(each.vectors[letter])
            if torch.equal(row, other)
        }
        found.append((who, which))
    return found


@pytest.mark.parametrize("method", METHODS)
@given(SEEDS, LENGTHS, LENGTHS)
def test_the_ends_are_the_parents(method: str, seed: int, one: int, other: int) -> None:
    a, b = noken(one, seed), noken(other, seed + 1)
    for mix, parent in ((0, a), (1, b)):
        assert breed([a, b], n=3, seed=seed, method=method, mix=mix) == [parent] * 3


@given(SEEDS, LENGTHS, MIXES)
def test_slerp_s_norm_is_geometric_and_its_direction_on_the_way(seed: int, length: int, mix: float) -> None:
    a, b = noken(length, seed), noken(length, seed + 1)
    (child,) = breed([a, b], n=1, mix=mix)
    for letter, rows in child.vectors.items():
        na, nb = (each.vectors[letter].double().norm(dim=1) for each in (a, b))
        norms = rows.double().norm(dim=1)
        assert torch.allclose(norms, na ** (1 - mix) * nb**mix, rtol=1e-5)
        assert (norms >= torch.minimum(na, nb) * (1 - 1e-5)).all() and (norms <= torch.maximum(na, nb) * 1.00001).all()
        angles = degrees(a.vectors[letter], b.vectors[letter])
        if bool((angles < math.degrees(OPPOSITE)).all()):
            assert torch.allclose(degrees(a.vectors[letter], rows), mix * angles, atol=0.01)
            assert torch.allclose(degrees(rows, b.vectors[letter]), (1 - mix) * angles, atol=0.01)


ANGLES = [
    0.0,
    1e-7,
    NEAR / 2,
    NEAR * 0.999,
    NEAR * 1.001,
    1.0,
    OPPOSITE - 1e-4,
    OPPOSITE + 1e-4,
    math.pi - 1e-6,
    math.pi,
]


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("aside", ["nowhere", "a", "word"])
def test_at_every_angle_the_way_is_steady_and_as_long_as_it_must_be(angle: float, aside: str) -> None:
    a = torch.tensor([[3.0, 0.0, 0.0, 0.0]])
    b = torch.tensor([[12 * math.cos(angle), 12 * math.sin(angle), 0.0, 0.0]])
    word = {"nowhere": torch.zeros_like(a), "a": a, "word": torch.tensor([[1.0, 1.0, 2.0, 0.0]])}[aside]
    t = torch.linspace(0, 1, 401)[:, None]
    way = turned(a, b, t, word)[:, 0]  # (401, 4)
    assert torch.equal(way[0], a[0]) and torch.equal(way[-1], b[0])
    assert torch.allclose(way.norm(dim=1), 3 * 4.0 ** t[:, 0], rtol=1e-5)
    steps = degrees(way[1:], way[:-1])
    assert float(steps.max()) <= math.degrees(max(angle, OPPOSITE) if angle > OPPOSITE else angle) / 400 * 1.2 + 1e-3


def test_nothing_comes_of_nothing() -> None:
    zero, one = Noken({"l": torch.zeros(2, 3)}), Noken({"l": torch.ones(2, 3)})
    for method in METHODS:
        for pair in ([zero, one], [one, zero], [zero, zero]):
            for child in breed(pair, method=method):
                assert child.vectors["l"].isfinite().all()
    assert breed([zero, one], mix=0.5)[0] == zero


@given(SEEDS, LENGTHS, MIXES)
def test_blend_is_the_plain_mean(seed: int, length: int, mix: float) -> None:
    a, b = noken(length, seed), noken(length, seed + 1)
    (child,) = breed([a, b], n=1, method="blend", mix=mix)
    for letter, rows in child.vectors.items():
        assert torch.allclose(rows, torch.lerp(a.vectors[letter], b.vectors[letter], mix), atol=1e-5)


@given(SEEDS, LENGTHS, LENGTHS, st.none() | MIXES, st.booleans())
def test_a_crossover_s_tokens_are_each_one_parent_s_and_the_same_in_both_encoders(
    seed: int, one: int, other: int, mix: float | None, table: bool
) -> None:
    parents = [noken(one, seed), noken(other, seed + 1)]
    for child in breed(parents, seed=seed, method="cross", mix=mix, table=TABLE if table else None):
        found = sources(child, "l", parents)
        assert found == sources(child, "g", parents)
        if one == other:
            assert [which for _, which in found] == list(range(one))
        first, second = ([which for whose, which in found if whose == who] for who in (0, 1))
        assert len(set(first)) == len(first) and len(set(second)) == len(second)
        most = second if child.lineage.amounts[1] > child.lineage.amounts[0] else first
        assert sorted(most) == most  # the child's words stand as those of the parent that it has most of
        assert min(one, other) <= len(child) <= max(one, other)


def test_a_crossover_takes_from_each_parent_by_its_share() -> None:
    parents = [noken(75, 1), noken(75, 2)]
    taken = [who for child in breed(parents, n=40, method="cross", mix=0.3) for who, _ in sources(child, "l", parents)]
    assert 0.27 < sum(taken) / len(taken) < 0.33
    drawn = [sum(child.lineage.amounts[1:]) for child in breed(parents, n=1000)]
    assert 0.46 < sum(drawn) / 1000 < 0.54 and min(drawn) < 0.02 and max(drawn) > 0.98


@given(SEEDS, st.integers(2, 9), st.data())
def test_tokens_of_a_shorter_parent_meet_those_that_they_are_like(seed: int, length: int, data: st.DataObject) -> None:
    """The shorter is a part of the longer at twice the norm: whatever is bred keeps the longer's directions."""
    whole = noken(length, seed)
    kept = sorted(data.draw(st.sets(st.integers(0, length - 1), min_size=1, max_size=length - 1)))
    part = Noken({letter: 2 * rows[kept] for letter, rows in whole.vectors.items()})
    for pair in ([whole, part], [part, whole]):
        for child in breed(pair, seed=seed):
            for letter, rows in child.vectors.items():
                near = torch.nn.functional.normalize(rows) @ torch.nn.functional.normalize(whole.vectors[letter]).T
                at = near.argmax(1).tolist()
                assert sorted(set(at)) == at and set(kept) <= set(at) and near.amax(1).min() > 0.99999


@pytest.mark.parametrize("method", METHODS)
@given(SEEDS, st.lists(LENGTHS, min_size=2, max_size=5), st.booleans())
@settings(max_examples=30)
def test_a_seed_gives_the_same_litter_bit_for_bit_and_a_larger_one_begins_with_it(
    method: str, seed: int, lengths: list[int], table: bool
) -> None:
    parents = [noken(length, seed + place) for place, length in enumerate(lengths)]
    more: dict[str, Any] = {"method": method, "table": TABLE if table else None}
    small, again, large = (breed(parents, n=n, seed=seed, **more) for n in (3, 3, 7))
    assert small == again == large[:3]
    assert [each.lineage for each in small] == [each.lineage for each in large[:3]]
    assert max(lengths) > 1 or len({each.hash for each in large}) > 1 or method == "cross"
    if method != "cross":
        assert breed(parents, n=3, seed=seed + 1, **more) != small


@pytest.mark.parametrize("method", METHODS)
@given(SEEDS, st.lists(LENGTHS, min_size=3, max_size=6))
@settings(max_examples=30)
def test_of_many_parents_each_can_be_the_only_one(method: str, seed: int, lengths: list[int]) -> None:
    parents = [noken(length, seed + place) for place, length in enumerate(lengths)]
    for place, parent in enumerate(parents):
        mix = [float(place == other) for other in range(len(parents))]
        assert breed(parents, n=2, method=method, mix=mix) == [parent] * 2
    for child in breed(parents, seed=seed, method=method):
        assert 1 <= len(child) <= max(lengths)
        assert math.isclose(sum(child.lineage.amounts), 1, abs_tol=1e-6)


def test_of_many_parents_the_mix_is_the_later_ones_part() -> None:
    parents = [noken(4, seed) for seed in range(4)]
    (child,) = breed(parents, n=1, method="blend", mix=0.6)
    wanted = sum(share * each.vectors["l"] for share, each in zip([0.4, 0.2, 0.2, 0.2], parents, strict=True))
    assert isinstance(wanted, Tensor) and torch.allclose(child.vectors["l"], wanted, atol=1e-5)
    assert child.lineage.amounts == pytest.approx((0.4, 0.2, 0.2, 0.2))


def test_a_child_knows_its_lineage() -> None:
    a, b = noken(2, 1), noken(2, 2)
    child = breed([a, b], n=2, seed=9)[1]
    assert child.lineage.parents == (a.hash, b.hash) and child.lineage.operator == "slerp"
    assert (child.lineage.seed, child.lineage.place, child.lineage.generation) == (9, 1, 1)
    assert breed([a, child], n=1)[0].lineage.generation == 2


def bounds(rows: Tensor) -> tuple[float, Tensor]:
    """By brute force: the 5 % quantile of the cosine to the nearest other word, the 1 % and 99 % ones of the norm."""
    units = torch.nn.functional.normalize(rows.double())
    near = (units @ units.T).fill_diagonal_(-2).amax(1)
    return float(near.quantile(0.05)), rows.double().norm(dim=1).quantile(torch.tensor([0.01, 0.99]).double())


@pytest.mark.parametrize("method", ["slerp", "blend"])
@given(SEEDS, LENGTHS, LENGTHS, st.booleans())
@settings(max_examples=40)
def test_children_stay_among_the_words(method: str, seed: int, one: int, other: int, known: bool) -> None:
    draw = torch.Generator().manual_seed(seed)
    a, b = noken(one, seed), noken(other, seed + 1)
    if known:
        a, b = (spoken(TABLE, torch.randint(300, (n,), generator=draw).tolist()) for n in (one, other))
    for child in breed([a, b], seed=seed, method=method, table=TABLE):
        for letter, rows in child.vectors.items():
            least, (low, high) = bounds(TABLE[letter])
            units = torch.nn.functional.normalize(rows.double())
            near = (units @ torch.nn.functional.normalize(TABLE[letter].double()).T).amax(1)
            assert float(near.min()) >= least - 1e-5
            assert bool((rows.double().norm(dim=1) >= low - 1e-5).all() and (rows.norm(dim=1) <= high + 1e-5).all())


@given(SEEDS)
def test_words_keep_what_they_are_under_the_guard(seed: int) -> None:
    inside = torch.ones(300, dtype=torch.bool)
    for rows in TABLE.values():
        low, high = bounds(rows)[1]
        inside &= (rows.norm(dim=1) > low + 1e-4) & (rows.norm(dim=1) < high - 1e-4)
    ids = inside.nonzero()[:, 0].tolist()
    a, b = spoken(TABLE, [ids[seed % len(ids)]]), spoken(TABLE, [ids[seed * 7 % len(ids)]])
    assert breed([a, b], n=1, mix=0, table=TABLE) == [a] and breed([a, b], n=1, mix=1, table=TABLE) == [b]


def test_the_table_s_type_and_extra_encoders_do_not_matter() -> None:
    a, b = noken(2, 1, {"l": 12}), noken(3, 2, {"l": 12})
    exact = breed([a, b], table=TABLE)
    half = breed([a, b], table={letter: rows.half() for letter, rows in TABLE.items()})
    for one, other in zip(exact, half, strict=True):
        assert float(cosines(one.vectors["l"], other.vectors["l"]).min()) > 0.999


A, B = noken(2, 1), noken(2, 2)
TABLE_OF_NAN = {letter: rows * float("nan") for letter, rows in TABLE.items()}


@pytest.mark.parametrize(
    ("parents", "more", "told"),
    [
        ([A], {}, "parents: got 1, wanted 2 to 16 nokens"),
        ([A] * 17, {}, "got 17, wanted 2 to 16"),
        ([A, noken(2, 1, {"l": 12})], {}, "got ['l12', 'l12+g20'], wanted nokens of one family"),
        ([A, noken(2, 1, {"l": 12, "g": 21})], {}, "wanted nokens of one family"),
        ([A, B], {"n": 0}, "n: got 0, wanted a whole number from 1 to 1000"),
        ([A, B], {"n": 10**9}, "wanted a whole number from 1 to 1000"),
        ([A, B], {"seed": -1}, "seed: got -1"),
        ([A, B], {"seed": 1.5}, "seed: got 1.5"),
        ([A, B], {"method": "slrp"}, "did you mean 'slerp'?"),
        ([A, B], {"mix": 1.1}, "mix: got 1.1, wanted a number from 0 to 1"),
        ([A, B], {"mix": float("nan")}, "mix: got nan"),
        ([A, B], {"mix": "half"}, "mix: got 'half'"),
        ([A, B], {"mix": [0.5]}, "wanted a share for each of the 2 parents"),
        ([A, B], {"mix": [0, 0]}, "not all 0"),
        ([A, B], {"mix": [0.5, 2]}, "mix 2: got 2"),
        ([A, B], {"table": {"l": TABLE["l"]}}, "table: got {'l': (300, 12)}, wanted words (V, D) of the widths"),
        ([A, B], {"table": {"l": TABLE["g"], "g": TABLE["l"]}}, "wanted words (V, D)"),
        ([A, B], {"table": {"l": 1, "g": 2}}, "wanted words (V, D)"),
        ([A, B], {"table": {letter: rows.int() for letter, rows in TABLE.items()}}, "wanted words (V, D)"),
        ([A, B], {"table": {letter: rows[:1] for letter, rows in TABLE.items()}}, "wanted two words or more"),
        ([A, B], {"table": TABLE_OF_NAN}, "not finite, wanted two words or more"),
    ],
)
def test_what_cannot_be_bred_has_one_sentence(parents: list[Noken], more: dict[str, Any], told: str) -> None:
    with pytest.raises(PxlError) as error:
        breed(parents, **more)
    assert told in str(error.value) and "\n" not in str(error.value)


def test_a_litter_of_any_size_is_the_same_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = breed([A, B], n=20, table=TABLE)
    monkeypatch.setattr("lib_pxl.noken.breeding.BATCH", 3 * 2 * max(WIDTHS.values()))
    for one, other in zip(whole, breed([A, B], n=20, table=TABLE), strict=True):
        assert all(torch.allclose(one.vectors[letter], other.vectors[letter], atol=1e-6) for letter in WIDTHS)
