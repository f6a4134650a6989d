"""A model trained for a step or two: it knows nothing, but all its parts are of the true sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib_pxl.small.train import Recipe, train

BRIEF = Recipe(pictures=8, autoencoder=1, words=2, picture=2, batch=2)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that has ended."""
    folder = tmp_path_factory.mktemp("trained")
    train(folder, "cpu", BRIEF)
    return folder
