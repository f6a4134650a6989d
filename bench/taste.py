"""How well a taste is learned: from real opinions, from few, and what it costs.

`python -m bench.taste FOLDER` reads public ratings of generated pictures from a folder, whichever of these are there:
`agiqa-3k.csv` (github.com/lcysyzxdxc/AGIQA-3k-Database, data.csv), `aigiqa-20k.csv` (github.com/wangpuyi/MA-AGIQA,
dataset/AIGCQA_20K/info_train.csv), and `tifa160.json` (github.com/Yushi-Hu/tifa, human_annotations.json) with
`dsg-tifa160.csv` (github.com/linzhiqiu/t2v_metrics, datasets/dsg_tifa160_anns.csv).
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
import re
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

import torch
from torch import Tensor

from bench.show import show
from lib_pxl.store.database import Database
from lib_pxl.taste import Duel, Item, Rating, Taste
from lib_pxl.taste.explain import lessons
from lib_pxl.taste.opinion import Opinion
from lib_pxl.taste.opinions import Opinions
from lib_pxl.taste.propose import propose

FOLDS, RESAMPLES, PAIRS = 5, 1000, 4000
PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
TOGETHER = 64  # texts that are encoded at once
SAMPLE = 4000  # of the largest set
STEEP = 2.5  # how surely a simulated rater tells one deviation of the real scores
COUNTS = (10, 20, 30, 50, 100)
DRAWN = 3  # runs at random, whose mean one that asks is held against
GUESSED = 100  # held-out pairs of a run of whose winner the chance is asked
TOLD = (0.55, 0.65, 0.75, 0.85)  # chances, up to a tenth more


class Judged(NamedTuple):
    """A set of pictures and what people thought of them, by category."""

    name: str
    items: list[Item]
    values: list[dict[str, float]]


def sets(folder: Path) -> list[Judged]:
    """Those that are in the folder."""
    found: dict[str, tuple[Callable[[Path], list[tuple[str, dict[str, str], dict[str, float]]]], str]] = {
        "AGIQA-3K": (_agiqa, "agiqa-3k.csv"),
        "AIGIQA-20K": (_aigiqa, "aigiqa-20k.csv"),
        "TIFA-160": (_tifa, "dsg-tifa160.csv"),
    }
    there = []
    for name, (read, file) in found.items():
        if (folder / file).is_file():
            rows = read(folder)
            items = [Item(str(place), prompt, settings=told) for place, (prompt, told, _) in enumerate(rows)]
            there.append(Judged(name, items, [values for _, _, values in rows]))
    return there


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _agiqa(folder: Path) -> list[tuple[str, dict[str, str], dict[str, float]]]:
    found = []
    for row in _rows(folder / "agiqa-3k.csv"):
        model, way = re.sub(r"_\d+\.jpg$", "", row["name"]).rsplit("_", 1)
        values = {"quality": float(row["mos_quality"]), "alignment": float(row["mos_align"])}
        found.append((row["prompt"], {"model": model, "way": way}, values))
    return found


def _aigiqa(folder: Path) -> list[tuple[str, dict[str, str], dict[str, float]]]:
    rows = random.Random(0).sample(_rows(folder / "aigiqa-20k.csv"), SAMPLE)
    return [
        (row["prompt"], {"model": re.sub(r"_\d+\.\w+$", "", row["name"])}, {"quality": float(row["mos"])})
        for row in rows
    ]


def _tifa(folder: Path) -> list[tuple[str, dict[str, str], dict[str, float]]]:
    """Five persons, each a category of their own."""
    told = json.loads((folder / "tifa160.json").read_text(encoding="utf-8"))
    prompts = {each["text_id"]: each["text"] for each in told.values()}
    values: dict[tuple[str, str], dict[str, float]] = {}
    for row in _rows(folder / "dsg-tifa160.csv"):
        person = f"person {row['worker_id'][-3:]}"
        values.setdefault((row["source_id"], row["model_type"]), {})[person] = float(row["answer"])
    return [(prompts[text], {"model": model}, each) for (text, model), each in values.items() if text in prompts]


def real(judged: Sequence[Judged]) -> Iterator[list[str]]:
    """Rank correlation on held-out prompts, five-fold; ridge is TF-IDF and one-hot settings, at its best penalty."""
    yield ["set", "category", "ratings", "taste", "ridge", "ahead by", "pairs: taste", "ridge"]
    ahead = []
    for each in judged:
        folds = _folds(each.items, 0)
        ours = _by_taste(each, folds)
        for category in sorted({name for values in each.values for name in values}):
            rows = [place for place, values in enumerate(each.values) if category in values]
            truth = torch.tensor([each.values[row][category] for row in rows])
            theirs = _by_ridge([each.items[row] for row in rows], truth, [folds[row] for row in rows])
            mine = torch.tensor([ours[row][category] for row in rows])
            apart = _apart(mine, theirs, truth, [each.items[row].prompt for row in rows])
            one, other = correlation(mine, truth), correlation(theirs, truth)
            ahead.append(one - other)
            share = [f"{_in_order(guess, truth, [folds[row] for row in rows]):.1%}" for guess in (mine, theirs)]
            yield [
                each.name, category, f"{len(rows)}", f"{one:.3f}", f"{other:.3f}",
                f"{one - other:+.3f} ({apart[0]:+.3f} to {apart[1]:+.3f})", *share,
            ]  # fmt: skip
    yield ["mean", "", "", "", "", f"{fmean(ahead):+.3f}", "", ""]


def vectors(judged: Sequence[Judged], encoder: Path) -> Iterator[list[str]]:
    """What a text encoder's vectors of the prompts add to the same: rank correlations on held-out prompts."""
    yield ["set", "category", "without", "with vectors", "ahead by"]
    for each in judged:
        folds, told = _folds(each.items, 0), _encoded(sorted({item.prompt for item in each.items}), encoder)
        items = [replace(item, vectors={"text": told[item.prompt]}) for item in each.items]
        without, using = _by_taste(each, folds), _by_taste(each._replace(items=items), folds)
        for category in sorted({name for values in each.values for name in values}):
            rows = [place for place, values in enumerate(each.values) if category in values]
            truth, one, other = (
                torch.tensor([told[row][category] for row in rows]) for told in (each.values, using, without)
            )
            low, high = _apart(one, other, truth, [each.items[row].prompt for row in rows])
            both = correlation(other, truth), correlation(one, truth)
            yield [
                each.name, category, f"{both[0]:.3f}", f"{both[1]:.3f}",
                f"{both[1] - both[0]:+.3f} ({low:+.3f} to {high:+.3f})",
            ]  # fmt: skip


