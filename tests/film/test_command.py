"""`python -m lib_pxl film`: a picture of every kind of program, and one sentence for whatever is wrong."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lib_pxl.__main__ import main
from lib_pxl.control.film import Shot, film
from lib_pxl.film import sheet
from lib_pxl.film.read import layers_of
from lib_pxl.film.sheet import MARGIN, Sheet
from lib_pxl.hosts.request import Request
from lib_pxl.store.maps import Maps
from tests.control.stage import PICTURE, layer, painted

ROOT = Path(__file__).resolve().parents[2]
NOISE = {"source": {"kind": "noise"}, "strength": "0:1, 60%:0"}
PROGRAM = {"layers": [NOISE, layer(muted=True), layer(mode="warp", gate={}, mask=PICTURE, map="luma")]}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A program in a file."""
    path = tmp_path / "program.json"
    path.write_text(json.dumps(PROGRAM), "utf-8")
    return path


def drawn(program: Path | str, out: Path, *options: str) -> Image.Image:
    assert main(["film", str(program), "-o", str(out), *options]) == 0
    return Image.open(io.BytesIO(out.read_bytes()))


def wrong(capsys: pytest.CaptureFixture[str], program: Path | str, out: Path | str, *options: str) -> str:
    assert main(["film", str(program), "-o", str(out), *options]) == 2
    told = capsys.readouterr().err
    assert told.startswith("pxl: ") and told.count("\n") == 1 and "wanted" in told
    return told


@pytest.mark.parametrize(("suffix", "kind"), [(".png", "PNG"), (".webp", "WEBP"), (".PNG", "PNG")])
def test_a_strip_is_a_picture_of_the_kind_that_its_name_says(
    written: Path, tmp_path: Path, suffix: str, kind: str
) -> None:
    made = drawn(written, tmp_path / f"strip{suffix}", "--size", "64x48", "--columns", "5")
    assert made.format == kind and made.width > 5 * 128
    pixels = numpy.asarray(made.convert("RGB"))
    assert abs(pixels[:MARGIN].astype(int) - pixels[0, 0]).max() < 9 and pixels.std() > 10


def test_a_gif_has_a_frame_for_each_step(written: Path, tmp_path: Path) -> None:
    made = drawn(written, tmp_path / "strip.gif", "--size", "64X48", "--steps", "6")
    assert made.format == "GIF" and getattr(made, "n_frames", 1) == 6


def test_the_same_program_is_the_same_picture_however_it_is_handed_in(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = PngInfo()
    job = json.dumps({"control": {"enabled": True, **PROGRAM}})
    info.add_text("parameters", Request("a star", steps=7, width=640, height=320).infotext(5, "m", {"pxl": job}))
    painted(8, 8).save(tmp_path / "made.png", pnginfo=info)
    (tmp_path / "job.json").write_text("\ufeff" + job, "utf-8")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(json.dumps(PROGRAM).encode())))
    options = ["--size", "640x320", "--steps", "7", "--seed", "5"]
    given: list[tuple[Path | str, list[str]]] = [
        (written, options), ("-", options), (tmp_path / "job.json", options), (tmp_path / "made.png", [])
    ]  # fmt: skip
    pictures = [drawn(program, tmp_path / "out.png", *more).tobytes() for program, more in given]
    assert len(set(pictures)) == 1
    assert drawn(tmp_path / "made.png", tmp_path / "out.png", "--seed", "6").tobytes() != pictures[0]


@pytest.mark.parametrize("said", ["Steps: x, Seed: 1.5, Size: 10x", "Steps: 99999, Seed: -7, Size: 1x1x1", "Clip: 1"])
def test_what_a_picture_says_and_cannot_be_is_passed_over(written: Path, tmp_path: Path, said: str) -> None:
    info = PngInfo()
    info.add_text("parameters", f"a star\n{said}, Model: m, pxl: {json.dumps(json.dumps(PROGRAM))}")
    painted(8, 8).save(tmp_path / "made.png", pnginfo=info)
    usual = drawn(written, tmp_path / "a.png").tobytes()
    assert drawn(tmp_path / "made.png", tmp_path / "b.png").tobytes() == usual


