"""What `layout` and `edges` do with an ideal denoiser: how far pictures follow a map, and the colours left to them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from bench.worlds import CROSSES, DISCS, RAMPS, SEVERAL, SIDE, Drawn, World, outlines, overlap
from lib_pxl.control import Canvas, Plan, Program
from lib_pxl.hosts.fake import ideal, sigmas

FACTOR, STEPS, UNTIL = 8, 20, 0.6
KNOWN, MAPS = 4000, 256
SEEDS, FRESH = (1, 2, 3), (201, 202, 203)  # no constant was ever chosen on the second
Edit = Callable[[Tensor, Tensor], Tensor]  # the estimate and its sigma
Rows = Iterator[list[str]]


class Realm:
    """A world of which an ideal denoiser knows so many pictures, at unit deviation."""

    def __init__(self, world: World, known: int = KNOWN, seed: int = 0) -> None:
        self.world, self.known = world, world.draw(known, seed)
        self.scale = 1 / self.known.pictures.std()
        self.denoise = ideal(self.known.pictures * self.scale)

    def sample(self, edit: Edit | None, count: int, seed: int, steps: int = STEPS) -> Drawn:
        """The known pictures that a run ends in, an edit of the estimate acting in it."""
        schedule = sigmas(steps)
        x = torch.randn(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) * schedule[0]
        for sigma, leads_to in pairwise(schedule):
            denoised = self.denoise(x, sigma.expand(count))
            denoised = denoised if edit is None else edit(denoised, sigma.expand(count))
            x = denoised + leads_to / sigma * (x - denoised)
        return self.known[torch.cdist(x.flatten(1), self.known.pictures.flatten(1) * self.scale).argmin(1)]

    def lerp(self, maps: Tensor, steps: int = STEPS) -> Edit:
        """The estimate replaced by the map, black and white, as long as control acts."""
        until = sigmas(steps)[: round(UNTIL * (steps - 1)) + 1][-1]
        wanted = (maps[:, None] * 2 - 1).expand(-1, 3, -1, -1) * self.scale
        return lambda denoised, sigma: torch.where(sigma[:, None, None, None] > until, wanted, denoised)


def controlled(mode: str, maps: Tensor, strength: float = 1, steps: int = STEPS) -> Plan:
    """A program of one layer, in which each picture sees its own map."""
    with tempfile.TemporaryDirectory() as folder:
        for i, each in enumerate(maps):
            Image.fromarray((each * 255).round().byte().numpy()).save(Path(folder) / f"{i:05}.png")
        curve = f"0:{strength}, {UNTIL:.0%}:0 hold"
        source = {"kind": "frames", "path": folder, "advance": "image"}
        program = Program.parse({"layers": [{"source": source, "mode": mode, "map": "luma", "strength": curve}]})
        return program.prepare(_canvas(len(maps), steps))


def structure(seeds: tuple[int, ...] = SEEDS, known: int = 0) -> Rows:
    """Overlap with the map (of ramps rank correlation) and of outlines, how much more than a lerp's; colours left."""
    yield ["world", "maps", "control", "follows the map", "than the lerp", "colours", "outlines", "than the lerp"]
    for world in (DISCS, CROSSES, SEVERAL, RAMPS):
        realm = Realm(world, seed=known)
        asked = [world.draw(MAPS, seed).structures for seed in seeds]
        free = [realm.sample(None, MAPS, seed) for seed in seeds]
        yield [world.name, "", "none", *_cells(world, free, asked, free)]
        for turned in (False, True):
            shown = [1 - each if turned else each for each in asked]
            edits: dict[str, Callable[[Tensor], Edit]] = {"lerp": realm.lerp, "layout": _by("layout")}
            if world is not RAMPS:
                edits["edges"] = _by("edges")
                if not turned:  # inverted, the outlines are the same
                    edits["lerp to outlines"] = lambda maps, realm=realm: realm.lerp(_lines(maps))  # type: ignore[misc]
            lerp = None
            for name, edit in edits.items():
                made = [realm.sample(edit(maps), MAPS, seed) for maps, seed in zip(shown, seeds, strict=True)]
                lerp = made if lerp is None else lerp
                yield [world.name, "inverted" if turned else "as drawn", name, *_cells(world, made, asked, free, lerp)]


def fresh() -> Rows:
    """The same with other maps, other noise and other known pictures, on which no constant was chosen."""
    return structure(FRESH, known=FRESH[0] - 1)


def variety(world: World, made: list[Drawn], asked: list[Tensor]) -> float:
    """The variance of the two colours, the mean over runs."""
    return float(torch.stack([world.palette(*each).var(0).mean() for each in zip(made, asked, strict=True)]).mean())


def _by(mode: str) -> Callable[[Tensor], Edit]:
    return lambda maps: controlled(mode, maps).apply


def _lines(maps: Tensor) -> Tensor:
    found = outlines(maps)
    return found / found.amax((1, 2), keepdim=True)


def _cells(
    world: World, made: list[Drawn], asked: list[Tensor], free: list[Drawn], lerp: list[Drawn] | None = None
) -> list[str]:
    along, lines = _likenesses(world, made, asked)
    more = ["", ""]
    if lerp is not None and lerp is not made:
        more = [_mean(x - y, "+") for x, y in zip((along, lines), _likenesses(world, lerp, asked), strict=True)]
    left = f"{variety(world, made, asked) / variety(world, free, asked):4.0%}"
    return [_mean(along), more[0], left, *(["", ""] if world is RAMPS else [_mean(lines), more[1]])]


def _likenesses(world: World, made: list[Drawn], asked: list[Tensor]) -> tuple[Tensor, Tensor]:
    """How far each picture follows its map, and its map's outlines."""
    found = [
        (world.likeness(each, maps), overlap(outlines(each.structures), outlines(maps)))
        for each, maps in zip(made, asked, strict=True)
    ]
    along, lines = (torch.cat(each) for each in zip(*found, strict=True))
    return along, lines


def _mean(values: Tensor, sign: str = "") -> str:
    return f"{values.mean():{sign}.3f} ± {values.std() / len(values) ** 0.5:.3f}"


def _canvas(batch: int, steps: int) -> Canvas:
    return Canvas(
        batch=batch,
        channels=3,
        height=SIDE,
        width=SIDE,
        factor=FACTOR,
        sigmas=sigmas(steps),
        seeds=range(batch),
        device="cpu",
        dtype=torch.float32,
        rgb=torch.eye(3),
        encode=lambda pixels: pixels,
    )