@torch.inference_mode()
def _encoded(texts: Sequence[str], folder: Path) -> dict[str, list[float]]:
    """The mean over a text's tokens, of a model of transformers in a folder."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    found = {}
    for start in range(0, len(texts), TOGETHER):
        some = list(texts[start : start + TOGETHER])
        read = tokenizer(some, padding=True, truncation=True, max_length=256, return_tensors="pt")
        states, mask = model(**read).last_hidden_state, read["attention_mask"][..., None]
        found |= dict(zip(some, ((states * mask).sum(1) / mask.sum(1)).tolist(), strict=True))
    return found


def _folds(items: Sequence[Item], seed: int) -> list[int]:
    prompts = sorted({item.prompt for item in items})
    random.Random(seed).shuffle(prompts)
    of = {prompt: place % FOLDS for place, prompt in enumerate(prompts)}
    return [of[item.prompt] for item in items]


def _by_taste(judged: Judged, folds: list[int]) -> list[dict[str, float]]:
    found: list[dict[str, float]] = [{} for _ in folds]
    categories = sorted({name for values in judged.values for name in values})
    for fold in range(FOLDS):
        opinions = [
            Rating(item.id, name, value)
            for item, values, mine in zip(judged.items, judged.values, folds, strict=True)
            for name, value in values.items()
            if mine != fold
        ]
        taste, test = Taste.fit(judged.items, opinions), [place for place, mine in enumerate(folds) if mine == fold]
        for category in categories:
            mean, _ = taste.score([judged.items[place] for place in test], category)
            for place, value in zip(test, mean.tolist(), strict=True):
                found[place][category] = value
    return found


def _by_ridge(items: Sequence[Item], truth: Tensor, folds: list[int]) -> Tensor:
    """At the penalty that turns out best on the held-out prompts themselves."""
    of, guesses = torch.tensor(folds), torch.zeros(len(PENALTIES), len(items), dtype=torch.float64)
    for fold in range(FOLDS):
        test, train = of == fold, of != fold
        rows = _tf_idf(items, train)
        gram, cross = rows[train] @ rows[train].T, rows[test] @ rows[train].T
        middle = truth[train].double().mean()
        # As scikit-learn's Ridge does, the middle of every column is no part of the penalty.
        inside = gram - gram.mean(0) - gram.mean(1)[:, None] + gram.mean()
        beside = cross - cross.mean(1)[:, None] - gram.mean(0) + gram.mean()
        for place, penalty in enumerate(PENALTIES):
            lower = torch.linalg.cholesky(inside + penalty * torch.eye(len(inside), dtype=torch.float64))
            weight = torch.cholesky_solve((truth[train].double() - middle)[:, None], lower)[:, 0]
            guesses[place, test] = beside @ weight + middle
    return max(guesses, key=lambda guess: correlation(guess, truth))


def _tf_idf(items: Sequence[Item], train: Tensor) -> Tensor:
    """Words as scikit-learn weighs them (smoothed IDF of the training prompts, rows of norm 1), and settings."""
    words = [re.findall(r"\b\w\w+\b", item.prompt.lower()) for item in items]
    kept = [place for place, inside in enumerate(train.tolist()) if inside]
    known = {word: place for place, word in enumerate(sorted({word for row in kept for word in words[row]}))}
    counts = torch.zeros(len(items), len(known), dtype=torch.float64)
    for row, each in enumerate(words):
        for word in each:
            if word in known:
                counts[row, known[word]] += 1
    frequency = (counts[train] > 0).sum(0)
    counts *= ((1 + len(kept)) / (1 + frequency)).log() + 1
    counts /= torch.linalg.vector_norm(counts, dim=1, keepdim=True).clamp(min=1e-12)
    told = [[f"{name}={value}" for name, value in item.settings.items()] for item in items]
    settings = sorted({each for row in kept for each in told[row]})
    hot = torch.tensor([[float(name in each) for name in settings] for each in told], dtype=torch.float64)
    return torch.cat([counts, hot], 1)


def correlation(one: Tensor, other: Tensor) -> float:
    """Spearman's."""
    ranks = torch.stack([_ranks(one), _ranks(other)])
    return float(torch.corrcoef(ranks)[0, 1])


