"""`python -m lib_pxl opinions`: opinions out of the database into a file, and back; and pictures of the past."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib_pxl.store.folders import data_folder
from lib_pxl.taste.command import bar

if TYPE_CHECKING:
    from lib_pxl.taste.opinions import Opinions

HELP = "write your opinions to a file, or take them in from one; take in pictures that you have made"
FILE = "a .csv, or JSON lines under"
EXAMPLE = """examples:
  python -m lib_pxl opinions export mine.jsonl
  python -m lib_pxl opinions import theirs.csv --profile them
  python -m lib_pxl opinions import ~/stable-diffusion-webui/outputs"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    ways = parser.add_subparsers(dest="way", required=True, metavar="WAY")
    out = ways.add_parser("export", help="write all that counts")
    out.add_argument("file", type=Path, metavar="FILE", help=f"{FILE} any other name")
    back = ways.add_parser("import", help="take in what is new; what is here stays")
    back.add_argument("file", type=Path, nargs="+", metavar="PATH", help=f"{FILE} another name; or pictures and "
                      "folders of them, as A1111, Forge and the studio write them")  # fmt: skip
    for way in (out, back):
        way.add_argument("--profile", default="me", help="whose opinions; default me")
        way.add_argument("--data-dir", type=Path, metavar="DIR", help="the data folder; default the usual one")
        way.add_argument("--json", action="store_true", help="for a program to read")


def run(given: argparse.Namespace) -> int:
    """Do it."""
    from lib_pxl.store.database import Database
    from lib_pxl.taste.exchange import export
    from lib_pxl.taste.opinions import Opinions

    data = data_folder(given.data_dir)
    opinions = Opinions(Database(data / "pxl.sqlite"), given.profile)
    if given.way == "import":
        told, spoken = _import(opinions, data, given.file)
    else:
        count = export(opinions, given.file)
        told, spoken = {"file": str(given.file), "opinions": count}, [f"{count:,} opinions written to {given.file}"]
    told |= {"profile": opinions.profile}
    sys.stdout.write((json.dumps(told) if given.json else "\n".join(spoken)) + "\n")
    return 0


def _import(opinions: Opinions, data: Path, paths: list[Path]) -> tuple[dict[str, Any], list[str]]:
    from lib_pxl.store.thumbnails import THUMBNAILS, Thumbnails
    from lib_pxl.taste.exchange import take
    from lib_pxl.taste.folder import SUFFIXES, gather

    pictures = [path for path in paths if path.is_dir() or path.suffix.lower() in SUFFIXES]
    files = [path for path in paths if path not in pictures]
    count = sum(take(opinions, path, bar("importing")) for path in files)
    told: dict[str, Any] = {"opinions": count}
    spoken = [f"{count:,} opinions that are new"] if files else []
    if pictures:
        found = gather(pictures, opinions, Thumbnails(data / THUMBNAILS), progress=bar("looking"))
        told |= {"pictures": asdict(found)}
        spoken += found.spoken()
    return told, spoken
