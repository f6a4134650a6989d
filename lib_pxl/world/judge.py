"""The world read back from a picture, by pixel arithmetic alone."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

import torch
import torch.nn.functional as F
from torch import Tensor

from lib_pxl.world.caption import Wish
from lib_pxl.world.draw import REACH, field
from lib_pxl.world.scene import COLOURS, PLACES, SHAPES, TILT

ROWS = ("ground", "colour", "place", "size", "shape")
_HUES = {"red": 0.0, "orange": 31.0, "yellow": 52.0, "green": 133.0, "blue": 223.0, "purple": 282.0, "red ": 360.0}
_PALE = 0.17  # less colourfulness than this is grey
_APART = 0.2  # how far a thing's colour is from the ground's, in RGB
_LEAST = 0.005  # the smallest thing, as a share of the picture
_CELLS = 40  # of the square in which shapes are compared, each way
_MIDDLE = 0.178  # between a small thing's radius and a big one's


@dataclass(frozen=True)
class Spot:
    """One thing as seen; x, y and radius are shares of the picture's side."""

    shape: str
    colour: str
    x: float
    y: float
    radius: float
    area: float

    @property
    def size(self) -> str:
        """Which of the sizes it comes nearest to."""
        return "small" if self.radius < _MIDDLE else "big"

    @property
    def place(self) -> str:
        """Which of the places it comes nearest to."""
        return min(PLACES, key=lambda name: (PLACES[name][0] - self.x) ** 2 + (PLACES[name][1] - self.y) ** 2)


@dataclass(frozen=True)
class Seen:
    """A whole picture as seen, the largest thing first."""

    ground: str
    things: tuple[Spot, ...]


def see(pictures: Tensor) -> list[Seen]:
    """What is in each picture (B, 3, H, W) in [0, 1]."""
    names = colours(pictures)
    labels = components(foreground(pictures))
    return [
        Seen(_NAMES[_commonest(_frame(name))], tuple(_spots(label, name)))
        for label, name in zip(labels, names, strict=True)
    ]


def foreground(pictures: Tensor) -> Tensor:
    """Where each picture is not its ground (B, H, W), whose colour is the commonest along the frame."""
    names = colours(pictures)
    grounds = [_commonest(_frame(each)) for each in names]
    level = torch.stack(
        [_frame(picture)[:, _frame(name) == ground].median(dim=1).values
         for picture, name, ground in zip(pictures, names, grounds, strict=True)]
    )[:, :, None, None]  # fmt: skip
    return torch.as_tensor((pictures - level).norm(dim=1) > _APART)


def colours(pictures: Tensor) -> Tensor:
    """The name of each pixel's colour (B, H, W), as its place in COLOURS: by hue, or by brightness where it is grey."""
    high, low = pictures.amax(dim=1), pictures.amin(dim=1)
    red, green, blue = pictures.unbind(dim=1)
    spread = (high - low).clamp(min=1e-6)
    sector = torch.where(
        high == red, (green - blue) / spread,
        torch.where(high == green, (blue - red) / spread + 2, (red - green) / spread + 4),
    )  # fmt: skip
    hue = (sector * 60) % 360
    apart = (hue[..., None] - torch.tensor(list(_HUES.values()), device=hue.device)).abs()
    named = torch.tensor([_NAMES.index(name.strip()) for name in _HUES], device=hue.device)[apart.argmin(dim=-1)]
    grey = torch.where((high + low) / 2 > 0.5, _NAMES.index("white"), _NAMES.index("black"))
    return torch.where(high - low < _PALE, grey, named)


def components(masks: Tensor) -> Tensor:
    """A number above 0 for each pixel (B, H, W) of a mask, the same for all that hang together."""
    labels = torch.arange(1, masks[0].numel() + 1, device=masks.device).reshape(masks.shape[1:]) * masks
    while True:
        spread = _along(_along(labels.mT, masks.mT).mT, masks)
        spread = F.max_pool2d(spread[:, None].float(), 3, 1, 1)[:, 0].long() * masks  # across corners
        if torch.equal(spread, labels):
            return labels
        labels = spread


def _along(labels: Tensor, masks: Tensor) -> Tensor:
    """The largest number of each run of pixels along the last dimension."""
    runs = masks.long().diff(dim=-1, prepend=torch.zeros_like(masks[..., :1])).clamp(min=0).cumsum(dim=-1)
    largest = labels.new_zeros(*labels.shape[:-1], labels.shape[-1] + 1).scatter_reduce(-1, runs, labels, "amax")
    return largest.gather(-1, runs) * masks


@dataclass(frozen=True)
class Score:
    """How often a trait was right, of the times that it was asked for."""

    right: int
    asked: int

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.right / max(self.asked, 1)


def score(wishes: Sequence[Wish], pictures: Tensor) -> dict[str, Score]:
    """For each trait of ROWS, how often the pictures have what was wished."""
    return tally(wishes, see(pictures))


