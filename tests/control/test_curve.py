"""Curves: what is written comes back, every knot is hit, nothing overshoots, and nonsense is one sentence."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.control.curve import EASES, MAX_KEYS, Curve, Key
from lib_pxl.errors import CurveError, ProgramError, PxlError
from tests.control.stage import told

shares = st.floats(0, 1)
eases = st.sampled_from(sorted(EASES))
places = st.lists(st.integers(0, 10**6), min_size=1, max_size=12, unique=True)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Curves as people write them: keys in any order, per cent or not, with brackets or without."""
    pieces = []
    for place in draw(places):
        at = draw(st.sampled_from([f"{place / 10**6!r}", f"{place / 10**4!r}%", f" {place / 10**4:.4f} % "]))
        value = draw(st.sampled_from(["{!r}", "({!r})", " {:.3f} "])).format(draw(shares))
        pieces.append(f"{at}:{value} {draw(eases | st.just('') | st.just('SMOOTH'))}")
    return ",".join(pieces)


curves = texts().map(Curve.parse)


def at(curve: Curve, u: float) -> float:
    return curve(torch.tensor([u], dtype=torch.float64)).item()


def refusal(data: Any) -> CurveError:
    with pytest.raises(CurveError) as caught:
        Curve.parse(data, "layers[1].strength")
    assert isinstance(caught.value, ProgramError) and isinstance(caught.value, PxlError)
    assert caught.value.field == "layers[1].strength"
    assert told(caught.value).startswith("layer 2 strength: got ")
    return caught.value


@given(curves)
def test_what_is_formatted_parses_to_the_same_curve(curve: Curve) -> None:
    assert Curve.parse(curve.format()) == curve
    assert Curve.parse(str(curve.format())) == curve
    assert Curve.parse(curve) is curve


@given(shares)
def test_a_number_is_the_constant_curve_however_it_is_written(value: float) -> None:
    curve = Curve.parse(value)
    assert curve.format() == value
    assert curve == Curve.parse(repr(value)) == Curve.parse(f"0:{value!r}") == Curve.parse(f"70%:({value!r}) hold")
    assert {at(curve, u) for u in (0, 0.3, 1)} == {value}


@given(curves, st.sampled_from([torch.float32, torch.float64]))
def test_every_knot_is_hit_exactly_whatever_the_ease(curve: Curve, dtype: torch.dtype) -> None:
    u = torch.tensor([key.at for key in curve.keys], dtype=dtype)
    assert torch.equal(curve(u), torch.tensor([key.value for key in curve.keys], dtype=dtype))


@given(curves, st.lists(shares, min_size=1, max_size=20))
def test_between_two_knots_the_value_goes_one_way_and_never_past_them(curve: Curve, ways: list[float]) -> None:
    for left, right in pairwise(curve.keys):
        u = torch.tensor([left.at + (right.at - left.at) * way for way in [0, *sorted(ways), 1]], dtype=torch.float64)
        way = curve(u) - left.value
        steps = way.diff() * (1 if right.value >= left.value else -1)
        assert steps.min() >= -1e-9
        assert way.abs().max() <= abs(right.value - left.value) + 1e-9


@given(curves, shares)
def test_outside_its_keys_a_curve_is_flat(curve: Curve, u: float) -> None:
    first, last = curve.keys[0], curve.keys[-1]
    if u <= first.at:
        assert at(curve, u) == first.value
    if u >= last.at:
        assert at(curve, u) == last.value


@given(curves, st.lists(shares, max_size=30))
def test_a_curve_is_the_same_for_every_shape_of_progress(curve: Curve, progress: list[float]) -> None:
    u = torch.tensor(progress, dtype=torch.float64)
    assert torch.equal(curve(u[None, :, None]), curve(u)[None, :, None])
    assert curve(u).tolist() == [at(curve, each) for each in progress]


