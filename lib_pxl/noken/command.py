"""`python -m lib_pxl noken`: breed nokens, and show what a file of one holds, without any model."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib_pxl.errors import StoreError

if TYPE_CHECKING:
    from lib_pxl.noken.genome import Noken

HELP = "breed textual inversions, or show what is in one"
EXAMPLE = """examples:
  python -m lib_pxl noken breed fox.safetensors owl.pt -o litter --n 8 --mix 0.3
  python -m lib_pxl noken show litter/*.safetensors"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    ways = parser.add_subparsers(dest="way", required=True, metavar="WAY")
    breed = ways.add_parser("breed", help="make children of two or more, as textual inversions for any WebUI")
    breed.add_argument("parents", nargs="+", metavar="FILE", type=Path, help="a .safetensors, .pt, .bin or picture")
    breed.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="the folder for the children")
    breed.add_argument("--n", type=int, default=4, help="how many children; default 4")
    breed.add_argument("--seed", type=int, default=1, help="the same seed gives the same children; default 1")
    breed.add_argument("--method", default="slerp", help="slerp, cross or blend; default slerp")
    breed.add_argument(
        "--mix", type=float, help="the share of the later parents, 0 to 1; default: drawn for each child"
    )
    show = ways.add_parser("show", help="name, family, lineage and norms")
    show.add_argument("files", nargs="+", metavar="FILE", type=Path, help="a .safetensors, .pt, .bin or picture")
    for each in (breed, show):
        each.add_argument("--json", action="store_true", help="for a program to read")


def run(given: argparse.Namespace) -> int:
    """Do it."""
    from lib_pxl.noken import Noken

    found = [(path, Noken.load(path)) for path in given.files] if given.way == "show" else _breed(given)
    told = [_told(path, noken) for path, noken in found]
    sys.stdout.write(json.dumps(told) + "\n" if given.json else "\n".join(map(_spoken, told)))
    return 0


def _breed(given: argparse.Namespace) -> list[tuple[Path, Noken]]:
    from lib_pxl.noken import Noken, breed

    parents = [Noken.load(path) for path in given.parents]
    children = breed(parents, n=given.n, seed=given.seed, method=given.method, mix=given.mix)
    try:
        given.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"folder {given.out}", got=error.strerror, wanted="one that can be made") from error
    found = {given.out / f"pxl-{child.hash[:12]}.safetensors": child for child in children}
    for path, child in found.items():
        child.save(path)
    return list(found.items())


def _told(path: Path, noken: Noken) -> dict[str, Any]:
    norms = {letter: [round(float(row.norm()), 4) for row in rows] for letter, rows in noken.vectors.items()}
    lineage = json.loads(noken.lineage.format())
    about = {"path": str(path), "name": noken.name, "hash": noken.hash, "family": noken.family, "tokens": len(noken)}
    return {**about, "lineage": lineage, "norms": norms}


def _spoken(told: dict[str, Any]) -> str:
    lines = [told["path"]]
    lines += [f"  {key:<8} {told[key]}" for key in ("name", "hash", "family", "tokens")]
    lines += [f"  {key:<8} {json.dumps(value)}" for key, value in told["lineage"].items()]
    lines += [
        f"  norm {letter}   {' '.join(f'{norm:.3f}' for norm in norms)}" for letter, norms in told["norms"].items()
    ]
    return "\n".join(lines) + "\n"
