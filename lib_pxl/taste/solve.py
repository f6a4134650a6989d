"""The posterior over utilities: the mode by Newton's method in float64, and around it a Gaussian (Laplace).

The utility of item x in category c is (w + δ_c)·φ(x), where w is shared by all categories. Few opinions are solved as
a Gaussian process over their rows, which is exact; many by the weights of the strongest features.

Shapes: N rows, C categories, V features, d directions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from lib_pxl.taste.answers import Answers
from lib_pxl.taste.table import Pairs, Sparse

STEPS = 25
CLOSE, ROUGH = 1e-6, 0.03  # gains of likelihood with which to stop
SETTLED = 2e-3  # a move of weights with which to stop
BLOCK = 2048  # rows at once
FIRST = 10_000  # rows of the first, rough mode


class Learned(NamedTuple):
    """A posterior: of features φ take q = φ·basis; then the mean is q·mean.

    |factor·(q*scale)|² is what the opinions have taken from the prior variance, or, where the posterior is over
    weights, the variance that these have left. The last of the categories is the one that nobody has judged yet.
    """

    basis: Tensor  # (V, d)
    mean: Tensor  # (C + 1, d)
    scale: Tensor  # (C + 1, d)
    factors: Tensor  # (1 or C + 1, r, d)
    over_weights: bool


class Strength(NamedTuple):
    """How far utilities vary beforehand, and how much of that all categories have in common."""

    variance: float
    pooled: float

    def between(self, one: Tensor, other: Tensor) -> Tensor:
        """The prior covariance of categories, by their numbers."""
        return self.variance * (self.pooled + (1 - self.pooled) * (one == other))


class Mode(NamedTuple):
    """Where the posterior of N rows is highest: their utilities, what weighs them, and the Gaussian around."""

    utility: Tensor  # (N,)
    weight: Tensor  # (N,): utility = gram @ weight
    root: Tensor  # (N,): of the curvature
    lower: Tensor  # (N, N): Cholesky factor of 1 + root·gram·root


def mode(gram: Tensor, answers: Answers, close: float = CLOSE) -> Mode:
    """Newton's steps, halved where one leads too far (Rasmussen and Williams 2006, algorithm 3.1)."""
    eye = torch.eye(len(gram), dtype=torch.float64)
    weight = utility = torch.zeros(len(gram), dtype=torch.float64)
    best = answers.log_chance(utility).sum()
    for _ in range(STEPS):
        slope, curvature = answers.slope(utility)
        root = curvature.sqrt()
        lower = torch.linalg.cholesky(eye + root[:, None] * gram * root)
        aim = curvature * utility + slope
        solved = torch.cholesky_solve((root * (gram @ aim))[:, None], lower)[:, 0]
        step = aim - root * solved - weight
        far = gram @ step
        for half in range(12):
            tried = weight + step / 2**half, utility + far / 2**half
            value = answers.log_chance(tried[1]).sum() - tried[0] @ tried[1] / 2
            if value >= best:
                break
        gain, best = value - best, value
        weight, utility = tried
        if gain < close:
            break
    return Mode(utility, weight, root, lower)


def evidence(found: Mode, answers: Answers) -> float:
    """How likely the answers are beforehand: the logarithm of what Laplace's method makes of it."""
    likely = answers.log_chance(found.utility).sum() - found.utility @ found.weight / 2
    return float(likely - found.lower.diagonal().log().sum())


