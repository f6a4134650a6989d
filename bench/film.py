"""What a film strip costs, from the panel's question to its answer, with nothing kept from before."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bench.cost import seconds
from bench.scene import picture
from lib_pxl.film.answer import Answer
from lib_pxl.hosts.fake import FakeHost

LAYERS, SIDES = 8, (512, 1024)
MODES = ("color", "texture", "warp", "start")


def film(times: int = 10) -> Iterator[list[str]]:
    """A film strip of 8 gated layers of 8 columns on the CPU: the median."""
    sources: dict[str, dict[str, Any]] = {
        f"stills of {side}x{side} pixels": {"kind": "image", "image": picture(side)} for side in SIDES
    }
    sources["noise"] = {"kind": "noise"}
    with tempfile.TemporaryDirectory() as folder:
        host = FakeHost(Path(folder))
        works = {name: partial(_answered, host, _asked(source)) for name, source in sources.items()}
        yield ["layers of", "milliseconds"]
        for name, spent in seconds(works, "cpu", times).items():
            yield [name, f"{spent * 1000:.0f}"]


def _answered(host: FakeHost, asked: dict[str, Any]) -> dict[str, Any]:
    return Answer(host.desk, host)(asked)


def _asked(source: dict[str, Any]) -> dict[str, Any]:
    layers = [{"source": source, "mode": MODES[i % len(MODES)], "gate": {}} for i in range(LAYERS)]
    return {"program": {"layers": layers}, "steps": 20, "columns": 8}
