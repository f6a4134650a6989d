"""A plan is a program made ready for one pass: all that moves over the steps lies in tables, read at once a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from lib_pxl.control.canvas import Canvas, Schedule
from lib_pxl.control.stage import Made, Stage, joined


@dataclass(frozen=True)
class Part:
    """A layer made ready."""

    stage: Stage
    made: Made
    share: Tensor | None  # (1 or N, 1 or B, 1, H, W): the same always, or another at each model call; None: everywhere

    @property
    def acts(self) -> Tensor:
        """Whether it acts at all, (M, 1, 1)."""
        return (self.stage.strength > 0)[:, None, None]

    @property
    def table(self) -> Tensor:
        """Whether it acts, and the mode's own table, (M, B or 1, k)."""
        own = self.made.table
        own = self.acts[..., :0] if own is None else own
        return joined(self.acts.float(), own if own.ndim == 3 else own[:, None])

    @property
    def frame(self) -> Tensor:
        """The frame that each image sees, (M, B or 1, 1)."""
        return (self.stage.which if self.made.which is None else self.made.which)[..., None]

    def places(self, share: Tensor, first: int) -> Tensor:
        """Where in a stack of all shares, from `first` on, each image's lies, (M, B or 1, 1); 0 is nowhere."""
        calls, images = share.shape[:2]
        call = self.stage.schedule.places.long() % calls
        return (first + call[:, None, None] * images + torch.arange(images)[:, None]) * self.acts


def planned(parts: Sequence[Part], schedule: Schedule, canvas: Canvas) -> Plan:
    """The plan of some parts: their tables side by side."""
    none = torch.zeros(len(schedule.places), 1, 0)
    tables, frames, wheres = [none], [none.long()], [none.long()]
    shares = [torch.zeros(1, 1, canvas.height, canvas.width, device=canvas.device)]
    tracks: list[Track] = []
    end = 0
    for part in parts:
        tables.append(part.table)
        frames.append(part.frame)
        start, end = end, end + part.table.shape[2]
        tracks.append(Track(part.made, len(tracks), slice(start, end), None if part.share is None else len(wheres) - 1))
        if part.share is not None:
            wheres.append(part.places(part.share, sum(map(len, shares))))
            shares.append(part.share.flatten(0, 1))
    table, numbers = (joined(*each).to(canvas.device) for each in (tables, frames + wheres))
    images = torch.arange(max(table.shape[1], numbers.shape[1]), device=canvas.device)
    return Plan(schedule, table, numbers, images, torch.cat(shares), tuple(tracks))


class Now(NamedTuple):
    """What a plan reads of its tables for one model call."""

    row: Tensor  # (B, k)
    numbers: Tensor  # (B, n)
    shares: Tensor  # (B, s, 1, H, W)


@dataclass(frozen=True)
class Track:
    """A layer in a plan, and where in what the plan reads its own lies."""

    made: Made
    frame: int  # its column of the numbers
    columns: slice  # of the row; the first says whether it acts at all
    share: int | None  # which of the shares; None: it acts everywhere

    def apply(self, denoised: Tensor, now: Now) -> Tensor:
        """The estimate with this layer blended in."""
        if self.made.edit is None:
            return denoised
        row = now.row[:, self.columns]
        weight = row[:, :1, None, None] if self.share is None else now.shares[:, self.share]
        edited = self.made.edit(denoised, row[:, 1:], now.numbers[:, self.frame])
        return torch.addcmul(denoised, weight, edited) if self.made.adds else torch.lerp(denoised, edited, weight)

    def noise(self, noise: Tensor, now: Now) -> Tensor:
        """The first noise, edited."""
        if self.made.noise is None:
            return noise
        share = None if self.share is None else now.shares[:, self.share]
        return self.made.noise(noise.float(), now.numbers[:, self.frame], share).to(noise.dtype)


@dataclass(frozen=True)
class Plan:
    """A program made ready for one pass. What moves over the steps is tabled, and all tables are read at once."""

    schedule: Schedule
    table: Tensor  # (M, B or 1, k): what edits are told
    numbers: Tensor  # (M, B or 1, n): each track's frame, then the share of each that does not act everywhere
    images: Tensor  # (B or 1,): each one's number
    shares: Tensor  # (S, 1, H, W); the first is nowhere
    tracks: tuple[Track, ...]

    def apply(self, denoised: Tensor, sigma: Tensor) -> Tensor:
        """The clean estimate (B, C, H, W) at sigma (B,), edited; tensors in, a new tensor out, no value read back."""
        if not self.tracks:
            return denoised
        now = self._at(self.schedule.at(sigma.expand(len(denoised))))
        estimate = denoised.float().contiguous()
        for track in self.tracks:
            estimate = track.apply(estimate, now)
        return estimate.to(denoised.dtype)

    def noise(self, noise: Tensor) -> Tensor:
        """The first noise (B, C, H, W) of unit variance, edited; the same tensor where no layer acts on it."""
        if self.tracks:
            now = self._at(torch.zeros(len(noise), dtype=torch.long, device=self.table.device))
            for track in self.tracks:
                noise = track.noise(noise, now)
        return noise

    def _at(self, place: Tensor) -> Now:
        row, numbers = (table[place, self.images[: table.shape[1]]] for table in (self.table, self.numbers))
        return Now(row, numbers, self.shares[numbers[:, len(self.tracks) :]])
