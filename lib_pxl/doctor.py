"""`python -m lib_pxl doctor`: what is here, what works and what is missing, in one look."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lib_pxl import __version__
from lib_pxl.errors import PxlError
from lib_pxl.store.database import Database
from lib_pxl.store.folders import data_folder

HELP = "show the host, versions, device and data folder: what works and what is missing"
PACKAGES = {
    "torch": "control needs it",
    "numpy": "control needs it",
    "pillow": "maps need it",
    "safetensors": "nokens will need it",
    "fastapi": "the REST routes need it",
    "gradio": "the panel needs it",
    "diffusers": "the studio needs it; a WebUI does not",
    "transformers": "the studio needs it",
    "dynamicprompts": "templates of prompts need it",
    "boto3": "sharing with a bucket of your own needs it",
    "cryptography": "sharing needs it, to sign what is sent",
}
OPTIONAL = ("safetensors", "diffusers", "transformers", "dynamicprompts", "boto3", "cryptography")
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Finding:
    """One line: a thing, what was found, and whether that is well (None: it may be missing)."""

    what: str
    found: str
    well: bool | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--data-dir", type=Path, help="the data folder to look at")
    parser.add_argument("--json", action="store_true", help="print JSON for a program to read")


def run(given: argparse.Namespace) -> int:
    """Print all findings; the exit code is 1 where something is broken."""
    findings = list(examine(given.data_dir))
    if given.json:
        print(json.dumps({"pxl": __version__, "findings": [asdict(each) for each in findings]}, indent=1))
    else:
        width = max(len(each.what) for each in findings)
        for each in findings:
            mark = {True: "ok", False: "BROKEN", None: "-"}[each.well]
            print(f"{mark:>6}  {each.what:<{width}}  {each.found}")
    return int(any(each.well is False for each in findings))


def examine(folder: Path | None) -> Iterator[Finding]:
    """Everything, in order of what to look at first."""
    yield Finding("pxl", f"{__version__} in {ROOT}", True)
    yield Finding("Python", f"{platform.python_version()} on {platform.platform()}", sys.version_info >= (3, 10))
    yield _host()
    for name, why in PACKAGES.items():
        yield _package(name, why)
    yield _guarded("device", _device)
    data = data_folder(folder or (None if os.environ.get("PXL_DATA_DIR") else _host_data()))
    yield _guarded("data folder", lambda: _folder(data))
    yield _guarded("database", lambda: _database(data / "pxl.sqlite"))


def _host() -> Finding:
    webui = _webui()
    if webui is None:
        return Finding("host", "none: the stand-alone studio (python -m lib_pxl studio)", True)
    kind = "Forge" if (webui / "modules_forge").is_dir() else "A1111"
    return Finding("host", f"{kind} in {webui}", True)


def _webui() -> Path | None:
    """The WebUI whose extensions folder holds this pxl, also where that is a link."""
    places = [ROOT.parent.parent, Path.cwd(), *Path.cwd().parents]
    return next((place for place in places if (place / "modules" / "script_callbacks.py").is_file()), None)


def _host_data() -> Path | None:
    webui = _webui()
    return webui / "pxl" if webui else None


def _package(name: str, why: str) -> Finding:
    try:
        return Finding(name, version(name), True)
    except PackageNotFoundError:
        return Finding(name, f"missing: {why}", None if name in OPTIONAL else False)


def _guarded(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, look(), True)
    except (PxlError, OSError, ImportError, RuntimeError) as problem:
        return Finding(what, str(problem), False)


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        free, whole = torch.cuda.mem_get_info()
        return f"{torch.cuda.get_device_name()}, {free >> 20} of {whole >> 20} MiB free"
    if torch.backends.mps.is_available():
        return "Apple GPU (MPS)"
    return f"CPU, {torch.get_num_threads()} threads"


def _folder(data: Path) -> str:
    if not data.exists():
        return f"{data} (made when first needed)"
    maps = sum(1 for _ in (data / "maps").glob("*")) if (data / "maps").is_dir() else 0
    return f"{data}, {maps} maps, {shutil.disk_usage(data).free >> 20} MiB free on the disk"


def _database(path: Path) -> str:
    if not path.exists():
        return f"{path} (made when first needed)"
    rows = Database(path).rows("SELECT count(*) FROM presets")
    return f"{path}, {path.stat().st_size >> 10} KiB, {rows[0][0]} presets"
