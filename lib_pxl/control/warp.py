"""The mode `warp`: pixels are carried along, and come home by the progress given.

A step of a sampler keeps r = sigma'/sigma of what was there and takes 1 − r of the edited estimate, so what is added to
the estimate is divided by 1 − r: D' = D + (D moved ahead − D moved back)/(1 − r). So a step moves by the change of the
displacement over that step, however many steps there are. It is a difference because what is moved between latents
blurs, and what is blurred is carried further than asked; the two blurs take one another away. Moves of two latents and
more are all ahead. The way home is the way there, turned round, so that a sampler that goes further than asked comes
home all the same.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from lib_pxl.control.canvas import FINE, spread
from lib_pxl.control.field import Field
from lib_pxl.control.source import SEED, SPEED
from lib_pxl.control.stage import Made, Stage
from lib_pxl.errors import ProgramError
from lib_pxl.knobs import Choice, Knob

_WHIRL = 0.35  # curl noise's features, as a share of the shorter side
_LEAST = 0.02  # a step that takes less than this share of the estimate is not made up for
_LEAD = 0.5  # how far a move of 1 leans ahead: a first-order step asks for 1 (Lax and Wendroff 1960), others for 0
_NIL = 1e-6
_TRIES = 6


def warp(stage: Stage) -> Made:
    """Displace the estimate so that the picture follows the motion."""
    total = displacement(stage)
    steps = total.diff(dim=0)
    moving = (steps != 0).flatten(1).any(1)
    kept = moving | (torch.arange(len(steps)) == 0)  # one at least, or nothing could be read of them
    steps, total = steps[kept], total[1:][kept]
    moves = carry(steps, grid_of(origin(total)))  # (K, 2, H, W): what lies here began there, and goes with that
    lead = (_LEAD * moves.abs()).clamp(max=1)
    both = [grid_of(moves * (lead + way) / 2) for way in (1, -1)]
    grids = torch.cat(both, dim=1).to(stage.canvas.device)  # (K, 2H, W, 2), for one look at the estimate
    gain = 1 / (1 - stage.schedule.leads_to / stage.schedule.sigmas).clamp(min=_LEAST)
    gain = gain * moving  # where nothing moves, not even a rounding does

    def edit(denoised: Tensor, row: Tensor, move: Tensor) -> Tensor:
        ahead, back = carry(denoised, grids[move]).chunk(2, dim=2)
        return torch.addcmul(denoised, row[:, :, None, None], ahead - back)

    step = stage.schedule.places.long()
    return Made(edit, gain[step, None], which=(kept.cumsum(0) - 1)[step, None])


def displacement(stage: Stage) -> Tensor:
    """How far what began at each place is carried before each call and after the last, (N+1, 2, H, W) in latents.

    A call stands in the middle of what it moves, as samplers that look at both ends of a step take it.
    """
    own, n = stage.motion, stage.schedule.calls
    kind = MOTION["kind"].choices[own["kind"]].build
    places = torch.cat([torch.zeros(1), torch.arange(1, n) - 0.5, torch.tensor([float(n)])])
    strength = stage.strength[(places * FINE).long().clamp(max=len(stage.strength) - 1)]
    u = _turned(places / n, own["rest"])
    way = strength if kind is flow else strength * _rise(u, own["rest"])
    reach = own["amount"] * min(stage.canvas.height, stage.canvas.width) * way
    total: Tensor = reach[:, None, None, None] * kind(stage, u)
    return total


def grid_of(moves: Tensor) -> Tensor:
    """Where each place's new content comes from, (N, H, W, 2), as torch counts it; `moves` are (N, 2, H, W)."""
    h, w = moves.shape[-2:]
    places = torch.stack(torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")[::-1])
    scale = torch.tensor([2 / w, 2 / h])[:, None, None]
    return torch.addcmul(places * scale - 1, moves, scale, value=-1).permute(0, 2, 3, 1)


def carry(x: Tensor, grid: Tensor) -> Tensor:
    """Pictures or latents (B, C, H, W), carried along a grid (B, H, W, 2)."""
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def journey(stage: Stage) -> Tensor:
    """How far what lies at each place by the end of each step has come, (N, 2, H, W)."""
    return origin(displacement(stage)[1:])


def origin(carried: Tensor) -> Tensor:
    """How far what lies at each place has come, where what began at each was carried so far, c(x) = t(x − c(x))."""
    come = carried
    for _ in range(_TRIES):  # half the way each time, or it would swing where a field is steep
        come = torch.lerp(come, carry(carried, grid_of(come)), 0.5)
    return come


def _rise(u: Tensor, rest: float) -> Tensor:
    """From nothing to all in the first half of the way that there is."""
    t = (2 * u / (rest or 1)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _turned(u: Tensor, rest: float) -> Tensor:
    """Progress there and back again: it turns half way to the rest, and is 0 from then on."""
    return torch.minimum(u, (rest - u).clamp(min=0)) if rest else u


def drift(stage: Stage, u: Tensor) -> Tensor:
    """All to the right."""
    size = stage.canvas.height, stage.canvas.width
    return torch.tensor([1.0, 0.0])[None, :, None, None].expand(len(u), 2, *size)


def swirl(stage: Stage, u: Tensor) -> Tensor:
    """Around the middle, fastest halfway to the border, and still in the middle and beyond it."""
    x, y = _centred(stage)
    pace = 2 * (0.5 - 2 * (x**2 + y**2)).exp()  # 1 / 0.5 at a distance of 0.5, where distance times pace is most
    return torch.stack([-y * pace, x * pace]).expand(len(u), -1, -1, -1)


def curl(stage: Stage, u: Tensor) -> Tensor:
    """Curl noise (Bridson et al. 2007): along the level lines of a field, so that nothing piles up."""
    own, canvas = stage.motion, stage.canvas
    seed = canvas.seeds[0] if own["seed"] < 0 else own["seed"]
    hills = Field.draw([seed], _WHIRL)(u * own["speed"], canvas.height, canvas.width)[:, 0]
    down, along = torch.gradient(hills, dim=(1, 2))
    return _unit(torch.stack([down, -along], dim=1))


def flow(stage: Stage, u: Tensor) -> Tensor:
    """The movement between the map's frames, added up from the first on (Kroeger et al. 2016, by OpenCV)."""
    if importlib.util.find_spec("cv2") is None:
        raise ProgramError(
            "motion.kind", got="flow", wanted="noise, swirl or drift: flow needs OpenCV, which is not here"
        )
    import cv2

    finder = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    size = stage.canvas.height, stage.canvas.width
    grey = [(each.mean(0) * 255).round().byte().numpy() for each in stage.frames.pixels()]
    shown = stage.frames.which[::FINE, 0].tolist()
    moved = [torch.zeros(2, *size)]
    for before, after in zip([shown[0], *shown], [*shown, shown[-1]], strict=True):
        found = torch.zeros(1, 2, *size)
        if before != after:
            pixels = torch.from_numpy(finder.calc(grey[before], grey[after], None)).permute(2, 0, 1)[None]
            found = F.interpolate(pixels, size, mode="area") / stage.canvas.factor
        moved.append(moved[-1] + found[0])
    return _unit(spread(torch.stack(moved[1:]), u * stage.schedule.calls), whole=True)


def _unit(fields: Tensor, whole: bool = False) -> Tensor:
    """Of a mean length of 1: each field by itself, or the longest of them all."""
    long = fields.square().sum(1, keepdim=True).mean((2, 3), keepdim=True).sqrt()
    return fields / (long.amax(0, keepdim=True) if whole else long).clamp_min(_NIL)


def _centred(stage: Stage) -> tuple[Tensor, Tensor]:
    """x and y of every latent; the shorter side is from -1 to 1."""
    size = stage.canvas.height, stage.canvas.width
    y, x = torch.meshgrid(*((torch.arange(n) + 0.5 - n / 2) * 2 / min(size) for n in size), indexing="ij")
    return x, y


_CURL = ({"kind": ["noise"]},)
MOTION: Mapping[str, Knob] = {
    "kind": Knob(
        "kind",
        "Motion",
        "what moves the pixels",
        "noise",
        choices={
            "flow": Choice("Flow", "the movement between the map's frames", flow),
            "noise": Choice("Noise", "curl noise", curl),
            "swirl": Choice("Swirl", "around the middle", swirl),
            "drift": Choice("Drift", "all one way", drift),
        },
    ),
    "amount": Knob("amount", "Amount", "how far, as a share of the shorter side", 0.1, 0, 4),
    "rest": Knob("rest", "Rest", "the progress at which every pixel is back home; 0 is never", 0.0, 0, 1),
    "speed": replace(SPEED, when=_CURL),
    "seed": replace(SEED, when=_CURL),
}
