"""The grid's axes: a value changes every layer or the one it names, and nothing else of the job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_pxl.control import Curve
from lib_pxl.control.mode import MODES
from lib_pxl.control.preset import PRESETS
from lib_pxl.errors import CurveError, ProgramError, PxlError, StoreError
from lib_pxl.hosts.axis import LONGEST, axes, spelt
from lib_pxl.hosts.desk import Desk
from lib_pxl.hosts.fake import FakeHost
from lib_pxl.hosts.job import Job, Nokens
from tests.control.stage import layer


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.presets.save("soft light", '{"layers":[{"source":{"kind":"previous"},"strength":0.25}]}')
    desk.presets.save("hard light", '{"layers":[],"inner":true}')
    return desk


LAYERED = [name for name in axes(pytest.fail) if name != "[pxl] Preset" and "Noken" not in name]


def job(count: int = 3, **control: Any) -> Job:
    return Job.parse({"control": {"layers": [layer(fit="pad")] * count, "inner": True, **control}, "record": True})


NOISE = {"kind": "noise"}


def made(axis: str, value: str, *layers: dict[str, Any]) -> list[Any]:
    """The layers of a job after a value has acted."""
    found = axes(pytest.fail)[f"[pxl] {axis}"].rule(Job.parse({"control": {"layers": list(layers)}}), value)
    return [each.format() for each in found.control.program.layers]


def strengths(desk: Desk, value: str, given: Job | None = None) -> list[float | str]:
    changed = axes(lambda: desk.presets)["[pxl] Strength"].rule(given or job(), value)
    return [each.strength.format() for each in changed.control.program.layers]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("0.25", [0.25] * 3),
        (" 1 ", [1] * 3),
        ("2:0.25", [0.5, 0.25, 0.5]),
        (" 3 : 1 ", [0.5, 0.5, 1]),
        ("1:0:0", [0, 0.5, 0.5]),
        ("0:0, 30%:1 smooth, 80%:0", ["0:0, 0.3:1 smooth, 0.8:0"] * 3),
        ("1:0, 0:1", ["0:1, 1:0"] * 3),
        ("0:0.25", [0.25] * 3),
        ("2:0:1, 50%:0", [0.5, "0:1, 0.5:0", 0.5]),
    ],
)
def test_a_value_acts_on_every_layer_or_on_the_one_it_names(value: str, wanted: list[Any], desk: Desk) -> None:
    assert strengths(desk, value) == wanted


@pytest.mark.parametrize("value", ["0.25", "2:0.25", "0:0, 1:1"])
def test_nothing_but_the_strength_changes(value: str, desk: Desk) -> None:
    before = job()
    after = axes(lambda: desk.presets)["[pxl] Strength"].rule(before, value)
    back = after
    for i in (1, 2, 3):
        back = axes(lambda: desk.presets)["[pxl] Strength"].rule(back, f"{i}:0.5")
    assert back == before == job() and after != before


@pytest.mark.parametrize("value", ["4:0.5", "999:0.5"])
def test_a_layer_that_is_not_there_is_named(value: str, desk: Desk) -> None:
    with pytest.raises(ProgramError, match=rf"layer of strength: got {value[:-4]}, wanted 1 to 3"):
        strengths(desk, value)


@pytest.mark.parametrize("value", ["", "a", "2:", "2:a", "2:2", "-1", "nan", "2:0.5, 3:0.5", "9" * 5000 + ":1"])
def test_nonsense_is_refused_as_any_other_curve(value: str, desk: Desk) -> None:
    with pytest.raises(CurveError, match="wanted"):
        strengths(desk, value)


def test_a_job_that_is_switched_off_has_no_strength_to_set(desk: Desk) -> None:
    with pytest.raises(ProgramError, match="control: got a job in which it is off"):
        strengths(desk, "0.25", job(enabled=False))


def test_a_preset_replaces_the_program_and_switches_it_on(desk: Desk) -> None:
    axis = axes(lambda: desk.presets)["[pxl] Preset"]
    for before in (job(), job(enabled=False), Job()):
        changed = axis.rule(before, "soft light")
        assert changed.control.enabled and changed.record == before.record
        assert [each.strength for each in changed.control.program.layers] == [Curve.parse(0.25)]
    assert axis.rule(job(), "hard light").control.program.inner


def test_a_preset_that_is_not_there_is_answered_with_those_that_are_near(desk: Desk) -> None:
    axis = axes(lambda: desk.presets)["[pxl] Preset"]
    assert axis.choices is not None and set(axis.choices()) == {*PRESETS, "soft light", "hard light"}
    with pytest.raises(StoreError, match="soft light"):
        axis.rule(job(), "soft lihgt")


def test_a_preset_that_is_no_program_is_refused(desk: Desk) -> None:
    desk.presets.save("broken", '{"layers":[{"mode":"old"}]}')
    with pytest.raises(PxlError, match="layer 1 mode"):
        axes(lambda: desk.presets)["[pxl] Preset"].rule(job(), "broken")


def test_the_presets_are_not_opened_before_an_axis_needs_them() -> None:
    found = axes(pytest.fail)
    assert all(name.startswith("[pxl] ") for name in found)
    assert found["[pxl] Strength"].choices is None
    assert found["[pxl] Strength"].rule(job(), "0.25").control.program.layers[0].strength == Curve.parse(0.25)


def test_a_cell_of_the_grid_is_the_picture_of_the_job_that_says_the_same(desk: Desk) -> None:
    host = FakeHost(desk.data)
    cell = axes(lambda: desk.presets)["[pxl] Strength"].rule(job(1), "0:0.8, 60%:0")
    said = {"control": {"layers": [layer(fit="pad", strength="0:0.8, 60%:0")]}}
    assert torch.equal(host.generate(cell.format()).latents, host.generate(said).latents)


@pytest.mark.parametrize("name", [name for name, choice in MODES.items() if choice.build is not None])
def test_every_mode_that_is_built_is_in_the_list_and_can_be_set(name: str) -> None:
    mode = axes(pytest.fail)["[pxl] Mode"]
    assert mode.choices is not None and name in mode.choices() and "hold" not in mode.choices()
    assert made("Mode", f"2:{name}", layer(), layer()) == [layer(), *made("Mode", name, layer())]
    assert Job.parse({"control": {"layers": made("Mode", name, layer())}}).control.program.layers[0].mode == name


def test_a_cover_makes_a_gate_where_there_is_none() -> None:
    gated = layer(gate={"soft": 0.5, "cover": 0.1})
    assert made("Gate cover", "0.75", layer(), gated) == [
        layer(gate={"cover": 0.75}),
        layer(gate={"soft": 0.5, "cover": 0.75}),
    ]
    assert made("Gate cover", "2:0.75", layer(), gated)[0] == layer()


def test_a_scale_is_that_of_every_noise_which_a_layer_has() -> None:
    layers = [layer(), layer(gate={"soft": 0.5}), {"source": NOISE}, {"source": NOISE, "gate": {}}]
    scaled = {"kind": "noise", "scale": 0.5}
    wanted = [
        layer(),
        layer(gate={"soft": 0.5, "scale": 0.5}),
        {"source": scaled},
        {"source": scaled, "gate": {"scale": 0.5}},
    ]
    assert made("Noise scale", "0.5", *layers) == wanted
    assert made("Noise scale", "3:0.5", *layers) == [*layers[:2], wanted[2], layers[3]]


def test_a_seed_is_that_of_every_field_which_a_layer_draws() -> None:
    layers = [
        layer(),
        {"source": NOISE, "gate": {"cover": 0.1}},
        layer(mode="warp"),
        layer(mode="warp", motion={"amount": 0.2}),
        layer(mode="warp", motion={"kind": "swirl"}),
        layer(motion={"amount": 0.2}),
    ]
    assert made("Seed", "7", *layers) == [
        layers[0],
        {"source": {"kind": "noise", "seed": 7}, "gate": {"cover": 0.1, "seed": 7}},
        layer(mode="warp", motion={"seed": 7}),
        layer(mode="warp", motion={"amount": 0.2, "seed": 7}),
        *layers[4:],
    ]
    largest = 2**63 - 1
    assert made("Seed", f"2:{largest}", *layers)[1]["source"]["seed"] == largest
    assert made("Seed", "-1", *layers[1:]) == layers[1:2] + [layer(mode="warp", motion={}), *layers[3:]]


@pytest.mark.parametrize(
    ("axis", "value", "said"),
    [
        ("Mode", "colour", "layer 1 mode: got 'colour', wanted color, "),
        ("Mode", "2:colour", "layer 2 mode: got 'colour'"),
        ("Mode", "3:color", "layer of mode: got 3, wanted 1 to 2"),
        ("Gate cover", "2", "layer 1 gate.cover: got 2, wanted a number from 0 to 1"),
        ("Gate cover", "", "got '', wanted a number from 0 to 1"),
        ("Gate cover", "2:", "layer 2 gate.cover: got '', wanted a number"),
        ("Gate cover", "nan", "got nan, wanted a number"),
        ("Gate cover", "9" * 5000, "wanted a number from 0 to 1"),
        ("Gate cover", "0-1 (+0.25)", "got '0-1 [(][+]0.25[)]', wanted a number"),
        ("Noise scale", "0.1", "noise scale: got layers without any, wanted a noise source or a gate"),
        ("Noise scale", "2:0.1", "noise scale: got layer 2 without any, wanted a noise source or a gate"),
        ("Seed", "1", "seed: got layers without any, wanted a noise source, a gate or curl noise"),
    ],
)
def test_what_cannot_be_is_one_sentence(axis: str, value: str, said: str) -> None:
    with pytest.raises(ProgramError, match=said):
        made(axis, value, layer(), layer())


@pytest.mark.parametrize("value", ["0.5", "1e400", "2:x", "-2", str(2**63)])
def test_a_seed_is_a_whole_number_in_range(value: str) -> None:
    with pytest.raises(ProgramError, match=r"layer \d gate.seed: got .* wanted a whole number"):
        made("Seed", value, layer(gate={}), layer(gate={}))


@pytest.mark.parametrize("name", LAYERED)
def test_a_job_without_layers_or_switched_off_has_nothing_to_set(name: str) -> None:
    rule = axes(pytest.fail)[name].rule
    for control in ({"enabled": True}, {"enabled": False, "layers": [layer()]}):
        with pytest.raises(ProgramError, match=r"control: got .*, wanted .*, to set its"):
            rule(Job.parse({"control": control}), "0.5")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0.25, 2:0.5,1", ["0.25", "2:0.5", "1"]),
        ("0-1 (+0.25)", ["0", "0.25", "0.5", "0.75", "1"]),
        ("0 - 1 [5]", ["0", "0.25", "0.5", "0.75", "1"]),
        ("2:0-1 [3], 0.1", ["2:0", "2:0.5", "2:1", "0.1"]),
        ("1-0 (-0.5)", ["1", "0.5", "0"]),
        ("0.1-0.3(+0.1)", ["0.1", "0.2", "0.3"]),
        ("0-0.25 (+0.1)", ["0", "0.1", "0.2"]),
        ("1-3", ["1", "2", "3"]),
        ("-1-1", ["-1", "0", "1"]),
        ("0-1 [1]", ["0"]),
        ('"0:0, 30%:1 smooth", 0:0.25', ["0:0, 30%:1 smooth", "0:0.25"]),
        ("0.5, ,", ["0.5"]),
        ("", []),
    ],
)
def test_ranges_are_spelt_out(text: str, wanted: list[str]) -> None:
    assert spelt(text) == wanted


@pytest.mark.parametrize(
    "text", ["0-1 (+0)", "0-1 (-0.5)", "1-0", "0-1 [0]", "0-99999999", "0-1 [9999]", "1e-3", "a-b", "0:0-1"]
)
def test_what_is_no_range_stays_as_it_is(text: str) -> None:
    assert spelt(text) == [text]
    assert len(spelt(f"1-{LONGEST}")) == LONGEST


def test_a_count_of_seeds_gives_whole_ones_as_the_grid_s_own_seeds_are() -> None:
    assert spelt("1-10 [3]", whole=True) == ["1", "5", "10"]
    assert spelt("2:100-300 (+100)", whole=True) == ["2:100", "2:200", "2:300"]
    assert spelt("9007199254740993-9007199254740994", whole=True) == ["9007199254740993", "9007199254740994"]


@settings(max_examples=100)
@given(st.integers(-40, 40), st.integers(-40, 40), st.sampled_from([1, 2, 5, 25, 100]), st.integers(1, 30))
def test_ranges_mean_what_the_grid_s_own_numbers_mean(first: int, last: int, parts: int, count: int) -> None:
    low, high = first / parts, last / parts
    if high >= low:
        wanted = [low + i / parts for i in range(round((high - low) * parts) + 1)]
        assert [float(each) for each in spelt(f"{low}-{high} (+{1 / parts})")] == pytest.approx(wanted)
    counted = [float(each) for each in spelt(f"{low}-{high} [{count}]")]
    assert counted == pytest.approx(numpy.linspace(low, high, count).tolist(), abs=1e-8)


def test_a_noken_and_a_mix_change_nothing_but_what_is_said_of_nokens() -> None:
    found = axes(pytest.fail)
    before = Job.parse({"control": {"layers": [layer()]}, "nokens": {"carry": True}, "record": True})
    after = found["[pxl] Noken mix"].rule(found["[pxl] Noken"].rule(before, " fox~owl "), "0.25")
    assert after == replace(before, nokens=Nokens(carry=True, instead="fox~owl", mix=0.25))


@pytest.mark.parametrize("value", ["1.5", "half", "", "nan"])
def test_a_mix_is_a_share(value: str) -> None:
    with pytest.raises(ProgramError, match=r"noken mix: got .*, wanted a number from 0 to 1"):
        axes(pytest.fail)["[pxl] Noken mix"].rule(Job(), value)


@pytest.mark.parametrize("name", ["[pxl] Noken", "[pxl] Noken mix"])
def test_a_job_whose_nokens_are_off_has_none_to_set(name: str) -> None:
    with pytest.raises(ProgramError, match=r"nokens: got a job in which they are off, wanted them on"):
        axes(pytest.fail)[name].rule(Job.parse({"nokens": False}), "0.5")