def test_maps_are_found_in_the_data_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = io.BytesIO()
    painted(64, 64).save(file, "PNG")
    name = Maps(tmp_path / "mine" / "maps").put(file.getvalue())
    path = tmp_path / "program.json"
    path.write_text(json.dumps({"layers": [layer(source={"kind": "image", "image": f"map:{name}"})]}), "utf-8")
    here = drawn(path, tmp_path / "a.png", "--data-dir", str(tmp_path / "mine"))
    elsewhere = drawn(path, tmp_path / "b.png")
    assert here.height > elsewhere.height, "a sentence is less high than a row of cells"


def test_the_hires_pass_is_shown_where_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "program.json"
    path.write_text(json.dumps({"layers": [{**NOISE, "hires": "off"}]}), "utf-8")
    assert drawn(path, tmp_path / "a.png").size != drawn(path, tmp_path / "b.png", "--hires").size


ODD: list[Any] = [
    "no layer",
    layer(source={"kind": "image", "image": "жж/" + "x" * 3000}),
    layer(source={"kind": "frames", "path": "\\\\server\\" + "long name " * 20 + ".gif"}),
    layer(mode="warp", motion={"kind": "flow", "amount": 4}, gate={}, mask="nowhere"),
    layer(mode="hold"),
    layer(map="depth"),
]


def test_every_layer_has_its_row_whatever_it_is() -> None:
    layers = layers_of({"layers": [*ODD, NOISE]})
    for shot in (Shot(), Shot(16384, 8, steps=1), Shot(8, 16384, columns=1), Shot(columns=64)):
        rows = list(film(layers, shot, shot.canvas()))
        board = Sheet(layers, rows, shot, len(shot.progress))
        assert board.draw().size == board.size
        assert len(rows) == len(layers) and not isinstance(rows[-1], Exception)


def test_no_programs_layers_are_a_title(tmp_path: Path) -> None:
    path = tmp_path / "program.json"
    path.write_text('{"layers": []}')
    assert drawn(path, tmp_path / "a.png").height < 200


def test_an_old_pillow_has_one_font_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import ImageFont

    old = ImageFont.load_default_imagefont()
    monkeypatch.setattr(sheet, "font", lambda size: old)
    layers = layers_of({"layers": [*ODD, NOISE]})
    rows = list(film(layers, Shot(), Shot().canvas()))
    assert Sheet(layers, rows, Shot(), 8).draw().getcolors(1) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"layers": 7}', '{"layer": []}', "[" * 100_000, "\udcff"])
def test_what_is_no_program_is_refused_in_a_sentence(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "program.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    wrong(capsys, path, tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_a_picture_without_a_program_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    painted(8, 8).save(tmp_path / "plain.png")
    assert "no infotext with pxl" in wrong(capsys, tmp_path / "plain.png", tmp_path / "a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "plain.png").read_bytes()[:60])
    assert "damaged" in wrong(capsys, tmp_path / "cut.png", tmp_path / "a.png")


@pytest.mark.parametrize(
    "options",
    [["--size", "512"], ["--size", "0x512"], ["--size", "99999999x1"], ["--size", "1x5x"], ["--steps", "0"],
     ["--steps", "1000"], ["--columns", "65"], ["--seed", "-2"], ["--seed", "9" * 30]],
)  # fmt: skip
def test_options_out_of_range_are_refused_in_a_sentence(
    written: Path, tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert options[0] in wrong(capsys, written, tmp_path / "a.png", *options) or options[0] == "--size"


@pytest.mark.parametrize("out", ["strip", "strip.jpg", "nowhere/strip.png", "."])
def test_a_file_that_cannot_be_written_is_refused_in_a_sentence(
    written: Path, tmp_path: Path, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong(capsys, written, tmp_path / out)


@pytest.mark.parametrize("program", ["nowhere.json", ".", "a\0b"])
def test_a_program_that_is_not_there_is_refused_in_a_sentence(
    tmp_path: Path, program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong(capsys, program, tmp_path / "a.png")


def test_the_help_has_an_example() -> None:
    told = subprocess.run([sys.executable, "-m", "lib_pxl", "film", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert told.returncode == 0 and "python -m lib_pxl film program.json -o strip.png" in told.stdout


def test_the_picture_in_the_docs_is_what_the_command_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    made = drawn("docs/film/program.json", tmp_path / "film.png", "--size", "768x512")
    kept = Image.open(io.BytesIO(Path("docs/images/film.png").read_bytes()))
    assert made.size == kept.size
    apart = numpy.abs(numpy.asarray(made).astype(int) - numpy.asarray(kept))
    assert apart.mean() < 1, "python -m lib_pxl film docs/film/program.json -o docs/images/film.png --size 768x512"
