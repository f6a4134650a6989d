"""Jobs: one at a time, stopped only by whoever started them, and what is said while they run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tiny
import torch
from PIL import Image

from lib_pxl.errors import PxlError
from lib_pxl.hosts.base import Guest
from lib_pxl.hosts.diffusers import DiffusersHost, Made
from lib_pxl.hosts.request import Request
from lib_pxl.hosts.watch import Step
from lib_pxl.studio import live
from lib_pxl.studio.work import Clock, Progress, Work

PIPE = tiny.sd1("v_prediction")


def ask(steps: int = 3, **more: Any) -> Callable[[], Request]:
    return lambda: Request(**{"prompt": "a star", "steps": steps, "width": 64, "height": 64, "seed": 1} | more)


@pytest.fixture
def work() -> Work:
    return Work(DiffusersHost(PIPE))


def kinds(events: Iterator[Progress | Made]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_progress_comes_before_what_was_made(work: Work) -> None:
    events = list(work.run("me", "txt2img", ask(batch=2), ""))
    *steps, made = events
    assert isinstance(made, Made) and len(made.pictures) == 2 and not made.interrupted
    assert [(each.step, each.steps) for each in steps if isinstance(each, Progress)] == [(1, 3), (2, 3), (3, 3)]
    assert isinstance(steps[0], Progress) and [each.size for each in steps[0].pictures] == [(8, 8)] * 2


def test_a_preview_of_the_last_step_is_the_picture(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib_pxl.studio.work.PREVIEW_EVERY", 0)
    *_, last, made = work.run("me", "txt2img", ask(), "")
    assert isinstance(last, Progress) and isinstance(made, Made)
    small = made.pictures[0].resize((8, 8), Image.Resampling.BOX)
    assert max(abs(a - b) for a, b in zip(last.pictures[0].tobytes(), small.tobytes(), strict=True)) <= 3


def test_each_can_stop_only_what_it_started(work: Work) -> None:
    running = work.run("me", "txt2img", ask(50), "")
    next(running)
    work.stop("you")
    next(running)
    work.stop("me")
    *_, made = running
    assert isinstance(made, Made) and made.interrupted


def test_a_job_stopped_while_it_waits_is_never_begun(work: Work) -> None:
    work.await_turn("me")
    work.stop("me")
    assert kinds(work.run("me", "txt2img", ask(), "")) == []
    assert kinds(work.run("me", "txt2img", ask(1), ""))[-1] == "Made"


def test_stopping_stops_what_runs_and_what_waits_behind_it(work: Work) -> None:
    work.await_turn("me")
    running = work.run("me", "txt2img", ask(50), "")
    next(running)
    work.await_turn("me")
    work.stop("me")
    *_, made = running
    assert isinstance(made, Made) and made.interrupted
    assert kinds(work.run("me", "txt2img", ask(), "")) == []
    assert kinds(work.run("me", "txt2img", ask(1), ""))[-1] == "Made"


def test_a_browser_that_goes_away_stops_its_job(work: Work) -> None:
    running = work.run("me", "txt2img", ask(150), "")
    next(running)
    running.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pxl ")]
    assert work.host.desk.status("txt2img")[0] == 1


def test_the_studio_s_end_stops_every_job(work: Work) -> None:
    running = work.run("me", "txt2img", ask(150), "")
    next(running)
    work.await_turn("you")
    work.stop_all()
    assert kinds(running)[-1] == "Made" and kinds(work.run("you", "txt2img", ask(), "")) == []


def test_an_error_comes_to_whoever_waits(work: Work) -> None:
    with pytest.raises(PxlError, match="multiple of 8"):
        list(work.run("me", "txt2img", ask(width=65), ""))
    assert work.host.desk.status("txt2img")[0] == 1
    work.await_turn("me")
    with pytest.raises(KeyError):
        list(work.run("me", "txt2img", lambda: {}["nothing asked"], ""))
    work.stop("me")  # nothing of it is left that this could stop
    work.host.guests = [Guest()]
    assert kinds(work.run("me", "txt2img", ask(1), ""))[-1] == "Made"


def test_the_clock_spares_previews_and_knows_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    clock = Clock()
    due, left = [], []
    for number in range(1, 5):
        now += 0.2
        step = Step("txt2img", number, 10, lambda: torch.zeros(0))
        due.append(clock.tick(step))
        left.append(round(clock.left(step), 3))
    assert due == [True, False, True, False]
    assert left == [0.0, 1.6, 1.4, 1.2]


def test_what_is_said_while_it_runs() -> None:
    text = live.progress(Progress("txt2img", 7, 20, 8.2, []), [Image.new("RGB", (2, 2))])
    assert "Step 7 of 20 · 8 s left" in text and 'max="20" value="7"' in text and "data:image/webp;base64," in text
    assert "Hires step 3 of 3<" in live.progress(Progress("hires", 3, 3, 0, []), [])
    assert [live.spoken(each) for each in (0, 0.2, 59.6, 99, 170, 3600)] == [
        "1 s",
        "1 s",
        "60 s",
        "99 s",
        "3 min",
        "60 min",
    ]
    assert "&lt;b&gt;" in live.refused("<b>")
