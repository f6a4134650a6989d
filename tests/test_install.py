"""What the WebUI runs before it starts: install.py, preload.py, metadata.ini."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from argparse import ArgumentParser
from pathlib import Path

import packaging
import pytest

import install
import preload

ROOT = Path(install.__file__).parent


def make_wheel(folder: Path, name: str, version: str, *needs: str) -> Path:
    """Write the smallest package that pip will install."""
    info, tag = f"{name}-{version}.dist-info", "py3-none-any"
    requires = "".join(f"Requires-Dist: {need}\n" for need in needs)
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: pxl\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


class Host:
    """A Python of its own, as a WebUI has, with a package index that is a folder."""

    def __init__(self, folder: Path) -> None:
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        venv.create(folder / "venv", with_pip=True)
        self.python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.environment = {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)}

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [self.python, *arguments], env=self.environment, cwd=self.wheels, capture_output=True, text=True, check=True
        )
        return done.stdout

    def versions(self) -> dict[str, str]:
        lines = self.run("-m", "pip", "list", "--format=freeze", "--disable-pip-version-check").split()
        return dict(line.split("==") for line in lines)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """A host that carries `packaging`, as every WebUI does, and `carried` 1.0, of which the index has a newer one."""
    host = Host(tmp_path_factory.mktemp("host"))
    place = host.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    shutil.copytree(Path(packaging.__file__).parent, Path(place, "packaging"))
    host.run("-m", "pip", "install", "-q", str(make_wheel(host.wheels, "carried", "1.0")))
    make_wheel(host.wheels, "carried", "2.0")
    return host


def test_install_adds_beside_the_packages_of_the_host_and_changes_none(host: Host) -> None:
    before = host.versions()
    make_wheel(host.wheels, "boto3", "1.0", "carried>=2", "helper<2", "absent; extra == 'crt'")
    make_wheel(host.wheels, "helper", "1.0", "carried", "absent; python_version < '3'")
    make_wheel(host.wheels, "helper", "2.0")
    said = host.run(str(ROOT / "install.py"))
    assert said.startswith("pxl: could not add boto3, cryptography, dynamicprompts (ERROR: No matching distribution")
    assert said.count("\n") == 1
    assert host.versions() == before

    make_wheel(host.wheels, "dynamicprompts", "0.1")
    make_wheel(host.wheels, "cryptography", "41.0")
    assert host.run(str(ROOT / "install.py")) == "pxl: added boto3, cryptography, dynamicprompts, helper\n"
    added = {"boto3": "1.0", "cryptography": "41.0", "dynamicprompts": "0.1", "helper": "1.0"}
    assert host.versions() == before | added

    make_wheel(host.wheels, "boto3", "2.0")
    assert host.run(str(ROOT / "install.py")) == ""
    assert host.versions()["boto3"] == "1.0"


def test_install_does_nothing_and_loads_nothing_when_nothing_is_missing() -> None:
    code = "import sys, install; install.main(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"torch", "packaging", "boto3", "dynamicprompts", "lib_pxl"} & set(loaded.split())


def test_install_without_pip_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install, "WANTED", ("no_such_package_of_pxl",))
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    install.main()
    assert "could not add no_such_package_of_pxl" in (said := capsys.readouterr().out)
    assert said.count("\n") == 1


def test_preload_adds_two_flags_that_default_to_off() -> None:
    parser = ArgumentParser()
    preload.preload(parser)
    assert vars(parser.parse_args([])) == {"pxl_data_dir": None, "pxl_no_share": False}
    given = parser.parse_args(["--pxl-data-dir", "/data", "--pxl-no-share"])
    assert vars(given) == {"pxl_data_dir": "/data", "pxl_no_share": True}


def test_metadata_names_the_extension() -> None:
    config = configparser.ConfigParser()
    assert config.read(ROOT / "metadata.ini")
    assert config["Extension"]["Name"] == "pxl"