def _ranks(values: Tensor) -> Tensor:
    _, of, counts = torch.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum(0) - (counts - 1) / 2.0)[of].double()


def _apart(one: Tensor, other: Tensor, truth: Tensor, prompts: Sequence[str]) -> tuple[float, float]:
    """Where the difference of both correlations lies in 95 of 100 draws of as many prompts."""
    groups: dict[str, list[int]] = {}
    for row, prompt in enumerate(prompts):
        groups.setdefault(prompt, []).append(row)
    rows, draw = list(groups.values()), random.Random(0)
    found = []
    for _ in range(RESAMPLES):
        drawn = torch.tensor([row for group in draw.choices(rows, k=len(rows)) for row in group])
        found.append(correlation(one[drawn], truth[drawn]) - correlation(other[drawn], truth[drawn]))
    found.sort()
    return found[int(0.025 * RESAMPLES)], found[int(0.975 * RESAMPLES)]


def _in_order(guess: Tensor, truth: Tensor, folds: Sequence[int]) -> float:
    """The share of pairs within a fold that are told apart, of those that the people told apart."""
    draw, rows = random.Random(0), range(len(folds))
    pairs = [pair for pair in (draw.sample(rows, 2) for _ in range(PAIRS * FOLDS)) if folds[pair[0]] == folds[pair[1]]]
    one, other = torch.tensor(pairs).unbind(1)
    apart, told = guess[one] - guess[other], truth[one] - truth[other]
    return float((apart * told > 0)[told != 0].double().mean())


