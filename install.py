"""Adds the packages that pxl can use and a WebUI may lack; the WebUI's launcher runs this at every start."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, PathDistribution, distribution
from pathlib import Path

WANTED = ("boto3", "cryptography", "dynamicprompts")


def is_there(package: str) -> bool:
    """Say whether a package is installed, at whatever version."""
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def pip(command: str, *arguments: str | Path) -> None:
    """Run this Python's pip; RuntimeError carries its last words."""
    # INDEX_URL is the launcher's own variable, for those who use a mirror.
    mirror = ["--index-url", os.environ["INDEX_URL"]] if os.environ.get("INDEX_URL") else []
    quiet = ["--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "10", "--no-deps"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", command, *quiet, *mirror, *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2] or f"pip ended with {done.returncode}")


def lacking(wheel: Path) -> Iterator[str]:
    """Name what a wheel needs and this Python has in no version at all."""
    from packaging.requirements import Requirement

    with zipfile.ZipFile(wheel) as archive:
        info = next(path for path in zipfile.Path(archive).iterdir() if path.name.endswith(".dist-info"))
        for need in map(Requirement, PathDistribution(info).requires or ()):
            if (need.marker is None or need.marker.evaluate({"extra": ""})) and not is_there(need.name):
                yield f"{need.name}{need.specifier}"


def add(packages: list[str]) -> list[str]:
    """Install packages and what they lack, all or nothing, and touch no package that is there."""
    # pip's own solver would change the host's packages, or, held to their versions, search for hours in vain.
    wheels: set[Path] = set()
    with tempfile.TemporaryDirectory() as folder:
        while packages:
            pip("download", "--only-binary=:all:", "--dest", folder, *packages)
            new = set(Path(folder).glob("*.whl")) - wheels
            wheels |= new
            packages = sorted({need for wheel in new for need in lacking(wheel)})
        pip("install", "--no-index", *wheels)
    return sorted(wheel.name.split("-")[0] for wheel in wheels)


def main() -> None:
    """Add what is missing; whatever happens, the WebUI starts."""
    missing = [name for name in WANTED if not is_there(name)]
    if not missing:
        return
    try:
        print("pxl: added", ", ".join(add(missing)))
    except (OSError, RuntimeError, ImportError, StopIteration, zipfile.BadZipFile) as error:
        print(f"pxl: could not add {', '.join(missing)} ({error}); what needs them stays off, the rest of pxl works.")


if __name__ == "__main__":
    main()
