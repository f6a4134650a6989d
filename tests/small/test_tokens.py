"""The tokenizer: a known word is one token, and any text is read."""

from __future__ import annotations

import random
import re

import pytest

from lib_pxl.small.tokens import TOKENS, tokenizer_of
from lib_pxl.world import caption
from lib_pxl.world.scene import scenes

RNG = random.Random(1)
CAPTIONS = [caption(scene, RNG).text for scene in scenes(1, 3000)]
TOKENIZER = tokenizer_of(CAPTIONS)


def test_every_word_of_the_captions_is_one_token() -> None:
    for word in {word for text in CAPTIONS for word in re.findall(r"\w+", text)}:
        assert len(TOKENIZER(word).input_ids) == 3, word


def test_it_is_made_the_same_every_time() -> None:
    assert tokenizer_of(CAPTIONS).get_vocab() == TOKENIZER.get_vocab()


@pytest.mark.parametrize("text", ["a star", "Ein Stern, größer; 星 🌟", "", "x" * 500, "\0\n\t"])
def test_any_text_is_read(text: str) -> None:
    ids = TOKENIZER(text, padding="max_length", truncation=True, max_length=TOKENS).input_ids
    assert len(ids) == TOKENS and max(ids) < len(TOKENIZER)
    assert ids[0] == TOKENIZER.bos_token_id and TOKENIZER.eos_token_id in ids


def test_what_it_read_can_be_read_again() -> None:
    ids = TOKENIZER("the Red star, größer").input_ids
    assert TOKENIZER.decode(ids, skip_special_tokens=True) == "the red star , größer"