def curve(judged: Sequence[Judged], seeds: int) -> Iterator[list[str]]:
    """Held-out pairs of real scores told apart after so many duels, by a simulated rater who has these scores.

    Duels that are asked are held against the mean of three runs at random, with the same rater and held-out prompts.
    """
    yield ["set", "category", "duels", "asked", "at random", "ahead by"]
    first, ahead = judged[0], dict[int, list[float]]()
    for category in sorted(first.values[0]):
        runs = [[_run(first, category, seed, turn) for turn in range(DRAWN + 1)] for seed in range(seeds)]
        for count in COUNTS:
            asked = [run[0].right[count] for run in runs]
            drawn = [fmean(each.right[count] for each in run[1:]) for run in runs]
            apart = [one - other for one, other in zip(asked, drawn, strict=True)]
            ahead.setdefault(count, []).extend(apart)
            yield [
                first.name, category, str(count), interval(asked), f"{fmean(drawn):.3f}", interval(apart, "+.3f"),
            ]  # fmt: skip
    for count, apart in ahead.items():
        yield [first.name, "both", str(count), "", "", interval(apart, "+.3f")]


def calibration(judged: Sequence[Judged], seeds: int) -> Iterator[list[str]]:
    """After so many random duels, held-out pairs by the chance that was given to one side: how often that side won."""
    yield ["set", "category", "duels", *(f"told at {low:.0%} to {low + 0.1:.0%}" for low in TOLD)]
    whole = list[tuple[float, bool]]()
    for each in judged:
        for category in sorted({name for values in each.values for name in values}):
            runs = [_run(each, category, seed, turn=1) for seed in range(seeds)]
            for count in COUNTS:
                told = [pair for run in runs for pair in run.told[count]]
                whole += told
                yield [each.name, category, str(count), *_right(told)]
    yield ["all", "", "", *_right(whole)]


def _right(told: Sequence[tuple[float, bool]]) -> Iterator[str]:
    for low in TOLD:
        won = [right for chance, right in told if low <= chance < low + 0.1]
        yield f"{fmean(won):.1%} of {len(won):,}" if won else ""


def interval(values: Sequence[float], form: str = ".3f") -> str:
    """The mean, and how far it may be off in 95 of 100 cases."""
    return f"{fmean(values):{form}} ± {1.96 * stdev(values) / math.sqrt(len(values)):{form.lstrip('+')}}"


class Run(NamedTuple):
    """How well a taste did after each count: the share of held-out pairs, and each one's chance beside the answer."""

    right: dict[int, float]
    told: dict[int, list[tuple[float, bool]]]


def _run(judged: Judged, category: str, seed: int, turn: int) -> Run:
    """Duels that are asked in turn 0, else at random; a seed has the same rater and the same held-out prompts."""
    rows = [place for place, values in enumerate(judged.values) if category in values]
    numbers = torch.tensor([judged.values[place][category] for place in rows])
    truth = dict(zip(rows, ((numbers - numbers.mean()) / numbers.std()).tolist(), strict=True))
    folds, draw, asking = _folds(judged.items, seed), random.Random(seed), turn == 0
    pool = [place for place in rows if folds[place] > 1]
    test = [place for place in rows if folds[place] <= 1]
    pairs = [draw.sample(test, 2) for _ in range(PAIRS)]
    draw.seed(f"{seed} {turn}")

    def wins(one: int, other: int) -> bool:
        return draw.random() < 1 / (1 + math.exp(STEEP * (truth[other] - truth[one])))

    items, duels, found = [judged.items[place] for place in pool], list[Opinion](), Run({}, {})
    taste = Taste.fit(items, [])
    for count in range(1, max(COUNTS) + 1):
        one, other = draw.sample(pool, 2)
        if asking:
            one, other = (int(item.id) for item in taste.next_duel(items, category, seed * 1000 + count))
        duels.append(Duel(str(one), str(other), category, str(one if wins(one, other) else other)))
        if asking or count in COUNTS:
            taste = Taste.fit(items, duels, like=None if count in COUNTS else taste)
        if count in COUNTS:
            scores = taste.score([judged.items[place] for place in test], category)[0].tolist()
            mean = dict(zip(test, scores, strict=True))
            told = [(mean[a] - mean[b]) * (truth[a] - truth[b]) > 0 for a, b in pairs if truth[a] != truth[b]]
            found.right[count] = fmean(told)
            chances = [
                (taste.chance(judged.items[a], judged.items[b], category), wins(a, b)) for a, b in pairs[:GUESSED]
            ]
            found.told[count] = [(max(chance, 1 - chance), won == (chance > 0.5)) for chance, won in chances]
    return found


