"""`python -m lib_pxl taste`: fit a taste to the opinions kept here, rank and propose prompts by it, and explain one."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib_pxl.errors import TasteError, Words, shown
from lib_pxl.store.folders import data_folder

if TYPE_CHECKING:
    from lib_pxl.taste.model import Taste
    from lib_pxl.taste.opinion import Item

HELP = "learn what you like from your opinions, and rank prompts by it"
EXAMPLE = """examples:
  python -m lib_pxl taste fit -o mine.safetensors
  python -m lib_pxl taste fit opinions.jsonl -o mine.safetensors
  python -m lib_pxl taste rank mine.safetensors prompts.txt --n 10
  python -m lib_pxl taste propose mine.safetensors "{an oil painting|a photo} of __animal__" --n 5
  python -m lib_pxl taste explain mine.safetensors "a fox, oil painting" --set model=sd15"""
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
    propose = ways.add_parser("propose", help="draw prompts of a template, and choose the most promising")
    explain = ways.add_parser("explain", help="say which parts of a prompt pull it up or down, and what to try instead")
    for each in (rank, propose, explain):
        each.add_argument("taste", type=Path, metavar="TASTE", help="what fit wrote")
    rank.add_argument("prompts", type=Path, metavar="FILE", help="one prompt in each line, or JSON lines of items")
    propose.add_argument("template", help="in the syntax of dynamicprompts; empty for one to begin with")
    explain.add_argument("prompt", help="the prompt")
    for each in (rank, propose, explain):
        each.add_argument("--category", default="overall", help="by which category; default overall")
    rank.add_argument("--n", type=int, help="only the first so many")
    rank.add_argument("--propose", action="store_true", help="draw bold and different ones instead of the surest")
    propose.add_argument("--n", type=int, default=10, help="how many; default 10")
    propose.add_argument("--among", type=int, default=500, help="how many are drawn to choose from; default 500")
    propose.add_argument("--wildcards", type=Path, action="append", default=[], metavar="DIR", help="one more folder")
    for each in (rank, propose):
        each.add_argument("--seed", type=int, default=0, help="of the draw; default 0")
        each.add_argument("--why", action="store_true", help="name what pulls each up or down")
    explain.add_argument("--profile", default="me", help="whose opinions name alternatives; default me")
    for each in (propose, explain):
        each.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the picture")
        each.add_argument("--data-dir", type=Path, metavar="DIR", help="the data folder; default the usual one")
    for each in (fit, rank, propose, explain):
        each.add_argument("--json", action="store_true", help="for a program to read")


def run(given: argparse.Namespace) -> int:
    """Do it."""
    {"fit": _fit, "rank": _rank, "propose": _propose, "explain": _explain}[given.way](given)
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
    from lib_pxl.taste.model import Taste
    from lib_pxl.taste.propose import propose

    taste, items = Taste.load(given.taste), list(_items(given.prompts))
    if given.n is not None and given.n < 1:
        raise TasteError("--n", got=given.n, wanted="at least 1")
    most = len(items) if given.n is None else given.n
    if given.propose:
        found = propose(taste, items, given.category, n=most, seed=given.seed)
        _tell(given, taste, [(*each[:3], {}) for each in found])
    else:
        mean, std = (each.tolist() for each in taste.score(items, given.category))
        order = sorted(range(len(items)), key=lambda place: -mean[place])[:most]
        _tell(given, taste, [(items[place], mean[place], std[place], {}) for place in order])


def _propose(given: argparse.Namespace) -> None:
    from lib_pxl.taste.model import Taste
    from lib_pxl.taste.opinion import Item
    from lib_pxl.taste.propose import propose
    from lib_pxl.taste.template import candidates, ready, wildcard_folders

    taste, settings = Taste.load(given.taste), _settings(given.set)
    folders = [*given.wildcards, *wildcard_folders(data_folder(given.data_dir))]
    drawn = candidates(given.template or ready(), given.among, given.seed, folders)
    items = [Item(str(place), each.prompt, settings=settings) for place, each in enumerate(drawn)]
    found = propose(taste, items, given.category, n=given.n, seed=given.seed)
    _tell(given, taste, [(*each[:3], {"parts": drawn[each.place].parts}) for each in found])


def _tell(given: argparse.Namespace, taste: Taste, chosen: Sequence[tuple[Item, float, float, dict[str, Any]]]) -> None:
    from lib_pxl.taste.explain import explain

    told: list[dict[str, Any]] = []
    for item, middle, spread, more in chosen:
        told.append({"id": item.id, "prompt": item.prompt, "mean": round(middle, 4), "std": round(spread, 4), **more})
        if given.why:
            told[-1]["why"] = [pull._asdict() for pull in explain(taste, item, given.category)[:NAMED]]
    sys.stdout.write(json.dumps(told) + "\n" if given.json else "".join(map(_spoken, told)))


def _explain(given: argparse.Namespace) -> None:
    from lib_pxl.store.database import Database
    from lib_pxl.taste.analyze import analyze
    from lib_pxl.taste.model import Taste
    from lib_pxl.taste.opinions import Opinions

    taste, settings = Taste.load(given.taste), _settings(given.set)
    known: list[Item] = []
    if (place := data_folder(given.data_dir) / "pxl.sqlite").is_file():
        opinions = Opinions(Database(place), given.profile)
        known = opinions.judged()
        opinions.database.close()
    found = analyze(taste, given.prompt, settings, given.category, known)
    parts = [part._asdict() | {"instead": [each._asdict() for each in part.instead]} for part in found.parts]
    if given.json:
        sys.stdout.write(json.dumps({**found._asdict(), "parts": parts}) + "\n")
        return
    instead = [" or ".join(f"{each.label} ({each.gain:+.2f})" for each in part.instead) for part in found.parts]
    lines = [f"{_pull(part)}{f'  try {more}' * bool(more)}" for part, more in zip(parts, instead, strict=True)]
    sys.stdout.write("\n".join([f"{found.mean:+.2f} ± {found.std:.2f}  {given.prompt}", *lines, ""]))


def _settings(given: Sequence[str]) -> dict[str, Any]:
    """Settings from the command line, where a number is one."""
    found: dict[str, Any] = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign or not name.strip():
            raise TasteError("--set", got=each, wanted="NAME=VALUE")
        try:
            read = json.loads(value)
        except ValueError:
            read = value
        found[name.strip()] = read if isinstance(read, (bool, int, float)) else value
    return found


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
    why = [_pull(pull) for pull in told.get("why", [])]
    return "\n".join([f"{told['mean']:+.2f} ± {told['std']:.2f}  {told['prompt']}", *why, ""])


def _pull(told: dict[str, Any]) -> str:
    return f"    {told['mean']:+.2f} ± {told['std']:.2f} {'!' if told['sure'] else ' '} {told['label']}"
