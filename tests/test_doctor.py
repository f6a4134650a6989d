"""The command line and its doctor."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lib_pxl import __version__, doctor
from lib_pxl.__main__ import COMMANDS, main
from lib_pxl.store.database import Database
from lib_pxl.store.presets import Presets

ROOT = Path(__file__).resolve().parent.parent


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, dict[str, object]]]:
    status = main(["doctor", "--json", *arguments])
    data = json.loads(capsys.readouterr().out)
    assert data["pxl"] == __version__
    return status, {each["what"]: each for each in data["findings"]}


def test_a_healthy_place_is_told_from_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lib_pxl", "doctor", "--data-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "BROKEN" not in done.stdout
    assert all(name in done.stdout for name in ("Python", "torch", "device", "data folder", str(tmp_path)))


def test_what_is_kept_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Presets(Database(tmp_path / "pxl.sqlite")).save("mine", "{}")
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "x.png").touch()
    status, findings = told(capsys, "--data-dir", str(tmp_path))
    assert status == 0
    assert "1 presets" in str(findings["database"]["found"]) and "1 maps" in str(findings["data folder"]["found"])


def test_a_damaged_database_is_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pxl.sqlite").write_bytes(b"not a database" * 1000)
    status, findings = told(capsys, "--data-dir", str(tmp_path))
    assert status == 1 and findings["database"]["well"] is False
    assert "Traceback" not in str(findings["database"]["found"])


def test_a_webui_around_us_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "script_callbacks.py").touch()
    monkeypatch.chdir(tmp_path)
    findings = {each.what: each.found for each in doctor.examine(None)}
    assert findings["host"] == f"A1111 in {tmp_path}" and str(tmp_path / "pxl") in findings["data folder"]
    (tmp_path / "modules_forge").mkdir()
    assert next(each for each in doctor.examine(None) if each.what == "host").found.startswith("Forge")


def test_an_error_is_one_line_and_the_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["studio", "--model", str(tmp_path), "--data-dir", str(tmp_path), "--port", "0"]) == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith("pxl: ") and "\n" not in said and "wanted" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert COMMANDS[command].HELP in " ".join(capsys.readouterr().out.split())
