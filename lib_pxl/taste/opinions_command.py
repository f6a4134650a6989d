"""`python -m lib_pxl opinions`: opinions out of the database into a file, and back."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from lib_pxl.store.folders import data_folder
from lib_pxl.taste.command import bar

HELP = "write your opinions to a file, or take them in from one"
EXAMPLE = """examples:
  python -m lib_pxl opinions export mine.jsonl
  python -m lib_pxl opinions import theirs.csv --profile them"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    ways = parser.add_subparsers(dest="way", required=True, metavar="WAY")
    for name, told in (("export", "write all that counts"), ("import", "take in what is new; what is here stays")):
        way = ways.add_parser(name, help=told)
        way.add_argument("file", type=Path, metavar="FILE", help="a .csv, or JSON lines under any other name")
        way.add_argument("--profile", default="me", help="whose opinions; default me")
        way.add_argument("--data-dir", type=Path, metavar="DIR", help="the data folder; default the usual one")
        way.add_argument("--json", action="store_true", help="for a program to read")


def run(given: argparse.Namespace) -> int:
    """Do it."""
    from lib_pxl.store.database import Database
    from lib_pxl.taste.exchange import export, take
    from lib_pxl.taste.opinions import Opinions

    opinions = Opinions(Database(data_folder(given.data_dir) / "pxl.sqlite"), given.profile)
    count = export(opinions, given.file) if given.way == "export" else take(opinions, given.file, bar("importing"))
    told = {"file": str(given.file), "profile": opinions.profile, "opinions": count}
    spoken = f"{count:,} opinions {'written to' if given.way == 'export' else 'that are new from'} {given.file}"
    sys.stdout.write((json.dumps(told) if given.json else spoken) + "\n")
    return 0
