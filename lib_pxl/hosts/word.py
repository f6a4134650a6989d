"""Words that stand for given vectors, lent to CLIP text encoders by torch's own hooks until they are taken back.

The pipeline's tokenizers are copied, its encoders are not: they see an ordinary token in the word's place, since CLIP
finds the end of a prompt by its highest token id, and the rows are exchanged where the ids become vectors.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from lib_pxl.errors import HostError, NokenError
from lib_pxl.errors import Words as Sentence


class Lexicon:
    """The words lent to one text encoder."""

    def __init__(self, tokenizer: Any, encoder: Any) -> None:
        self.tokenizer = copy.deepcopy(tokenizer)
        self._first = len(tokenizer)
        self._rows: Tensor | None = None  # (K, D), the vectors of the ids from `_first` on
        self._seen = threading.local()
        self._hooks = [
            encoder.register_forward_pre_hook(self._before, with_kwargs=True),
            encoder.get_input_embeddings().register_forward_hook(self._embedded),
        ]

    def add(self, name: str, vectors: Tensor) -> None:
        """Make a word stand for vectors (T, D); more than one follow each other as `name name_1 name_2`."""
        from tokenizers import AddedToken  # not needed to import pxl

        parts = [name, *(f"{name}_{i}" for i in range(1, len(vectors)))]
        known = self.tokenizer.get_vocab()
        if not name or any(c.isspace() for c in name) or any(part in known for part in parts):
            raise HostError("word", got=name, wanted="one word that the tokenizer does not know yet")
        self.tokenizer.add_tokens([AddedToken(part, normalized=False, special=False) for part in parts])
        rows = vectors.detach().float().cpu()
        self._rows = rows if self._rows is None else torch.cat([self._rows, rows])

    def check(self, prompt: str) -> None:
        """A NokenError where a word of ours stands beyond what the encoder reads of a prompt."""
        room = self.tokenizer.model_max_length - 2  # without its beginning and its end
        ids = self.tokenizer(prompt, add_special_tokens=False, verbose=False).input_ids
        last = max((place for place, each in enumerate(ids, 1) if each >= self._first), default=0)
        if last > room:
            got = Sentence(f"one up to token {last}")
            raise NokenError("noken in the prompt", got=got, wanted=f"one in the first {room} tokens")

    def close(self) -> None:
        """Leave the encoder as it was."""
        for hook in self._hooks:
            hook.remove()

    def _before(self, encoder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any] | None:
        ids = args[0] if args else kwargs.get("input_ids")
        self._seen.ids = None
        if not isinstance(ids, Tensor) or not (ids >= self._first).any():
            return None
        self._seen.ids = ids
        plain = torch.where(ids >= self._first, torch.zeros_like(ids), ids)
        return ((plain, *args[1:]), kwargs) if args else (args, {**kwargs, "input_ids": plain})

    def _embedded(self, table: Any, args: Any, output: Tensor) -> Tensor | None:
        ids, self._seen.ids = getattr(self._seen, "ids", None), None
        if ids is None or self._rows is None:
            return None
        ours = ids >= self._first
        rows = self._rows.to(output)[(ids - self._first).clamp_min(0)]
        return torch.where(ours[..., None], rows.view_as(output), output)


class Words:
    """The words lent to every encoder of a pipeline."""

    def __init__(self) -> None:
        self._lexicons: dict[str, Lexicon] = {}

    def add(self, name: str, vectors: Mapping[str, Tensor], encoders: Mapping[str, tuple[str, Any, Any]]) -> None:
        """Lend a word to the encoders, each given by its letter as its tokenizer's name, tokenizer and encoder."""
        wanted = {letter: int(encoder.config.hidden_size) for letter, (_, _, encoder) in encoders.items()}
        got = {letter: tuple(each.shape) for letter, each in vectors.items()}
        lengths = {shape[0] for shape in got.values() if len(shape) == 2}
        if {k: v[-1] for k, v in got.items()} != wanted or len(lengths) != 1 or not 1 <= lengths.pop() <= 75:
            raise HostError(f"word {name[:80]}", got=got, wanted=f"1 to 75 vectors of the widths {wanted}")
        for letter, (slot, tokenizer, encoder) in encoders.items():
            if slot not in self._lexicons:
                self._lexicons[slot] = Lexicon(tokenizer, encoder)
            self._lexicons[slot].add(name, vectors[letter])

    @property
    def tokenizers(self) -> dict[str, Any]:
        """The tokenizers that know the words, by their names in the pipeline."""
        return {slot: each.tokenizer for slot, each in self._lexicons.items()}

    def check(self, text: Callable[[Any], str]) -> None:
        """All words stand where every encoder reads them in a prompt, which a tokenizer may spell in its own way."""
        for each in self._lexicons.values():
            each.check(text(each.tokenizer))

    def clear(self) -> None:
        """Take every word back."""
        for each in self._lexicons.values():
            each.close()
        self._lexicons.clear()
