"""The docs say what is there: every field, route, axis, ease and command, and no file that is not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fastapi import FastAPI

from lib_pxl.__main__ import COMMANDS
from lib_pxl.control.curve import EASES, Curve
from lib_pxl.control.layer import KNOBS
from lib_pxl.control.map import FITS, MAPS
from lib_pxl.control.mode import MODES
from lib_pxl.control.source import SOURCES
from lib_pxl.hosts.axis import axes
from lib_pxl.hosts.fake import FakeHost
from lib_pxl.hosts.job import Job
from lib_pxl.rest import router
from lib_pxl.share.fields import CONTENT, OPINIONS
from lib_pxl.share.record import Told, line, record
from lib_pxl.share.redact import redactor
from lib_pxl.share.target import KNOBS as KINDS
from lib_pxl.sharing.command import WAYS
from lib_pxl.store.presets import Presets
from lib_pxl.taste.opinion import Item

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def test_every_field_and_every_choice_of_a_layer_is_described() -> None:
    text = page("control.md")
    for name in (*KNOBS, *SOURCES, *MAPS, *MODES, *FITS, *EASES):
        assert f"`{name}`" in text or f'"{name}"' in text, name


def test_every_curve_in_the_docs_can_be_read() -> None:
    section = page("control.md").split("## Curves")[1].split("\n## ")[0]
    curves = re.findall(r"^\| `([\d.:%,()\w ]+)` \|", section, re.MULTILINE)
    assert len(curves) >= 4
    for text in curves:
        Curve.parse(text)


def test_every_job_in_the_docs_can_be_read() -> None:
    blocks = re.findall(r"```json\n(.*?)```", page("api.md"), re.DOTALL)
    assert blocks
    for block in blocks:
        Job.parse(json.loads(block)["alwayson_scripts"]["pxl"]["args"][0])


def test_every_route_and_axis_is_described(tmp_path: Path) -> None:
    app, host = FastAPI(), FakeHost(tmp_path)
    app.include_router(router(host.desk, host))
    text = page("api.md")
    for path in app.openapi()["paths"]:
        if path.startswith("/pxl/v1/"):
            assert (
                path.removeprefix("/pxl/v1/")
                .replace("{name}", "")
                .replace("{tab}", "TAB")
                .replace("{which}", "HASH")
                .rstrip("/")
                in text
            ), path
    unused: Presets = host.desk.presets
    for axis in axes(lambda: unused):
        assert axis in text


def test_the_example_of_a_shared_record_is_what_the_code_makes() -> None:
    given, _, rest = page("sharing.md").partition("```text\n")[2].partition("```")
    made = rest.partition("```json\n")[2].partition("\n```")[0]
    prompt, negative, listed = (line.partition(":")[2].strip() for line in given.strip().splitlines())
    settings = dict(re.findall(r"(Steps|Sampler|CFG scale|Size|Seed|Model) ([^,]+)", listed))
    numbers = {name: int(value) if value.isdigit() else value for name, value in settings.items()}
    told = Told("rating", "overall", 4.0, "2026-01-31 18:20:05", [Item("a", prompt, negative, numbers)])
    fields = frozenset({"rating", "prompt", "negative", "settings"})
    assert line(record(told, fields, redactor()), "0123456789abcdef" * 2).decode() == made


def test_every_field_and_place_that_can_be_shared_is_described() -> None:
    text = page("sharing.md").lower()
    for knob in (*OPINIONS.values(), *CONTENT.values(), *KINDS["kind"].choices.values()):
        assert knob.label.lower() in text, knob.label
    for word in ("DO_NOT_TRACK", "--pxl-no-share", "--no-share", "--nowebui", *WAYS):
        assert word.lower() in text, word


def test_every_command_is_named() -> None:
    text = "".join(each.read_text(encoding="utf-8") for each in PAGES)
    for command in COMMANDS:
        assert f"lib_pxl {command}" in text or f"make {command}" in text


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
