"""Layers: every field of the table is parsed, kept and formatted, and each mistake is named where it stands."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.control import Curve, Layer
from lib_pxl.control.gate import GATE
from lib_pxl.control.layer import KNOBS
from lib_pxl.control.source import SOURCES
from lib_pxl.control.warp import MOTION
from lib_pxl.errors import ProgramError
from lib_pxl.knobs import Knob
from tests.control.stage import told

IMAGE = {"kind": "image", "image": "map:" + "0" * 32}
SEED = st.integers(-1, 2**63 - 1)
SCALE, SPEED = st.floats(0.001, 4), st.floats(0, 1000)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(str.strip)
CURVES = st.floats(0, 1) | st.sampled_from(["0:0, 30%:1 smooth, 80%:0", "0:(0), 0.3:(1)", "50%:1 hold, 1:0"])


def some(required: dict[str, Any] | None = None, **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(required or {}, optional=optional)


# The table of layers, written a second time and from the design alone.
layers = some(
    {
        "source": some({"kind": st.just("image"), "image": NAMES})
        | some(
            {"kind": st.just("frames"), "path": NAMES},
            advance=st.sampled_from(["step", "image", "both"]),
        )
        | some({"kind": st.just("noise")}, scale=SCALE, speed=SPEED, octaves=st.integers(1, 8), seed=SEED)
        | st.just({"kind": "previous"})
    },
    map=st.sampled_from(["color", "luma", "edges", "depth", "pose"]),
    mode=st.sampled_from(["color", "layout", "edges", "texture", "warp", "start", "hold"]),
    strength=CURVES,
    hires=st.sampled_from(["same", "off"]) | CURVES,
    gate=st.none()
    | some(
        scale=SCALE,
        speed=SPEED,
        cover=st.floats(0, 1),
        soft=st.floats(0, 1),
        reroll=st.booleans(),
        seed=SEED,
    ),
    mask=st.none() | NAMES,
    fit=st.sampled_from(["crop", "pad", "stretch"]),
    motion=st.none()
    | some(
        kind=st.sampled_from(["flow", "noise", "swirl", "drift"]),
        amount=st.floats(0, 4),
        rest=st.floats(0, 1),
    ),
    muted=st.booleans(),
)


def at(data: Any, path: str) -> Any:
    for name in path.split("."):
        data = data[name]
    return data


def refusal(where: str, value: Any) -> ProgramError:
    """The error for a layer in which one place holds this value."""
    group, _, name = where.rpartition(".")
    whole = {"source": dict(IMAGE), "gate": {}, "motion": {}}
    (whole[group] if group else whole)[name] = value
    with pytest.raises(ProgramError) as caught:
        Layer.parse(whole, "layers[1]")
    problem = caught.value
    assert problem.field == f"layers[1].{where}"
    assert told(problem).startswith(f"layer 2 {where}: got ")
    assert problem.got is value or problem.got == value
    return problem


@given(layers)
def test_what_is_formatted_parses_to_the_same_layer(data: dict[str, Any]) -> None:
    layer = Layer.parse(data)
    assert Layer.parse(layer.format()) == layer
    assert Layer.parse(layer.format()).format() == layer.format()


@given(layers)
def test_every_field_that_is_given_is_kept(data: dict[str, Any]) -> None:
    layer = Layer.parse(data)
    for name, value in data.items():
        kept = getattr(layer, name)
        if isinstance(value, dict):
            assert {key: kept[key] for key in value} == value
        else:
            assert kept == (Curve.parse(value) if isinstance(kept, Curve) else value)


@given(layers)
def test_the_formatted_layer_holds_nothing_but_what_differs_from_the_usual(data: dict[str, Any]) -> None:
    layer = Layer.parse(data)
    short, bare = layer.format(), Layer.parse({"source": data["source"]})
    for name in short.keys() - {"source"}:
        assert getattr(layer, name) != getattr(bare, name)
    for name, knobs in (("gate", GATE), ("motion", MOTION), ("source", SOURCES[layer.source["kind"]][1])):
        for key in (short.get(name) or {}).keys() - {"kind", "image", "path"}:
            assert at(short, f"{name}.{key}") != knobs[key].default


def test_the_usual_layer_is_as_the_design_says() -> None:
    layer = Layer.parse({"source": IMAGE})
    assert layer.format() == {"source": IMAGE}
    usual = {"map": "color", "mode": "color", "strength": 0.5, "hires": "same", "fit": "crop", "muted": False}
    assert Layer.parse({"source": IMAGE, **usual, "gate": None, "mask": None, "motion": None}) == layer
    assert [each.name for each in fields(Layer)] == list(KNOBS)


@pytest.mark.parametrize(
    ("where", "meant"),
    [
        ("strenght", "strength"),
        ("source.imagee", "image"),
        ("gate.covers", "cover"),
        ("motion.amuont", "amount"),
        ("modes", "mode"),
    ],
)
def test_a_key_that_nobody_knows_is_named_with_the_one_that_was_meant(where: str, meant: str) -> None:
    assert f"did you mean '{meant}'?" in refusal(where, 1).wanted


@pytest.mark.parametrize(
    ("where", "got", "meant"),
    [
        ("map", "colour", "color"),
        ("mode", "colors", "color"),
        ("mode", "tekstur", "texture"),
        ("fit", "padd", "pad"),
        ("motion.kind", "swrl", "swirl"),
        ("source.kind", "imag", "image"),
    ],
)
def test_a_name_that_is_not_in_the_list_is_answered_with_the_list(where: str, got: str, meant: str) -> None:
    assert f"(did you mean '{meant}'?)" in refusal(where, got).wanted


NOT_TEXT: list[Any] = [None, 1, True, [], {}, ["color"], math.nan]
NOT_NUMBER: list[Any] = [None, "1", True, [], {}, math.nan, math.inf, -math.inf, 10**400]


@pytest.mark.parametrize(
    ("where", "values"),
    [
        ("source", [None, 1, True, [], {}.keys(), "image"]),
        ("source.kind", [*NOT_TEXT, "video"]),
        ("source.image", [*NOT_TEXT, "", "  ", "a\0b", "\ud800"]),
        ("map", [*NOT_TEXT, "", "Color", "color "]),
        ("mode", [*NOT_TEXT, "", "lerp"]),
        ("strength", [None, True, [], {}, math.nan, -0.1, 1.1, "", "0:a", "2:1", 10**400]),
        ("hires", [None, True, [], {}, math.nan, -0.1, 1.1, "", "Same", "on", "0:a"]),
        ("gate", [1, True, [], "soft"]),
        ("gate.cover", [*NOT_NUMBER, -0.1, 1.1]),
        ("gate.scale", [*NOT_NUMBER, 0, 4.1]),
        ("gate.speed", [*NOT_NUMBER, -1]),
        ("gate.soft", [*NOT_NUMBER, 2]),
        ("gate.reroll", [None, 0, 1, "true", [], math.nan]),
        ("gate.seed", [*NOT_NUMBER, -2, 0.5, 2**63, 2.0**63]),
        ("mask", [1, True, [], {}, "", "\ud800"]),
        ("fit", [*NOT_TEXT, "", "fill"]),
        ("motion", [1, True, [], "flow"]),
        ("motion.kind", [*NOT_TEXT, ""]),
        ("motion.amount", [*NOT_NUMBER, -1, 5]),
        ("motion.rest", [*NOT_NUMBER, -1, 2]),
        ("muted", [None, 0, 1, "no", [], math.nan]),
    ],
)
def test_a_value_of_the_wrong_kind_or_size_is_named_where_it_stands(where: str, values: list[Any]) -> None:
    for value in values:
        if where == "source" and not isinstance(value, dict):
            with pytest.raises(ProgramError, match=r"layer 1 source: got .*, wanted a dictionary"):
                Layer.parse({"source": value})
        elif where == "source.kind" and value is None:
            assert refusal(where, None).wanted.startswith("image, frames, noise or previous")
        else:
            refusal(where, value)


@pytest.mark.parametrize("data", [{}, {"mode": "color"}], ids=str)
def test_a_layer_without_a_source_says_so(data: dict[str, Any]) -> None:
    with pytest.raises(ProgramError) as caught:
        Layer.parse(data, "layers[0]")
    assert caught.value.field == "layers[0].source"


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_takes_no_other_source_s_settings(kind: str) -> None:
    own = SOURCES[kind][1]
    for name in {name for _, knobs in SOURCES.values() for name in knobs} - {*own}:
        with pytest.raises(ProgramError) as caught:
            Layer.parse({"source": {"kind": kind, **dict.fromkeys(own, "x"), name: "x"}}, "layers[0]")
        assert caught.value.field == f"layers[0].source.{name}"


def every_knob() -> list[Knob]:
    groups = [KNOBS, GATE, MOTION, *(knobs for _, knobs in SOURCES.values())]
    return [knob for knobs in groups for knob in knobs.values()]


@pytest.mark.parametrize("knob", every_knob(), ids=lambda knob: knob.name)
def test_every_setting_has_words_and_a_default_of_its_own_kind(knob: Knob) -> None:
    assert knob.label and knob.help and knob.kind
    if not knob.required:
        assert knob.parse(knob.format(knob.default), "x") == knob.default


@pytest.mark.parametrize(
    ("strength", "hires", "first", "second"),
    [
        (0.3, "same", 0.3, 0.3),
        (0.3, "off", 0.3, None),
        (0.3, 0.6, 0.3, 0.6),
        (0.3, 0, 0.3, None),
        (0, "same", None, None),
        (0, 0.6, None, 0.6),
    ],
)
def test_each_pass_has_its_own_strength(strength: Any, hires: Any, first: Any, second: Any) -> None:
    layer = Layer.parse({"source": IMAGE, "strength": strength, "hires": hires})
    curves = [layer.curve(hires=False), layer.curve(hires=True)]
    assert [curve and curve.format() for curve in curves] == [first, second]
    muted = Layer.parse({**layer.format(), "muted": True})
    assert muted.curve(hires=False) is muted.curve(hires=True) is None


def test_a_warp_needs_no_map_but_where_it_follows_the_frames() -> None:
    assert Layer.parse({"mode": "warp"}).format() == {"mode": "warp"}
    assert Layer.parse({"mode": "warp", "motion": {"kind": "swirl"}}).source["kind"] == "noise"
    with pytest.raises(ProgramError, match=r"layer 1 source"):
        Layer.parse({"mode": "warp", "motion": {"kind": "flow"}})
