"""`python -m lib_pxl film`: a program's film strip as a picture, without any model."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib_pxl.errors import ProgramError, PxlError, StoreError
from lib_pxl.store.folders import data_folder

if TYPE_CHECKING:
    from PIL import Image

    from lib_pxl.control.film import Shot

HELP = "show what each layer of a program does at a handful of steps, without any model"
EXAMPLE = """examples:
  python -m lib_pxl film program.json -o strip.png
  python -m lib_pxl film picture.png -o strip.gif     (a picture made with pxl; one frame for each step)
  echo '{"layers": [{"source": {"kind": "noise"}}]}' | python -m lib_pxl film - -o strip.webp"""
FORMATS = {".png": "PNG", ".webp": "WEBP", ".gif": "GIF"}
MOVING = ".gif"
CELL, LARGE = 128, 192  # a cell's longer side, in a strip and in a GIF
_LASTS = 4000  # milliseconds of a GIF
_BRIEFEST = 60
_AT_THE_END = 1500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    parser.add_argument("program", metavar="PROGRAM", help="a JSON file of a program or a job, a PNG made with pxl, or "
                        "- for JSON from standard input")  # fmt: skip
    parser.add_argument("-o", "--out", type=Path, required=True, help="a .png, .webp or .gif; a GIF has a "
                        "frame for each step")  # fmt: skip
    parser.add_argument("--size", metavar="WIDTHxHEIGHT", help="of the picture; default: what the PNG says, or 512x512")
    parser.add_argument("--steps", type=int, help="sampling steps; default: what the PNG says, or 20")
    parser.add_argument("--columns", type=int, help="cells in each row of a strip; default 8")
    parser.add_argument("--seed", type=int, help="the picture's seed; default: what the PNG says, or 1")
    parser.add_argument("--hires", action="store_true", help="show the hires pass")
    parser.add_argument("--data-dir", type=Path, help="where the maps that are named map:HASH are kept")


def run(given: argparse.Namespace) -> int:
    """Draw it; an error is one sentence, and the exit code 2."""
    try:
        _draw(given)
    except PxlError as problem:
        sys.stderr.write(f"pxl: {problem}\n")
        return 2
    return 0


def _draw(given: argparse.Namespace) -> None:
    if given.out.suffix.lower() not in FORMATS:
        raise ProgramError("--out", got=given.out.name, wanted="a name that ends in .png, .webp or .gif")
    from lib_pxl.control.film import film
    from lib_pxl.film.read import layers_of, read
    from lib_pxl.film.sheet import Sheet
    from lib_pxl.store.maps import Maps

    data, told = read(given.program)
    layers, shot = layers_of(data), _shot(given, told)
    canvas = shot.canvas(maps=Maps(data_folder(given.data_dir) / "maps").path)
    rows = list(film(layers, shot, canvas))
    moving, columns = given.out.suffix.lower() == MOVING, len(shot.progress)
    sheet = Sheet(layers, rows, shot, 1 if moving else columns)
    pictures = map(sheet.draw, range(columns if moving else 1))  # one at a time: there may be many, and they are large
    _save(next(pictures), given.out, pictures, columns)


def _shot(given: argparse.Namespace, told: dict[str, Any]) -> Shot:
    """What the options say, else what the picture says, else what is usual; a GIF has a column for each step."""
    from lib_pxl.control.film import KNOBS, Shot

    asked = {name: getattr(given, name) for name in ("steps", "columns", "seed") if getattr(given, name) is not None}
    if given.size is not None:
        sides = re.fullmatch(r"(\d{1,6})[xX](\d{1,6})", given.size, re.ASCII)
        if sides is None:
            raise ProgramError("--size", got=given.size, wanted="WIDTHxHEIGHT in pixels, such as 768x512")
        asked |= {"width": int(sides[1]), "height": int(sides[2])}
    values = {name: KNOBS[name].parse(value, f"--{name}") for name, value in (told | asked).items()}
    shot = Shot(**values, hires=given.hires, side=CELL)
    return replace(shot, columns=shot.steps, side=LARGE) if given.out.suffix.lower() == MOVING else shot


def _save(first: Image.Image, path: Path, rest: Iterator[Image.Image], count: int) -> None:
    """A picture, or as many as there are frames in a GIF, or an error in words."""
    how: dict[str, Any] = {"quality": 92, "method": 4} if path.suffix.lower() == ".webp" else {}
    if path.suffix.lower() == MOVING:
        each = [max(_BRIEFEST, _LASTS // count)] * (count - 1)
        how = {"save_all": True, "append_images": rest, "loop": 0, "duration": [*each, _AT_THE_END]}
    try:
        first.save(path, FORMATS[path.suffix.lower()], **how)
    except OSError as problem:
        raise StoreError(f"file {path}", got=problem.strerror or str(problem), wanted="a file to write") from problem
