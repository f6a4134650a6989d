"""The exported small model: the host draws what is asked for as often as the studio does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from bench import meaning
from lib_pxl.hosts import checkpoint
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.small import CFG, FOLDER, NAME, exam
from lib_pxl.world.judge import ROWS, Score, score
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


def test_layout_draws_the_thing_where_the_map_has_it_in_the_colours_of_the_words(url: str) -> None:
    host = Client(url, NAME)
    pairs = meaning.asked(20)
    found, made = [], []
    for seed, (wish, scene) in enumerate(pairs):
        settings = {"prompt": wish.text, "steps": exam.STEPS, "cfg_scale": CFG, "seed": seed}
        picture = host.make(meaning.job("layout", scene), **settings)
        assert picture.extra.keys() == {"pxl"}, picture.extra
        made.append(torch.from_numpy(picture.first).permute(2, 0, 1).float() / 255)
        free = torch.from_numpy(host.make(**settings).first).permute(2, 0, 1).float() / 255
        found.append((meaning.overlap(made[-1], scene), meaning.overlap(free, scene)))
    right = score([wish for wish, _ in pairs], torch.stack(made))
    with_map, without = (sum(each) / len(pairs) for each in zip(*found, strict=True))
    print(f"overlap {with_map:.3f}, without {without:.3f}", {name: round(right[name].share, 3) for name in right})
    assert with_map >= 0.6 > 0.3 > without
    assert min(right["ground"].share, right["colour"].share) >= 0.9
