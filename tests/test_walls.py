"""The walls of the house (docs/architecture.md), held by reading every import, those inside functions too."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "pxl.py"

GROUND = {"errors", "knobs"}
FEATURES = {"control", "noken", "taste", "share"}
CORE = GROUND | {"store"} | FEATURES
# Each piece of lib_pxl, and the pieces that it may import beside itself: a new one is added here.
MAY_IMPORT = {
    "__init__": set(),
    "errors": set(),
    "knobs": {"errors"},
    "wire": {"errors"},
    "store": GROUND,
    **dict.fromkeys(FEATURES, GROUND | {"store"}),
    "share": GROUND | {"store", "wire"},
    "commons": {"errors", "wire"},
    "world": set(),
    "hosts": CORE,
    "small": GROUND | {"world", "hosts"},
    "film": GROUND | {"store", "control", "hosts"},
    "ui": CORE,
    "web": GROUND,
    "breed": GROUND | {"store", "noken", "taste", "hosts", "web"},
    "judging": GROUND | {"store", "taste", "hosts", "web"},
    "sharing": GROUND | {"store", "taste", "share", "hosts", "web"},
    "demo": {"errors", "wire", "taste", "share", "sharing", "commons"},
    "rest": GROUND | {"store", "control", "taste", "hosts", "film", "breed", "judging", "sharing", "web"},
    "studio": CORE | {"hosts", "ui", "rest", "film", "small", "world"},
    "doctor": CORE | {"hosts"},
    "__main__": CORE | {"commons", "hosts", "ui", "rest", "film", "small", "sharing", "studio", "doctor", "demo"},
}
# Packages that only some files may import, and those of them that must wait inside a function.
ONLY = {
    "modules": tuple(f"lib_pxl/hosts/{name}.py" for name in ("webui", "forge", "script", "solo")),
    "backend": ("lib_pxl/hosts/forge.py",),
    "gradio": ("lib_pxl/ui/", "lib_pxl/studio/"),
    "boto3": ("lib_pxl/share/", "lib_pxl/commons/"),
    "botocore": ("lib_pxl/share/", "lib_pxl/commons/"),
}
LAZY = {"boto3", "botocore"}
TOO_HEAVY = ("boto3", "transformers", "diffusers", "cv2", "matplotlib")


class Import(NamedTuple):
    """One name that a file imports; `late` when it waits inside a function."""

    name: str
    line: int
    late: bool


class Source(NamedTuple):
    """A file of pxl: its place, its dotted name and its text, read once."""

    path: str
    name: str
    imports: tuple[Import, ...]
    lines: int

    @property
    def piece(self) -> str:
        """The piece of the house that the file belongs to."""
        return self.name.partition(".")[2].partition(".")[0] or "__init__"


def names(node: ast.AST) -> list[str]:
    """Every dotted name that a node imports, by statement or by a call with a plain text."""
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom():
            base = "." * node.level + (node.module or "")
            return [f"{base}.{alias.name}" for alias in node.names]
        case ast.Call(
            func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str() as name), *_],
        ):
            return [name]
    return []


def read(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    late = {id(inner) for function in functions for inner in ast.walk(function)}
    imports = [
        Import(name, getattr(node, "lineno", 0), id(node) in late) for node in ast.walk(tree) for name in names(node)
    ]
    place = path.relative_to(ROOT)
    dotted = ".".join(place.with_suffix("").parts).removesuffix(".__init__")
    lines = sum(1 for line in text.splitlines() if line.strip())
    return Source(place.as_posix(), dotted, tuple(imports), lines)


HOUSE = [read(path) for path in sorted((ROOT / "lib_pxl").rglob("*.py"))]
OUTSIDE = [read(ROOT / name) for name in ("install.py", "preload.py")] + [read(p) for p in ROOT.glob("scripts/*.py")]
BY_NAME = {source.name: source for source in HOUSE}


def target(name: str) -> Source | None:
    """The file of ours that an imported name lives in: `lib_pxl.errors.PxlError` is in lib_pxl/errors.py."""
    while name and name not in BY_NAME:
        name = name.rpartition(".")[0]
    return BY_NAME.get(name)


def package(name: str) -> str:
    return name.partition(".")[0]


def bound(packages: set[str]) -> set[str]:
    """Name the files that import one of the packages anywhere, or, when they are imported, a file that does."""
    found = {source.name for source in HOUSE if packages & {package(item.name) for item in source.imports}}
    while more := {
        source.name
        for source in HOUSE
        if source.name not in found
        and any(inner.name in found for item in source.imports if not item.late and (inner := target(item.name)))
    }:
        found |= more
    return found


def test_every_piece_of_the_house_is_known() -> None:
    unknown = {source.piece for source in HOUSE} - MAY_IMPORT.keys()
    assert not unknown, f"{unknown}: say in tests/test_walls.py, MAY_IMPORT, what it may import"


def test_imports_point_one_way() -> None:
    wrong = [
        f"{source.path}:{item.line} imports {item.name}"
        for source in HOUSE
        for item in source.imports
        if (inner := target(item.name)) and inner.piece not in MAY_IMPORT[source.piece] | {source.piece, "__init__"}
    ]
    assert not wrong


def test_the_walls_themselves_make_no_circle() -> None:
    assert tuple(TopologicalSorter(MAY_IMPORT).static_order())


def test_no_import_is_relative() -> None:
    assert not [s.path for s in HOUSE + OUTSIDE for item in s.imports if item.name.startswith(".")]


def test_nothing_imports_in_a_circle() -> None:
    graph = {s.name: {t.name for item in s.imports if (t := target(item.name)) and t is not s} for s in HOUSE}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("door", ONLY)
def test_a_package_has_one_door(door: str) -> None:
    wrong = [
        f"{source.path}:{item.line}"
        for source in HOUSE + OUTSIDE
        for item in source.imports
        if package(item.name) == door and not (source.path.startswith(ONLY[door]) and (item.late or door not in LAZY))
    ]
    assert not wrong, f"{door} belongs to {ONLY[door]}"


def test_four_fifths_of_the_lines_run_without_a_host() -> None:
    host = bound({"modules", "backend", "gradio"})
    free = sum(source.lines for source in HOUSE if source.name not in host)
    assert free >= 0.8 * sum(source.lines for source in HOUSE)


def python(code: str, tmp_path: Path, *arguments: str) -> str:
    """What a fresh Python prints, with a home and a data folder of its own."""
    home = {"HOME": str(tmp_path), "PXL_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, *arguments],
        env=os.environ | home,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


WATCH = """
import importlib, logging, os, sys, threading, warnings