def predicted(found: Mode, cross: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of other rows, by their prior covariance with those known (M, N) and their own variance."""
    known = torch.linalg.solve_triangular(found.lower, (found.root * cross).mT, upper=False)
    return cross @ found.weight, (variance - known.square().sum(0)).clamp(min=1e-9)


def by_rows(rows: Tensor, prior: Tensor, answers: Answers, strength: Strength, categories: int) -> Learned:
    """The exact posterior from rows of features (N, V)."""
    basis = (rows * prior).mT  # (V, N)
    gram = (rows @ basis).double()
    found = mode(gram * strength.between(answers.category[:, None], answers.category), answers)
    scale = strength.between(torch.arange(categories + 1)[:, None], answers.category)
    half = torch.linalg.solve_triangular(found.lower, found.root.diag(), upper=False)
    return Learned(basis, scale * found.weight, scale.float(), half.float()[None], over_weights=False)


def by_weights(
    items: Sparse, pairs: Pairs, prior: Tensor, answers: Answers, strength: Strength, categories: int,
    step: Callable[[float], None],
) -> Learned:  # fmt: skip
    """The posterior over the weights of V features, from any number of rows."""
    width = prior.sqrt()

    def blocks(rows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for some in torch.split(rows, BLOCK):
            yield some, (items.dense(pairs.first[some]) - items.dense(pairs.second[some])) * width

    order = torch.randperm(len(pairs.first), generator=torch.Generator().manual_seed(0))
    weights = torch.zeros(categories, items.width, dtype=torch.float64)
    phases = [(order[:FIRST], 6), (order, 3)] if len(order) > 2 * FIRST else [(order, 8)]
    for phase, (rows, rounds) in enumerate(phases):
        for turn in range(rounds):
            found = _Pooled(*_sums(blocks(rows), answers, weights), strength)
            moved = float((found.mean[:-1] - weights).abs().max())
            weights = found.mean[:-1]
            step((phase + (turn + 1) / rounds) / len(phases))
            if moved < SETTLED:
                break
    scale, left = torch.ones(categories + 1, items.width), torch.stack([*found.halves()])
    return Learned(width.diag(), found.mean, scale, left, over_weights=True)


def _sums(blocks: Iterator[tuple[Tensor, Tensor]], answers: Answers, weights: Tensor) -> tuple[Tensor, Tensor]:
    """For each category the curvature of its likelihood and what it aims at, summed over rows."""
    categories, width = weights.shape
    curvature = torch.zeros(categories, width, width, dtype=torch.float64)
    aim = torch.zeros(categories, width, dtype=torch.float64)
    for some, rows in blocks:
        part = answers.at(some)
        utility = (rows.double() * weights[part.category]).sum(1)
        slope, second = part.slope(utility)
        for which in torch.unique(part.category).tolist():
            mine = part.category == which
            here = rows[mine]
            curvature[which] += ((here * second[mine].float()[:, None]).mT @ here).double()
            aim[which] += here.double().mT @ (second * utility + slope)[mine]
    return curvature, aim


class _Pooled:
    """Weights of a category vary around shared ones; the shared ones are found by elimination of the others."""

    def __init__(self, curvature: Tensor, aim: Tensor, strength: Strength) -> None:
        shared = 1 / (strength.variance * strength.pooled)
        self.own = own = 1 / (strength.variance * (1 - strength.pooled))
        self.eye = torch.eye(curvature.shape[-1], dtype=torch.float64)
        self.inverse = [torch.cholesky_inverse(torch.linalg.cholesky(each + own * self.eye)) for each in curvature]
        rest = (shared + own * len(self.inverse)) * self.eye - own**2 * torch.stack(self.inverse).sum(0)
        self.around = torch.cholesky_inverse(torch.linalg.cholesky(rest))
        goals = list(zip(self.inverse, aim, strict=True))
        middle = self.around @ torch.stack([own * (each @ goal) for each, goal in goals]).sum(0)
        self.mean = torch.stack([*(each @ (goal + own * middle) for each, goal in goals), middle])  # (C + 1, V)

    def halves(self) -> Iterator[Tensor]:
        """The Cholesky factor of each category's covariance, and last that of one nobody has judged."""
        for each in self.inverse:
            yield torch.linalg.cholesky(each + self.own**2 * (each @ self.around @ each)).mT.float()
        yield torch.linalg.cholesky(self.around + self.eye / self.own).mT.float()
