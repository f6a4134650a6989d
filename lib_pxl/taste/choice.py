"""How strongly to believe beforehand: chosen by how likely the opinions are, those on held-out prompts and all of them.

Half of what counts is the likelihood of held-out answers, which is right of whatever is chosen, and half the evidence
(each answer's likelihood by those before it, averaged over their orders), which varies less where answers are few.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import torch
from torch import Tensor

from lib_pxl.taste.answers import Answers, Scale, answers
from lib_pxl.taste.card import NONE, Share, told_apart
from lib_pxl.taste.features import KINDS, evened, features, shares
from lib_pxl.taste.opinion import Duel, Opinion
from lib_pxl.taste.solve import ROUGH, Strength, evidence, mode, predicted
from lib_pxl.taste.table import Pairs, vocabulary

FOLDS = 5
TURNS = 2
FEW = 20  # opinions with which nothing is chosen yet: what ten of a real rater's would choose is chance
COLUMNS = 3072
VARIANCE, POOLED = 3.0, 0.6  # the usual
# What is varied beside these, by a factor each time, and how many such steps from the usual are nothing odd.
TOGETHER = {
    "detail": ("place", "phrase", "pair"),
    "setting": ("setting", "length with setting"),
    "crossed": ("word with setting",),
    "length": ("length",),
    "vector": ("vector",),
    "caption": ("caption", "negative"),
}
STEP = 3.0
ODD = {"variance": 2.0, "setting": 2.0}  # people differ most in these; a single step of any other
# With many opinions what is usual then is better than what a few hundred of them would choose, but for these.
WITH_MANY = ("pooled", "vector", "caption")


@dataclass(frozen=True)
class Choice:
    """How many steps away from the usual the strength of a belief is, and the shares of some kinds of features."""

    steps: tuple[tuple[str, int], ...] = ()

    @property
    def strength(self) -> Strength:
        """Of the utilities."""
        odds = POOLED / (1 - POOLED) * STEP ** self._of("pooled")
        return Strength(VARIANCE * 2.0 ** self._of("variance"), odds / (1 + odds))

    @property
    def shares(self) -> Tensor:
        """Of the kinds."""
        factor = {kind: STEP ** self._of(name) for name, kinds in TOGETHER.items() for kind in kinds}
        return shares() * torch.tensor([factor.get(kind, 1.0) for kind in KINDS])

    @property
    def oddness(self) -> float:
        """How far from the usual: minus the logarithm of a bell over steps."""
        return sum((count / ODD.get(name, 1.0)) ** 2 for name, count in self.steps) / 2

    def moved(self, what: str, by: int) -> Choice:
        """One step from here."""
        counts = {**dict(self.steps), what: self._of(what) + by}
        return Choice(tuple(sorted((name, count) for name, count in counts.items() if count)))

    def _of(self, what: str) -> int:
        return dict(self.steps).get(what, 0)


MANY = Choice((("length", -1), ("setting", -1), ("variance", -1)))  # many tell themselves, and of single words too
SO_FAR = Choice((("variance", -2),))  # few leave nothing sure


class Trial:
    """A few hundred of the opinions, by which choices are compared: their rows, kind by kind, and who is held out."""

    def __init__(
        self, pairs: Pairs, opinions: list[Opinion], categories: list[str], told: list[Scale], most: int
    ) -> None:
        draw = random.Random(0)
        rows = sorted(draw.sample(range(len(opinions)), min(most, len(opinions))))
        self.opinions, self.categories, self.told = [opinions[row] for row in rows], categories, told
        self.pairs = pairs.at(torch.tensor(rows, dtype=torch.long))
        self.ties = tie_share(opinions)
        self.folds = _folds(self.pairs, draw)
        given = features(self.pairs.items)
        self.evened = evened(given)
        words = vocabulary(given, shares() * self.evened, COLUMNS)
        seen = words.known(given)
        dense = seen.dense(torch.arange(len(self.pairs.items)))
        nothing = torch.zeros(1, dense.shape[1])
        dense = torch.cat([dense, nothing])  # so that -1 is nothing
        table = dense[self.pairs.first] - dense[self.pairs.second]
        self.grams, spare = {}, torch.cat([seen.spare, torch.zeros(1)])
        self.spare = (spare[self.pairs.first] + spare[self.pairs.second]).double()
        for number in range(len(KINDS)):
            mine = table[:, words.kinds == number]
            if mine.shape[1]:
                self.grams[number] = (mine @ mine.mT).double()

    def knobs(self, many: bool) -> list[str]:
        """What there is to vary."""
        there = {KINDS[number] for number, gram in self.grams.items() if float(gram.diagonal().sum()) > 0}
        found = ["variance"] + ["pooled"] * (len({each.category for each in self.opinions}) > 1)
        found += [name for name, kinds in TOGETHER.items() if there & {*kinds} and there - {*kinds}]
        return [name for name in found if not many or name in WITH_MANY]

    def gram(self, choice: Choice) -> Tensor:
        """The prior covariance of the rows, but for the strength."""
        part = (choice.shares * self.evened).double()
        return sum((part[number] * gram for number, gram in self.grams.items()), torch.zeros(()))

    def prior(self, choice: Choice) -> Tensor:
        """The prior covariance of the rows."""
        category = self.answers(choice).category
        return self.gram(choice) * choice.strength.between(category[:, None], category)

    def answers(self, choice: Choice) -> Answers:
        """The answers as they read under a choice."""
        return answers(self.opinions, self.categories, self.told, choice.strength.variance, self.ties)

    def held_out(self, choice: Choice) -> list[tuple[Tensor, Tensor, Tensor]]:
        """For each fold the rows held out, and the mean and variance of their utilities by all others."""
        told, gram = self.answers(choice), self.prior(choice)
        own = gram.diagonal() + choice.strength.variance * self.spare
        found = []
        for test in self.folds:
            out, kept = test.nonzero()[:, 0], (~test).nonzero()[:, 0]
            fitted = mode(gram[kept][:, kept], told.at(kept), ROUGH)
            found.append((out, *predicted(fitted, gram[out][:, kept], own[out])))
        return found

    def worth(self, choice: Choice) -> float:
        """How likely the answers are, the held-out and all, less what is odd about the choice."""
        told = self.answers(choice)
        likely = torch.cat([told.at(rows).expected(mean, spread) for rows, mean, spread in self.held_out(choice)])
        held_out = float(likely.mean()) * len(self.opinions)
        return (held_out + evidence(mode(self.prior(choice), told, ROUGH), told)) / 2 - choice.oddness

    def told_apart(self, choice: Choice) -> Share:
        """How many held-out pairs come in the right order."""
        found = [
            told_apart([self.opinions[row] for row in rows.tolist()], mean.tolist())
            for rows, mean, _ in self.held_out(choice)
        ]
        return Share(sum(each.hits for each in found), sum(each.of for each in found))


def choose(
    pairs: Pairs, opinions: list[Opinion], categories: list[str], told: list[Scale], most: int, many: bool
) -> tuple[Choice, Share]:
    """Climb from the usual choice while held-out answers become more likely; and how many come out right."""
    if len(opinions) < FEW:
        return SO_FAR, NONE
    best = MANY if many else Choice()
    trial = Trial(pairs, opinions, categories, told, most)
    if not trial.folds:
        return best, NONE
    worth, knobs = lru_cache(maxsize=None)(trial.worth), trial.knobs(many)
    for _ in range(TURNS):
        before = best
        for what, by in product(knobs, (1, -1)):
            while worth(best.moved(what, by)) > worth(best):
                best = best.moved(what, by)
        if best == before:
            break
    return best, trial.told_apart(best)


def tie_share(opinions: list[Opinion]) -> float:
    """The share of ties among duels, with half a tie in five duels known beforehand."""
    duels = [each for each in opinions if isinstance(each, Duel)]
    return (sum(each.winner is None for each in duels) + 0.5) / (len(duels) + 5)


def _folds(pairs: Pairs, draw: random.Random) -> list[Tensor]:
    """Which rows to hold out together: all that touch a share of the prompts, or of the items where prompts are few."""
    prompts = {item.prompt for item in pairs.items}
    names = [item.prompt if len(prompts) >= FOLDS else item.id for item in pairs.items]
    distinct = sorted({*names})
    draw.shuffle(distinct)
    fold_of = {name: place % FOLDS for place, name in enumerate(distinct)}
    of = torch.tensor([*(fold_of[name] for name in names), -1])
    folds = [(of[pairs.first] == fold) | (of[pairs.second] == fold) for fold in range(FOLDS)]
    return [fold for fold in folds if bool(fold.any()) and not bool(fold.all())]