@pytest.mark.parametrize(
    ("ease", "half", "quarter"),
    [("linear", 0.5, 0.25), ("smooth", 0.5, 0.15625), ("in", 0.25, 0.0625), ("out", 0.75, 0.4375), ("hold", 0, 0)],
)
def test_an_ease_shapes_the_way_to_its_own_key(ease: str, half: float, quarter: float) -> None:
    curve = Curve.parse(f"0:1 {ease}, 20%:0, 60%:1 {ease}, 100%:0")
    assert at(curve, 0.4) == pytest.approx(half)
    assert at(curve, 0.3) == pytest.approx(quarter)
    assert at(curve, 0.1) == pytest.approx(0.5)
    assert at(curve, 0.8) == pytest.approx(0.5)


def test_the_order_of_keys_does_not_matter() -> None:
    assert Curve.parse("80%:0, 0:0, 30%:1 smooth") == Curve.parse("0:0, 30%:1 smooth, 80%:0")
    assert Curve.parse("0:(0), 0.3:(1)") == Curve((Key(0, 0), Key(0.3, 1)))


def test_only_a_curve_that_is_nothing_everywhere_is_zero() -> None:
    assert Curve.parse(0).zero and Curve.parse("0:0, 50%:0 hold, 1:-0.0").zero
    assert not Curve.parse("0:0, 1:1e-9").zero


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("2:1", "write 2%"),
        ("0:0, 30:1", "write 30%"),
        ("0:(0), 120:(1)", "frames are not counted"),
        ("0:0, 120%:1", "from 0% to 100%"),
        ("-0.1:1", "from 0% to 100%"),
        ("0:1 smoot", "did you mean 'smooth'?"),
        ("0:1 bounce", "linear, smooth, in, out or hold"),
        ("0:1.5", "a strength from 0 to 1"),
        ("0:1, 0%:0.5", "one value at progress 0, not two"),
        ("30%:1, 0.3:1, 0:0", "one value at progress 0.3, not two"),
    ],
)
def test_a_near_miss_is_refused_with_a_hint(text: str, hint: str) -> None:
    assert hint in refusal(text).wanted


@pytest.mark.parametrize(
    "text",
    ["", " ", ",", "0:a", "a:0", "0:", ":1", "0:1,", "0:0 1:1", "0:(1", "0:1)", "0:nan", "0:inf", "0:1 2", "1e3%:1"]
    + ["0:0x1", "0;1", "0:1 smooth in", "0:--1", "\0", "0:1\n;", "{'0': 1}", "0:sin(t)", "½:1", "nan", "-1", "1e999"],
)  # fmt: skip
def test_text_that_is_no_curve_is_refused(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize(
    "value",
    [None, True, False, [], [0.5], {}, {"0": 1}, b"0:1", object(), 1j, math.nan, math.inf, -math.inf, -0.001, 1.001]
    + [10**400, -(10**5000)],
    ids=lambda value: type(value).__name__,
)
def test_what_is_neither_number_nor_text_is_refused(value: Any) -> None:
    refusal(value)


@pytest.mark.parametrize(
    "text",
    [", ".join(f"{i / 10_000!r}:0" for i in range(10_000)), "0" * 10**7, "0:1" + " " * 10**7, "," * 10**7, "9" * 10**5]
    + ["(" * 10**6, "0:" * 10**6, "9" * 16_000, "0:" + "9" * 16_000, "0:1" + " " * 16_000 + "!", " " * 16_000 + "%:1"],
    ids=lambda text: f"{text[:6]} × {len(text)}",
)
def test_a_huge_text_is_refused_in_a_short_sentence(text: str) -> None:
    refusal(text)


def test_there_may_be_as_many_keys_as_any_schedule_needs() -> None:
    text = ", ".join(f"{i / MAX_KEYS!r}:{i % 2}" for i in range(MAX_KEYS))
    assert len(Curve.parse(text).keys) == MAX_KEYS
    assert f"at most {MAX_KEYS}" in refusal(f"{text}, 1:1").wanted


@given(st.text(max_size=60) | st.text("0123456789.%:,() einosmth-+", max_size=40))
def test_any_text_is_a_curve_or_one_sentence(text: str) -> None:
    try:
        curve = Curve.parse(text)
    except CurveError as problem:
        told(problem)
    else:
        assert Curve.parse(curve.format()) == curve
