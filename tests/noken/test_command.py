"""`python -m lib_pxl noken`: files in, files out, and one sentence for whatever is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from lib_pxl.__main__ import main
from lib_pxl.noken import Noken, breed
from lib_pxl.noken.table import read_table
from tests.noken.people import noken, words

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


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["noken", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_pool_goes_from_one_folder_to_another(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there, out = (str(tmp_path / name) for name in ("here", "there", "pool.safetensors"))
    assert told(capsys, "list", "--data-dir", here) == []
    assert [each["name"] for each in told(capsys, "import", *files, "--data-dir", here)] == ["fox", "owl"]
    assert [each["name"] for each in told(capsys, "list", "--data-dir", here)] == ["owl", "fox"]
    assert [each["hash"] for each in told(capsys, "export", out, "fox", "--data-dir", here)] == [A.hash]
    assert [each["hash"] for each in told(capsys, "import", out, "--data-dir", there)] == [A.hash]
    assert len(told(capsys, "export", out, "--data-dir", here)) == 2
    assert [each["hash"] for each in told(capsys, "import", out, "--data-dir", there)] == [B.hash]
    assert main(["noken", "list", "--data-dir", there]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0].startswith(B.hash) and lines[0].endswith("owl") and "l12+g20" in lines[0]


def test_a_table_holds_the_children_among_its_words(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = words()
    keys = {
        "conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight": table["l"],
        "conditioner.embedders.1.model.token_embedding.weight": table["g"],
        "model.diffusion_model.out.2.weight": torch.zeros(3),
    }
    safetensors.torch.save_file(keys, tmp_path / "model.safetensors")
    options = ["breed", *files, "-o", str(tmp_path / "out"), "--n", "3"]
    made = told(capsys, *options, "--table", str(tmp_path / "model.safetensors"))
    assert {each["hash"] for each in made} == {each.hash for each in breed([A, B], n=3, seed=1, table=table)}
    assert {each["hash"] for each in made} != {each["hash"] for each in told(capsys, *options)}


@pytest.mark.parametrize(
    ("key", "width", "letter"),
    [
        ("cond_stage_model.transformer.text_model.embeddings.token_embedding.weight", 8, "l"),
        ("cond_stage_model.model.token_embedding.weight", 8, "h"),
        ("text_model.embeddings.token_embedding.weight", 8, "l"),
        ("text_model.embeddings.token_embedding.weight", 1024, "h"),
        ("text_model.embeddings.token_embedding.weight", 1280, "g"),
    ],
)
def test_a_table_is_found_where_each_kind_of_file_has_it(tmp_path: Path, key: str, width: int, letter: str) -> None:
    rows = torch.randn(5, width)
    safetensors.torch.save_file({key: rows}, tmp_path / "model.safetensors")
    found = read_table(tmp_path / "model.safetensors")
    assert list(found) == [letter] and torch.equal(found[letter], rows)


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
        ["breed", *files, "-o", str(tmp_path), "--table", str(tmp_path / "text")],
        ["breed", *files, "-o", str(tmp_path), "--table", files[0]],
        ["import", str(tmp_path / "text")],
        ["import", str(tmp_path / "none")],
        ["export", str(tmp_path / "new.safetensors"), "nobody"],
        ["export", str(tmp_path / "none" / "new.safetensors")],
        ["list", "--data-dir", str(tmp_path / "text")],
    ]
    for arguments in wrong:
        assert main(["noken", *arguments]) == 1
        said = capsys.readouterr()
        assert said.out == "" and said.err.startswith("pxl: ") and said.err.count("\n") == 1 and "wanted" in said.err
    assert {path.name for path in tmp_path.iterdir()} <= {"text", "fox.safetensors", "owl.safetensors", "pxl-data"}


def test_the_command_line_wakes_torch_only_when_it_is_needed() -> None:
    code = "import sys, lib_pxl.__main__, lib_pxl.noken.command; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
