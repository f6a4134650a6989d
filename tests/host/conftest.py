"""The host suite: a running A1111 or Forge at --url, through its API and its page. `make test-host URL=…` runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib_pxl.small import NAME
from tests.host.client import Client


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--url", required=True, help="the WebUI, started with --api")
    parser.addoption("--checkpoint", action="append", help="a checkpoint's name; all that the host lists by default")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Pictures are judged by their meaning where the host has the small model."""
    if collection_path.name != "test_meaning.py":
        return None
    return NAME not in Client(config.getoption("--url")).checkpoints()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "checkpoint" in metafunc.fixturenames:
        named = metafunc.config.getoption("--checkpoint")
        listed = named or Client(metafunc.config.getoption("--url")).checkpoints()
        metafunc.parametrize("checkpoint", listed, scope="module")


@pytest.fixture(scope="session")
def url(request: pytest.FixtureRequest) -> str:
    """Where the host is."""
    return str(request.config.getoption("--url")).rstrip("/")


@pytest.fixture(scope="module")
def host(url: str, checkpoint: str) -> Client:
    """The host, with one checkpoint in use."""
    return Client(url, checkpoint)
