"""CLIP's tokenizer over a small vocabulary: every byte, and the words of some captions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import tokenizers
import transformers

words: Any = transformers
TOKENS = 77
START, END = "<|startoftext|>", "<|endoftext|>"


def tokenizer_of(captions: Iterable[str] = (), pad: str = END) -> Any:
    """A tokenizer that joins the letters of each of these words; any other text falls into pieces or bytes."""
    base = tokenizers.Tokenizer(tokenizers.models.BPE(end_of_word_suffix="</w>"))
    base.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=2000, end_of_word_suffix="</w>", show_progress=False)
    base.train_from_iterator((line.replace(",", " ,") for line in captions), trainer)
    merges = [tuple(each) for each in json.loads(base.to_str())["model"]["merges"]]
    letters = _byte_letters()
    entries = [*letters, *(f"{each}</w>" for each in letters), *("".join(each) for each in merges), START, END]
    vocab = {word: i for i, word in enumerate(dict.fromkeys(entries))}
    return words.CLIPTokenizer(vocab=vocab, merges=merges, pad_token=pad, model_max_length=TOKENS)


def _byte_letters() -> list[str]:
    """The letter that CLIP writes for each byte: itself where it can be seen, else one from 256 on (GPT-2's table)."""
    seen = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = (byte for byte in range(256) if byte not in seen)
    return [*map(chr, sorted(seen)), *(chr(256 + i) for i, _ in enumerate(hidden))]