def tally(wishes: Sequence[Wish], seen: Sequence[Seen]) -> dict[str, Score]:
    """The same of pictures that were looked at before."""
    marks: dict[str, list[bool]] = {row: [] for row in ROWS}
    for wish, each in zip(wishes, seen, strict=True):
        for row, right in mark(wish, each):
            marks[row].append(right)
    return {row: Score(sum(rights), len(rights)) for row, rights in marks.items()}


def mark(wish: Wish, seen: Seen) -> list[tuple[str, bool]]:
    """Each trait that was wished, and whether it is there; things are paired as suits them best."""
    own = [("ground", seen.ground == wish.ground)] if wish.ground else []
    found: list[Spot | None] = list(seen.things[: len(wish.things)])
    found += [None] * (len(wish.things) - len(found))
    pairings = [_pairs(wish.things, order) for order in permutations(found)]
    return own + max(pairings, key=lambda marks: sum(right for _, right in marks))


def _pairs(things: Sequence[dict[str, str | None]], spots: Iterable[Spot | None]) -> list[tuple[str, bool]]:
    return [
        (name, getattr(spot, name, None) == value)
        for thing, spot in zip(things, spots, strict=True)
        for name, value in thing.items()
        if value
    ]


def _frame(picture: Tensor) -> Tensor:
    """The pixels along the four sides (..., N)."""
    return torch.cat([picture[..., :3, :].flatten(-2), picture[..., -3:, :].flatten(-2),
                      picture[..., :, :3].flatten(-2), picture[..., :, -3:].flatten(-2)], dim=-1)  # fmt: skip


def _commonest(names: Tensor) -> int:
    return int(names.flatten().bincount(minlength=len(_NAMES)).argmax())


def _spots(labels: Tensor, names: Tensor) -> list[Spot]:
    """The things of one picture (H, W), the largest first."""
    numbers, counts = torch.unique(labels[labels > 0], return_counts=True)
    order = counts.argsort(descending=True)
    large = [int(numbers[i]) for i in order if counts[i] >= _LEAST * labels.numel()]
    return [_spot(labels == number, names) for number in large]


def _spot(whole: Tensor, names: Tensor) -> Spot:
    height, width = whole.shape
    rows, columns = whole.any(dim=1).nonzero(), whole.any(dim=0).nonzero()
    high, low, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    mask = whole[high:low, left:right]
    inner = F.pad(mask, (1, 1, 1, 1))
    for _ in range(3):
        smaller = F.max_pool2d((~inner)[None].float(), 3, 1, 1)[0] == 0
        inner = smaller if smaller.any() else inner
    colour = names[high:low, left:right][inner[1:-1, 1:-1]]
    return Spot(
        shape=_shape(mask),
        colour=_NAMES[_commonest(colour)],
        x=(left + right) / 2 / width,
        y=(high + low) / 2 / height,
        radius=max((right - left) / width, (low - high) / height) / 2,
        area=float(mask.sum()) / whole.numel(),
    )


def _shape(mask: Tensor) -> str:
    """The shape whose area, laid over the same square, has most in common with the mask."""
    height, width = mask.shape
    more, less = (max(height, width) - width) / 2, (max(height, width) - height) / 2
    square = F.pad(mask, (math.floor(more), math.ceil(more), math.floor(less), math.ceil(less)))
    own = F.interpolate(square[None, None].float(), (_CELLS, _CELLS), mode="area")[0, 0] > 0.5
    inside = _templates().to(mask.device)
    common, both = (inside & own).sum(dim=(1, 2)), (inside | own).sum(dim=(1, 2))
    return SHAPES[int((common / both).argmax()) % len(SHAPES)]


@functools.cache
def _templates() -> Tensor:
    """Each shape, upright and tilted to either side, filling its square (N, H, W)."""
    return torch.stack([_fitted(name, tilt) for tilt in (0, -TILT / 2, TILT / 2, -TILT, TILT) for name in SHAPES])


def _fitted(name: str, tilt: float) -> Tensor:
    """True inside the shape, turned, and scaled so that it fills the square again."""

    def turned(x: Tensor, y: Tensor) -> Tensor:
        places = torch.stack([x * math.cos(tilt) + y * math.sin(tilt), y * math.cos(tilt) - x * math.sin(tilt)], dim=-1)
        return F.grid_sample(field(name), places[None] / REACH, align_corners=True, padding_mode="border")[0, 0] < 0

    steps = torch.linspace(-REACH, REACH, 300)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    inside = turned(x, y)
    across, along = steps[inside.any(dim=0)], steps[inside.any(dim=1)]
    half = max(across[-1] - across[0], along[-1] - along[0]) / 2
    cells = (torch.arange(_CELLS) + 0.5) / _CELLS * 2 - 1
    y, x = torch.meshgrid(cells, cells, indexing="ij")
    return turned(x * half + (across[0] + across[-1]) / 2, y * half + (along[0] + along[-1]) / 2)


_NAMES = list(COLOURS)
