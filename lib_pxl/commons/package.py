"""What Lambda runs: the receiver's own files and cryptography, for the machine that the template names."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from lib_pxl.errors import WireError, Words, shown

HERE = Path(__file__).resolve().parent
BESIDE = ("__init__.py", "errors.py", "wire.py")
NOT_THERE = ("loopback.py", "command.py", "package.py", "template.yaml", "__pycache__")
MACHINE = ("--python-version", "3.13", "--platform", "manylinux_2_28_aarch64", "--platform", "manylinux2014_aarch64")


def copy(folder: Path) -> None:
    """Put the receiver's files into a folder, in place of what was there."""
    if folder.exists() and not (folder / "lib_pxl").is_dir() and any(folder.iterdir()):
        raise WireError(f"folder {shown(str(folder))}", got=Words("other files"), wanted="a new or an empty one")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HERE, folder / "lib_pxl" / "commons", ignore=shutil.ignore_patterns(*NOT_THERE))
    for name in BESIDE:
        shutil.copy(HERE.parent / name, folder / "lib_pxl" / name)


def install(folder: Path) -> None:
    """Put cryptography beside them; boto3 is in Lambda already."""
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "-q", "--only-binary", ":all:"]
    done = subprocess.run(
        [*pip, *MACHINE, "--target", str(folder), "cryptography"], stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:]
        raise WireError("cryptography", got=Words("".join(said)), wanted="its wheel for Lambda from PyPI")
