"""What every test has: one thread, no network, a data folder of its own."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Generator
from pathlib import Path

# Before torch, transformers and gradio are first imported.
os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False")

import pytest
from hypothesis import settings

from tests.browser import browser, console, page  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile("pxl", deadline=None, derandomize=True, database=None)
settings.load_profile("pxl")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported while tests are collected stays to the end: the garbage collector need not walk it."""
    gc.disable()
    found = yield
    gc.freeze()
    gc.enable()
    return found


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that nobody else uses."""
    folder = tmp_path / "pxl-data"
    monkeypatch.setenv("PXL_DATA_DIR", str(folder))
    return folder


# By the newest Python that each has wheels for; `make` says in one line which one it leaves out.
LEGS = {"gradio-3.41.2": (3, 12), "gradio-4.40.0": (3, 13)}


@pytest.fixture(scope="session", params=[leg for leg, newest in LEGS.items() if sys.version_info[:2] <= newest])
def gradio_leg(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of a subprocess that finds a host's gradio, pydantic and FastAPI before those of .venv."""
    leg = ROOT / ".venv" / "legs" / request.param
    assert (leg / ".stamp").is_file(), f"{request.param} is not in .venv/legs: make venv-test"
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(leg), str(ROOT)])}


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser that `make test` has seen to."""
    found = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
    assert found, "no chromium on PATH: make browser"
    return found
