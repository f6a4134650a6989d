"""What bred words draw on the small model, judged by pixels."""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import ascii_lowercase

import torch
from torch import Tensor

from bench.meaning import pixels
from lib_pxl.hosts import checkpoint
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.hosts.request import Request
from lib_pxl.hosts.sampler import scheduler_class
from lib_pxl.noken import Noken, breed
from lib_pxl.small import CFG, FOLDER
from lib_pxl.world.caption import caption
from lib_pxl.world.judge import Seen, foreground, see
from lib_pxl.world.scene import COLOURS, PLACES, SHAPES, SIZES, scenes

SAMPLER, STEPS, SIDE = "Euler", 20, 128
SEED = 71
MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
PAIRS = (("red", "blue"), ("green", "purple"), ("yellow", "black"), ("orange", "white"))
COUNT = 40
WORD = "pxlbred"
TURNS = (5, 15, 30, 50, 80)  # per cent of the progress
TRAITS = ("shape", "colour", "size", "place", "ground")


class Easel:
    """The small model, with one bred word in its prompts."""

    def __init__(self, data: Path) -> None:
        self.host = DiffusersHost(checkpoint.load(str(FOLDER))[0], data)
        self.book = self.host.lexicon()
        self.table = self.book.tables
        kind, options = scheduler_class(SAMPLER, self.host.pipe.scheduler)
        self.pipe = self.host.sibling("txt2img", kind.from_config(self.host.pipe.scheduler.config, **options))

    def noken(self, text: str, name: str = "") -> Noken:
        """The text's own tokens."""
        return Noken({"l": self.table["l"][list(self.book.ids(text))]}, name)

    def draw(self, prompt: str, word: Noken, seeds: Sequence[int], steps: int = STEPS) -> Tensor:
        """Pictures (N, 3, H, W) of a prompt with `{}` for the word, one for each seed."""
        made = []
        for seed in seeds:
            self.host.embed(WORD, word.vectors)
            made.append(self.shown(prompt.format(WORD), seed, steps))
        return torch.stack(made)

    @torch.no_grad()
    def litter(self, prompt: str, words: Sequence[Noken], seed: int, steps: int = STEPS) -> Tensor:
        """A picture (N, 3, H, W) for each of the words, made at once; to within a grey level those of `draw`."""
        names = [f"{WORD}{letter}" for letter in ascii_lowercase[: len(words)]]
        try:
            for name, word in zip(names, words, strict=True):
                self.host.embed(name, word.vectors)
            self.pipe.register_modules(**self.host.tokenizers)
            said = [prompt.format(name) for name in names]
            cond, _ = self.pipe.encode_prompt(said, "cpu", 1, do_classifier_free_guidance=False)
            uncond, _ = self.pipe.encode_prompt("", "cpu", 1, do_classifier_free_guidance=False)
        finally:
            self.host.forget()
        shape = 1, self.pipe.unet.config.in_channels, SIDE // self.host.factor, SIDE // self.host.factor
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
        made = self.pipe(
            prompt_embeds=cond, negative_prompt_embeds=uncond.expand_as(cond), num_inference_steps=steps,
            latents=noise.repeat(len(words), 1, 1, 1), guidance_scale=CFG, width=SIDE, height=SIDE,
        )  # fmt: skip
        return torch.stack([pixels(each) for each in made.images])

    def shown(self, prompt: str, seed: int, steps: int = STEPS) -> Tensor:
        """The picture (3, H, W) of a prompt."""
        asked = Request(prompt, sampler=SAMPLER, steps=steps, cfg=CFG, seed=seed, width=SIDE, height=SIDE)
        made = self.host.generate(asked)
        _, told = self.host.desk.status("txt2img")
        assert told is None, told
        return pixels(made.pictures[0])


def morphs(count: int = COUNT) -> Iterator[list[str]]:
    """A morph of a thing's colour that turns over at once: how often the second colour is drawn, by when it turns."""
    yield ["all of it second after", "colour of the first", "of the second", "nearer to the second", "95 % within"]
    rng = random.Random(SEED)
    asked = [(PAIRS[i % len(PAIRS)], *_bare(rng, PAIRS[i % len(PAIRS)]), i) for i in range(count)]
    with tempfile.TemporaryDirectory() as data:
        easel = Easel(Path(data))
        easel.host.desk.pool.add([easel.noken(name, name) for pair in PAIRS for name in pair])
        for turn in TURNS:
            first = second = nearer = 0
            for (one, other), shape, ground, seed in asked:
                said = f"<noken:{one}~{other}@0:0, {turn}%:0, {turn + 1}%:1>"
                made = easel.shown(f"a big {said} {shape} on a {ground} background", seed)
                drawn = next(iter(see(made[None])[0].things), None)
                first += drawn is not None and drawn.colour == one
                second += drawn is not None and drawn.colour == other
                nearer += _nearer(made, one, other)
            shares = [f"{each / count:.3f}" for each in (first, second, nearer)]
            yield [f"{turn} %", *shares, f"{half_width(nearer / count, count):.3f}"]


def half_width(share: float, count: int) -> float:
    """Of the 95 % interval of a share (Agresti and Coull)."""
    more = count + 4
    middle = (share * count + 2) / more
    return 1.96 * math.sqrt(middle * (1 - middle) / more)


