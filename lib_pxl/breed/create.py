"""New nokens: from a prompt, from words, at random among the model's words, and from a picture."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from lib_pxl.breed.plain import MAX_TEXT, plain
from lib_pxl.errors import NokenError, Words
from lib_pxl.hosts.base import Wordbook
from lib_pxl.hosts.carried import carried
from lib_pxl.knobs import Choice, Knob, Text
from lib_pxl.noken.bundle import is_pool
from lib_pxl.noken.evolution import bear, derived
from lib_pxl.noken.genome import MAX_TOKENS, Noken, fit
from lib_pxl.noken.individual import Individual
from lib_pxl.noken.lineage import Lineage
from lib_pxl.noken.pool import Pool
from lib_pxl.noken.vocabulary import TINY, norm
from lib_pxl.store.infotext import Infotext, written_in
from lib_pxl.store.pictures import kind_of

MIXED = 4  # words of which a random point is a blend
SHORT = 40  # characters of a name that was a text
MAX_WORDS = 64
SPARE = 4  # times as many words are drawn, since not every entry of a vocabulary can be read
NAMELESS = "imported"
SOURCES = {
    "prompt": Choice("Prompt", "its plain words, all together as one noken"),
    "words": Choice("Words", "each of them a noken; commas stand between"),
    "random": Choice("Random", "points among the model's words"),
    "picture": Choice("Picture", "the noken in it, or else the prompt that it was made with"),
}
KNOBS: dict[str, Knob] = {
    "from": Knob("from", "From", "what they are made of", required=True, choices=SOURCES),
    "text": Text("text", "Text", "a prompt, or words with commas between them"),
    "picture": Text("picture", "Picture", "map:HASH, or a picture in base64"),
    "count": Knob("count", "Count", "how many random ones", 1, low=1, high=64, whole=True),
    "tokens": Knob("tokens", "Tokens", "how many vectors a random one has", 1, low=1, high=MAX_TOKENS, whole=True),
    "seed": Knob("seed", "Seed", "the same gives the same random ones", low=0, high=2**53, whole=True),
    "name": Text("name", "Name", "what to call it"),
}


def from_prompt(prompt: str, book: Wordbook, name: str = "") -> Noken:
    """The vectors of its plain words, without beginning, end and padding."""
    if len(prompt) > MAX_TEXT:
        raise NokenError("text", got=Words(f"{len(prompt):,} characters"), wanted=f"at most {MAX_TEXT:,}")
    text = plain(prompt)
    ids = list(book.ids(text))
    if not 1 <= len(ids) <= MAX_TOKENS:
        raise NokenError("text", got=Words(f"{len(ids)} tokens"), wanted=f"1 to {MAX_TOKENS}")
    return _spoken(ids, book, name or shortened(text))


def from_words(text: str, book: Wordbook, name: str = "") -> list[Noken]:
    """One for each."""
    words = [each for each in map(str.strip, text.split(",")) if each]
    if not 1 <= len(words) <= MAX_WORDS:
        wanted = f"1 to {MAX_WORDS} words with commas between them"
        raise NokenError("text", got=Words(f"{len(words)} words"), wanted=wanted)
    return [from_prompt(each, book, name) for each in words]


def from_nothing(book: Wordbook, count: int, tokens: int, seed: int, name: str = "") -> list[Noken]:
    """Points on the way between some of the model's words, drawn anew for each token, and held by the guard."""
    made = []
    for place in range(count):
        own = derived(seed, place)
        ids = _drawn(book, MIXED * tokens, own)
        parents = [_spoken(ids[at::MIXED], book, "") for at in range(MIXED)]
        (child,) = bear(parents, 1, own, table=book.tables)
        made.append(Noken(child.vectors, name, Lineage(seed=own)))
    return made


def from_picture(data: bytes, read: Callable[[], Wordbook], widths: dict[str, int], name: str = "") -> list[Noken]:
    """The embedding inside it, the nokens it carries, or its prompt's; words are read off the model only for that."""
    try:
        found = [from_file(data, widths)]
    except NokenError:
        text = written_in(data)
        found, prompt = carried(text), Infotext.parse(text).prompt
        if not found and not prompt.strip():
            got = Words("one with neither a noken nor a prompt in it")
            raise NokenError("picture", got=got, wanted="one that says how it was made") from None
        found = found or [from_prompt(prompt, read(), name)]
    return [replace(each, name=name) if name else each for each in found]


def from_file(data: bytes, widths: dict[str, int], name: str = NAMELESS) -> Noken:
    """Any textual inversion; `name` is for one that has none inside."""
    with _lying(data) as path:
        found = Noken.load(path, widths)
    return replace(found, name=fit(name)) if found.name == path.stem else found


def take(data: bytes, pool: Pool, widths: dict[str, int], name: str = NAMELESS) -> list[Individual]:
    """Somebody's pool, one textual inversion, or what a picture carries, into the pool."""
    with _lying(data) as path:
        if is_pool(path):
            return pool.take(path)
    try:
        found = [from_file(data, widths, name)]
    except NokenError:
        found = carried(written_in(data)) if kind_of(data[:32]) else []
        if not found:
            raise
    return pool.add(found)


def shortened(text: str) -> str:
    """A text as a name: its first words."""
    text = fit(text)
    return text if len(text) <= SHORT else text[: SHORT - 1].rsplit(" ", 1)[0].rstrip(" ,") + "…"


def _drawn(book: Wordbook, count: int, seed: int) -> list[int]:
    """Ids of random words, of those that can be read as far as there are such among the first drawn."""
    width = min(len(table) for table in book.tables.values())
    there = torch.stack([norm(table[:width].float()) > TINY for table in book.tables.values()]).all(0).nonzero()[:, 0]
    draw = torch.Generator().manual_seed(seed)
    picks = there[torch.randint(len(there), (SPARE * count,), generator=draw)].tolist()
    return sorted(picks, key=lambda which: not book.text(which).strip().isalpha())[:count]


def _spoken(ids: Sequence[int], book: Wordbook, name: str) -> Noken:
    return Noken({letter: table[list(ids)].float() for letter, table in book.tables.items()}, name)


@contextlib.contextmanager
def _lying(data: bytes) -> Iterator[Path]:
    """Bytes as a file, for as long as it is read."""
    with tempfile.TemporaryDirectory(prefix="pxl-") as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        yield path
