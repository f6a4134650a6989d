"""Procedural worlds of small pictures, the structure of each picture, and how far a picture follows a map."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 16
Y, X = torch.meshgrid(*[(torch.arange(SIDE) + 0.5) / SIDE] * 2, indexing="ij")
Shape = Callable[[Tensor, Tensor, float], Tensor]  # the signed distance from a shape of so many sides of the picture


@dataclass(frozen=True)
class Drawn:
    """Pictures (M, 3, H, W) in [-1, 1], the structure of each (M, H, W) in [0, 1], and its two colours (M, 2, 3)."""

    pictures: Tensor
    structures: Tensor
    colours: Tensor

    def __getitem__(self, index: Tensor) -> Drawn:
        return Drawn(self.pictures[index], self.structures[index], self.colours[index])


class World(Protocol):
    """Pictures of one kind."""

    name: str

    def draw(self, count: int, seed: int) -> Drawn:
        """So many pictures."""

    def likeness(self, found: Drawn, maps: Tensor) -> Tensor:
        """How far each picture follows its map (B, H, W), from 0 to 1."""

    def palette(self, found: Drawn, maps: Tensor) -> Tensor:
        """The two colours of each picture (B, 2, 3), in the order that its map has them."""


@dataclass(frozen=True)
class Things:
    """Things of one colour each on a ground of another: of which shapes, how large, how many."""

    name: str
    shapes: Sequence[Shape]
    sizes: tuple[float, float]
    counts: Sequence[int]

    def draw(self, count: int, seed: int) -> Drawn:
        """The structure is what the things cover; the colours are the ground's and the first thing's."""
        random = torch.Generator().manual_seed(seed)
        return _stacked([self._picture(random) for _ in range(count)])

    def likeness(self, found: Drawn, maps: Tensor) -> Tensor:
        """Overlap: what both cover, as a share of what either covers."""
        return overlap(found.structures, maps)

    def palette(self, found: Drawn, maps: Tensor) -> Tensor:
        """Ground and first thing."""
        return found.colours

    def _picture(self, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        chosen = self.counts[int(torch.randint(len(self.counts), (), generator=random))]
        colours = torch.rand(chosen + 1, 3, generator=random) * 2 - 1
        picture, covered = colours[0, :, None, None].expand(3, SIDE, SIDE), torch.zeros(SIDE, SIDE)
        for colour in colours[1:]:
            shape = self.shapes[int(torch.randint(len(self.shapes), (), generator=random))]
            across, down, size, turn = torch.rand(4, generator=random).tolist()
            x, y, angle = X - 0.25 - across / 2, Y - 0.25 - down / 2, turn * 2 * math.pi
            u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
            thing = (0.5 - shape(u, v, self.sizes[0] + size * (self.sizes[1] - self.sizes[0])) * SIDE).clamp(0, 1)
            picture = picture + (colour[:, None, None] - picture) * thing
            covered = torch.maximum(covered, thing)
        return picture, covered, colours[:2]


@dataclass(frozen=True)
class Ramps:
    """From one colour to another, across the picture or away from a point."""

    name: str = "ramps"

    def draw(self, count: int, seed: int) -> Drawn:
        """The structure is how far a place is on the way; the colours are those of both ends."""
        random = torch.Generator().manual_seed(seed)
        return _stacked([self._picture(random) for _ in range(count)])

    def likeness(self, found: Drawn, maps: Tensor) -> Tensor:
        """Rank correlation, whichever end is which."""
        return _ranks(found.structures, maps).abs()

    def palette(self, found: Drawn, maps: Tensor) -> Tensor:
        """The colour where the map is dark, and where it is bright."""
        turned = (_ranks(found.structures, maps) < 0)[:, None, None]
        return torch.where(turned, found.colours.flip(1), found.colours)

    def _picture(self, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        turn, kind, x, y, bend = torch.rand(5, generator=random).tolist()
        angle = turn * 2 * math.pi
        way = (X - x).hypot(Y - y) if kind < 0.5 else X * math.cos(angle) + Y * math.sin(angle)
        way = ((way - way.min()) / (way.max() - way.min())) ** (0.6 + 1.1 * bend)
        colours = torch.rand(2, 3, generator=random) * 2 - 1
        return torch.lerp(colours[0, :, None, None], colours[1, :, None, None], way), way, colours


def outlines(structures: Tensor) -> Tensor:
    """How steep a structure (B, H, W) is at each place."""
    near = F.pad(structures[:, None], [1] * 4, mode="replicate")[:, 0]
    return (near[:, 2:, 1:-1] - near[:, :-2, 1:-1]).hypot(near[:, 1:-1, 2:] - near[:, 1:-1, :-2])


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """What both have as a share of what either has, (B,)."""
    return torch.minimum(a, b).sum((1, 2)) / torch.maximum(a, b).sum((1, 2))


def _ranks(a: Tensor, b: Tensor) -> Tensor:
    """Spearman's rank correlation (B,)."""
    places = (each.flatten(1).argsort(1).argsort(1).float() for each in (a, b))
    x, y = (each - each.mean(1, keepdim=True) for each in places)
    return (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))


def _stacked(made: list[tuple[Tensor, Tensor, Tensor]]) -> Drawn:
    pictures, structures, colours = (torch.stack(each) for each in zip(*made, strict=True))
    return Drawn(pictures, structures, colours)


def _disc(u: Tensor, v: Tensor, r: float) -> Tensor:
    return u.hypot(v) - r


def _square(u: Tensor, v: Tensor, r: float) -> Tensor:
    return torch.maximum(u.abs(), v.abs()) - 0.9 * r


def _triangle(u: Tensor, v: Tensor, r: float) -> Tensor:
    return torch.maximum(v, 0.87 * u.abs() - 0.5 * v) - 0.6 * r


def _cross(u: Tensor, v: Tensor, r: float) -> Tensor:
    u, v = u.abs(), v.abs()
    return torch.minimum(torch.maximum(u - r, v - 0.35 * r), torch.maximum(v - r, u - 0.35 * r))


def _ring(u: Tensor, v: Tensor, r: float) -> Tensor:
    return (u.hypot(v) - 0.75 * r).abs() - 0.28 * r


def _plank(u: Tensor, v: Tensor, r: float) -> Tensor:
    return torch.maximum(u.abs() - 1.4 * r, v.abs() - 0.4 * r)


def _stripe(u: Tensor, v: Tensor, r: float) -> Tensor:
    return u.abs() - 0.06


DISCS = Things("discs, squares, triangles", (_disc, _square, _triangle), (0.18, 0.34), (1,))
CROSSES = Things("crosses, rings, planks, stripes", (_cross, _ring, _plank, _stripe), (0.2, 0.4), (1,))
SEVERAL = Things("two to four things", (_disc, _square, _plank), (0.12, 0.24), (2, 3, 4))
RAMPS = Ramps()
