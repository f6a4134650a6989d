"""Jobs: the one dictionary, read from the API, the panel and the infotext, and written back as short as it can be."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_pxl.control import Program
from lib_pxl.errors import ProgramError
from lib_pxl.hosts.job import SWITCHES, Assembly, Control, Job, Nokens
from tests.control.stage import layer, told
from tests.control.test_program import programs

assemblies = st.fixed_dictionaries(
    {},
    optional={
        "format": st.sampled_from(["gif", "webp", "apng"]),
        "fps": st.none() | st.floats(0.1, 60),
        "bounce": st.booleans(),
    },
)
moving = {
    "enabled": st.booleans(),
    "input": st.none() | st.just("map:" + "0" * 32),
    "whole": st.booleans(),
    "animation": st.none() | assemblies,
    "trace": st.booleans(),
}
controls = st.tuples(programs, st.fixed_dictionaries({}, optional=moving)).map(lambda both: both[0] | both[1])
named = st.dictionaries(st.text(max_size=5), st.just("0" * 32), max_size=3)
said = {"enabled": st.booleans(), "carry": st.booleans(), "hashes": named, "vectors": st.lists(st.text(max_size=5))}
nokens = st.booleans() | st.fixed_dictionaries({}, optional=said)
jobs = st.fixed_dictionaries({}, optional={"control": controls, "nokens": nokens, "record": st.booleans()})


def refusal(data: Any) -> ProgramError:
    with pytest.raises(ProgramError) as caught:
        Job.parse(data)
    assert told(caught.value)
    return caught.value


@settings(max_examples=40)
@given(jobs)
def test_what_is_formatted_parses_to_the_same_job(data: dict[str, Any]) -> None:
    job = Job.parse(data)
    assert Job.parse(job.format()) == job == Job.parse(json.dumps(data))
    assert Job.parse(job.format()).format() == job.format()


@settings(max_examples=40)
@given(jobs)
def test_a_job_s_control_is_the_program_that_it_names(data: dict[str, Any]) -> None:
    job, given = Job.parse(data), dict(data.get("control", {}))
    put, out, whole = given.pop("input", None), given.pop("animation", None), given.pop("whole", True)
    trace = given.pop("trace", False)
    enabled = given.pop("enabled", bool(given.get("layers") or put or out is not None or trace))
    assembly = None if out is None else Assembly(**out)
    assert job.control == Control(enabled, Program.parse(given), put, whole, assembly, trace)


@settings(max_examples=40)
@given(jobs)
def test_a_job_untraced_is_the_job_without_the_wish_to_look(data: dict[str, Any]) -> None:
    job = Job.parse(data)
    assert "trace" not in job.untraced().format()
    assert job.untraced() == replace(job, control=replace(job.control, trace=False))


def test_the_usual_job_and_the_empty_text_are_one() -> None:
    usual = {"control": {"enabled": False, "layers": [], "inner": False}, "nokens": True, "record": False}
    same: list[Any] = [None, "", {}, "{}", {"control": {}}, usual, json.dumps(usual)]
    for data in same:
        assert Job.parse(data) == Job()
    assert Job().format() == ""
    assert {name: knob.default for name, knob in SWITCHES.items()} == vars(Job())


@pytest.mark.parametrize("enabled", [True, False, None])
def test_control_without_its_switch_is_on_where_there_are_layers(enabled: bool | None) -> None:
    switch = {} if enabled is None else {"enabled": enabled}
    assert Job.parse({"control": {"layers": [layer()], **switch}}).control.enabled is (enabled is not False)
    assert Job.parse({"control": {"layers": [], **switch}}).control.enabled is (enabled is True)
    assert Job.parse({"control": {"trace": True, **switch}}).control.enabled is (enabled is not False)
    assert Job.parse({"control": {"trace": False, **switch}}).control.enabled is (enabled is True)
    for more in ({"input": "map:" + "0" * 32}, {"animation": {}}):
        assert Job.parse({"control": {**more, **switch}}).control.enabled is (enabled is not False)
    assert Job.parse({"control": {"input": None, "animation": None, "whole": False, **switch}}).control.enabled is (
        enabled is True
    )


@settings(max_examples=40)
@given(jobs)
def test_a_job_awake_is_the_job_without_the_layers_that_are_switched_off(data: dict[str, Any]) -> None:
    job, awake = Job.parse(data), Job.awake(data)
    assert awake == Job.awake(json.dumps(data))
    off = data.get("control", {}).get("enabled") is False
    assert awake == (replace(job, control=Control()) if off else job)


def test_a_half_made_layer_does_no_harm_while_control_is_switched_off() -> None:
    assert Job.awake({"control": {"enabled": False, "layers": "?", "new": 1}, "record": True}) == Job(record=True)
    broken: list[Any] = [{"control": {"layers": [{}]}}, {"control": {"enabled": 0}}, {"controll": {}}, "{"]
    for data in broken:
        with pytest.raises(ProgramError):
            Job.awake(data)


def test_switched_off_control_keeps_its_layers() -> None:
    job = Job.parse({"control": {"enabled": False, "layers": [layer(strength=0.7)]}})
    assert Job.parse(job.format()) == job
    assert len(job.control.program.layers) == 1 and not job.control.enabled


def test_another_program_changes_nothing_but_the_program() -> None:
    job = Job.parse({"control": {"enabled": False, "layers": [layer()]}, "nokens": False, "record": True})
    other = Program.parse({"layers": [layer(strength=1)], "inner": True})
    changed = job.with_program(other)
    assert changed == Job(Control(False, other), nokens=Nokens(False), record=True)
    assert changed.with_program(job.control.program) == job


MISTAKES: list[tuple[Any, str, str]] = [
    ({"controll": {}}, "controll", "did you mean 'control'?"),
    ({"layers": []}, "layers", "control, nokens or record"),
    ({"control": {"enable": True}}, "control.enable", "did you mean 'enabled'?"),
    ({"control": {"colour": 1}}, "control.colour", "enabled, layers, inner, input, whole, animation or trace"),
    ({"control": {"trace": 1}}, "control.trace", "true or false"),
    ({"control": {"input": 1}}, "control.input", "got 1"),
    ({"control": {"input": ""}}, "control.input", "a path, base64 or map:HASH"),
    ({"control": {"whole": 1}}, "control.whole", "true or false"),
    ({"control": {"animation": "gif"}}, "control.animation", "a dictionary in {}"),
    ({"control": {"animation": {"format": "mp4"}}}, "control.animation.format", "gif, webp or apng"),
    ({"control": {"animation": {"fps": 0}}}, "control.animation.fps", "a number from 0.1 to 60"),
    ({"control": {"animation": {"fps": "12"}}}, "control.animation.fps", "a number from 0.1 to 60"),
    ({"control": {"animation": {"bounce": None}}}, "control.animation.bounce", "true or false"),
    ({"control": {"enabled": 1}}, "control.enabled", "true or false"),
    ({"control": {"enabled": None}}, "control.enabled", "true or false"),
    ({"control": {"layers": "all"}}, "control.layers", "at most 8 layers"),
    ({"control": {"layers": [layer()] * 9}}, "control.layers", "at most 8 layers"),
    ({"control": {"layers": [layer(strength="0:a")]}}, "layers[0].strength", "keyframes"),
    ({"control": {"enabled": False, "layers": [layer(), {}]}}, "layers[1].source", "got None"),
    ({"control": {"inner": "no"}}, "control.inner", "true or false"),
    ({"control": None}, "control", "a dictionary"),
    ({"control": []}, "control", "a dictionary"),
    ({"control": "on"}, "control", "a dictionary"),
    ({"nokens": 1}, "nokens", "true or false, or a dictionary"),
    ({"nokens": {"enabled": 1}}, "nokens.enabled", "true or false"),
    ({"nokens": {"carries": True}}, "nokens.carries", "did you mean 'carry'?"),
    ({"nokens": {"hashes": {"fox": "../x"}}}, "nokens.hashes", "a hash of 32 hexadecimal digits"),
    ({"nokens": {"hashes": []}}, "nokens.hashes", "at most 64 names"),
    ({"nokens": {"hashes": {str(i): "0" * 32 for i in range(65)}}}, "nokens.hashes", "at most 64 names"),
    ({"nokens": {"vectors": [1]}}, "nokens.vectors", "at most 64 nokens as text"),
    ({"nokens": {"vectors": [""] * 65}}, "nokens.vectors", "at most 64 nokens as text"),
    ({"nokens": {"instead": "fox"}}, "nokens.instead", "no such key"),
    ({"record": "true"}, "record", "true or false"),
    ([], "program", "a dictionary"),
    (True, "program", "a dictionary"),
    (b"{}", "program", "a dictionary"),
    ("{", "program", "JSON"),
    ("[" * 10 * 2**20, "program", "a flat list of layers"),
    ('{"record": NaN}', "record", "true or false"),
]


@pytest.mark.parametrize(("data", "field", "wanted"), MISTAKES, ids=lambda each: str(each)[:40])
def test_a_mistake_is_named_where_it_stands(data: Any, field: str, wanted: str) -> None:
    problem = refusal(data)
    assert problem.field == field
    assert wanted in str(problem)
