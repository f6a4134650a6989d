"""The exam: who draws what is asked passes, who draws anything fails, and nothing of it was in the training."""

from __future__ import annotations

import random

import pytest
import torch
from PIL import Image

from lib_pxl.small import exam
from lib_pxl.world import caption, draw
from lib_pxl.world.judge import ROWS
from lib_pxl.world.scene import scenes

COUNT = 60


def as_image(picture: torch.Tensor) -> Image.Image:
    return Image.fromarray((picture.permute(1, 2, 0) * 255).round().byte().numpy())


def test_the_wishes_are_always_the_same_and_a_longer_exam_begins_like_a_shorter_one() -> None:
    assert exam.wishes(COUNT) == exam.wishes(COUNT) == exam.wishes(COUNT + 20)[:COUNT]
    rng = random.Random(0)
    trained = {caption(scene, rng).text for scene in scenes(0, 3000)}
    assert sum(wish.text in trained for wish in exam.wishes(200)) < 20  # captions that leave most things open


@pytest.mark.parametrize(("shift", "low", "high"), [(0, 0.99, 1.0), (1, 0.0, 0.7)])
def test_the_table_tells_a_perfect_hand_from_one_that_draws_anything(shift: int, low: float, high: float) -> None:
    asked, right = exam.wishes(COUNT), draw(scenes(exam.SEED, COUNT, held_out=True))
    made = exam.pictures(asked, lambda _, seed: as_image(right[(seed + shift) % COUNT]))
    scores = exam.table(asked, torch.stack(list(made)))
    assert list(scores) == ["all", "one thing", "two things"]
    for row in ROWS:
        assert low <= scores["all"][row].share <= high
        assert scores["all"][row].asked == scores["one thing"][row].asked + scores["two things"][row].asked
    assert [line[0] for line in exam.rows(scores)] == ["trait", *ROWS]