SUBJECTS = ("fox", "owl", "castle", "robot", "girl", "ship", "forest", "city", "cat", "mountain")
STYLES = ("oil painting", "photo", "watercolor", "anime", "pencil sketch", "3d render")
EXTRAS = (
    "neon",
    "sunset",
    "intricate",
    "minimal",
    "snow",
    "golden",
    "dark",
    "bokeh",
    "vintage",
    "macro",
)
PLANTED: dict[str, tuple[Callable[[Item], float], tuple[str, ...]]] = {
    "a word": (lambda item: float("neon" in item.prompt), ("neon",)),
    "a setting": (lambda item: float(item.settings["model"] == "sdxl"), ("model=sdxl", "model=sd15")),
    "a pair of words": (
        lambda item: float("foggy" in item.prompt and "night" in item.prompt),
        ("foggy + night",),
    ),
}


def prompts(count: int, seed: int) -> list[Item]:
    """Pictures as somebody may have asked for them."""
    draw, found = random.Random(seed), []
    for place in range(count):
        often = [word for word in ("foggy", "night") if draw.random() < 0.5]
        words = [f"a {draw.choice(SUBJECTS)}", draw.choice(STYLES), *often, *draw.sample(EXTRAS, draw.randint(1, 4))]
        settings = {"model": draw.choice(("sd15", "sdxl")), "steps": draw.choice((10, 20, 40))}
        found.append(Item(f"i{place}", ", ".join(words), settings=settings))
    return found


def recovery(seeds: int) -> Iterator[list[str]]:
    """Seeds of which a planted preference is among the analyzer's three strongest; 20 % of all answers are wrong."""
    yield ["planted", "judgements", "found", "called sure though noise"]
    for name, (utility, labels) in PLANTED.items():
        runs = [_found(utility, labels, seed, {"overall": 100}) for seed in range(seeds)]
        yield [name, "100", f"{sum(found for found, _ in runs)} of {seeds}", str(sum(noise for _, noise in runs))]
    utility, labels = PLANTED["a word"]
    for count in (50, 100):
        runs = [_found(utility, labels, seed, {"overall": count, "other": count}) for seed in range(seeds)]
        hits, noise = (sum(each) for each in zip(*runs, strict=True))
        yield ["a word, in one of two categories", f"{count} each", f"{hits} of {seeds}", str(noise)]
    noise = sum(_found(lambda item: 0.0, (), seed, {"overall": 100})[1] for seed in range(seeds))
    yield ["nothing", "100", "", str(noise)]


def _found(
    utility: Callable[[Item], float], labels: Sequence[str], seed: int, counts: dict[str, int]
) -> tuple[bool, int]:
    """Whether it is among the three, and how many parts that have nothing to do with it are called sure anywhere."""
    pool, draw = prompts(200, seed), random.Random(seed)
    duels = [
        replace(_answer(pool, utility if name == "overall" else lambda item: 0.0, draw), category=name)
        for name, count in counts.items()
        for _ in range(count)
    ]
    taste = Taste.fit(pool, duels)
    told = {name: lessons(taste, pool, name, least=5) for name in counts}
    sure = [(name, pull.label) for name, pulls in told.items() for pull in pulls if pull.sure]
    noise = sum(name != "overall" or not any(label in each for label in labels) for name, each in sure)
    return any(pull.label in labels for pull in told["overall"][:3]), noise


def _answer(pool: Sequence[Item], utility: Callable[[Item], float], draw: random.Random) -> Duel:
    one, other = draw.sample(list(pool), 2)
    apart = utility(one) - utility(other)
    if apart == 0 and draw.random() < 0.8:
        return Duel(one.id, other.id)
    right = draw.random() < 0.8
    return Duel(one.id, other.id, winner=one.id if (apart > 0) == right else other.id)


