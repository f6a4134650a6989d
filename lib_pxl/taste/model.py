"""A taste: fitted to opinions, it scores any item, and says how sure it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from lib_pxl.errors import TasteError
from lib_pxl.taste.answers import NODES, WEIGHTS, Scale, answers, scales
from lib_pxl.taste.ask import next_duel
from lib_pxl.taste.card import NOTHING, Card, card
from lib_pxl.taste.choice import Choice, choose, tie_share
from lib_pxl.taste.features import KINDS, Features, evened, features
from lib_pxl.taste.keep import Contents, read, write
from lib_pxl.taste.opinion import OVERALL, Duel, Item, Opinion, Rating
from lib_pxl.taste.solve import Learned, by_rows, by_weights
from lib_pxl.taste.table import Pairs, Sparse, Vocabulary, pairs, vocabulary

EXACT = 2000  # rows up to which the posterior is exact
COLUMNS = 4096  # features that are then known
SUMS, TURNS = 1e11, 2e10  # operations for a sum over rows, and for turning it over: with more, fewer features are known
SAMPLE = 8000  # items among which the strongest features are then sought
TOGETHER = 2048  # items that are scored at once
REMEMBERED = 500  # duels of which some are asked again
LEAST = 1e-6  # variance
TRIED, TRIED_MANY = 220, 700  # rows by which choices are compared


class Taste:
    """What was learned of one person's taste; made by `fit` or `load`."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        learned: Learned,
        categories: Sequence[str],
        choice: Choice,
        ties: float = 0.1,
        card: Card = NOTHING,
        asked: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.vocabulary, self.learned, self.choice, self.ties, self.card = vocabulary, learned, choice, ties, card
        self.categories, self.asked = list(categories), list(asked)
        of_kind = torch.nn.functional.one_hot(vocabulary.kinds.long(), len(KINDS)).float() * vocabulary.usual[:, None]
        self._usual = of_kind.mT @ learned.basis  # (kinds, d)
        self._level = of_kind.mT @ (vocabulary.usual * vocabulary.prior)  # (kinds,)

    @classmethod
    def fit(
        cls,
        items: Sequence[Item],
        opinions: Iterable[Opinion],
        *,
        like: Taste | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Taste:
        """Learn from ratings and duels; `progress` is told the share that is done.

        With `like`, an earlier taste of the same person, how strongly to believe is taken from there, which is faster.
        """
        given = list(opinions)
        for each in given:
            if not isinstance(each, (Rating, Duel)):
                raise TasteError("opinions", got=each, wanted="a list of Rating and Duel")
        step = progress or (lambda share: None)
        rows = pairs(items, given)
        categories = sorted({each.category for each in given}) or [OVERALL]
        told = scales(given, categories)
        if like is None:
            many = len(given) > EXACT
            choice, right = choose(rows, given, categories, told, TRIED_MANY if many else TRIED, many)
        else:
            choice, right = like.choice, like.card.right
        step(0.3)
        words, learned = learn(rows, given, categories, told, choice, lambda share: step(0.3 + 0.7 * share))
        asked = [(each.first, each.second) for each in given if isinstance(each, Duel)]
        step(1.0)
        return cls(words, learned, categories, choice, tie_share(given), card(given, right), asked[-REMEMBERED:])

    def score(self, items: Sequence[Item], category: str = OVERALL) -> tuple[Tensor, Tensor]:
        """Mean and deviation of each item's utility, beside the usual one of those that were judged.

        What an item does not tell is taken as usual. Of a category that nobody judged, what all have in common.
        """
        found = [self._score(items[start : start + TOGETHER], category) for start in range(0, len(items), TOGETHER)]
        mean, std = (torch.cat(each) for each in zip(*found, strict=True)) if found else (torch.zeros(0),) * 2
        return mean, std

    def leaning(self, items: Sequence[Item], category: str = OVERALL) -> tuple[Tensor, Tensor]:
        """Each item's mean, and how far it may have varied beforehand: a first look at many, sooner than a score."""
        seen = self.vocabulary.sparse(items)
        weight = self.learned.basis @ self.learned.mean[self._place(category)].float()
        mean = seen.summed(seen.value * weight[seen.column])
        mean = mean - seen.told @ (self._usual @ self.learned.mean[self._place(category)].float())
        return mean, (self.choice.strength.variance * self._energy(seen)).clamp(min=0).sqrt()

    def joint(self, items: Sequence[Item], category: str = OVERALL) -> tuple[Tensor, Tensor]:
        """Mean and covariance of a few items' utilities."""
        given = features(items)
        seen = self.vocabulary.known(given)
        shared = self._shared(seen) @ seen.told.mT
        kin = self._kin(given) - shared - shared.mT + (seen.told * self._level) @ seen.told.mT
        along, before = self.along(seen), self.choice.strength.variance * kin
        reach = self.reach(along, category)
        known = self.choice.strength.variance * along @ along.mT - reach @ reach.mT
        left = before - (known if self.learned.over_weights else reach @ reach.mT)
        return self.means(along, category), left

    def chance(self, first: Item, second: Item, category: str = OVERALL) -> float:
        """How likely the first is to win a duel that is no tie."""
        mean, covariance = (each.double() for each in self.joint([first, second], category))
        spread = (covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]).clamp(min=0).sqrt()
        return float((WEIGHTS * torch.sigmoid(mean[0] - mean[1] + NODES * spread)).sum())

    def next_duel(self, items: Sequence[Item], category: str = OVERALL, seed: int = 0) -> tuple[Item, Item]:
        """The two whose duel is expected to teach most; now and then two at random, or two that were asked before."""
        return next_duel(self, items, category, seed)

    def save(self, path: str | Path) -> None:
        """Write it as safetensors, with its card."""
        contents = Contents(
            self.vocabulary, self.learned, self.categories, self.choice, self.ties, self.card, self.asked
        )
        write(Path(path), contents)

    @classmethod
    def load(cls, path: str | Path) -> Taste:
        """Read what `save` wrote."""
        return cls(*read(Path(path)))

    def kin(self, items: Sequence[Item]) -> Tensor:
        """What each two items have in common, by the shares of their features."""
        return self._kin(features(items))

    def _kin(self, given: Features) -> Tensor:
        energy = given.energy(self.vocabulary.shares)
        _, of, counts = torch.unique(given.key, return_inverse=True, return_counts=True)
        shared = counts[of] > 1
        _, column = torch.unique(of[shared], return_inverse=True)
        value = given.value[shared] * self.vocabulary.shares[given.kind[shared].long()].sqrt()
        table = torch.zeros(given.size, int(column.max()) + 1 if len(column) else 1)
        table.index_put_((given.item[shared], column), value, accumulate=True)
        return (table @ table.mT).fill_diagonal_(0.0) + energy.diag()

    def along(self, seen: Sparse) -> Tensor:
        """Items, beside the usual one, in the directions in which the taste was learned."""
        usual = seen.told @ self._usual
        if not len(seen.column):
            return -usual
        return torch.nn.functional.embedding_bag(
            seen.column, self.learned.basis, seen.starts[:-1], mode="sum", per_sample_weights=seen.value
        ).sub_(usual)

    def reach(self, along: Tensor, category: str) -> Tensor:
        """Directions whose squares add up to what the taste knows, or to what its weights leave unknown."""
        place = self._place(category)
        factor = self.learned.factors[place if self.learned.over_weights else 0]
        return (along * self.learned.scale[place]) @ factor.mT

    def variance(self, energy: Tensor, along: Tensor, category: str) -> Tensor:
        """What is unknown of utilities that vary by so much energy, along these directions."""
        reach, strength = self.reach(along, category).square().sum(1), self.choice.strength.variance
        if self.learned.over_weights:
            return strength * (energy - along.square().sum(1)).clamp(min=0) + reach
        return strength * energy - reach

    def _score(self, items: Sequence[Item], category: str) -> tuple[Tensor, Tensor]:
        seen = self.vocabulary.sparse(items)
        along = self.along(seen)
        variance = self.variance(self._energy(seen), along, category)
        return self.means(along, category), variance.clamp(min=LEAST).sqrt()

    def means(self, along: Tensor, category: str) -> Tensor:
        """The mean utility along these directions."""
        return along @ self.learned.mean[self._place(category)].float()

    def _place(self, category: str) -> int:
        """The number of a category, or that of none."""
        return self.categories.index(category) if category in self.categories else len(self.categories)

    def _energy(self, seen: Sparse) -> Tensor:
        """How far each item's utility may vary beforehand beside the usual one."""
        own = seen.summed(seen.value.square() * self.vocabulary.prior[seen.column]) + seen.spare
        return own - 2 * (self._shared(seen) * seen.told).sum(1) + seen.told @ self._level

    def _shared(self, seen: Sparse) -> Tensor:
        """What each item has in common with the usual one, by kind (items, kinds)."""
        part = seen.value * (self.vocabulary.prior * self.vocabulary.usual)[seen.column]
        place = seen.item * len(KINDS) + self.vocabulary.kinds[seen.column].long()
        return torch.zeros(len(seen.spare) * len(KINDS)).index_add_(0, place, part).reshape(-1, len(KINDS))


def learn(
    rows: Pairs, opinions: list[Opinion], categories: list[str], told: list[Scale], choice: Choice,
    step: Callable[[float], None] = lambda share: None,
) -> tuple[Vocabulary, Learned]:  # fmt: skip
    """The posterior of these rows: exact for few, over the strongest features for many."""
    replies = answers(opinions, categories, told, choice.strength.variance, tie_share(opinions))
    if len(opinions) <= EXACT:
        given = features(rows.items)
        words = vocabulary(given, choice.shares * evened(given), COLUMNS)
        seen = words.known(given)
        table = seen.dense(rows.first) - seen.dense(rows.second)
        return words.among(seen), by_rows(table, words.prior, replies, choice.strength, len(categories))
    most = int(max(256, min(2048, (SUMS / len(opinions)) ** (1 / 2), (TURNS / len(categories)) ** (1 / 3))))
    draw = torch.randperm(len(rows.items), generator=torch.Generator().manual_seed(0))[:SAMPLE]
    given = features([rows.items[place] for place in draw.tolist()])
    words = vocabulary(given, choice.shares * evened(given), most)
    seen = words.sparse(rows.items)
    return words.among(seen), by_weights(seen, rows, words.prior, replies, choice.strength, len(categories), step)
