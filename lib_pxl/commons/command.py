"""`python -m lib_pxl commons`: the receiver of shared opinions, packed for Lambda, and looked after."""

from __future__ import annotations

import argparse
import json
import re
import sys
from datetime import datetime, timezone
from pathlib import Path

from lib_pxl.errors import WireError, Words

HELP = "the receiver of shared opinions: deploy it, look after it"
EXAMPLE = """examples:
  python -m lib_pxl commons package build/commons
  python -m lib_pxl commons count my-bucket --json
  python -m lib_pxl commons block my-bucket RATER"""

CARE = {
    "count": "how much counts",
    "sweep": "take up now what lost events left",
    "block": "take nothing more of a rater, and count nothing",
    "open": "undo a block",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    ways = parser.add_subparsers(dest="way", required=True, metavar="WAY")
    package = ways.add_parser("package", help="make the folder that the template deploys")
    package.add_argument("folder", type=Path, metavar="DIR")
    for name, text in CARE.items():
        ways.add_parser(name, help=text).add_argument("bucket", help="by the AWS profile of whoever calls")
    ways.choices["count"].add_argument("--json", action="store_true", help="for a program to read")
    for name in ("block", "open"):
        ways.choices[name].add_argument("rater", help="64 hexadecimal digits")


def run(given: argparse.Namespace) -> int:
    """Do it."""
    if given.way == "package":
        from lib_pxl.commons import package

        package.copy(given.folder)
        package.install(given.folder)
        return 0
    return _look_after(given)


def _look_after(given: argparse.Namespace) -> int:
    from lib_pxl.commons import intake, lake, ledger
    from lib_pxl.commons.bucket import open_bucket

    bucket, now = open_bucket(given.bucket), datetime.now(timezone.utc)
    if given.way == "sweep":
        intake.sweep(bucket, now)
    elif given.way == "count":
        pages = [page for _, page in lake.raters(bucket)]
        told = {"raters": len(pages), "records": sum(page.records for page in pages)}
        print(json.dumps(told) if given.json else f"{told['records']} records of {told['raters']} raters")
    else:
        if not re.fullmatch("[0-9a-f]{64}", given.rater):
            raise WireError("rater", got=Words("something else"), wanted="64 lower hexadecimal digits")
        close = given.way == "block"
        page = ledger.change(
            bucket, given.rater, lambda page: page.close(ledger.BLOCKED, now) if close else page.open()
        )
        print(f"{page.closed or 'open'}, {page.records} records", file=sys.stderr)
    return 0