def price(many: int = 100_000) -> Iterator[list[str]]:
    """What a taste costs, in seconds of processor time, over prompts of about ten words; memory is the most so far."""
    yield ["work", "seconds", "GB"]
    pool, draw = prompts(10_000, 0), random.Random(0)
    duels = [_answer(pool, PLANTED["a word"][0], draw) for _ in range(many)]
    Taste.fit(pool, duels[:50])
    yield _timed("fit to 100 duels", lambda: Taste.fit(pool, duels[:100]))
    yield _timed("fit to 1,000 duels", lambda: Taste.fit(pool, duels[:1000]))
    taste = Taste.fit(pool, duels[:1000])
    taste.next_duel(pool, seed=1)
    yield _timed("next duel, the mean of 20", lambda: [taste.next_duel(pool, seed=seed) for seed in range(20)], 20)
    candidates = prompts(10_000, 1)
    yield _timed("rank 10,000 candidates", lambda: propose(taste, candidates, n=100))
    yield _timed(f"fit to {many:,} duels", lambda: Taste.fit(pool, duels))


def _timed(name: str, work: Callable[[], object], times: int = 1) -> list[str]:
    start = time.process_time()
    work()
    spent = (time.process_time() - start) / times
    return [name, f"{spent:.3f}", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f}"]


def pages(rows: int = 1_000_000) -> Iterator[list[str]]:
    """Pages of 100 from a store of 1,000,000 items, in seconds of processor time."""
    yield ["page", "seconds", "GB"]
    with tempfile.TemporaryDirectory() as folder:
        opinions = Opinions(Database(Path(folder) / "pxl.sqlite"))
        some = prompts(2000, 0)
        with opinions.database.transaction() as connection:
            connection.executemany(
                "INSERT INTO taste_items (profile, id, prompt, sitting, time, negative, caption, settings, template, "
                "checkpoint, image, image_hash, thumbnail, nokens) VALUES (1, ?, ?, ?, ?, '', '', '{}', '', 'sd15', "
                "'', '', '', '{}')",
                (
                    (f"i{row}", f"{some[row % 2000].prompt} {row}", f"sitting {row // 500}", f"2024 {row:08}")
                    for row in range(rows)
                ),
            )
        yield _timed("the newest", opinions.records)
        yield _timed("in the middle", lambda: opinions.records(before=rows // 2))
        yield _timed("of one sitting", lambda: opinions.records(sitting="sitting 7"))
        yield _timed("of one hour", lambda: opinions.records(since="2024 00000500", until="2024 00000900"))
        yield _timed("with a common word", lambda: opinions.records(text="neon"))
        yield _timed("with words that only one has", lambda: opinions.records(text=f" {rows // 3}"))
        opinions.database.close()


def main() -> None:
    """The tables of real opinions, and the others."""
    parser = argparse.ArgumentParser(prog="python -m bench.taste", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="the folder with the real ratings")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--encoder", type=Path, help="a folder with a sentence encoder, as transformers keeps it")
    every = ["real", "vectors", "curve", "calibration", "recovery", "price", "pages"]
    parser.add_argument("--only", nargs="*", default=every)
    given = parser.parse_args()
    judged = sets(given.folder) if given.folder else []
    tables: dict[str, tuple[str | None, Callable[[], Iterator[list[str]]]]] = {
        "recovery": (recovery.__doc__, lambda: recovery(given.seeds)),
        "price": (price.__doc__, price),
        "pages": (pages.__doc__, pages),
    }
    if judged:
        tables["real"] = (real.__doc__, lambda: real(judged))
        tables["curve"] = (curve.__doc__, lambda: curve(judged, given.seeds))
        tables["calibration"] = (calibration.__doc__, lambda: calibration(judged, given.seeds))
    if judged and given.encoder:
        tables["vectors"] = (vectors.__doc__, lambda: vectors(judged, given.encoder))
    for name, (title, table) in tables.items():
        if name in given.only:
            show(title, table())


if __name__ == "__main__":
    main()
