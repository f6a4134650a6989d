"""The grid's axes: a value changes every layer or the one it names, and nothing else of the job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lib_pxl.control import Curve
from lib_pxl.errors import CurveError, ProgramError, PxlError, StoreError
from lib_pxl.hosts.axis import axes
from lib_pxl.hosts.desk import Desk
from lib_pxl.hosts.fake import FakeHost
from lib_pxl.hosts.job import Job
from tests.control.stage import layer


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.presets.save("soft light", '{"layers":[{"source":{"kind":"previous"},"strength":0.25}]}')
    desk.presets.save("hard light", '{"layers":[],"inner":true}')
    return desk


def job(count: int = 3, **control: Any) -> Job:
    return Job.parse({"control": {"layers": [layer(fit="pad")] * count, "inner": True, **control}, "record": True})


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
    for given in (job(), job(enabled=False), Job()):
        changed = axis.rule(given, "soft light")
        assert changed.control.enabled and changed.record == given.record
        assert [each.strength for each in changed.control.program.layers] == [Curve.parse(0.25)]
    assert axis.rule(job(), "hard light").control.program.inner


def test_a_preset_that_is_not_there_is_answered_with_those_that_are_near(desk: Desk) -> None:
    axis = axes(lambda: desk.presets)["[pxl] Preset"]
    assert axis.choices is not None and set(axis.choices()) == {"soft light", "hard light"}
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
