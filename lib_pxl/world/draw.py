"""Scenes as pictures: every shape is a field of distances to its edge, drawn once and laid down at any size."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lib_pxl.world.scene import COLOURS, SHAPES, Scene, Thing

SIDE = 128
REACH, _GRID = 1.5, 193  # a shape's field spans ±1.5 of its radius
_LINE = 0.016  # an outline's width, as a share of the side
_STRIPE = 0.085  # from one stripe or dot to the next
Outline = list[tuple[float, float]]


def draw(scenes: Sequence[Scene], side: int = SIDE, device: torch.device | str = "cpu") -> Tensor:
    """Pictures (B, 3, side, side) in [0, 1]."""
    steps = (torch.arange(side, device=device) + 0.5) / side
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    picture = _paint([scene.ground for scene in scenes], device).expand(-1, -1, side, side)
    shaded = _flags([scene.style == "shaded" for scene in scenes], device)
    outlined = _flags([scene.style == "outlined" for scene in scenes], device)
    picture = picture * (1 + shaded * (0.04 - 0.08 * y))
    for place in range(max(len(scene.things) for scene in scenes)):
        here = [scene.things[place] if len(scene.things) > place else None for scene in scenes]
        distance = _distance(here, x, y)
        colour = _paint([thing.colour if thing else "black" for thing in here], device).expand(-1, -1, side, side)
        colour = colour + (_shade(here, device) - colour) * _texture(here, x, y)
        colour = colour * (1 + shaded * _light(here, x, y))
        line = (_cover(-distance - _LINE, side) - 1).neg() * outlined
        colour = colour + (_line_colour(scenes, here, device) - colour) * line
        picture = picture + (colour - picture) * _cover(-distance, side)
    return picture.clamp(0, 1)


@functools.cache
def field(shape: str) -> Tensor:
    """The signed distance (1, 1, H, W) to a shape's edge in radii, below 0 inside; its box is centred, half 1."""
    steps = torch.linspace(-REACH, REACH, _GRID)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return _FIELDS[shape](x, y)[None, None]


def _distance(things: Sequence[Thing | None], x: Tensor, y: Tensor) -> Tensor:
    """The distance (B, 1, H, W) of each pixel to the edge, as a share of the side; far outside where none stands."""
    fields = torch.cat([field(thing.shape if thing else SHAPES[0]) for thing in things]).to(x)
    numbers = [(t.x, t.y, t.radius, t.tilt) if t else (9.0, 9.0, 1.0, 0.0) for t in things]
    left, top, radius, tilt = torch.tensor(numbers).to(x).T[:, :, None, None]
    right, down = (x - left) / radius, (y - top) / radius
    turned = torch.stack(
        [right * tilt.cos() + down * tilt.sin(), down * tilt.cos() - right * tilt.sin()], dim=-1
    )  # (B, H, W, 2)
    near = F.grid_sample(fields, turned / REACH, align_corners=True, padding_mode="border")
    away = (turned.abs() - REACH).clamp(min=0).amax(dim=-1)[:, None]
    distance: Tensor = (near + away) * radius[:, None]
    return distance


def _cover(inside: Tensor, side: int) -> Tensor:
    return (inside * side + 0.5).clamp(0, 1)


def _paint(names: Sequence[str], device: torch.device | str) -> Tensor:
    return torch.tensor([COLOURS[name] for name in names], device=device)[:, :, None, None] / 255  # (B, 3, 1, 1)


def _flags(flags: Sequence[bool], device: torch.device | str) -> Tensor:
    return torch.tensor(flags, device=device).float()[:, None, None, None]


def _shade(things: Sequence[Thing | None], device: torch.device | str) -> Tensor:
    """The second colour of a texture: darker, and of black a grey."""
    base = _paint([thing.colour if thing else "black" for thing in things], device)
    return torch.where(base.amax(dim=1, keepdim=True) < 0.2, torch.full_like(base, 0.36), base * 0.7)


def _texture(things: Sequence[Thing | None], x: Tensor, y: Tensor) -> Tensor:
    """How much of the second colour each pixel has (B, 1, H, W)."""
    soft = 12.0
    stripes = ((x + y) * (math.tau / _STRIPE / math.sqrt(2))).sin() - 0.2
    dots = (x * (math.tau / _STRIPE)).sin() * (y * (math.tau / _STRIPE)).sin() - 0.35
    kinds = torch.stack([torch.zeros_like(x), (stripes * soft / 3).sigmoid(), (dots * soft).sigmoid()])
    names = {"plain": 0, "striped": 1, "dotted": 2}
    return kinds[[names[thing.texture] if thing else 0 for thing in things]][:, None]


