"""`python -m lib_pxl opinions` and `taste`: files in, files out, and one sentence for whatever is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lib_pxl.__main__ import main
from lib_pxl.taste import Item, Taste
from tests.taste.people import items, words

TABLE = "prompt,value\n" + "\n".join(f'"{item.prompt}",{5 if "neon" in words(item) else 2}' for item in items(60))


@pytest.fixture
def table(tmp_path: Path) -> str:
    (tmp_path / "told.csv").write_text(TABLE)
    return str(tmp_path / "told.csv")


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_from_a_table_to_a_ranking(table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = len({item.prompt for item in items(60)})
    assert said(capsys, "opinions", "import", table)["opinions"] == count
    assert said(capsys, "opinions", "import", table)["opinions"] == 0
    assert said(capsys, "opinions", "export", str(tmp_path / "out.jsonl"))["opinions"] == count
    mine, theirs = str(tmp_path / "mine.safetensors"), str(tmp_path / "theirs.safetensors")
    told = said(capsys, "taste", "fit", "-o", mine)
    assert told == said(capsys, "taste", "fit", str(tmp_path / "out.jsonl"), "-o", theirs)
    assert told["ratings"] == count and Path(mine).read_bytes() == Path(theirs).read_bytes()
    (tmp_path / "prompts.txt").write_text("a fox\n\na fox, neon\n" + '{"id": "x", "prompt": "an owl, neon"}\n')
    ranked = said(capsys, "taste", "rank", mine, str(tmp_path / "prompts.txt"), "--why")
    assert {each["id"] for each in ranked[:2]} == {"2", "x"} and ranked[2]["prompt"] == "a fox"
    mean, std = Taste.load(mine).score([Item("a", "a fox")])
    assert (ranked[2]["mean"], ranked[2]["std"]) == pytest.approx((float(mean), float(std)), abs=1e-3)
    assert "neon" in {pull["label"] for pull in ranked[0]["why"]}
    proposed = said(
        capsys, "taste", "rank", mine, str(tmp_path / "prompts.txt"), "--propose", "--n", "2", "--seed", "1"
    )
    assert len({each["id"] for each in proposed}) == 2
    assert main(["taste", "rank", mine, str(tmp_path / "prompts.txt"), "--why", "--n", "1"]) == 0
    assert "neon" in capsys.readouterr().out


def test_proposals_and_their_reasons(table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "opinions", "import", table)
    mine = str(tmp_path / "mine.safetensors")
    said(capsys, "taste", "fit", "-o", mine)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "animal.txt").write_text("fox\nowl\ncat\n")
    template = "a __animal__, {photo|watercolor}, {1-2$$, $$neon|dark|macro}"
    more = ["--wildcards", str(tmp_path / "more"), "--n", "4", "--set", "steps=20", "--set", "model=sdxl"]
    found = said(capsys, "taste", "propose", mine, template, *more, "--why")
    assert len({each["prompt"] for each in found}) == 4 and found == said(
        capsys, "taste", "propose", mine, template, *more, "--why"
    )
    assert sum("neon" in each["prompt"] for each in found) >= 3
    for each in found:
        assert len(each["parts"]) == 3 and all(part in each["prompt"] for part in each["parts"])
        assert {"steps=20", "model=sdxl"} & {pull["label"] for pull in each["why"]} or len(each["why"]) == 5
    assert len(said(capsys, "taste", "propose", mine, "", "--n", "3")) == 3
    told = said(capsys, "taste", "explain", mine, "a fox, photo, dark", "--set", "model=sd15")
    parts = {part["label"]: part for part in told["parts"]}
    assert parts["dark"]["start"] == 14 and "neon" in {each["label"] for each in parts["dark"]["instead"]}
    assert parts["model=sd15"]["start"] == -1
    assert main(["taste", "explain", mine, "a fox, photo, dark", "--set", "model=sd15"]) == 0
    spoken = capsys.readouterr().out
    assert "try neon" in spoken and spoken.startswith(f"{told['mean']:+.2f}")


def test_profiles_are_told_apart(table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "opinions", "import", table, "--profile", "them")
    assert said(capsys, "opinions", "export", str(tmp_path / "me.csv"))["opinions"] == 0
    assert said(capsys, "opinions", "export", str(tmp_path / "them.csv"), "--profile", "them")["opinions"] > 0


def test_what_is_wrong_is_one_sentence(table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "odd.txt").write_text('{"prompt": 5}\n')
    (tmp_path / "broken.txt").write_text('{"prompt": \n')
    main(["taste", "fit", table, "-o", str(tmp_path / "t.safetensors")])
    capsys.readouterr()
    taste = str(tmp_path / "t.safetensors")
    for arguments in (
        ["taste", "fit", str(tmp_path / "none.csv"), "-o", taste],
        ["taste", "fit", table, "-o", str(tmp_path / "no" / "t.safetensors")],
        ["taste", "rank", table, table],
        ["taste", "rank", taste, str(tmp_path / "none.txt")],
        ["taste", "rank", taste, str(tmp_path / "odd.txt")],
        ["taste", "rank", taste, str(tmp_path / "broken.txt")],
        ["taste", "rank", taste, table, "--n", "0"],
        ["opinions", "import", str(tmp_path / "none")],
        ["taste", "propose", taste, "__animal__"],
        ["taste", "propose", taste, "a", "--among", "-1"],
        ["taste", "propose", taste, "a", "--n", "-1"],
        ["taste", "explain", taste, "a", "--set", "model"],
        ["taste", "explain", table, "a"],
        ["opinions", "export", str(tmp_path / "no" / "a.csv")],
        ["opinions", "export", str(tmp_path / "a.csv"), "--profile", " "],
    ):
        assert main(arguments) == 1
        told = capsys.readouterr()
        assert told.out == "" and told.err.startswith("pxl: ") and told.err.count("\n") == 1 and "wanted" in told.err


def test_the_command_line_wakes_torch_only_when_it_is_needed() -> None:
    code = "import sys, lib_pxl.__main__, lib_pxl.taste.command; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
