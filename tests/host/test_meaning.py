"""The exported small model: the host draws what is asked for as often as the studio does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from lib_pxl.hosts import checkpoint
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.small import CFG, FOLDER, NAME, exam
from lib_pxl.world.judge import ROWS, Score
from tests.host.client import Client

COUNT = 50


def scored(draw: exam.Draw) -> dict[str, Score]:
    """Each trait over COUNT unseen wishes."""
    asked = exam.wishes(COUNT)
    return exam.table(asked, torch.stack(list(exam.pictures(asked, draw))))["all"]


@pytest.mark.timeout(1200)
def test_no_trait_is_more_than_four_points_under_the_studio_s(url: str, tmp_path: Path) -> None:
    client = Client(url, NAME)

    def draw(prompt: str, seed: int) -> Image.Image:
        made: Any = client.make(prompt=prompt, seed=seed, steps=exam.STEPS, cfg_scale=CFG)
        return Image.fromarray(made.first.astype("uint8"))

    host = scored(draw)
    studio = scored(exam.drawn_by(DiffusersHost(checkpoint.load(str(FOLDER))[0], tmp_path)))
    for row in ROWS:
        print(f"{row}: {host[row].share:.3f} in the host, {studio[row].share:.3f} in the studio")
    assert all(host[row].share >= studio[row].share - 0.04 for row in ROWS)
