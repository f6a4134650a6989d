"""`python -m lib_pxl noken`: breed nokens, show what a file holds, and look after the pool, without any model."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib_pxl.errors import StoreError

if TYPE_CHECKING:
    from lib_pxl.noken.genome import Noken
    from lib_pxl.noken.individual import Individual
    from lib_pxl.noken.pool import Pool

HELP = "breed textual inversions, show what is in one, or look after the pool"
EXAMPLE = """examples:
  python -m lib_pxl noken breed fox.safetensors owl.pt -o litter --n 8 --mix 0.3 --table v1-5.safetensors
  python -m lib_pxl noken show litter/*.safetensors
  python -m lib_pxl noken export pool.safetensors
  python -m lib_pxl noken import pool.safetensors litter/*.safetensors"""


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
    breed.add_argument("--table", type=Path, metavar="CHECKPOINT", help="hold the children among this model's words")
    show = ways.add_parser("show", help="name, family, lineage and norms")
    show.add_argument("files", nargs="+", metavar="FILE", type=Path, help="a .safetensors, .pt, .bin or picture")
    listed = ways.add_parser("list", help="the pool, the newest first")
    export = ways.add_parser("export", help="write the pool, or some of it, as one file")
    export.add_argument("file", metavar="FILE", type=Path, help="where to; it ends in .safetensors")
    export.add_argument("nokens", nargs="*", metavar="NOKEN", help="names or hashes; default: all")
    taken = ways.add_parser("import", help="take pools and textual inversions into the pool")
    taken.add_argument("files", nargs="+", metavar="FILE", type=Path, help="an exported pool, or what breed takes")
    for each in (listed, export, taken):
        each.add_argument("--data-dir", type=Path, help="where the pool is kept; default: the studio's")
    for each in (breed, show, listed, export, taken):
        each.add_argument("--json", action="store_true", help="for a program to read")


def run(given: argparse.Namespace) -> int:
    """Do it."""
    if given.way in POOL:
        individuals = POOL[given.way](_pool(given.data_dir), given)
        told = [each.format() for each in individuals]
        sys.stdout.write(json.dumps(told) + "\n" if given.json else "".join(map(_line, individuals)))
        return 0
    from lib_pxl.noken import Noken

    found = [(path, Noken.load(path)) for path in given.files] if given.way == "show" else _breed(given)
    spoken = [_told(path, noken) for path, noken in found]
    sys.stdout.write(json.dumps(spoken) + "\n" if given.json else "\n".join(map(_spoken, spoken)))
    return 0


def _pool(folder: Path | None) -> Pool:
    from lib_pxl.noken.pool import Pool
    from lib_pxl.store.database import Database
    from lib_pxl.store.folders import data_folder

    data = data_folder(folder)
    return Pool(Database(data / "pxl.sqlite"), data / "nokens")


def _export(pool: Pool, given: argparse.Namespace) -> list[Individual]:
    which = [pool.find(each) or pool.get(each) for each in given.nokens]
    pool.export(given.file, [each.hash for each in which] if given.nokens else None)
    return which or pool.alive()


def _import(pool: Pool, given: argparse.Namespace) -> list[Individual]:
    from lib_pxl.noken import Noken
    from lib_pxl.noken.bundle import is_pool

    return [one for each in given.files for one in (pool.take(each) if is_pool(each) else pool.add([Noken.load(each)]))]


POOL: dict[str, Callable[[Pool, argparse.Namespace], list[Individual]]] = {
    "list": lambda pool, given: pool.alive(),
    "export": _export,
    "import": _import,
}


def _breed(given: argparse.Namespace) -> list[tuple[Path, Noken]]:
    from lib_pxl.noken import Noken, breed
    from lib_pxl.noken.table import read_table

    parents = [Noken.load(path) for path in given.parents]
    table = None if given.table is None else read_table(given.table)
    children = breed(parents, n=given.n, seed=given.seed, method=given.method, mix=given.mix, table=table)
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


def _line(each: Individual) -> str:
    kept = "*" if each.kept else " "
    return f"{each.hash} {kept} {each.family:<12} {each.tokens:>2} {each.lineage.generation:>3}  {each.name}\n"


def _spoken(told: dict[str, Any]) -> str:
    lines = [told["path"]]
    lines += [f"  {key:<8} {told[key]}" for key in ("name", "hash", "family", "tokens")]
    lines += [f"  {key:<8} {json.dumps(value)}" for key, value in told["lineage"].items()]
    lines += [
        f"  norm {letter}   {' '.join(f'{norm:.3f}' for norm in norms)}" for letter, norms in told["norms"].items()
    ]
    return "\n".join(lines) + "\n"
