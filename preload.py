"""The flags that pxl adds to the WebUI's command line."""

from __future__ import annotations

from argparse import ArgumentParser


def preload(parser: ArgumentParser) -> None:
    """Add pxl's flags; called by the WebUI before it reads its command line."""
    parser.add_argument("--pxl-data-dir", metavar="FOLDER", help="where pxl keeps maps, presets and its database")
    parser.add_argument("--pxl-no-share", action="store_true", help="share nothing, whatever was agreed to")