def load():
    for name in sys.argv[1:]:
        importlib.import_module(name)

def state():
    return (list(sys.path), list(sys.meta_path), dict(os.environ), threading.active_count(), list(warnings.filters),
            list(logging.root.handlers), sys.excepthook, sorted(os.listdir()))

def watch(event, arguments):
    writes = event == "open" and set(arguments[1] or "") & set("wax+")
    if watching and (writes or event.partition(".")[0] in ("socket", "sqlite3", "subprocess") or event in CHANGES):
        print(event, arguments)

CHANGES = ("os.mkdir", "os.remove", "os.rename")
watching = False
load()  # what others do when they are imported first is theirs
for name in [name for name in sys.modules if name.partition(".")[0] == "lib_pxl"]:
    del sys.modules[name]
before = state()
sys.addaudithook(watch)
watching = True
load()
watching = False
if state() != before:
    print([pair for pair in zip(before, state()) if pair[0] != pair[1]])
"""


def test_importing_does_nothing(tmp_path: Path) -> None:
    free = BY_NAME.keys() - bound({"modules", "backend"})
    assert python(WATCH, tmp_path, *sorted(free)) == ""


SCRIPT_IN_HOST = """
import importlib.util, sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from unittest.mock import MagicMock
import fastapi, gradio, numpy, PIL.Image, torch  # a host has these at hand

class Stub(ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        value = type(name, (), {"__init__": lambda self, *a, **k: None}) if name[0].isupper() else MagicMock()
        setattr(self, name, value)
        return value

class Finder:
    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        if root in heavy:
            print(name)
        return ModuleSpec(name, self, is_package=True) if root == "modules" else None

    def create_module(self, spec):
        return Stub(spec.name)

    def exec_module(self, module):
        pass

heavy = set(sys.argv[2:])
sys.meta_path.insert(0, Finder())
spec = importlib.util.spec_from_file_location("pxl.py", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
"""


def test_the_script_of_the_webui_pulls_in_nothing_heavy(tmp_path: Path) -> None:
    assert SCRIPT.is_file()
    assert python(SCRIPT_IN_HOST, tmp_path, str(SCRIPT), *TOO_HEAVY) == ""
