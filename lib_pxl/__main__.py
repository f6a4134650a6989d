"""The command line: `python -m lib_pxl COMMAND`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Protocol

import lib_pxl.commons.command as commons
import lib_pxl.demo.command as demo
import lib_pxl.film.command as film
import lib_pxl.noken.command as noken
import lib_pxl.sharing.command as share
import lib_pxl.small.command as small
import lib_pxl.studio.command as studio
import lib_pxl.taste.command as taste
import lib_pxl.taste.opinions_command as opinions
from lib_pxl import __version__, doctor
from lib_pxl.errors import PxlError


class Command(Protocol):
    """What a command's module has."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Its options."""

    def run(self, given: argparse.Namespace) -> int:
        """Do it; the exit code."""


COMMANDS: dict[str, Command] = {
    "studio": studio,
    "film": film,
    "noken": noken,
    "opinions": opinions,
    "taste": taste,
    "share": share,
    "share-demo": demo,
    "commons": commons,
    "model": small,
    "doctor": doctor,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; an error that the user can put right is one line, and the exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m lib_pxl", description="pxl: control, nokens, taste and sharing")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        module.add_arguments(commands.add_parser(name, help=module.HELP, description=module.HELP))
    given = parser.parse_args(arguments)
    try:
        return COMMANDS[given.command].run(given)
    except PxlError as problem:
        print(f"pxl: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
