"""The bundled model itself: what it weighs, and that it draws what it is asked for."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from lib_pxl.hosts import checkpoint
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.small import FOLDER, NAME, exam
from lib_pxl.world.judge import ROWS

COUNT = 40


def test_it_is_small_and_of_half_precision() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 20e6
    weights = [load_file(path) for path in files if path.suffix == ".safetensors"]
    assert len(weights) == 3
    assert all(each.dtype == torch.float16 for part in weights for each in part.values())
    assert all(each.isfinite().all() for part in weights for each in part.values())


def test_it_draws_what_it_is_asked_for(tmp_path: Path) -> None:
    """A smaller sample of `python -m lib_pxl model judge`; by chance a trait may be a few points lower here."""
    pipe, name = checkpoint.load(str(FOLDER))
    assert name == NAME
    scores = exam.sit(DiffusersHost(pipe, tmp_path), COUNT, lambda: None)["all"]
    for row, least in zip(ROWS, (0.9, 0.9, 0.88, 0.88, 0.8), strict=True):
        assert scores[row].asked > 20 and scores[row].share >= least, (row, scores[row])
