"""CLIP's tokenizer over a small vocabulary: every byte, and the words of some captions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import transformers

words: Any = transformers
TOKENS = 77
START, END = "<|startoftext|>", "<|endoftext|>"


def tokenizer_of(captions: Iterable[str] = (), pad: str = END) -> Any:
    """A tokenizer that joins the letters of each of these words; any other text falls into pieces or bytes."""
    merges = _merges(Counter(word for line in captions for word in line.replace(",", " ,").split()))
    letters = _byte_letters()
    entries = [*letters, *(f"{each}</w>" for each in letters), *("".join(each) for each in merges), START, END]
    vocab = {word: i for i, word in enumerate(dict.fromkeys(entries))}
    return words.CLIPTokenizer(vocab=vocab, merges=merges, pad_token=pad, model_max_length=TOKENS)


def _merges(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Byte-pair encoding (Sennrich et al. 2016) until each word is one piece.

    Of pairs alike in number the first in the alphabet is joined, so that the same words always give the same ids.
    """
    split = {word: (*word[:-1], f"{word[-1]}</w>") for word in counts}
    merges: list[tuple[str, str]] = []
    while True:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, pieces in split.items():
            for pair in pairwise(pieces):
                pairs[pair] += counts[word]
        if not pairs:
            return merges
        merges.append(min(pairs, key=lambda pair: (-pairs[pair], pair)))
        split = {word: _joined(pieces, merges[-1]) for word, pieces in split.items()}


def _joined(pieces: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    found: list[str] = []
    for piece in pieces:
        if found and (found[-1], piece) == pair:
            found[-1] += piece
        else:
            found.append(piece)
    return tuple(found)


def _byte_letters() -> list[str]:
    """The letter that CLIP writes for each byte: itself where it can be seen, else one from 256 on (GPT-2's table)."""
    seen = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = (byte for byte in range(256) if byte not in seen)
    return [*map(chr, sorted(seen)), *(chr(256 + i) for i, _ in enumerate(hidden))]
