"""The page, driven as a person would: a layer, a picture, Generate, and the infotext pasted back."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.host.client import Client, blocks, pixels

SECONDS = 1000
SETTINGS = {"width": 128, "height": 128, "steps": 4}


@pytest.fixture
def opened(url: str, page: Page) -> Page:
    """The host's page, small pictures chosen and the accordion open."""
    page.context.set_default_timeout(90 * SECONDS)
    open_page(url, page)
    return page


def open_page(url: str, page: Page) -> None:
    page.goto(url)
    page.locator("#pxl_txt2img_editor button").first.wait_for(state="attached")
    for name, value in SETTINGS.items():
        fill(page, f"#txt2img_{name} input[type=number]", str(value))
    fill(page, "#txt2img_seed input", "1")
    page.locator("#pxl_txt2img_accordion .label-wrap").first.click()


def fill(page: Page, selector: str, value: str) -> None:
    """Write into a field until it stays: a page that is still coming up sets its own values once more."""
    field = page.locator(selector).first
    for _ in range(20):
        field.fill(value)
        page.wait_for_timeout(500)
        if field.input_value() == value:
            return
    raise AssertionError(f"{selector} does not keep {value}")


def job(page: Page) -> dict[str, Any]:
    """What the hidden field holds."""
    text = page.locator("#pxl_txt2img_job textarea").input_value()
    return dict(json.loads(text)) if text else {}


def generated(page: Page) -> tuple[Any, str]:
    """Press Generate; the new picture's pixels and infotext."""
    shown = page.locator("#txt2img_gallery img").first
    before = shown.get_attribute("src") if shown.count() else ""
    page.locator("#txt2img_generate").click()
    page.wait_for_function(
        "before => { const image = document.querySelector('#txt2img_gallery img');"
        " return image && image.src && !image.src.endsWith(before) && image.src !== before"
        " && !image.src.startsWith('data:'); }",
        arg=before or "nothing yet",
    )
    page.locator("#html_info_txt2img, #infotext_txt2img").first.wait_for()
    data = page.request.get(page.locator("#txt2img_gallery img").first.evaluate("image => image.src")).body()
    return pixels(data), str(Image.open(io.BytesIO(data)).text["parameters"])  # type: ignore[attr-defined]


def add_layer(page: Page, picture: Path) -> None:
    editor = page.locator("#pxl_txt2img_editor")
    editor.get_by_role("button", name="Add a layer").click()
    with page.expect_file_chooser() as chooser:
        editor.locator(".pxl-card .pxl-drop").first.click()
    chooser.value.set_files(picture)
    expect(editor.locator(".pxl-card .pxl-full").first).to_be_visible(timeout=30 * SECONDS)


def test_a_layer_goes_from_a_click_to_the_picture_and_back(
    url: str, opened: Page, tmp_path: Path, console: Any
) -> None:
    page, picture = opened, tmp_path / "map.png"
    blocks().save(picture)
    page.locator("#txt2img_prompt textarea").fill("a photo of a cat")
    plain, without = generated(page)
    assert "pxl: " not in without
    add_layer(page, picture)
    editor = page.locator("#pxl_txt2img_editor")
    editor.locator(".pxl-card input[type=text]").first.fill("0:1, 50%:0.4 smooth")
    asked = job(page)
    assert asked["control"]["enabled"] is True
    made, infotext = generated(page)
    assert "pxl: " in infotext and "pxl error" not in infotext
    assert not numpy.array_equal(made, plain)
    page.locator("#pxl_txt2img_accordion").screenshot(path=tmp_path / "panel.png")

    editor.get_by_role("button", name="Remove").first.click()
    page.locator("#txt2img_prompt textarea").fill(infotext)
    page.locator("#txt2img_tools #paste, #txt2img_paste").first.click()
    expect(editor.locator(".pxl-card")).to_have_count(1, timeout=30 * SECONDS)
    assert job(page)["control"]["layers"][0]["source"] == asked["control"]["layers"][0]["source"]
    again, told = generated(page)
    assert numpy.array_equal(again, made) and told == infotext

    page.locator("#txt2img_prompt textarea").fill(without)
    page.locator("#txt2img_tools #paste, #txt2img_paste").first.click()
    expect(
        editor.get_by_role("switch", name="Control").or_(editor.get_by_role("checkbox", name="Control"))
    ).not_to_be_checked()
    expect(editor.locator(".pxl-card")).to_have_count(1)
    assert numpy.array_equal(generated(page)[0], plain)
    console.complaints.clear()  # the hosts' pages ask for scripts of other places, and Forge's warns of its own


def test_reloading_the_ui_twice_leaves_one_set_of_hooks(url: str, opened: Page, tmp_path: Path, console: Any) -> None:
    page, picture, client = opened, tmp_path / "map.png", Client(url)
    blocks(3).save(picture)
    page.locator("#txt2img_prompt textarea").fill("a photo of a cat")
    add_layer(page, picture)
    text = page.locator("#pxl_txt2img_job textarea").input_value()
    first, _ = generated(page)
    for _ in range(2):
        with page.expect_navigation(timeout=180 * SECONDS):
            page.locator("a", has_text="Reload UI").first.click()
        page.locator("#pxl_txt2img_editor button").first.wait_for(state="attached")
    open_page(url, page)
    page.locator("#txt2img_prompt textarea").fill("a photo of a cat")
    page.locator("#pxl_txt2img_job textarea").evaluate(
        "(field, text) => { field.value = text; field.dispatchEvent(new Event('input', {bubbles: true})); }", text
    )
    before = client.get("/pxl/v1/status?tab=txt2img")["jobs"]
    second, _ = generated(page)
    assert numpy.array_equal(second, first)
    assert client.get("/pxl/v1/status?tab=txt2img")["jobs"] == before + 1
    console.complaints.clear()
