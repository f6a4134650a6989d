"""Features: the same on every machine, no larger than they may be, and none where there is nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.errors import TasteError
from lib_pxl.taste import Item
from lib_pxl.taste.features import AS_USUAL, KIND, KINDS, MOST_EVENED, evened, features, key_of, shares
from tests.taste.people import items

KNOWN = 1360376345364951991  # of fox


def keys(item: Item) -> dict[int, float]:
    found = features([item])
    return dict(zip(found.key.tolist(), found.value.tolist(), strict=True))


def test_a_key_is_the_same_on_every_machine() -> None:
    assert key_of("fox") == KNOWN
    assert len({key_of(str(number)) for number in range(10_000)}) == 10_000


def test_no_two_features_of_an_item_have_one_key() -> None:
    found = features(items(300))
    pairs = torch.stack([found.item, found.key])
    assert torch.unique(pairs, dim=1).shape[1] == pairs.shape[1]


def test_items_do_not_touch_each_other() -> None:
    some = items(40)
    together = features(some)
    for place, item in enumerate(some):
        mine = together.item == place
        alone = keys(item)
        assert dict(zip(together.key[mine].tolist(), together.value[mine].tolist(), strict=True)) == pytest.approx(
            alone
        )


@given(st.lists(st.text(max_size=60), max_size=5))
def test_energy_is_the_sum_of_squares_and_is_bounded(prompts: list[str]) -> None:
    given_items = [Item(str(place), prompt) for place, prompt in enumerate(prompts)]
    energy = features(given_items).energy(shares())
    assert energy.shape == (len(prompts),) and bool((energy >= 0).all()) and bool((energy < 5).all())


def test_more_weight_is_more_value_and_first_words_count_more() -> None:
    plain, strong = features([Item("a", "fox, owl")]), features([Item("a", "(fox:1.5), owl")])
    word = plain.kind == KIND["word"]
    assert strong.value[word].tolist() == pytest.approx((plain.value[word] * torch.tensor([1.5, 1.0])).tolist())
    place = plain.value[plain.kind == KIND["place"]].tolist()
    assert place[0] > place[1] > 0


def test_numbers_near_each_other_are_alike() -> None:
    def kin(one: float, other: float) -> float:
        a, b = (keys(Item("a", settings={"steps": value})) for value in (one, other))
        return sum(value * b.get(key, 0.0) for key, value in a.items())

    assert kin(20, 20) > kin(20, 22) > kin(20, 30) > kin(20, 150)


def test_chance_is_no_setting() -> None:
    assert keys(Item("a", settings={"seed": 1, "Seed": 2, "model": None})) == keys(Item("a"))


def test_a_vector_counts_by_its_direction() -> None:
    small, large = (keys(Item("a", vectors={"l": [each, 2 * each]})) for each in (1.0, 1e20))
    assert small == pytest.approx(large)
    other = keys(Item("a", vectors={"g": [1.0, 2.0]}))
    assert not (small.keys() & other.keys()) - keys(Item("a")).keys()


@pytest.mark.parametrize(
    "vector", [[], ["a"], None, [float("nan")], [float("inf")], [1.0] * 10_000, [[1.0], [1.0, 2.0]]]
)
def test_a_strange_vector_has_one_sentence(vector: Any) -> None:
    with pytest.raises(TasteError, match="wanted"):
        features([Item("a", vectors={"l": vector})])


@given(
    st.dictionaries(
        st.text(max_size=9),
        st.none() | st.text(max_size=9) | st.booleans() | st.integers() | st.floats(allow_nan=False),
        max_size=6,
    )
)
def test_any_settings_have_finite_features(settings: dict[str, Any]) -> None:
    assert bool(features([Item("a", "fox", settings=settings)]).value.isfinite().all())


def test_items_differ_in_each_kind_by_as_much_as_its_share_says() -> None:
    some = items(300)
    given, factor = features(some), evened(features(some))
    for kind in sorted({*given.kind.tolist()}):
        mine = given.kind == kind
        keys, column = torch.unique(given.key[mine], return_inverse=True)
        table = torch.zeros(len(some), len(keys)).index_put_((given.item[mine], column), given.value[mine])
        apart = torch.cdist(table, table).square().mean() / 2 * factor[kind]
        usual = AS_USUAL / len(some)  # so much of the usual stays
        assert float(apart) == pytest.approx(1 + usual * (1 - float(factor[kind])), abs=1e-3), KINDS[kind]


def test_what_all_items_share_or_lack_is_evened_within_bounds() -> None:
    for some in ([], items(1), [Item(str(place), "fox", settings={"model": "x"}) for place in range(200)]):
        factor = evened(features(some))
        assert bool((factor >= 1 / MOST_EVENED).all()) and bool((factor <= MOST_EVENED).all())
        assert float(factor[KIND["vector"]]) == 1.0
