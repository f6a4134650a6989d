"""The motion `flow`: what moves between the map's frames is found, and the picture follows it."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from lib_pxl.control import Plan
from lib_pxl.control.canvas import Schedule
from lib_pxl.control.program import staged
from lib_pxl.control.warp import displacement, journey
from lib_pxl.errors import ProgramError
from lib_pxl.hosts.fake import sigmas
from tests.control.stage import canvas, gaussian, layer, painted, program

STEPS, SIDE, SQUARE, FACTOR = 8, 16, 40, 8
BOARD: dict[str, Any] = {"steps": STEPS, "height": SIDE, "width": SIDE, "factor": FACTOR}


def film(folder: Path, places: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """A layer that follows a square with detail on a grey ground."""
    folder.mkdir()
    square = painted(SQUARE // 4, SQUARE // 4).resize((SQUARE, SQUARE), Image.Resampling.BICUBIC)
    for i, at in enumerate(places):
        ground = Image.new("RGB", (SIDE * FACTOR, SIDE * FACTOR), (120, 120, 120))
        ground.paste(square, at)
        ground.save(folder / f"{i}.png")
    motion = {"kind": "flow", "amount": 0.3}
    return layer(source={"kind": "frames", "path": str(folder)}, mode="warp", strength=1, motion=motion)


def moved(given: dict[str, Any], find: Any = displacement) -> Tensor:
    """How far each place is carried after each step, (N, 2, H, W)."""
    board = canvas(**BOARD)
    schedule = Schedule.parse(board.sigmas, "cpu")
    with staged(program(given).layers[0], board, schedule, torch.ones(len(schedule.places)), "layers[0]") as stage:
        found: Tensor = find(stage)
        return found


def ready(given: dict[str, Any]) -> Plan:
    return program(given).prepare(canvas(**BOARD))


@pytest.mark.parametrize("way", [(6, 0), (-6, 0), (0, 6), (4, -4)])
def test_a_moving_square_is_followed(way: tuple[int, int], tmp_path: Path) -> None:
    middle = (SIDE * FACTOR - SQUARE) // 2
    start = [middle - STEPS // 2 * each for each in way]
    places = [(start[0] + i * way[0], start[1] + i * way[1]) for i in range(STEPS)]
    total = moved(film(tmp_path / "film", places))[-1]
    inside, border = total[:, 6:10, 6:10].mean((1, 2)), total[:, :2].mean((1, 2))
    wanted = torch.tensor(way).float()
    assert torch.cosine_similarity(inside, wanted, dim=0) > 0.95
    assert border.norm() < 0.25 * inside.norm()


def test_the_way_grows_as_the_square_goes_and_turns_back_with_it(tmp_path: Path) -> None:
    away = [(20 + 6 * i, 44) for i in range(5)]
    there = moved(film(tmp_path / "there", away + away[:-1][::-1][:3]))[:, 0, 6:10, 5:11].mean((1, 2))
    assert there[:5].diff().min() > 0 > there[5:-1].diff().max()
    assert there[-1] < 0.6 * there.max()


def test_frames_that_do_not_move_leave_the_picture_alone(tmp_path: Path) -> None:
    given, d = film(tmp_path / "film", [(44, 44)] * 2), gaussian(1, 3, SIDE, SIDE)
    assert moved(given).abs().max() == 0
    assert moved(given, journey).abs().max() == 0
    for sigma in sigmas(STEPS)[:-1]:
        assert torch.equal(ready(given).apply(d, sigma[None]), d)


@pytest.mark.parametrize("count", [1, 2])
def test_a_single_frame_is_no_movement_and_two_are_one_shared_by_the_calls_beside_it(
    count: int, tmp_path: Path
) -> None:
    steps = moved(film(tmp_path / "film", [(44, 44), (52, 44)][:count])).diff(dim=0).flatten(1).abs().amax(1)
    assert int((steps > 1e-6).sum()) == 2 * (count - 1)


def test_a_flat_film_has_no_movement(tmp_path: Path) -> None:
    given = film(tmp_path / "film", [(-SQUARE, 0), (SIDE * FACTOR, 0), (0, -SQUARE)])
    assert moved(given).isfinite().all() and moved(given).abs().max() < 1e-3


def test_without_opencv_one_sentence_says_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ProgramError, match=r"layer 1 motion\.kind: got 'flow', wanted noise, swirl or drift"):
        ready(film(tmp_path / "film", [(0, 0), (8, 0)]))