def mixes(count: int = COUNT) -> Iterator[list[str]]:
    """Slerp between two colour words, as the colour of a thing: what is drawn at each mix, over four pairs."""
    yield ["mix", "colour of the first", "of the second", "nearer to the second", "95 % within"]
    rng = random.Random(SEED)
    asked = [(PAIRS[i % len(PAIRS)], *_bare(rng, PAIRS[i % len(PAIRS)]), i) for i in range(count)]
    with tempfile.TemporaryDirectory() as data:
        easel = Easel(Path(data))
        words = {name: easel.noken(name) for pair in PAIRS for name in pair}
        for mix in MIXES:
            first = second = nearer = 0
            for (one, other), shape, ground, seed in asked:
                word = breed([words[one], words[other]], n=1, mix=mix, table=easel.table)[0]
                made = easel.draw(f"a big {{}} {shape} on a {ground} background", word, [seed])
                drawn = next(iter(see(made)[0].things), None)
                first += drawn is not None and drawn.colour == one
                second += drawn is not None and drawn.colour == other
                nearer += _nearer(made[0], one, other)
            shares = [f"{each / count:.3f}" for each in (first, second, nearer)]
            yield [f"{mix}", *shares, f"{half_width(nearer / count, count):.3f}"]


def crossed(count: int = COUNT) -> Iterator[list[str]]:
    """Crossover children of two whole prompts, each in its own wording: how often each trait is one of the parents'."""
    yield ["trait", "from a parent", "from the first", "one length alone"]
    asked = _wordings(2 * count)
    found: list[tuple[bool, dict[str, str], dict[str, str], Seen]] = []
    with tempfile.TemporaryDirectory() as data:
        easel = Easel(Path(data))
        for seed, pair in enumerate(zip(asked[::2], asked[1::2], strict=True)):
            parents = [easel.noken(text) for text, _ in pair]
            child = breed(parents, n=1, seed=seed, method="cross")[0]
            seen = see(easel.draw("{}", child, [seed]))[0]
            found.append((len(parents[0]) == len(parents[1]), pair[0][1], pair[1][1], seen))
    for trait in TRAITS:
        right = [_trait(seen, trait) in (one[trait], other[trait]) for _, one, other, seen in found]
        first = [_trait(seen, trait) == one[trait] for _, one, _, seen in found]
        alike = [mark for mark, (same, *_) in zip(right, found, strict=True) if same]
        yield [trait, f"{_mean(right):.3f}", f"{_mean(first):.3f}", f"{_mean(alike):.3f} of {len(alike)}"]


def carried(count: int = COUNT) -> Iterator[list[str]]:
    """A noken of "a big red star", or of another thing, put inside another prompt: how often it brings its traits."""
    rng = random.Random(SEED + 1)
    with tempfile.TemporaryDirectory() as data:
        easel = Easel(Path(data))
        found: dict[str, list[bool]] = {trait: [] for trait in TRAITS}
        for seed in range(count):
            wish = _wish(rng) if seed else {**_wish(rng), "size": "big", "colour": "red", "shape": "star"}
            wish["ground"] = rng.choice([each for each in COLOURS if each != wish["colour"]])
            word = easel.noken("a {size} {colour} {shape}".format(**wish))
            prompt = f"{{}} {_where(wish['place'])} on a {wish['ground']} background"
            seen = see(easel.draw(prompt, word, [seed]))[0]
            for trait in TRAITS:
                found[trait].append(_trait(seen, trait) == wish[trait])
    yield ["trait", "of the noken", "of the prompt around it"]
    for trait, marks in found.items():
        share = f"{sum(marks) / count:.3f}"
        yield [trait, "", share] if trait in ("place", "ground") else [trait, share, ""]


def _bare(rng: random.Random, pair: tuple[str, str]) -> tuple[str, str]:
    return rng.choice(SHAPES), rng.choice([name for name in COLOURS if name not in pair])


def _wish(rng: random.Random) -> dict[str, str]:
    colour, ground = rng.sample(list(COLOURS), 2)
    return {"shape": rng.choice(SHAPES), "colour": colour, "size": rng.choice(list(SIZES)),
            "place": rng.choice(list(PLACES)), "ground": ground}  # fmt: skip


def _where(place: str) -> str:
    return {"left": "on the left", "right": "on the right", "top": "at the top", "bottom": "at the bottom"}.get(
        place, "in the centre"
    )


def _wordings(count: int) -> list[tuple[str, dict[str, str]]]:
    """Prompts of one thing that leave nothing unsaid, as the model knows them, and what each asks for."""
    rng, found = random.Random(SEED), []
    for scene in scenes(SEED, 20 * count, held_out=True):
        wish = caption(scene, rng)
        said = {"ground": wish.ground, **wish.things[0]}
        if len(wish.things) == 1 and all(said.values()) and len(found) < count:
            found.append((wish.text, said))
    return found


def _mean(marks: Sequence[bool]) -> float:
    return sum(marks) / max(1, len(marks))


def _trait(seen: Seen, trait: str) -> str:
    if trait == "ground":
        return seen.ground
    return str(getattr(seen.things[0], trait)) if seen.things else ""


def _nearer(picture: Tensor, one: str, other: str) -> bool:
    """Whether the thing's middle colour is nearer to the second's."""
    inside = picture[:, foreground(picture[None])[0]]
    if not inside.numel():
        return False
    middle = inside.median(dim=1).values
    far = [float((middle - torch.tensor(COLOURS[name]) / 255).norm()) for name in (one, other)]
    return far[1] < far[0]
