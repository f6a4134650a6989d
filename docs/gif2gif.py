"""Draws docs/images/gif2gif.gif: `.venv/bin/python docs/gif2gif.py`, from the project's root."""

from __future__ import annotations

import io
import math
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib_pxl.hosts import checkpoint
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.hosts.request import Request
from lib_pxl.small import CFG, FOLDER
from lib_pxl.store.maps import PREFIX

COUNT, SIDE, SEED = 16, 128, 3
PROMPT = "a big red heart on a blue background"


def main() -> None:
    """A bouncing ball, and beside it what img2img makes of each of its frames."""
    frames = [ball(i / COUNT) for i in range(COUNT)]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:], duration=80)
    with tempfile.TemporaryDirectory() as data:
        host = DiffusersHost(checkpoint.load(str(FOLDER))[0], Path(data))
        asked = Request(PROMPT, sampler="Euler", steps=20, cfg=CFG, seed=SEED, width=SIDE, height=SIDE, denoise=0.7,
                        image=frames[0])  # fmt: skip
        made = host.generate(asked, {"control": {"input": PREFIX + host.desk.maps.put(file.getvalue())}})
    if made.problem:
        raise SystemExit(made.problem)
    pairs = [beside(*pair) for pair in zip(frames, made.pictures, strict=True)]
    out = Path(__file__).parent / "images" / "gif2gif.gif"
    pairs[0].save(out, save_all=True, append_images=pairs[1:], duration=80, loop=0)


def ball(u: float) -> Image.Image:
    """The ball at a share of its way around."""
    picture = Image.new("RGB", (SIDE, SIDE), (44, 94, 216))
    x, y = SIDE * (0.5 + 0.27 * math.cos(math.tau * u)), SIDE * (0.72 - 0.42 * abs(math.sin(math.tau * u)))
    ImageDraw.Draw(picture).ellipse((x - 22, y - 22, x + 22, y + 22), fill=(222, 44, 44))
    return picture


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two pictures side by side."""
    both = Image.new("RGB", (2 * SIDE + 4, SIDE), "white")
    both.paste(left, (0, 0))
    both.paste(right, (SIDE + 4, 0))
    return both


if __name__ == "__main__":
    main()
