"""The panel under both gradio versions of the hosts: a job goes from the editor to the server and back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from lib_pxl.control.gate import GATE
from lib_pxl.control.layer import KNOBS
from lib_pxl.control.mode import MODES
from lib_pxl.control.source import SOURCES
from lib_pxl.hosts.fake import FakeHost
from lib_pxl.hosts.job import CONTROL, SWITCHES
from lib_pxl.ui import panel
from tests.judging.stock import pictures
from tests.ui.pool import FakePool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(gradio_leg: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The host's own, one for each gradio."""
    return tmp_path_factory.mktemp("host")


@pytest.fixture(scope="module")
def served(gradio_leg: dict[str, str], folder: Path) -> Iterator[str]:
    """The address of the page, which its gradio serves for all tests, as it takes seconds to start."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.ui.app", str(folder)]
    with subprocess.Popen(command, env=gradio_leg, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline().split()
        try:
            assert line, "the page did not start"
            assert line[1] in gradio_leg["PYTHONPATH"], "the leg's own gradio serves it"
            yield line[2]
        finally:
            process.kill()


def test_a_job_goes_to_the_server_and_back(served: str, page: Page, tmp_path: Path) -> None:
    picture = tmp_path / "map.png"
    Image.new("RGB", (16, 16), "teal").save(picture)
    page.route(re.compile(f"^(?!{served})"), lambda asked: asked.fulfill(body=""))  # gradio asks for fonts
    page.goto(served)
    page.add_style_tag(path=ROOT / "style.css")
    page.add_script_tag(path=ROOT / "javascript" / "pxl.js")
    page.locator("#pxl_txt2img_accordion").get_by_text("pxl", exact=True).first.click()
    editor = page.locator("#pxl_txt2img_editor")
    expect(page.locator("#pxl_txt2img_job")).to_be_hidden()
    editor.get_by_role("button", name="Add a layer").click()
    with page.expect_file_chooser() as chooser:
        editor.locator(".pxl-drop").first.click()
    chooser.value.set_files(picture)
    expect(editor.locator(".pxl-thumb").first).to_be_visible()
    page.locator("#txt2img_generate").click()
    seen = page.locator("#seen textarea, #seen input").first
    expect(seen).to_have_value(re.compile("map:[0-9a-f]{32}"))
    job = json.loads(seen.input_value())
    assert job["control"]["enabled"] is True
    assert job["control"]["layers"][0]["source"]["image"].startswith("map:")
    changed = job["control"] | {"layers": [job["control"]["layers"][0] | {"strength": "0:0, 1:1"}]}
    seen.fill(json.dumps(job | {"control": changed}))
    page.locator("#paste").click()
    expect(editor.locator("input[type=text]").first).to_have_value("0:0, 1:1")


def test_the_breed_tab_is_drawn_in_the_host_s_gradio(served: str, page: Page) -> None:
    pool = FakePool()
    for name in ("fox", "owl"):
        pool.drawn(pool.add(name))

    page.route(re.compile(f"^(?!{served})"), lambda asked: asked.fulfill(body=""))  # gradio asks for fonts
    pool.stand_in(page)
    page.goto(served)
    page.add_style_tag(path=ROOT / "style.css")
    for script in sorted((ROOT / "javascript").glob("*.js")):
        page.add_script_tag(path=script)
    expect(page.locator(".pxl-noken img")).to_have_count(2)
    page.locator(".pxl-noken", has_text="fox").drag_to(page.locator(".pxl-noken", has_text="owl"))
    expect(page.locator(".pxl-noken[aria-selected=true]")).to_have_count(4)
    page.locator("#pxl_tabs button", has_text="Taste").click()
    expect(page.locator("#pxl_breed")).to_be_hidden()
    page.locator("#pxl_tabs button", has_text="Breed").first.click()
    expect(page.locator(".pxl-noken")).to_have_count(6)
    assert len(pool.keys) == 1 and None not in pool.keys
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_taste_tab_is_drawn_in_the_host_s_gradio(served: str, page: Page, folder: Path) -> None:
    host = FakeHost(folder)
    opinions = host.desk.opinions()
    opinions.add(pictures(host, folder / "outputs", 6, 64))
    page.route(re.compile(f"^(?!{served})"), lambda asked: asked.fulfill(body=""))  # gradio asks for fonts
    page.goto(served)
    page.add_style_tag(path=ROOT / "style.css")
    for script in sorted((ROOT / "javascript").glob("*.js")):
        page.add_script_tag(path=script)
    page.locator("#pxl_tabs button", has_text="Taste").first.click()
    expect(page.locator(".pxl-side img")).to_have_count(2)
    with page.expect_response("**/taste/duel"):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#pxl_taste")).to_contain_text("1 duel in this sitting")
    page.get_by_role("tab", name="Pictures", exact=True).click()
    expect(page.locator(".pxl-shot img")).to_have_count(6)
    with page.expect_response("**/taste/rate"):
        page.locator(".pxl-shot-card").first.get_by_role("radio", name="4 stars").click()
    expect(page.locator(".pxl-shot-card").first.get_by_role("radio", name="4 stars")).to_be_checked()
    assert sorted(type(each).__name__ for each in opinions.opinions()) == ["Duel", "Rating"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#pxl_tabs button", has_text="Breed").first.click()
    page.keyboard.press("ArrowLeft")
    assert len(opinions.opinions()) == 2, "keys count only where the duels are seen"


def test_the_editor_is_told_every_knob_of_a_layer() -> None:
    told = panel.schema(SWITCHES)
    assert [each["name"] for each in told["switches"]] == ["control", "nokens", "record"]
    assert [[flag["name"] for flag in each["flags"]] for each in told["switches"]] == [[], ["carry"], []]
    assert json.loads(json.dumps(told)) == told
    fields = {each["name"]: each for each in told["fields"]}
    for name in set(panel.DRAWN):
        assert fields[name]["label"] == KNOBS[name].label
    nested = {each["name"] for each in fields["gate"]["fields"]}
    assert nested == set(GATE)
    assert {each["value"] for each in fields["source"]["choices"]} == set(SOURCES)
    frames = next(each["fields"] for each in fields["source"]["choices"] if each["value"] == "frames")
    assert all(each["built"] for field in frames for each in field.get("choices", ())), "words are always there"
    assert [each["name"] for each in told["control"]] == list(panel.BESIDE)
    assert {*panel.BESIDE, "enabled", "layers"} == set(CONTROL), "every knob of a job is drawn"
    built = {name for name, choice in MODES.items() if choice.build is not None}
    assert {each["value"] for each in fields["mode"]["choices"] if each["built"]} == built < set(MODES)
