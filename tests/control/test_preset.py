"""The programs that come with pxl: each can be made ready anywhere, acts, and is shown in the docs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lib_pxl.control.canvas import Canvas
from lib_pxl.control.preset import PRESETS, built_in
from lib_pxl.control.program import Program

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_acts_without_any_picture(name: str) -> None:
    program = Program.parse(built_in()[name])
    assert program == PRESETS[name].program
    sigmas = torch.cat([torch.linspace(14, 0.03, 20), torch.zeros(1)])
    rgb = torch.eye(4, 3)
    canvas = Canvas(
        batch=2, channels=4, height=16, width=24, factor=8, sigmas=sigmas, seeds=[1, 2], device="cpu",
        dtype=torch.float32, rgb=rgb, encode=lambda pixels: torch.zeros(len(pixels), 4, 16, 24),
    )  # fmt: skip
    plan = program.prepare(canvas)
    assert len(plan.tracks) == len(PRESETS[name].layers)
    generator = torch.Generator().manual_seed(0)
    given = torch.randn(2, 4, 16, 24, generator=generator)
    made = [plan.apply(given, sigma.repeat(2)) for sigma in sigmas[:-1]]
    noise = plan.noise(given)
    assert all(each.isfinite().all() for each in (*made, noise))
    assert any(not torch.equal(each, given) for each in (*made, noise))


def test_every_preset_is_shown_in_the_docs() -> None:
    text = (ROOT / "docs" / "control.md").read_text("utf-8")
    for name, preset in PRESETS.items():
        assert f"**{name}**" in text and preset.about in " ".join(text.split())
