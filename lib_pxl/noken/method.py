"""A method makes children of parents. A new one is one entry of METHODS, and a function from a Litter to its rows.

Shapes: K parents, n children, N places of tokens, D the width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lib_pxl.knobs import Choice
from lib_pxl.noken.vocabulary import TINY, norm, unit

NEAR, OPPOSITE = 1e-3, 0.95 * math.pi  # angles between which a great circle is well told


@dataclass(frozen=True)
class Litter:
    """One encoder's part of a litter; shares and picks are the same for all encoders."""

    rows: Tensor  # (K, N, D)
    shares: Tensor  # (n, N, K), which sum to 1; float64 on the CPU
    picks: Tensor  # (n, N), which parent's token a crossover takes
    aside: Tensor  # (N, D), a word beside the first parent's, by which a path leads to its opposite


def slerp(litter: Litter) -> Tensor:
    """The parents' directions mixed along great circles, one parent after the other, and their norms geometrically."""
    return _folded(litter, lambda a, b, t: turned(a, b, t, litter.aside))


def blend(litter: Litter) -> Tensor:
    """The parents mixed along straight lines, which lets the norm sink."""
    return _folded(litter, lambda a, b, t: _as(1 - t, a) * a + _as(t, b) * b)


def cross(litter: Litter) -> Tensor:
    """Each token whole, from one parent."""
    return litter.rows[litter.picks, torch.arange(litter.rows.shape[1])]


METHODS = {
    "slerp": Choice("Slerp", "turn from one parent to the other, the norm between theirs", slerp),
    "cross": Choice("Cross", "take each token whole from one of the parents", cross),
    "blend": Choice("Blend", "the plain mean, which is shorter than either parent", blend),
}
GUARDED = ("slerp", "blend")  # a crossover's tokens are the parents' own, and stay so


def turned(a: Tensor, b: Tensor, t: Tensor, aside: Tensor) -> Tensor:
    """The point at t (n, N) on the way from a to b (…, N, D): exactly a at 0, and exactly b at 1."""
    # In double precision on the CPU the few numbers that decide come out the same however many children there are.
    exact_a, exact_b = a.cpu().double(), b.cpu().double()
    na, nb, ua, ub = norm(exact_a), norm(exact_b), unit(exact_a), unit(exact_b)
    angle = _angle(ua, ub)
    near, opposite = angle < NEAR, angle > OPPOSITE
    ca, cb = _arc(angle, t)
    straight = ((1 - t) ** 2 + t**2 + 2 * t * (1 - t) * angle.cos()).clamp_min(TINY).sqrt()
    ca, cb = torch.where(near, (1 - t) / straight, ca), torch.where(near, t / straight, cb)
    around = bool(opposite.any())
    if around:
        across = _across(ua, aside.cpu().double())
        first, second = _arc(torch.tensor(math.pi / 2, dtype=t.dtype), (2 * t).clamp(max=1))
        third, fourth = _arc(_angle(across, ub), (2 * t - 1).clamp(min=0))
        ca, cb = torch.where(opposite, first, ca), torch.where(opposite, fourth, cb)
        cx = torch.where(opposite & (t > 0) & (t < 1), second * third, 0.0)  # one of the two is 1
    length = na.pow(1 - t) * nb.pow(t)
    ca, cb = ca * length / na.clamp_min(TINY), cb * length / nb.clamp_min(TINY)
    ca, cb = (torch.where(t <= 0, start, torch.where(t >= 1, 1 - start, c)) for start, c in ((1.0, ca), (0.0, cb)))
    found = _as(ca, a) * a + _as(cb, b) * b
    return found + _as(cx * length, a) * across.to(a) if around else found


def _angle(ua: Tensor, ub: Tensor) -> Tensor:
    return 2 * torch.atan2(norm(ua - ub), norm(ua + ub))  # exact for small and for straight angles, where acos is not


def _arc(angle: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """How much of a start and of an end a point on the great circle between them has."""
    sine = angle.sin().clamp_min(TINY)
    return ((1 - t) * angle).sin() / sine, (t * angle).sin() / sine


def _across(ua: Tensor, aside: Tensor) -> Tensor:
    """A direction at a right angle, on the side of a word, or where that says nothing, on that of an axis."""
    axis = torch.nn.functional.one_hot(ua.abs().argmin(-1), ua.shape[-1]).to(ua.dtype)
    by_word, by_axis = (each - (each * ua).sum(-1, keepdim=True) * ua for each in (unit(aside), axis))
    return unit(torch.where(norm(by_word)[..., None] > NEAR, by_word, by_axis))


def _as(values: Tensor, rows: Tensor) -> Tensor:
    return values.to(rows.dtype).to(rows.device)[..., None]


def _folded(litter: Litter, mixed: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Tensor:
    """The parents taken in one by one, each by its part of what has been taken so far."""
    so_far, taken = litter.rows[0], litter.shares[..., 0]
    for parent in range(1, len(litter.rows)):
        share = litter.shares[..., parent]
        taken = taken + share
        so_far = mixed(so_far, litter.rows[parent], share / taken.clamp_min(torch.finfo(share.dtype).tiny))
    return so_far
