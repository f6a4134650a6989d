"""Draws the pictures of docs/control.md's presets: `.venv/bin/python docs/presets.py`, from the project's root."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib_pxl.control.preset import PRESETS
from lib_pxl.hosts import checkpoint
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.hosts.request import Request
from lib_pxl.small import CFG, FOLDER

OUT = Path(__file__).parent / "images" / "presets"
PROMPTS = ("a star", "a big heart", "a cross", "a big circle")
SIDE, GAP, FIRST_SEED = 128, 4, 7


def main() -> None:
    """A strip for each preset, and one of the same prompts and seeds without any."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        host = DiffusersHost(checkpoint.load(str(FOLDER))[0], Path(data))
        draw(host, "without", "")
        for name, preset in PRESETS.items():
            draw(host, name.lower().replace(" ", "-"), preset.program.format())


def draw(host: DiffusersHost, name: str, program: str) -> None:
    """What the prompts become with this program."""
    strip = Image.new("RGB", (len(PROMPTS) * (SIDE + GAP) - GAP, SIDE), "white")
    for i, prompt in enumerate(PROMPTS):
        asked = Request(prompt, sampler="Euler", steps=20, cfg=CFG, seed=FIRST_SEED + i, width=SIDE, height=SIDE)
        made = host.generate(asked, f'{{"control": {program}}}' if program else None)
        if made.problem:
            raise SystemExit(f"{name}: {made.problem}")
        strip.paste(made.pictures[0], (i * (SIDE + GAP), 0))
    strip.save(OUT / f"{name}.webp", quality=90, method=6)


if __name__ == "__main__":
    main()
