"""What recording costs the job that is recorded, and what the writer and an import do beside it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import numpy
import torch
from PIL import Image

from lib_pxl.hosts.album import Album
from lib_pxl.hosts.checkpoint import load
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.hosts.recorder import Recorder, pooled
from lib_pxl.hosts.request import Request
from lib_pxl.small import FOLDER
from lib_pxl.store.database import Database
from lib_pxl.store.thumbnails import Thumbnails
from lib_pxl.studio.output import save
from lib_pxl.taste.folder import gather
from lib_pxl.taste.opinions import Opinions

COUNT, JOBS = 40, 12
TEXT = "a fox in snow\nNegative prompt: dull\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: {}, Size: {}x{}, Model: m"


def recording() -> Iterator[list[str]]:
    """A WebUI's picture recorded: milliseconds in the job's thread, and of the writer beside it; medians."""
    yield ["picture", "in the job's thread", "of it at work, 9 of 10", "the writer"]
    sd1 = torch.randn(77, 768)
    sdxl = {"crossattn": torch.randn(77, 2048), "vector": torch.randn(2816)}
    for name, side, saves, cond in (
        ("SD1, 512 a side, saved", 512, True, sd1),
        ("SDXL, 1024 a side, saved", 1024, True, sdxl),
        ("SDXL, 1024 a side, not saved", 1024, False, sdxl),
    ):
        with tempfile.TemporaryDirectory() as folder:
            recorder = Recorder(Path(folder))
            spent, work, beside = [], [], []
            for seed in range(COUNT):
                picture, text = _picture(side, seed), TEXT.format(seed, side, side)
                if saves:
                    picture.already_saved_as = str(save(Path(folder, "out"), picture, text, seed))  # type: ignore[attr-defined]
                picture.info["parameters"] = text
                album = Album(recorder)
                began, worked = time.perf_counter(), time.thread_time()
                album.turn(lambda: [{"e": pooled(cond, 1280)}])  # noqa: B023  (called at once)
                album.add(SimpleNamespace(image=picture))
                album.hand_over()
                done = time.perf_counter()
                work.append((time.thread_time() - worked) * 1000)
                recorder.flush(60)
                spent.append((done - began) * 1000)
                beside.append((time.perf_counter() - done) * 1000)
        yield [name, f"{median(spent):.2f}", f"{sorted(work)[COUNT * 9 // 10]:.2f}", f"{median(beside):.0f}"]


def recorded_jobs() -> Iterator[list[str]]:
    """Jobs of the studio's small model, one after the other, unrecorded and recorded in turn; medians."""
    yield ["steps", "without, ms", "with, ms", "ratio"]
    pipe, _ = load(str(FOLDER))
    for steps in (4, 20):
        with tempfile.TemporaryDirectory() as folder:
            host = DiffusersHost(pipe, Path(folder))
            spent: dict[bool, list[float]] = {False: [], True: []}
            for seed in range(JOBS):
                for is_on in (False, True):
                    request = Request("a red star", steps=steps, width=host.side, height=host.side, seed=seed)
                    began = time.perf_counter()
                    made = host.generate(request, {"record": is_on})
                    path = save(Path(folder, "out"), made.pictures[0], made.infotexts[0], seed)
                    host.record(made, [path])
                    spent[is_on].append((time.perf_counter() - began) * 1000)
                    host.desk.recorder.flush(60)
        without, with_it = (median(spent[is_on][1:]) for is_on in (False, True))
        yield [str(steps), f"{without:.0f}", f"{with_it:.0f}", f"{with_it / without:.3f}"]


def imported(count: int = 200) -> Iterator[list[str]]:
    """A folder of pictures of 512 a side taken in, and again when all are known."""
    yield ["work", "milliseconds a picture", "of one CPU core", "minutes for 10,000"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        for seed in range(count):
            save(out, _picture(512, seed), TEXT.format(seed, 512, 512), seed)
        opinions, thumbnails = Opinions(Database(Path(folder, "pxl.sqlite"))), Thumbnails(Path(folder, "small"))
        work = partial(gather, [out], opinions, thumbnails)
        for name in ("new", "known"):
            began, busy = time.perf_counter(), time.process_time()
            work()
            each, core = (time.perf_counter() - began) / count, (time.process_time() - busy) / count
            yield [name, f"{each * 1000:.2f}", f"{core * 1000:.2f}", f"{each * 10_000 / 60:.2f}"]


def _picture(side: int, seed: int) -> Image.Image:
    """As hard to pack as a photograph."""
    draw = numpy.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 256, (side // 16, side // 16, 3), dtype=numpy.uint8))
    smooth = numpy.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC)).astype(numpy.int16)
    return Image.fromarray((smooth + draw.integers(-6, 7, smooth.shape)).clip(0, 255).astype(numpy.uint8))
