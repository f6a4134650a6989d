"""`python -m lib_pxl taste`: fit a taste to the opinions kept here, and rank prompts by it."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib_pxl.errors import TasteError, Words, shown
from lib_pxl.store.folders import data_folder

if TYPE_CHECKING:
    from lib_pxl.taste.opinion import Item

HELP = "learn what you like from your opinions, and rank prompts by it"
EXAMPLE = """examples:
  python -m lib_pxl taste fit -o mine.safetensors
  python -m lib_pxl taste fit opinions.jsonl -o mine.safetensors
  python -m lib_pxl taste rank mine.safetensors prompts.txt --n 10"""
MAX_BYTES = 256 << 20
WIDTH = 30  # of a progress bar
NAMED = 5  # reasons


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    ways = parser.add_subparsers(dest="way", required=True, metavar="WAY")
    fit = ways.add_parser("fit", help="learn, and say how well")
    fit.add_argument("opinions", nargs="?", type=Path, metavar="FILE", help="exported opinions; default: those kept")
    fit.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help="the .safetensors to write")
    fit.add_argument("--profile", default="me", help="whose opinions; default me")
    fit.add_argument("--data-dir", type=Path, metavar="DIR", help="the data folder; default the usual one")
    rank = ways.add_parser("rank", help="put prompts in order, the best first")
    rank.add_argument("taste", type=Path, metavar="TASTE", help="what fit wrote")
    rank.add_argument("prompts", type=Path, metavar="FILE", help="one prompt in each line, or JSON lines of items")
    rank.add_argument("--category", default="overall", help="by which category; default overall")
    rank.add_argument("--n", type=int, help="only the first so many")
    rank.add_argument("--propose", action="store_true", help="draw bold and different ones instead of the surest")
    rank.add_argument("--seed", type=int, default=0, help="of the draw; default 0")
    rank.add_argument("--why", action="store_true", help="name what pulls each up or down")
    for each in (fit, rank):
        each.add_argument("--json", action="store_true", help="for a program to read")


def run(given: argparse.Namespace) -> int:
    """Do it."""
    if given.way == "fit":
        _fit(given)
    else:
        _rank(given)
    return 0


def bar(what: str) -> Callable[[float], None]:
    """A progress bar, where somebody looks on."""

    def show(share: float) -> None:
        if sys.stderr.isatty():
            full = round(share * WIDTH)
            sys.stderr.write(f"\r{what} [{'#' * full}{'.' * (WIDTH - full)}] {share:4.0%}" + "\n" * (share >= 1))
            sys.stderr.flush()

    return show


def _fit(given: argparse.Namespace) -> None:
    from lib_pxl.store.database import Database
    from lib_pxl.taste.exchange import take
    from lib_pxl.taste.model import Taste
    from lib_pxl.taste.opinions import Opinions

    with tempfile.TemporaryDirectory() as folder:
        place = data_folder(given.data_dir) if given.opinions is None else Path(folder)
        opinions = Opinions(Database(place / "pxl.sqlite"), given.profile)
        if given.opinions is not None:
            take(opinions, given.opinions, bar("reading"))
        taste = Taste.fit(opinions.judged(), opinions.opinions(), progress=bar("learning"))
        opinions.database.close()
    taste.save(given.out)
    told = json.loads(taste.card.format())
    sys.stdout.write(json.dumps(told) + "\n" if given.json else "\n".join([str(given.out), *taste.card.spoken(), ""]))


def _rank(given: argparse.Namespace) -> None:
    from lib_pxl.taste.explain import explain
    from lib_pxl.taste.model import Taste
    from lib_pxl.taste.propose import propose

    taste, items = Taste.load(given.taste), list(_items(given.prompts))
    if given.n is not None and given.n < 1:
        raise TasteError("--n", got=given.n, wanted="at least 1")
    most = len(items) if given.n is None else given.n
    if given.propose:
        ranked = [
            (each.item, each.mean, each.std) for each in propose(taste, items, given.category, n=most, seed=given.seed)
        ]
    else:
        mean, std = (each.tolist() for each in taste.score(items, given.category))
        order = sorted(range(len(items)), key=lambda place: -mean[place])[:most]
        ranked = [(items[place], mean[place], std[place]) for place in order]
    told: list[dict[str, Any]] = []
    for item, middle, spread in ranked:
        told.append({"id": item.id, "prompt": item.prompt, "mean": round(middle, 4), "std": round(spread, 4)})
        if given.why:
            told[-1]["why"] = [pull._asdict() for pull in explain(taste, item, given.category)[:NAMED]]
    sys.stdout.write(json.dumps(told) + "\n" if given.json else "".join(map(_spoken, told)))


def _items(path: Path) -> Iterator[Item]:
    """The items of JSON lines, or of a file with a prompt in each line."""
    from lib_pxl.taste.opinion import Item
    from lib_pxl.taste.record import Record

    what = f"file {shown(path.name)}"
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TasteError(what, got=Words("a larger file"), wanted=f"at most {MAX_BYTES >> 20} MiB")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise TasteError(what, got=Words(str(error)), wanted="a text file that can be read") from error
    for number, line in enumerate(filter(str.strip, lines), 1):
        if not line.lstrip().startswith("{"):
            yield Item(str(number), line.strip())
            continue
        try:
            yield Record.parse({"id": str(number), **json.loads(line)}).item
        except (ValueError, RecursionError) as error:
            raise TasteError(f"{what}, line {number}", got=line, wanted="one JSON object") from error


def _spoken(told: dict[str, Any]) -> str:
    why = [
        f"    {pull['mean']:+.2f} ± {pull['std']:.2f} {'!' if pull['sure'] else ' '} {pull['label']}"
        for pull in told.get("why", [])
    ]
    return "\n".join([f"{told['mean']:+.2f} ± {told['std']:.2f}  {told['prompt']}", *why, ""])
