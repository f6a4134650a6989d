"""What a long animation takes: the peak of a fresh process that prepares a layer of it, above a single frame's."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image

from bench.scene import board, program
from lib_pxl.hosts.fake import sigmas

FRAMES, SIDE, STEPS = 10_000, 128, 30
MIB = 2**20


def memory() -> Iterator[list[str]]:
    """A GIF of 128×128 pixels as a layer over 30 steps of 64×64 latents: the peak in MiB, in a process of its own."""
    yield ["frames", "as pixels", "peak", "above one frame"]
    with tempfile.TemporaryDirectory() as folder:
        rest = None
        for count in (1, 100, FRAMES):
            peak = peaked(film(Path(folder) / f"{count}.gif", count))
            rest = peak if rest is None else rest
            pixels = count * SIDE**2 * 3 / MIB
            yield [f"{count:,}", f"{pixels:.0f}", f"{peak / MIB:.0f}", f"{(peak - rest) / MIB:.0f}"]


def film(path: Path, count: int) -> Path:
    """A GIF of flat greys; each frame has one that its neighbours have not, or Pillow would join them."""
    rest = (Image.new("L", (SIDE, SIDE), i % 251) for i in range(1, count))
    Image.new("L", (SIDE, SIDE)).save(path, save_all=True, append_images=rest, duration=20)
    return path


def peaked(path: Path) -> int:
    """The most memory, in bytes, of a process that does nothing else."""
    command = [sys.executable, "-m", "bench.memory", str(path)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def prepare(path: str) -> int:
    """Prepare a layer of an animation; the peak of this process, in bytes."""
    target = torch.randn(1, 4, 64, 64)
    program(0.5, source={"kind": "frames", "path": path}).prepare(board(sigmas(STEPS), target))
    return peak()


def peak() -> int:
    """The most memory that this process has had, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux counts what a parent had before the fork into ru_maxrss
        line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    print(prepare(sys.argv[1]))