def _light(things: Sequence[Thing | None], x: Tensor, y: Tensor) -> Tensor:
    """Light from the upper left (B, 1, H, W): a little brighter there, darker opposite."""
    numbers = [(t.x, t.y, t.radius) if t else (0.0, 0.0, 1.0) for t in things]
    left, top, radius = torch.tensor(numbers).to(x).T[:, :, None, None]
    light: Tensor = -0.16 * ((x - left) + (y - top)) / radius - 0.06
    return light.clamp(-0.34, 0.2)[:, None]


def _line_colour(scenes: Sequence[Scene], things: Sequence[Thing | None], device: torch.device | str) -> Tensor:
    dark = [
        scene.ground == "black" or (thing and thing.colour == "black")
        for scene, thing in zip(scenes, things, strict=True)
    ]
    return _paint(["white" if each else "black" for each in dark], device)


def polygon(corners: Outline) -> Callable[[Tensor, Tensor], Tensor]:
    """The signed distance to a polygon, moved and scaled so that its box is centred with a half of 1."""
    points = torch.tensor(corners)
    low, high = points.amin(0), points.amax(0)
    points = (points - (low + high) / 2) / ((high - low).amax() / 2)

    def distance(x: Tensor, y: Tensor) -> Tensor:
        here = torch.stack([x, y], dim=-1)[..., None, :]  # (H, W, 1, 2)
        start, end = points, points.roll(-1, 0)
        edge = end - start
        along = (((here - start) * edge).sum(-1) / edge.square().sum(-1)).clamp(0, 1)[..., None]
        nearest = (here - start - along * edge).norm(dim=-1).amin(-1)
        above = (start[:, 1] > y[..., None]) != (end[:, 1] > y[..., None])
        crossing = start[:, 0] + (y[..., None] - start[:, 1]) / (edge[:, 1] + 1e-12) * edge[:, 0]
        inside = (above & (x[..., None] < crossing)).sum(-1) % 2 == 1
        return torch.where(inside, -nearest, nearest)

    return distance


def _round(count: int, radii: Sequence[float]) -> Outline:
    turns = [math.tau * i / count - math.pi / 2 for i in range(count)]
    return [
        (math.cos(turn) * radii[i % len(radii)], math.sin(turn) * radii[i % len(radii)]) for i, turn in enumerate(turns)
    ]


def _heart() -> Outline:
    turns = [math.tau * i / 64 for i in range(64)]
    high = [13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t) for t in turns]
    return [(16 * math.sin(turn) ** 3, -each) for turn, each in zip(turns, high, strict=True)]


def _moon() -> Outline:
    outer = [math.tau * (0.12 + 0.76 * i / 48) for i in range(49)]
    tip_x, tip_y = math.cos(outer[0]), math.sin(outer[0])
    centre = 0.62
    reach, turn = math.hypot(tip_x - centre, tip_y), math.atan2(tip_y, tip_x - centre)
    inner = [math.tau - turn - (math.tau - 2 * turn) * i / 32 for i in range(1, 32)]
    points = [(math.cos(t), math.sin(t)) for t in outer]
    return points + [(centre + reach * math.cos(t), reach * math.sin(t)) for t in inner]


def _cross() -> Outline:
    a = 0.36
    quarter = [(-a, -1.0), (a, -1.0), (a, -a)]
    return [p for k in range(4) for p in [_turn(point, k) for point in quarter]]


def _turn(point: tuple[float, float], quarters: int) -> tuple[float, float]:
    for _ in range(quarters):
        point = (-point[1], point[0])
    return point


_FIELDS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "circle": lambda x, y: x.hypot(y) - 1,
    "square": polygon([(-1, -1), (1, -1), (1, 1), (-1, 1)]),
    "triangle": polygon(_round(3, [1.0])),
    "star": polygon(_round(10, [1.0, 0.42])),
    "heart": polygon(_heart()),
    "moon": polygon(_moon()),
    "cross": polygon(_cross()),
    "ring": lambda x, y: (x.hypot(y) - 0.74).abs() - 0.26,
}
