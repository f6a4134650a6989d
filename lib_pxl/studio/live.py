"""What is shown while a job runs: previews, a bar, and how long it will take; and why it was not made."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Sequence

from PIL import Image

from lib_pxl.studio.work import Progress

WAITING = '<div class="studio-line" role="status">Waiting for its turn…</div>'
NAMES = {"hires": "Hires step", "animation": "Animation, frame"}


def progress(now: Progress, shown: Sequence[Image.Image]) -> str:
    """The latest previews over the gallery, and a bar under them."""
    pictures = "".join(f'<img src="{_address(each)}" alt="Preview">' for each in shown)
    columns = math.ceil(math.sqrt(max(len(shown), 1)))
    name = NAMES.get(now.kind, "Step")
    batch = f"Batch {now.batch} of {now.batches} · " if now.batches > 1 else ""
    left = f" · {spoken(now.left)} left" if 1 < now.step < now.steps else ""
    bar = f'<progress max="{now.steps}" value="{now.step}"></progress>'
    return (
        f'<div class="studio-preview" style="--columns: {columns}">{pictures}</div>'
        f'<div class="studio-line" role="status">{bar}<span>{batch}{name} {now.step} of {now.steps}{left}</span></div>'
    )


def refused(sentence: str) -> str:
    """Why there is no picture."""
    return f'<div class="studio-line studio-wrong" role="alert">{html.escape(sentence)}</div>'


def spoken(seconds: float) -> str:
    """`8 s` or `2 min`."""
    return f"{max(round(seconds), 1)} s" if seconds < 100 else f"{round(seconds / 60)} min"


def _address(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
