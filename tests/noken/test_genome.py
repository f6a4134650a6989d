"""A noken is its vectors: copied, checked, named and told apart by their content."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl import noken as folder
from lib_pxl.errors import NokenError, PxlError
from lib_pxl.noken import Noken, breed, mutate
from lib_pxl.noken.genome import LARGEST, MAX_NAME, MAX_TOKENS, RESERVED, checked, fit
from lib_pxl.noken.lineage import Lineage
from tests.noken.people import noken

L = torch.arange(6.0).reshape(2, 3)
G = torch.ones(2, 5)


def test_the_folder_s_names_are_those_of_the_contract() -> None:
    assert (Noken, breed, mutate) == (folder.Noken, folder.breed, folder.mutate)
    with pytest.raises(AttributeError, match="nothing"):
        _ = folder.nothing


@pytest.mark.parametrize(
    ("vectors", "family"),
    [({"l": L}, "l3"), ({"h": L}, "h3"), ({"g": G, "l": L}, "l3+g5"), ({"l": L[:, :1]}, "l1")],
)
def test_a_family_is_its_encoders_and_widths(vectors: dict[str, torch.Tensor], family: str) -> None:
    made = Noken(vectors)
    assert made.family == family and len(made) == 2
    assert all(rows.dtype == torch.float32 and rows.device.type == "cpu" for rows in made.vectors.values())


def test_the_vectors_are_copies() -> None:
    rows = L.clone().requires_grad_()
    made = Noken({"l": rows})
    with torch.no_grad():
        rows += 1
    assert torch.equal(made.vectors["l"], L) and not made.vectors["l"].requires_grad


def test_equal_are_those_of_equal_vectors_whatever_their_names() -> None:
    one, other = Noken({"l": L}, "one"), Noken({"l": L.double()}, "other")
    assert one == other and hash(one) == hash(other) and one.hash == other.hash
    assert one == copy.deepcopy(one) == pickle.loads(pickle.dumps(one))  # noqa: S301  (our own)
    assert Noken({"l": -0.0 * L}) == Noken({"l": 0.0 * L})
    different = [Noken({"h": L}), Noken({"l": L + 1e-6}), Noken({"l": L.reshape(3, 2)}), Noken({"l": L, "g": G})]
    assert len({one.hash, *(each.hash for each in different)}) == 5 and one != "one"


def test_the_hash_is_the_same_on_every_machine() -> None:
    assert Noken({"l": L}).hash == "705eff3c100c36825b3f34da1b608ed0"


NAN = torch.tensor([[1.0, float("nan")]])
SOLE = torch.ones(1, 3)


@pytest.mark.parametrize(
    ("vectors", "told"),
    [
        ({}, "encoders: got [], wanted l alone, h alone, or l and g"),
        ({"g": G}, "wanted l alone"),
        ({"l": L, "h": L}, "wanted l alone"),
        ({"x": L}, "got ['x'], wanted l alone"),
        ({"l": L, "g": torch.ones(3, 5)}, "got {'g': 3, 'l': 2}, wanted as many for each encoder"),
        ({"l": torch.ones(0, 3)}, "got the shape (0, 3), wanted 1 to 75 vectors of at most 16,384 numbers"),
        ({"l": torch.ones(76, 3)}, "got the shape (76, 3), wanted 1 to 75"),
        ({"l": torch.ones(75_000, 3)}, "got the shape (75000, 3)"),
        ({"l": torch.ones(3)}, "got the shape (3,)"),
        ({"l": torch.ones(1, 1, 3)}, "got the shape (1, 1, 3)"),
        ({"l": torch.ones(2, 0)}, "got the shape (2, 0)"),
        ({"l": torch.ones(1).expand(75, 10**12)}, "got the shape (75, 1000000000000)"),
        ({"l": NAN}, "vectors l: got some that are not finite, or too large"),
        ({"l": SOLE * float("inf")}, "not finite"),
        ({"l": SOLE * 1e6}, "too large, wanted numbers from -65504 to 65504"),
        ({"l": SOLE.int()}, "wanted a dense tensor of floating-point numbers"),
        ({"l": SOLE.to_sparse()}, "wanted a dense tensor"),
        ({"l": [[1.0]]}, "wanted a dense tensor"),
        ({"l": None}, "wanted a dense tensor"),
        (L, "wanted a dictionary from encoders to tensors"),
    ],
)
def test_what_is_no_noken_has_one_sentence(vectors: Any, told: str) -> None:
    with pytest.raises(NokenError) as error:
        Noken(vectors)
    assert told in str(error.value) and "\n" not in str(error.value) and isinstance(error.value, PxlError)


def test_the_limits_themselves_are_allowed() -> None:
    assert len(Noken({"l": torch.full((MAX_TOKENS, 2), LARGEST), "g": torch.full((MAX_TOKENS, 3), -LARGEST)})) == 75


@pytest.mark.parametrize("name", ["fox", "晨霧", "a/../b", 'it\'s "quoted"', "🦊" * MAX_NAME, "a:b|c", ""])
def test_a_name_may_be_any_that_can_be_seen(name: str) -> None:
    assert Noken({"l": L}, f" {name} ").name == name


@pytest.mark.parametrize(
    "name", ["a" * 81, "x" * 10_000, "a\nb", "\0", "a\u2028b", *RESERVED, "<a>", "\ud800", 7, None]
)
def test_a_name_that_would_break_a_prompt_is_refused(name: Any) -> None:
    with pytest.raises(NokenError, match=r"^name: got .*, wanted at most 80 characters that can be seen"):
        Noken({"l": L}, name)


@given(st.text())
def test_any_text_can_be_made_a_name(text: str) -> None:
    assert checked(fit(text)) == fit(text) == fit(fit(text))


@given(
    st.builds(
        Lineage,
        parents=st.lists(st.text("0123456789abcdef", min_size=32, max_size=32), max_size=3).map(tuple),
        operator=st.sampled_from(["", "slerp", "cross", "mutate"]),
        seed=st.none() | st.integers(0, 2**53),
        place=st.integers(0, 1000),
        amounts=st.lists(st.floats(0, 180), max_size=3).map(tuple),
        generation=st.integers(0, 1000),
    )
)
def test_a_lineage_is_read_as_it_was_written(lineage: Lineage) -> None:
    assert Lineage.parse(lineage.format()) == lineage


@pytest.mark.parametrize(
    "data",
    ["", "[" * 100_000, "[]", "7", '{"parents": 7}', '{"parents": ["../../etc"]}', '{"operator": []}', '{"x": 1}',
     '{"operator": "rm"}', '{"seed": -1}', '{"seed": "1"}', '{"generation": 1e99}', '{"amounts": ["a"]}',
     '{"amounts": [NaN]}', '{"parents": ' + str(["0" * 32] * 17).replace("'", '"') + "}"],
)  # fmt: skip
def test_a_strange_lineage_has_one_sentence(data: str) -> None:
    with pytest.raises(PxlError, match="wanted"):
        Lineage.parse(data)


def test_the_people_of_these_tests_are_the_same_every_time() -> None:
    assert noken(seed=1) == noken(seed=1) != noken(seed=2)
