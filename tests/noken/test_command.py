"""`python -m lib_pxl noken`: files in, files out, and one sentence for whatever is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lib_pxl.__main__ import main
from lib_pxl.noken import Noken, breed
from tests.noken.people import noken

A, B = noken(3, 1, name="fox"), noken(2, 2, name="owl")


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for each in (A, B):
        each.save(tmp_path / f"{each.name}.safetensors")
    return [str(tmp_path / "fox.safetensors"), str(tmp_path / "owl.safetensors")]


def test_a_litter_is_what_breed_makes(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "litter"
    options = ["--n", "3", "--seed", "7", "--method", "cross", "--mix", "0.4", "--json"]
    assert main(["noken", "breed", *files, "-o", str(out), *options]) == 0
    told = json.loads(capsys.readouterr().out)
    wanted = breed([A, B], n=3, seed=7, method="cross", mix=0.4)
    assert {each["hash"] for each in told} == {each.hash for each in wanted}
    assert {str(path) for path in out.iterdir()} == {each["path"] for each in told}
    for each in told:
        loaded = Noken.load(each["path"])
        assert loaded.hash == each["hash"] and loaded.lineage.parents == (A.hash, B.hash)
        assert each["lineage"]["operator"] == "cross" and each["lineage"]["amounts"] == [0.6, 0.4]


def test_show_says_what_a_file_holds(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["noken", "show", *files]) == 0
    spoken = capsys.readouterr().out
    assert all(each in spoken for each in (*files, "fox", A.hash, "l12+g20", B.hash))
    assert main(["noken", "show", "--json", files[0]]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["norms"]["g"] == pytest.approx(A.vectors["g"].norm(dim=1).tolist(), abs=1e-3)
    assert (told["name"], told["family"], told["tokens"], told["lineage"]) == ("fox", "l12+g20", 3, {})


def test_what_is_wrong_is_one_sentence(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text").write_text("hello")
    wrong = [
        ["show", str(tmp_path / "text")],
        ["show", str(tmp_path / "none")],
        ["breed", files[0], "-o", str(tmp_path)],
        ["breed", *files, "-o", str(tmp_path), "--method", "slrp"],
        ["breed", *files, "-o", str(tmp_path), "--mix", "2"],
        ["breed", *files, "-o", str(tmp_path), "--n", "0"],
        ["breed", *files, "-o", str(tmp_path / "text")],
    ]
    for arguments in wrong:
        assert main(["noken", *arguments]) == 1
        told = capsys.readouterr()
        assert told.out == "" and told.err.startswith("pxl: ") and told.err.count("\n") == 1 and "wanted" in told.err
    assert {path.name for path in tmp_path.iterdir()} <= {"text", "fox.safetensors", "owl.safetensors", "pxl-data"}


def test_the_command_line_wakes_torch_only_when_it_is_needed() -> None:
    code = "import sys, lib_pxl.__main__, lib_pxl.noken.command; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
