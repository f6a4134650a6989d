"""`python -m lib_pxl share-demo`: the way of an opinion from a yes to its erasure, without a network."""

from __future__ import annotations

import argparse

HELP = "see the whole way of a shared opinion, on this machine alone"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--yes", action="store_true", help="agree without being asked")


def run(given: argparse.Namespace) -> int:
    """Play it; a no is as good an end as a yes."""
    from lib_pxl.demo import play
    from lib_pxl.demo.teller import Teller

    teller = Teller()
    play.show(teller, (lambda: True) if given.yes else teller.ask)
    return 0
