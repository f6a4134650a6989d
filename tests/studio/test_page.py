"""The studio's page, in a real browser: what a person does with it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from lib_pxl.small import NAME
from lib_pxl.store.infotext import Infotext
from lib_pxl.studio.output import infotext_of
from lib_pxl.world import see
from tests.browser import Console
from tests.ui.pool import FakePool

SECOND = 1000
SLOW = 60 * SECOND


class Studio:
    """A studio in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, "-m", "lib_pxl", "studio", "--port", "0", "--data-dir", str(folder)]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout
        line = self.process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + (self.process.communicate()[1] if self.process.poll() is not None else "")
        self.url = found[0]

    def pictures(self) -> list[Path]:
        """Every finished picture, the oldest first."""
        return sorted((self.folder / "outputs").rglob("*.png"))

    def end(self) -> tuple[int, str]:
        """Press Ctrl-C."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            _, errors = self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, errors


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    running = Studio(tmp_path_factory.mktemp("studio"))
    yield running
    assert running.end() == (0, "")


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    """A picture whose four quarters differ."""
    path = tmp_path / "drawing.png"
    picture = Image.new("RGB", (64, 64), (200, 40, 40))
    picture.paste((40, 90, 200), (32, 0, 64, 32))
    picture.paste((240, 220, 60), (0, 32, 32, 64))
    picture.save(path)
    return path


def open_studio(page: Page, studio: Studio) -> None:
    page.set_default_timeout(SLOW)
    page.goto(studio.url)
    expect(page.locator("#txt2img_generate")).to_be_visible(timeout=SLOW)


def fill(page: Page, tab: str, steps: int = 4, seed: int = 7, prompt: str = "a star", side: int = 64) -> None:
    page.locator(f"#{tab}_prompt textarea").fill(prompt)
    for name, value in {"steps": steps, "width": side, "height": side, "seed": seed}.items():
        box = page.locator(f"#{tab}_{name} input[type=number]")
        box.fill(str(value))
        box.press("Tab")


WATCH = """tab => {
    window.told = false;  // a picture may be finished sooner than one looks
    new MutationObserver(() => { window.told ||= Boolean(document.querySelector(`#${tab}_live .studio-line`)); })
        .observe(document.body, { childList: true, subtree: true });
}"""


def generate(page: Page, tab: str = "txt2img") -> str:
    """Press the button and wait; the infotext of what came."""
    box = page.locator(f"#{tab}_infotext textarea")
    before = box.input_value()
    page.evaluate(WATCH, tab)
    page.locator(f"#{tab}_generate").click()
    page.wait_for_function("() => window.told", timeout=SLOW)
    live = page.locator(f"#{tab}_live")
    expect(live.locator(".studio-line")).to_have_count(0, timeout=SLOW)
    text = box.input_value()
    assert text and (text != before or before)
    return text


def shown(page: Page, tab: str = "txt2img") -> np.ndarray:
    """The pixels of the picture in the gallery."""
    address = page.locator(f"#{tab}_gallery .preview img").first.get_attribute("src")
    assert address
    answer = page.request.get(address)
    assert answer.ok
    (path := Path(os.environ["PXL_DATA_DIR"]).with_name("shown.png")).write_bytes(answer.body())
    assert Infotext.parse(infotext_of(path)).settings["Model"] == NAME
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def open_panel(page: Page, tab: str = "txt2img") -> None:
    page.locator(f"#pxl_{tab}_accordion > button").click()
    expect(page.locator(f"#pxl_{tab}_editor .pxl-add")).to_be_visible(timeout=SLOW)


def add_layer(page: Page, drawing: Path, strength: str, tab: str = "txt2img") -> None:
    page.locator(f"#pxl_{tab}_editor .pxl-add").click()
    with page.expect_file_chooser() as chooser:
        page.locator(f"#pxl_{tab}_editor .pxl-drop").first.click()
    chooser.value.set_files(drawing)
    page.wait_for_function(
        "tab => window.pxl.job(tab).control.layers[0].source.image?.startsWith('map:')", arg=tab, timeout=SLOW
    )
    curve = page.locator(f"#pxl_{tab}_editor input[type=text].pxl-text").first
    curve.fill(strength)
    curve.press("Tab")


def test_from_a_click_to_the_picture_and_back(studio: Studio, browser: Browser, page: Page, drawing: Path) -> None:
    open_studio(page, studio)
    expect(page.locator("#studio_head")).to_contain_text("star")
    expect(page.locator("#studio_foot")).to_contain_text("Pictures made by a machine")
    fill(page, "txt2img")
    off = Infotext.parse(generate(page))
    plain = shown(page)
    assert "pxl" not in off.settings and (off.prompt, off.settings["Seed"]) == ("a star", "7")

    open_panel(page)
    add_layer(page, drawing, "1")
    text = generate(page)
    picture = shown(page)
    wanted = np.asarray(Image.open(drawing)).astype(int)
    assert np.abs(picture - wanted).mean() < 12 < 30 < np.abs(plain - wanted).mean()
    job = json.loads(Infotext.parse(text).settings["pxl"])
    assert job["control"]["layers"][0]["strength"] == 1

    again = browser.new_context().new_page()
    open_studio(again, studio)
    again.locator("#txt2img_paste_accordion > button").click()
    again.locator("#txt2img_pasted textarea").fill(text)
    again.locator("#txt2img_paste").click()
    expect(again.locator("#txt2img_prompt textarea")).to_have_value("a star")
    expect(again.locator("#txt2img_steps input[type=number]")).to_have_value("4")
    open_panel(again)
    assert again.evaluate("window.pxl.job('txt2img')")["control"] == job["control"]
    expect(again.locator("#pxl_txt2img_editor .pxl-card")).to_have_count(1)
    before = studio.pictures()
    assert generate(again) == text
    assert np.array_equal(shown(again), picture)
    (new,) = set(studio.pictures()) - set(before)
    assert new.read_bytes() == before[-1].read_bytes()
    again.context.close()


def test_the_picture_is_what_was_asked_for_and_goes_on_from_there(studio: Studio, page: Page) -> None:
    open_studio(page, studio)
    fill(page, "txt2img", steps=20, prompt="a big yellow star in the centre, blue background", side=128)
    generate(page)
    seen = look(shown(page))
    assert seen == ("blue", [("star", "yellow", "big", "centre")])

    page.locator("#txt2img_to_img2img").click()
    expect(page.locator("#img2img_image img")).to_be_visible()
    expect(page.locator("#img2img_prompt textarea")).to_have_value(re.compile("^a big yellow star"))
    expect(page.locator("#img2img_seed input")).to_have_value("7")
    page.locator("#img2img_prompt textarea").fill("a big red star in the centre, blue background")
    generate(page, "img2img")
    assert look(shown(page, "img2img")) == ("blue", [("star", "red", "big", "centre")])

    page.locator("#img2img_to_layer").click()
    page.wait_for_function("() => window.pxl.job('img2img')?.control.layers[0]?.source.image?.startsWith('map:')")
    expect(page.locator("#pxl_img2img_editor .pxl-card")).to_be_visible()


def look(pixels: np.ndarray) -> tuple[str, list[tuple[str, str, str, str]]]:
    """The ground and the things that the judge sees."""
    (seen,) = see(torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255)
    return seen.ground, [(each.shape, each.colour, each.size, each.place) for each in seen.things]


def test_any_prompt_is_one_that_the_model_understands(studio: Studio, page: Page) -> None:
    open_studio(page, studio)
    page.locator("#txt2img_to_img2img").click()
    expect(page.locator("#txt2img_live")).to_contain_text("no picture to send yet")
    page.locator("#txt2img_surprise").click()
    expect(page.locator("#txt2img_prompt textarea")).not_to_have_value("")


def test_pasting_a_picture_without_pxl_switches_control_off(studio: Studio, page: Page, drawing: Path) -> None:
    open_studio(page, studio)
    open_panel(page)
    add_layer(page, drawing, "0.5")
    page.locator("#txt2img_paste_accordion > button").click()
    page.locator("#txt2img_pasted textarea").fill("a moon\nSteps: 3, Sampler: Heun, CFG scale: 2, Seed: 5, Size: 64x64")
    page.locator("#txt2img_paste").click()
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("a moon")
    page.wait_for_function("() => !window.pxl.job('txt2img').control.enabled")
    assert len(page.evaluate("window.pxl.job('txt2img')")["control"]["layers"]) == 1
    text = generate(page)
    assert "Sampler: Heun" in text and "pxl:" not in text


def test_nokens_are_made_bred_and_said(studio: Studio, page: Page) -> None:
    open_studio(page, studio)
    page.get_by_role("tab", name="pxl").click()
    root = page.locator("#pxl_breed")
    root.get_by_role("radio", name="Words").check()
    root.get_by_label("What it is made of").fill("red, star")
    root.get_by_role("button", name="Make", exact=True).click()
    cards = root.get_by_role("listbox", name="Nokens").get_by_role("option")
    expect(cards).to_have_count(2, timeout=SLOW)
    red, star = (cards.filter(has=page.get_by_text(name, exact=True)) for name in ("red", "star"))
    red.drag_to(star)
    expect(cards).to_have_count(6, timeout=SLOW)
    page.mouse.move(0, 0)
    colour = "(node) => { const { backgroundColor: c, opacity } = getComputedStyle(node); return opacity > 0.9 && c; }"
    face, tick = (root.locator(f"[aria-selected=true] {part}").first for part in (".pxl-face", ".pxl-tick"))
    expect(face).to_have_css("box-shadow", f"{tick.evaluate(colour)} 0px 0px 0px 3px")
    expect(red.locator(".pxl-tick")).to_have_css("opacity", "0")

    red.click()
    root.get_by_role("button", name="Send to txt2img").click()
    root.get_by_role("button", name="Go to txt2img").click()
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("<noken:red>")
    fill(page, "txt2img", prompt="<noken:red> <noken:nobody>")
    told = Infotext.parse(generate(page)).settings
    assert (
        "'nobody': got none of that name" in told["pxl error"] and "red" in json.loads(told["pxl"])["nokens"]["hashes"]
    )


def test_img2img(studio: Studio, page: Page, drawing: Path) -> None:
    open_studio(page, studio)
    page.get_by_role("tab", name="img2img").click()
    page.locator("#img2img_generate").click()
    expect(page.locator("#img2img_live")).to_contain_text("no picture to start from", timeout=SLOW)
    page.locator("#img2img_image input[type=file]").set_input_files(drawing)
    expect(page.locator("#img2img_image img")).to_be_visible()
    fill(page, "img2img", prompt="a sea")
    text = generate(page, "img2img")
    assert "Denoising strength: 0.75" in text and text.startswith("a sea")
    open_panel(page, "img2img")
    add_layer(page, drawing, "0:0, 50%:1", "img2img")
    assert "pxl:" in generate(page, "img2img")
    assert np.abs(shown(page, "img2img") - np.asarray(Image.open(drawing)).astype(int)).mean() < 12


def test_a_problem_is_told_and_the_picture_is_made(studio: Studio, page: Page) -> None:
    open_studio(page, studio)
    open_panel(page)
    fill(page, "txt2img")
    page.locator("#pxl_txt2img_editor .pxl-add").click()
    told = Infotext.parse(generate(page)).settings
    assert "layer 1" in told["pxl error"] and "pxl" not in told
    expect(page.locator("#pxl_txt2img_editor .pxl-status")).to_contain_text("layer 1")


def test_a_batch_shows_each_picture_s_own_infotext(studio: Studio, page: Page) -> None:
    open_studio(page, studio)
    fill(page, "txt2img", seed=20)
    page.locator("#txt2img_batch_size input[type=number]").fill("2")
    page.locator("#txt2img_batch_size input[type=number]").press("Tab")
    assert "Seed: 20," in generate(page)
    expect(page.locator("#txt2img_gallery .grid-container .thumbnail-item")).to_have_count(2)
    page.locator("#txt2img_gallery .grid-container .thumbnail-item").nth(1).click()
    expect(page.locator("#txt2img_infotext textarea")).to_have_value(re.compile("Seed: 21,"))


def test_interrupt_ends_the_job_and_the_next_is_well(studio: Studio, page: Page) -> None:
    open_studio(page, studio)
    fill(page, "txt2img", steps=150, seed=9)
    page.locator("#txt2img_generate").click()
    expect(page.locator("#txt2img_live .studio-preview img")).to_have_count(1, timeout=SLOW)
    expect(page.locator("#txt2img_live")).to_contain_text(re.compile(r"Step \d+ of 150"))
    began = time.monotonic()
    page.locator("#txt2img_interrupt").click()
    expect(page.locator("#txt2img_infotext textarea")).to_have_value(re.compile("Seed: 9,"), timeout=SLOW)
    assert time.monotonic() - began < 20
    fill(page, "txt2img", steps=3, seed=10)
    assert "Steps: 3, " in generate(page)


def test_two_browsers_wait_for_each_other_and_nothing_mixes(studio: Studio, browser: Browser, page: Page) -> None:
    other = browser.new_context().new_page()
    for each, seed, prompt in ((page, 31, "mine"), (other, 32, "yours")):
        open_studio(each, studio)
        fill(each, "txt2img", steps=40, seed=seed, prompt=prompt)
    page.locator("#txt2img_generate").click()
    expect(page.locator("#txt2img_live .studio-preview")).to_have_count(1, timeout=SLOW)
    other.locator("#txt2img_generate").click()
    expect(other.locator("#txt2img_live")).to_contain_text("Waiting for its turn", timeout=SLOW)
    page.locator("#txt2img_interrupt").click()
    expect(page.locator("#txt2img_infotext textarea")).to_have_value(re.compile("^mine\n.*Seed: 31,"), timeout=SLOW)
    other.wait_for_timeout(200)
    expect(other.locator("#txt2img_infotext textarea")).to_have_value(re.compile("^yours\n.*Seed: 32,"), timeout=SLOW)
    assert "Seed: 31" in page.locator("#txt2img_infotext textarea").input_value()
    other.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fetches_nothing_from_elsewhere(scheme: str, studio: Studio, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    open_studio(page, studio)
    open_panel(page)
    FakePool().stand_in(page)
    page.get_by_role("tab", name="pxl").click()
    expect(page.locator("#pxl_breed .pxl-pool")).to_be_visible()
    assert not [url for url in asked if not url.startswith((studio.url, "data:", "blob:"))]


def test_ctrl_c_in_the_middle_leaves_whole_pictures_alone(tmp_path: Path, page: Page, console: Console) -> None:
    studio = Studio(tmp_path / "data")
    try:
        open_studio(page, studio)
        fill(page, "txt2img", steps=150)
        page.locator("#txt2img_generate").click()
        expect(page.locator("#txt2img_live .studio-preview img")).to_have_count(1, timeout=SLOW)
        began = time.monotonic()
    finally:
        code, errors = studio.end()
    assert (code, errors) == (0, "") and time.monotonic() - began < 20
    for picture in studio.pictures():
        Image.open(picture).load()
    assert not list(studio.folder.rglob("*.part"))
    page.close()
    console.complaints.clear()  # the page has lost its server
