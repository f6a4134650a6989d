"""Programs: text and back, hostile JSON in one sentence, and what is not built yet says so without doing harm."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.control import Program
from lib_pxl.control.program import MAX_LAYERS, MAX_TEXT
from lib_pxl.errors import ImageError, ProgramError, PxlError
from tests.control.stage import PICTURE, canvas, gaussian, layer, painted, program, sent, told
from tests.control.test_layer import layers

programs = st.fixed_dictionaries({"layers": st.lists(layers, max_size=MAX_LAYERS)}, optional={"inner": st.booleans()})
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def dictionaries(data: Any) -> Iterator[dict[str, Any]]:
    """Every dictionary in nested data, the outermost first."""
    if isinstance(data, dict):
        yield data
    for each in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from dictionaries(each)


def refusal(data: Any) -> ProgramError:
    with pytest.raises(ProgramError) as caught:
        Program.parse(data)
    assert isinstance(caught.value, PxlError) and told(caught.value)
    return caught.value


def unprepared(*given: dict[str, Any], **changes: Any) -> ProgramError:
    """The error for a program that parses, but cannot be made ready."""
    with pytest.raises(ProgramError) as caught:
        program(*given).prepare(canvas(**changes))
    return caught.value


@given(programs)
def test_what_is_formatted_parses_to_the_same_program(data: dict[str, Any]) -> None:
    parsed = Program.parse(data)
    assert Program.parse(parsed.format()) == parsed == Program.parse(json.dumps(data))
    assert Program.parse(parsed.format()).format() == parsed.format()


def test_what_is_as_usual_is_left_out() -> None:
    assert Program().format() == Program.parse({}).format() == '{"layers":[]}'
    assert Program.parse({"layers": [], "inner": False}) == Program()
    assert json.loads(Program.parse({"layers": [layer()], "inner": True}).format()) == {
        "layers": [layer()],
        "inner": True,
    }


@given(programs.map(copy.deepcopy), st.data())
def test_whatever_is_put_into_a_program_is_understood_or_refused_in_one_sentence(
    data: dict[str, Any], draw: st.DataObject
) -> None:
    place = draw.draw(st.sampled_from(list(dictionaries(data))))
    place[draw.draw(st.sampled_from([*place, "new"]))] = draw.draw(junk)
    try:
        parsed = Program.parse(data)
    except ProgramError as problem:
        told(problem)
    else:
        assert Program.parse(parsed.format()) == parsed


@pytest.mark.parametrize(
    "text",
    ["", "{", "nonsense", "{'layers': []}", "\0", "\ufeff{}", '{"layers": [}', "9" * 5000]
    + ["[" * 10 * 2**20, '{"layers":' * 2**20, '{"layers": [' + "[" * 10 * 2**20 + "]" * 10 * 2**20 + "]}"]
    + ["[]", "1", "null", '"text"', "NaN"],
    ids=lambda text: text[:12],
)
def test_text_that_is_no_program_is_refused(text: str) -> None:
    assert refusal(text).field == "program"


@pytest.mark.parametrize("data", [None, [], 1, True, b"{}", [("layers", [])], {1}], ids=str)
def test_data_that_is_no_dictionary_is_refused(data: Any) -> None:
    assert refusal(data).field == "program"


def test_a_text_has_a_longest_length() -> None:
    assert str(MAX_TEXT) in refusal(" " * (MAX_TEXT + 1)).wanted


@pytest.mark.parametrize(
    ("data", "field", "wanted"),
    [
        ({"layer": []}, "layer", "did you mean 'layers'?"),
        ({1: []}, "1", "no such key"),
        ({"a\ud800\n\0b": 1}, r"a\ud800\n\x00b", "no such key"),
        ({"k" * 10**6: 1}, None, "no such key"),
        ({"layers": None}, "layers", "a list of at most 8 layers"),
        ({"layers": "all"}, "layers", "a list of at most 8 layers"),
        ({"layers": {"0": layer()}}, "layers", "a list of at most 8 layers"),
        ({"layers": [layer()] * (MAX_LAYERS + 1)}, "layers", "a list of at most 8 layers"),
        ({"layers": [{}] * 10**6}, "layers", "a list of at most 8 layers"),
        ({"layers": [layer(), layer(), "color"]}, "layers[2]", "a dictionary"),
        ({"layers": [layer(), layer(strength="0:a")]}, "layers[1].strength", "keyframes such as"),
        ({"inner": 1}, "inner", "true or false"),
    ],
    ids=lambda each: str(each)[:30],
)
def test_a_mistake_is_named_where_it_stands(data: Any, field: str | None, wanted: str) -> None:
    problem = refusal(data)
    assert wanted in problem.wanted
    assert field is None or problem.field == field


def test_a_program_holds_as_many_layers_as_it_says() -> None:
    assert len(program(*[layer()] * MAX_LAYERS).prepare(canvas()).tracks) == MAX_LAYERS


UNBUILT: list[tuple[str, dict[str, Any], str]] = [
    ("mode", {"mode": "hold"}, "color"),
    ("map", {"map": "pose"}, "color"),
]


@pytest.mark.parametrize(("field", "fields", "built"), UNBUILT)
def test_what_is_not_built_yet_parses_and_says_so_when_it_is_used(
    field: str, fields: dict[str, Any], built: str
) -> None:
    problem = unprepared(layer(), layer(**fields))
    assert problem.field == f"layers[1].{field}"
    assert problem.wanted.startswith(built) and "not built yet" in problem.wanted


@pytest.mark.parametrize(("field", "fields", "built"), UNBUILT)
@pytest.mark.parametrize("idle", [{"muted": True}, {"strength": 0}], ids=str)
def test_what_is_not_built_yet_does_no_harm_where_it_does_not_act(
    field: str, fields: dict[str, Any], built: str, idle: dict[str, Any]
) -> None:
    alone = program(layer()).prepare(canvas())
    joined = program(layer(**fields, **idle), layer()).prepare(canvas())
    d, sigma = gaussian(1, 3, 8, 8), torch.tensor([1.0])
    assert torch.equal(joined.apply(d, sigma), alone.apply(d, sigma))


@pytest.mark.parametrize("strength", [0, "0:0, 100%:0", "0:0, 50.1%:0, 50.2%:1, 50.3%:0"], ids=str)
def test_a_layer_of_no_strength_at_any_step_is_dropped(strength: Any) -> None:
    ready = program(layer(strength=strength)).prepare(canvas(steps=3))
    d = gaussian(1, 3, 8, 8)
    assert ready.tracks == ()
    assert ready.apply(d, torch.tensor([1.0])) is d


@pytest.mark.parametrize("idle", [{"muted": True}, {"strength": 0}, {"hires": "off"}, {"hires": "0:0, 1:0"}], ids=str)
def test_nothing_is_opened_or_encoded_for_a_layer_that_does_not_act(idle: dict[str, Any]) -> None:
    gone = layer(source={"kind": "image", "image": "map:gone"}, mask="map:gone", **idle)
    program(gone).prepare(canvas(hires=True, encode=pytest.fail, maps=pytest.fail))
    assert unprepared(layer(source=gone["source"]), encode=pytest.fail).field == "layers[0].source.image"


@pytest.mark.parametrize("shape", [(1, 3, 8, 7), (2, 3, 8, 8), (1, 4, 8, 8), (3, 8, 8), (1, 3, 64, 64)], ids=str)
def test_a_target_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    problem = unprepared(layer(), encode=lambda pixels: torch.zeros(shape))
    assert str(shape) in str(problem) and "finite latents (1, 3, 8, 8)" in str(problem)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_target_that_is_not_finite_is_refused(value: float) -> None:
    problem = unprepared(layer(), encode=lambda pixels: pixels.index_fill(3, torch.tensor([4]), value))
    assert "finite latents" in str(problem)


def test_a_picture_s_problem_names_its_layer_and_keeps_both_halves_of_the_sentence(tmp_path: Path) -> None:
    def no_map(name: str) -> bytes:
        raise ImageError(f"map {name[:8]}… is not in this data folder")

    gone = {"kind": "image", "image": "map:" + "0" * 32}
    problem = unprepared(layer(), layer(source=gone), maps=no_map)
    assert str(problem).startswith("layer 2 source.image: got map 00000000… is not in this data folder, wanted ")
    (tmp_path / "text.png").write_text("no picture")
    problem = unprepared(layer(mask=str(tmp_path / "text.png")))
    assert str(problem).startswith("layer 1 mask: got a file of another kind, wanted a PNG")
    assert isinstance(problem.__cause__, ImageError)


def names(whole: Program) -> list[str | None]:
    """The pictures that a program names, layer by layer, and then its masks."""
    sources = [each.source["image"] for each in whole.layers if "image" in each.source]
    return sources + [each.mask for each in whole.layers if each.mask]


def test_a_muted_layer_may_have_lost_its_picture() -> None:
    def lost(source: str, moving: bool) -> str:
        raise ImageError(f"{source} is gone")

    muted = program(layer(muted=True))
    assert muted.rename(lost) == muted
    with pytest.raises(ProgramError, match="gone"):
        program(layer()).rename(lost)


def test_pictures_are_renamed_everywhere_and_nothing_else_is_touched() -> None:
    moving = layer(source={"kind": "noise"}, mode="warp")
    whole = program(layer(mask="m", muted=True), moving, layer(strength="0:0, 1:1"))
    assert names(whole) == [PICTURE, PICTURE, "m"]
    renamed = whole.rename(lambda source, _: source[:1] + "!")
    assert names(renamed) == [PICTURE[0] + "!"] * 2 + ["m!"]
    back = {PICTURE[0] + "!": PICTURE, "m!": "m"}
    assert renamed.rename(lambda source, _: back[source]) == whole

    def refuse(source: str, moving: bool) -> str:
        raise ImageError("picture", got=source, wanted="another")

    with pytest.raises(ProgramError, match=r"layer 1 source\.image: got 'm', wanted another"):
        program(layer(source={"kind": "image", "image": "m"})).rename(refuse)


def test_the_rule_is_told_which_pictures_may_be_moving() -> None:
    told: dict[str, bool] = {}
    film = layer(source={"kind": "frames", "path": "film"}, mask="mask")
    program(film, layer()).rename(lambda source, moving: (told.setdefault(source, moving) and source) or source)
    assert told == {"film": True, "mask": False, PICTURE: False}


def test_layers_act_one_after_another_in_order() -> None:
    first, second = layer(strength=0.4), layer(strength=0.7, source={"kind": "image", "image": sent(painted(8, 8, 2))})
    d, sigma = gaussian(1, 3, 8, 8), torch.tensor([1.0])
    one, two, both, turned = (
        program(*each).prepare(canvas()) for each in ([first], [second], [first, second], [second, first])
    )
    assert torch.equal(both.apply(d, sigma), two.apply(one.apply(d, sigma), sigma))
    assert not torch.equal(both.apply(d, sigma), turned.apply(d, sigma))


def test_a_warp_opens_no_picture_that_it_does_not_look_at() -> None:
    lost = {"kind": "image", "image": "nowhere.png"}
    program = Program.parse({"layers": [layer(mode="warp", source=lost, strength=1)]})
    assert len(program.prepare(canvas()).tracks) == 1
    flow = Program.parse({"layers": [layer(mode="warp", source=lost, strength=1, motion={"kind": "flow"})]})
    with pytest.raises(PxlError, match="nowhere"):
        flow.prepare(canvas())
