"""What the library `dynamicprompts` needs to be told: to note what it draws, to end, and to miss nothing in silence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from random import Random

from dynamicprompts.commands import Command, VariantCommand, WildcardCommand
from dynamicprompts.enums import SamplingMethod
from dynamicprompts.parser.parse import parse
from dynamicprompts.samplers.base import Sampler
from dynamicprompts.samplers.random import RandomSampler
from dynamicprompts.sampling_context import SamplingContext
from dynamicprompts.sampling_result import SamplingResult
from dynamicprompts.types import ResultGen
from dynamicprompts.wildcards import WildcardManager
from dynamicprompts.wildcards.values import WildcardValues

from lib_pxl.errors import TasteError, Words

MAX_TEXT = 10_000  # characters
MAX_STEPS = 2000  # of one draw
MAX_WEIGHT = 10_000
NAMED = 3  # wildcards of a like name
ENDLESS = f"a template that ends after {MAX_STEPS} steps"
_STRAY = re.compile(r"%(?!\{)|(?<!\$)\$(?![\${])")  # of these the library makes nothing but an error
_ASIDE = {"%": "\uf8f0", "$": "\uf8f1"}
_BACK = {ord(sign): plain for plain, sign in _ASIDE.items()}


class Drawing:
    """A template, of which each `draw` is one prompt and what was drawn for its outermost wildcards and variants."""

    def __init__(self, template: str, seed: int, folders: Sequence[Path]) -> None:
        self.sampler = _Noting()
        self.context = _Context(
            SamplingMethod.RANDOM,
            _Wildcards(root_map={"": [folder for folder in folders if folder.is_dir()]}),
            {SamplingMethod.RANDOM: self.sampler},
            rand=Random(seed),
        )
        self.command = self.context.parsed(template)

    def draw(self) -> tuple[str, tuple[str, ...]]:
        """The next one."""
        self.sampler.steps, self.sampler.depth, self.sampler.drawn = 0, 0, []
        text = "".join(result.text for result in self.context.sample_prompts(self.command, 1))
        if len(text) > MAX_TEXT:
            raise TasteError("template", got=Words(f"a prompt of {len(text):,} characters"), wanted=_at_most())
        return _plain(text), tuple(filter(None, map(_plain, self.sampler.drawn)))


class _Noting(RandomSampler):
    def __init__(self) -> None:
        self.steps, self.depth = 0, 0
        self.drawn: list[str] = []

    def generator_from_command(self, command: Command, context: SamplingContext) -> ResultGen:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TasteError("template", got=Words("one that goes on"), wanted=ENDLESS)
        results = super().generator_from_command(command, context)
        return self._noted(results) if isinstance(command, (VariantCommand, WildcardCommand)) else results

    def _noted(self, results: ResultGen) -> ResultGen:
        while True:
            self.depth += 1
            result = next(results, None)
            self.depth -= 1
            if result is None:
                return
            if self.depth == 0:
                self.drawn.append(result.text)
            yield result


@dataclass(frozen=True)
class _Context(SamplingContext):
    """Draws at random whatever way a template names: combinations are what is drawn among."""

    known: dict[str, Command] = field(default_factory=dict)

    def get_sampler_and_context(self, command: Command) -> tuple[Sampler, SamplingContext]:
        return self.default_sampler, self

    def sample_prompts(self, prompt: str | Command, num_prompts: int | None = None) -> Iterable[SamplingResult]:
        return super().sample_prompts(self.parsed(prompt) if isinstance(prompt, str) else prompt, num_prompts)

    def parsed(self, text: str) -> Command:
        if len(text) > MAX_TEXT:
            raise TasteError("template", got=Words(f"{len(text):,} characters"), wanted=_at_most())
        if text not in self.known:
            aside = _STRAY.sub(lambda found: _ASIDE[found[0]], text)
            self.known[text] = parse(aside, parser_config=self.parser_config)
        return self.known[text]


class _Wildcards(WildcardManager):
    def get_values(self, wildcard: str) -> WildcardValues:
        found = WildcardValues(()) if ".." in wildcard else super().get_values(wildcard)
        if not found:
            names = sorted(self.get_collection_names())
            near = get_close_matches(wildcard, names, NAMED) or names[:NAMED]
            wanted = f"one of the {len(names):,} there are, as {', '.join(near)}" if names else "a folder that has it"
            raise TasteError("wildcard", got=wildcard, wanted=wanted)
        if any(not 0 <= getattr(each, "weight", 1) <= MAX_WEIGHT for each in found.items):
            raise TasteError(f"wildcard {wildcard!r}", got=Words("another weight"), wanted=f"0 to {MAX_WEIGHT:,}")
        return found


def _plain(text: str) -> str:
    return re.sub(r"[ \t]+", " ", text.translate(_BACK)).strip()


def _at_most() -> str:
    return f"at most {MAX_TEXT:,}"
