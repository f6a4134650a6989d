"""Where the data lies: what is given goes before the environment, and that before the platform."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lib_pxl.errors import StoreError
from lib_pxl.store.folders import data_folder

VARIABLES = ("PXL_DATA_DIR", "LOCALAPPDATA", "XDG_DATA_HOME")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("linux", ".local/share/pxl"),
        ("freebsd14", ".local/share/pxl"),
        ("darwin", "Library/Application Support/pxl"),
        ("win32", "AppData/Local/pxl"),
    ],
)
def test_each_platform_has_its_place(platform: str, folder: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert data_folder() == home / folder
    assert not (home / folder).exists()


@pytest.mark.parametrize(("platform", "name"), [("linux", "XDG_DATA_HOME"), ("win32", "LOCALAPPDATA")])
def test_each_platform_may_name_its_place(
    platform: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    assert data_folder() == tmp_path / "elsewhere" / "pxl"


def test_given_goes_before_environment_and_environment_before_platform(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PXL_DATA_DIR", "~/of the environment")
    assert data_folder(Path("~/given")) == home / "given"
    assert data_folder() == home / "of the environment"
    monkeypatch.setenv("PXL_DATA_DIR", "")
    assert data_folder() == home / ".local" / "share" / "pxl"


def test_a_user_without_a_home_has_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="wanted a home folder, or PXL_DATA_DIR set"):
        data_folder(Path("~nobody-of-this-name/pxl"))
