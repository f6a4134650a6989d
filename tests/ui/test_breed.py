"""The Breed tab in a real browser, over a page of its own and a pool in memory that answers as the routes do."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import WAIT, Console, drop_files
from tests.site import Answer, Asked, File, serve
from tests.ui.pool import FakePool

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = '"\'><img src=x onerror="window.hacked=1"><script>window.hacked=2</script>'
PLACE = '<div class="pxl-panel pxl-breed" id="pxl_breed" data-key="the-key"></div>'
PAGE = f"""<!doctype html><html><head><meta charset="utf-8"><link rel="icon" href="data:,">
    <meta name="viewport" content="width=device-width"><link rel="stylesheet" href="style.css">
    <script src="pxl.js"></script><script src="pxl_breed.js"></script></head>
    <body><div id="tabs"><button role="tab" onclick="window.went='txt2img'">txt2img</button></div>
    <div id="txt2img_prompt"><textarea rows="1"></textarea></div><div id="img2img_prompt"><textarea></textarea></div>
    <img id="gallery" src="gallery.png" width="32" height="32"><div id="place">{PLACE}</div></body></html>"""

expect.set_options(timeout=WAIT)


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (32, 32), "gold").save(out, "PNG")
    return out.getvalue()


@contextmanager
def site(pool: FakePool) -> Iterator[str]:
    """The page, its scripts and style, and the pool's routes."""
    files: dict[str, File] = {
        "/": ("text/html", PAGE.encode),
        "/pxl.js": ("text/javascript", (ROOT / "javascript" / "pxl.js").read_bytes),
        "/pxl_breed.js": ("text/javascript", (ROOT / "javascript" / "pxl_breed.js").read_bytes),
        "/style.css": ("text/css", (ROOT / "style.css").read_bytes),
        "/gallery.png": ("image/png", png),
    }

    def answer(asked: Asked) -> Answer:
        return pool.answer(asked)

    with serve(files, answer) as pool.url:
        yield pool.url


@pytest.fixture
def pool() -> FakePool:
    """Four nokens, the newest of which is for another family."""
    stocked = FakePool()
    for name in ("fox", "owl", "moss"):
        stocked.add(name)
    stocked.add("big city", family="l768+g1280")
    return stocked


@dataclass
class Tab:
    """The tab, as a person sees it."""

    page: Page
    pool: FakePool

    @property
    def root(self) -> Locator:
        return self.page.locator("#pxl_breed")

    @property
    def cards(self) -> Locator:
        return self.root.get_by_role("listbox", name="Nokens").get_by_role("option")

    @property
    def error(self) -> Locator:
        return self.root.get_by_role("alert")

    @property
    def said(self) -> Locator:
        return self.root.locator(".pxl-said")

    @property
    def details(self) -> Locator:
        return self.root.get_by_role("region", name="Details")

    @property
    def tree(self) -> Locator:
        return self.root.get_by_role("group", name="Family tree")

    def card(self, name: str) -> Locator:
        return self.cards.filter(has=self.page.get_by_text(name, exact=True))

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name, exact=True)

    def knob(self, name: str) -> Locator:
        return self.root.get_by_role("spinbutton", name=name, exact=True)

    def open(self, name: str) -> None:
        self.root.locator("summary", has_text=name).click()

    def chosen(self) -> list[str]:
        found: list[str] = self.root.locator("[aria-selected=true] .pxl-noken-name").all_text_contents()
        return found

    def shown(self) -> list[str]:
        found: list[str] = self.root.locator(".pxl-noken .pxl-noken-name").all_text_contents()
        return found

    def hash(self, name: str) -> str:
        return next(card["hash"] for card in self.pool.cards.values() if card["name"] == name)

    def choose(self, *names: str) -> None:
        for i, name in enumerate(names):
            self.card(name).click(modifiers=["Control"] if i else [])


@contextmanager
def opened(page: Page, pool: FakePool) -> Iterator[Tab]:
    with site(pool) as url:
        page.goto(url)
        yield Tab(page, pool)
        page.context.close()  # or it would ask a server that is gone


@pytest.fixture
def tab(page: Page, pool: FakePool) -> Iterator[Tab]:
    """The tab over that pool, its cards drawn."""
    with opened(page, pool) as drawn:
        expect(drawn.cards).to_have_count(4)
        yield drawn


def test_the_pool_is_shown_the_newest_first_with_the_page_s_key(tab: Tab) -> None:
    assert tab.shown() == ["big city", "moss", "owl", "fox"]
    expect(tab.root).to_contain_text("4 nokens")
    assert tab.pool.keys == {"the-key"}


def test_a_card_that_does_not_fit_the_model_is_dimmed_and_says_so(tab: Tab) -> None:
    misfit = tab.card("big city")
    expect(misfit).to_contain_text("For SDXL, not this model")
    expect(misfit).to_have_accessible_name(re.compile("SDXL, does not fit the model"))
    expect(tab.card("fox")).not_to_contain_text("not this model")
    assert misfit.locator(".pxl-face").evaluate("(face) => Number(getComputedStyle(face).opacity)") < 0.6
    tab.pool.family = "l768+g1280"
    tab.page.evaluate("pxl.breed.refresh()")
    expect(misfit).not_to_contain_text("not this model")
    expect(tab.card("fox")).to_contain_text("For SD1, not this model")


def test_an_empty_pool_says_how_to_begin(page: Page) -> None:
    with opened(page, FakePool()) as tab:
        expect(tab.root).to_contain_text("Nothing here yet")
        tab.root.get_by_label("What it is made of").fill("a red fox in snow")
        tab.root.get_by_label("What it is made of").press("Enter")
        expect(tab.card("a red fox in snow")).to_have_attribute("aria-selected", "true")
        expect(tab.root.get_by_text("Nothing here yet")).to_be_hidden()
        expect(tab.root.get_by_text("0 nokens")).to_have_count(0)


def test_a_card_let_go_over_another_breeds_a_litter_at_the_front(tab: Tab) -> None:
    tab.card("fox").drag_to(tab.card("owl"))
    expect(tab.cards).to_have_count(8)
    usual = {"n": 4, "seed": None, "method": "slerp", "mix": None, "angle": 0, "passed": None}
    assert tab.pool.bodies("POST nokens/breed") == [usual | {"parents": [tab.hash("fox"), tab.hash("owl")]}]
    expect(tab.root.locator("[aria-selected=true]")).to_have_count(4)
    assert tab.shown()[4:] == ["big city", "moss", "owl", "fox"]
    assert tab.chosen() == tab.shown()[:4]
    expect(tab.said).to_have_text("4 children of fox and owl.")


def test_all_that_are_chosen_are_dragged_together(tab: Tab) -> None:
    tab.choose("fox", "owl")
    tab.card("owl").drag_to(tab.card("moss"))
    expect(tab.cards).to_have_count(8)
    [asked] = tab.pool.bodies("POST nokens/breed")
    assert asked["parents"] == [tab.hash("fox"), tab.hash("owl"), tab.hash("moss")]


def test_of_a_new_litter_which_is_chosen_whole_a_card_let_go_over_another_breeds_these_two(tab: Tab) -> None:
    tab.choose("fox", "owl", "moss")
    tab.card("owl").drag_to(tab.card("fox"))
    expect(tab.cards).to_have_count(8)
    [asked] = tab.pool.bodies("POST nokens/breed")
    assert asked["parents"] == [tab.hash("owl"), tab.hash("fox")]


def test_a_litter_stands_as_it_will_when_the_page_is_opened_again(tab: Tab) -> None:
    tab.root.get_by_role("radio", name="Words").check()
    tab.root.get_by_label("What it is made of").fill("red, blue, star")
    tab.button("Make").click()
    expect(tab.cards).to_have_count(7)
    before = tab.shown()
    assert before[:3] == ["star", "blue", "red"]
    tab.page.reload()
    expect(tab.cards).to_have_count(7)
    assert tab.shown() == before


def test_what_was_deleted_and_comes_back_is_counted(tab: Tab) -> None:
    tab.card("fox").click(modifiers=["Shift"])
    expect(tab.root).to_contain_text("3 nokens")
    gone = tab.hash("fox")
    tab.pool._new = lambda body: tab.pool._mark([gone], None) and tab.pool._born([gone])  # type: ignore[method-assign]
    tab.root.get_by_label("What it is made of").fill("fox")
    tab.button("Make").click()
    expect(tab.root).to_contain_text("1 of 4 nokens chosen")


def test_a_card_let_go_over_itself_does_nothing(tab: Tab) -> None:
    tab.card("fox").drag_to(tab.card("fox"), target_position={"x": 40, "y": 90})
    tab.card("owl").drag_to(tab.card("fox"))
    expect(tab.cards).to_have_count(8)
    assert len(tab.pool.bodies("POST nokens/breed")) == 1


def test_a_card_dropped_into_a_prompt_is_its_mention(tab: Tab) -> None:
    tab.card("fox").drag_to(tab.page.locator("#txt2img_prompt textarea"))
    expect(tab.page.locator("#txt2img_prompt textarea")).to_have_value("<noken:fox>")


def test_the_settings_of_a_litter_are_sent(tab: Tab) -> None:
    expect(tab.knob("Mix")).to_be_hidden()
    tab.root.get_by_label("Draw the mix").uncheck()
    tab.root.get_by_label("Method").select_option("cross")
    for name, value in {"Mix": "0.3", "Mutation °": "5", "Litter": "2", "Seed": "77"}.items():
        tab.root.get_by_role("group", name="Breeding").get_by_role("spinbutton", name=name).fill(value)
    tab.choose("fox", "owl")
    tab.button("Breed").click()
    expect(tab.cards).to_have_count(6)
    asked = {
        "n": 2,
        "seed": 77,
        "method": "cross",
        "mix": 0.3,
        "angle": 5,
        "passed": None,
        "parents": [tab.hash("fox"), tab.hash("owl")],
    }
    assert tab.pool.bodies("POST nokens/breed") == [asked]
    tab.choose("moss")
    tab.button("Mutate").first.click()
    expect(tab.cards).to_have_count(8)
    assert tab.pool.bodies("POST nokens/mutate") == [
        {"noken": tab.hash("moss"), "n": 2, "seed": 77, "angle": 5, "towards": None, "passed": None}
    ]


def test_breeding_parents_that_do_not_fit_each_other_is_one_sentence(tab: Tab, console: Console) -> None:
    tab.card("fox").drag_to(tab.card("big city"))
    expect(tab.error).to_have_text("parents: got two families, wanted one")
    tab.page.add_style_tag(content="#place * { color: rgb(1, 2, 3) }")  # as Forge's gradio has it
    innermost = "(node) => getComputedStyle([node, ...node.querySelectorAll('*')].at(-1)).color"
    assert tab.error.evaluate(innermost) != "rgb(1, 2, 3)"
    assert tab.shown() == ["big city", "moss", "owl", "fox"]
    console.forgive("400")
    tab.card("fox").drag_to(tab.card("owl"))
    expect(tab.cards).to_have_count(8)
    expect(tab.error).to_have_count(0)


def test_shift_click_deletes_and_the_bar_brings_back(tab: Tab) -> None:
    tab.card("owl").click(modifiers=["Shift"])
    expect(tab.card("owl")).to_have_count(0)
    assert tab.pool.names() == ["big city", "moss", "fox"]
    expect(tab.root.get_by_role("status")).to_contain_text("owl deleted.")
    expect(tab.root).to_contain_text("3 nokens")
    tab.button("Undo").click()
    expect(tab.card("owl")).to_have_count(1)
    assert tab.shown() == ["big city", "moss", "owl", "fox"], "it is back where it was"
    assert tab.pool.names() == ["big city", "moss", "owl", "fox"]


def test_control_z_takes_deletions_back_one_by_one(tab: Tab) -> None:
    tab.card("fox").click(modifiers=["Shift"])
    tab.choose("owl", "moss")
    tab.page.keyboard.press("Delete")
    expect(tab.cards).to_have_count(1)
    assert [len(body["nokens"]) for body in tab.pool.bodies("POST nokens/delete")] == [1, 2]
    tab.page.keyboard.press("Control+z")
    expect(tab.cards).to_have_count(3)
    expect(tab.card("fox")).to_have_count(0)
    tab.page.keyboard.press("Control+z")
    expect(tab.card("fox")).to_have_count(1)
    tab.page.keyboard.press("Control+z")
    assert len(tab.pool.bodies("POST nokens/undo")) == 2


def test_a_name_is_changed_where_it_stands(tab: Tab, console: Console) -> None:
    tab.card("fox").dblclick()
    field = tab.cards.get_by_role("textbox")
    expect(field).to_have_value("fox")
    field.fill("red fox")
    field.press("Enter")
    expect(tab.card("red fox")).to_be_focused()
    tab.page.keyboard.press("F2")
    field.fill("never")
    field.press("Escape")
    expect(tab.card("red fox")).to_be_focused()
    tab.page.keyboard.press("F2")
    field.fill("owl")
    field.press("Enter")
    expect(tab.error).to_contain_text("wanted one that no other noken has")
    console.forgive("400")
    assert tab.pool.names() == ["big city", "moss", "owl", "red fox"]
    assert tab.shown() == ["big city", "moss", "owl", "red fox"]
    tab.choose("red fox")
    tab.details.get_by_role("button", name="Rename").click()
    tab.details.get_by_role("textbox", name="Name of").fill("fox")
    tab.details.get_by_role("textbox", name="Name of").press("Enter")
    expect(tab.card("fox")).to_have_count(1)


def test_what_comes_from_outside_is_never_markup(page: Page, pool: FakePool, console: Console) -> None:
    evil = pool.add(
        HOSTILE, family="<b>l1</b>", operator="<i>x</i>", parents=[*pool.cards][:2], amounts=[0.5, 0.5], seed=1
    )
    with opened(page, pool) as tab:
        tab.card(HOSTILE).click()
        expect(tab.details).to_contain_text(HOSTILE)
        expect(tab.details).to_contain_text("<b>l1</b>, to see them")
        tab.open("Family tree")
        expect(tab.tree.locator("g")).to_have_count(3)
        tab.card("fox").click()
        expect(tab.details).to_contain_text("<b>rust</b>")
        tab.choose("fox", HOSTILE)
        tab.details.get_by_role("button", name="Copy morph").click()
        expect(tab.said).to_contain_text(f"<noken:fox~{evil[:12]}>")
        tab.card(HOSTILE).click(modifiers=["Shift"])
        expect(tab.root.get_by_role("status")).to_contain_text(HOSTILE)
        pool.refuse = HOSTILE
        tab.button("Undo").click()
        expect(tab.error).to_have_text(HOSTILE)
        console.forgive("400")
        assert page.evaluate("window.hacked") is None
        assert page.evaluate("document.querySelectorAll('#pxl_breed :is(script, b, i)').length") == 0


def test_everything_is_done_by_keyboard_alone(tab: Tab) -> None:
    keyboard = tab.page.keyboard
    tab.root.get_by_label("What it is made of").focus()
    for _ in range(30):
        keyboard.press("Tab")
        if tab.page.evaluate("document.activeElement.matches('.pxl-noken')"):
            break
    expect(tab.card("big city")).to_be_focused()
    for key in ("ArrowRight", "Space", "ArrowRight", "Space", "b"):
        keyboard.press(key)
    expect(tab.cards).to_have_count(8)
    [asked] = tab.pool.bodies("POST nokens/breed")
    assert asked["parents"] == [tab.hash("moss"), tab.hash("owl")]
    tab.card("fox").focus()
    keyboard.press("k")
    expect(tab.card("fox")).to_have_accessible_name(re.compile("kept"))
    keyboard.press("Escape")
    keyboard.press("m")
    expect(tab.cards).to_have_count(12)
    assert tab.pool.bodies("POST nokens/mutate")[0]["noken"] == tab.hash("fox")
    keyboard.press("/")
    expect(tab.root.get_by_label("Filter by name")).to_be_focused()
    keyboard.type("bmk ow")
    keyboard.press("Control+a")
    keyboard.type("owl")
    expect(tab.cards).to_have_count(1)
    keyboard.press("Escape")
    expect(tab.cards).to_have_count(12)
    tab.card("owl").focus()
    keyboard.press("Enter")
    expect(tab.details).to_be_focused()
    expect(tab.details).to_contain_text("Nearest words")
    keyboard.press("Escape")
    expect(tab.card("owl")).to_be_focused()
    assert tab.chosen() == ["owl"]
    keyboard.press("Delete")
    expect(tab.card("owl")).to_have_count(0)
    expect(tab.card("fox")).to_be_focused()
    keyboard.press("?")
    expect(tab.root.get_by_role("dialog")).to_contain_text("Ctrl+Z")
    tab.page.evaluate("document.addEventListener('keydown', (event) => { window.heard = event.key; })")
    keyboard.press("Escape")
    expect(tab.root.get_by_role("dialog")).to_be_hidden()
    assert tab.page.evaluate("window.heard") is None, "or the host would interrupt its job"
    keyboard.press("Control+z")
    expect(tab.card("owl")).to_have_count(1)
    assert [len(tab.pool.bodies(f"POST nokens/{each}")) for each in ("breed", "mutate", "delete")] == [1, 1, 1]


def test_arrows_go_by_rows_and_stop_at_the_ends(page: Page) -> None:
    many = FakePool()
    for number in range(40):
        many.add(f"n{number}")
    with opened(page, many) as tab:
        expect(tab.cards).to_have_count(40)
        tops = tab.cards.evaluate_all("(all) => all.map((each) => each.offsetTop)")
        columns = tops.count(tops[0])
        tab.cards.first.focus()
        page.keyboard.press("ArrowDown")
        expect(tab.cards.nth(columns)).to_be_focused()
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowLeft")
        expect(tab.cards.first).to_be_focused()
        page.keyboard.press("End")
        expect(tab.cards.last).to_be_focused()
        expect(tab.cards.last).to_be_in_viewport()
        assert tab.root.locator(".pxl-noken[tabindex='0']").count() == 1


def test_the_hosts_keys_still_arrive(tab: Tab) -> None:
    tab.page.evaluate("document.addEventListener('keydown', (event) => { window.heard = event.key; })")
    tab.card("fox").focus()
    tab.page.keyboard.press("Escape")
    assert tab.page.evaluate("window.heard") == "Escape", "with nothing chosen it is the host's"
    tab.choose("fox")
    tab.page.evaluate("window.heard = null")
    tab.page.keyboard.press("Escape")
    assert tab.page.evaluate("window.heard") is None
    assert tab.chosen() == []


def test_words_and_chance_make_new_ones(tab: Tab, console: Console) -> None:
    tab.root.get_by_role("radio", name="Words").check()
    text = tab.root.get_by_label("What it is made of")
    text.fill("ember, north")
    tab.button("Make").click()
    expect(tab.cards).to_have_count(6)
    assert sorted(tab.chosen()) == ["ember", "north"]
    assert tab.pool.bodies("POST nokens/new") == [{"text": "ember, north"}]
    text.fill(" ")
    tab.button("Make").click()
    expect(tab.error).to_have_text("prompt: got nothing, wanted some words")
    console.forgive("400")
    tab.root.get_by_role("radio", name="Random").check()
    expect(text).to_be_hidden()
    tab.knob("Count").fill("3")
    tab.knob("Tokens").fill("2")
    tab.button("Make").click()
    expect(tab.cards).to_have_count(9)
    assert tab.pool.bodies("POST nokens/new")[-1] == {"tokens": 2, "count": 3, "seed": None}
    tab.root.get_by_role("radio", name="Words").check()
    expect(text).to_have_value(" ")


def test_a_picture_is_chosen_dropped_or_dragged_from_the_gallery(tab: Tab, console: Console, tmp_path: Path) -> None:
    still = tmp_path / "still.png"
    still.write_bytes(png())
    tab.root.get_by_role("radio", name="Picture").check()
    with tab.page.expect_file_chooser() as chooser:
        tab.root.get_by_role("button", name=re.compile("^Choose, drop or paste")).click()
    chooser.value.set_files(still)
    expect(tab.cards).to_have_count(5)
    drop_files(tab.page, tab.root.locator(".pxl-pool"), [still])
    expect(tab.cards).to_have_count(6)
    tab.page.locator("#gallery").drag_to(tab.root.locator(".pxl-pool"))
    expect(tab.cards).to_have_count(7)
    [first, *others] = [body["picture"] for body in tab.pool.bodies("POST nokens/new")]
    assert others == [first, first], "the picture of the page keeps its own bytes"
    flat = tmp_path / "flat.webp"
    Image.new("RGB", (8, 8)).save(flat)
    drop_files(tab.page, tab.root.locator(".pxl-pool"), [flat])
    expect(tab.error).to_have_text("picture: got no prompt inside, wanted one with PNG info")
    console.forgive("400")


def test_a_file_that_is_no_picture_is_taken_in(tab: Tab, console: Console, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.safetensors", tmp_path / "bad.pt"
    good.write_bytes(b"noken\0\xff")
    bad.write_bytes(b"nothing")
    drop_files(tab.page, tab.root.locator(".pxl-pool"), [good])
    expect(tab.card("imported")).to_have_attribute("aria-selected", "true")
    assert tab.pool.bodies("POST nokens/import") == [b"noken\0\xff"]
    drop_files(tab.page, tab.root.locator(".pxl-pool"), [bad])
    expect(tab.error).to_have_text("file: got bytes of no kind, wanted a textual inversion")
    console.forgive("400")


def test_details_tell_where_it_comes_from_and_what_it_is_near(tab: Tab) -> None:
    parents = [tab.hash("fox"), tab.hash("owl")]
    tab.pool.add("foxowl", operator="slerp", parents=parents, amounts=[0.7, 0.3], seed=9, generation=1, tokens=2)
    tab.page.evaluate("pxl.breed.refresh()")
    tab.choose("foxowl")
    expect(tab.details).to_contain_text("Slerp of fox 70 % and owl 30 %, seed 9")
    expect(tab.details).to_contain_text("SD1 · 2 tokens · generation 1")
    box = tab.details.locator(".pxl-face").bounding_box()
    assert box and box["width"] == box["height"]
    expect(tab.details.locator(".pxl-vector")).to_have_count(2)
    tab.details.get_by_role("button", name=re.compile("^ember")).first.click()
    towards = tab.details.get_by_label("Mutate towards a word")
    expect(towards).to_have_value("ember")
    towards.press("Enter")
    expect(tab.card("ember 0")).to_have_count(1)
    [asked] = tab.pool.bodies("POST nokens/mutate")
    assert (asked["towards"], asked["angle"]) == ("ember", 10)
    tab.choose("foxowl")
    tab.details.get_by_role("button", name="fox", exact=True).click()
    assert tab.chosen() == ["fox"]
    tab.choose("big city")
    expect(tab.details).to_contain_text("Load a model of its family, SDXL, to see them.")


@pytest.mark.parametrize("title", ["txt2img", "Txt2img"])
def test_a_mention_goes_into_the_host_s_prompt(tab: Tab, title: str) -> None:
    tab.page.get_by_role("tab").evaluate("(tab, title) => { tab.textContent = title; }", title)
    tab.page.evaluate("""() => document.querySelector('#txt2img_prompt').addEventListener('input', () => {
        window.inputs = (window.inputs ?? 0) + 1;
    })""")
    prompt = tab.page.locator("#txt2img_prompt textarea")
    prompt.evaluate("(area) => { area.value = 'a photo of '; }")
    tab.choose("fox")
    tab.details.get_by_role("button", name="Send to txt2img").click()
    expect(prompt).to_have_value("a photo of <noken:fox>")
    assert tab.page.evaluate("window.inputs") == 1
    tab.said.get_by_role("button", name="Go to txt2img").click()
    assert tab.page.evaluate("window.went") == "txt2img"
    tab.details.get_by_role("button", name="Copy mention").click()
    expect(tab.said).to_contain_text("copied")
    assert tab.page.evaluate("navigator.clipboard.readText()") == "<noken:fox>"
    tab.choose("big city")
    tab.details.get_by_role("button", name="Send to txt2img").click()
    expect(tab.said).to_contain_text("It needs a model of SDXL.")


def test_one_without_a_name_gets_one_before_it_is_mentioned(tab: Tab) -> None:
    which = tab.pool.add("")
    tab.page.evaluate("pxl.breed.refresh()")
    tab.choose(which[:8])
    tab.details.get_by_role("button", name="Send to img2img").click()
    expect(tab.page.locator("#img2img_prompt textarea")).to_have_value(f"<noken:noken-{which[:6]}>")
    assert tab.pool.cards[which]["name"] == f"noken-{which[:6]}"
    expect(tab.card(f"noken-{which[:6]}")).to_have_count(1)


def test_two_are_morphed(tab: Tab) -> None:
    tab.choose("owl", "fox")
    tab.details.get_by_role("button", name="Morph in txt2img").click()
    expect(tab.page.locator("#txt2img_prompt textarea")).to_have_value("<noken:owl~fox>")
    tab.choose("owl", "fox", "moss")
    expect(tab.details.get_by_role("button", name="Morph in txt2img")).to_have_count(0)


def test_files_leave_with_the_page_s_key(tab: Tab) -> None:
    tab.choose("fox")
    with tab.page.expect_download() as download:
        tab.details.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"{tab.hash('fox')}.safetensors"
    assert download.value.path().read_bytes() == tab.hash("fox").encode()
    with tab.page.expect_download() as download:
        tab.button("Export").click()
    assert download.value.path().read_text() == f"nokens.zip?nokens={tab.hash('fox')}"
    tab.page.keyboard.press("Escape")
    with tab.page.expect_download() as download:
        tab.button("Export all").click()
    assert download.value.path().read_text() == "nokens.zip"
    tab.choose("fox")
    tab.details.get_by_role("button", name="Install as embedding").click()
    expect(tab.said).to_contain_text(f"embeddings/pxl/{tab.hash('fox')[:6]}.safetensors")
    assert tab.pool.keys == {"the-key"}


def test_thumbnails_are_drawn_one_by_one_and_come_into_the_cards(tab: Tab) -> None:
    tab.open("Thumbnails")
    tab.root.get_by_label("Prompt, with {} for the noken").fill("{} in ink")
    tab.knob("Steps").fill("8")
    tab.button("Draw the 3 without a picture").click()
    expect(tab.root.get_by_role("progressbar")).to_be_visible()
    expect(tab.root.locator(".pxl-work")).to_contain_text("Drawing 1 of 3 · 2 s left")
    expect(tab.card("moss").locator("img")).to_be_visible()
    expect(tab.card("fox").locator("img")).to_be_hidden()
    expect(tab.card("fox").locator("img")).to_be_visible()
    expect(tab.root.get_by_role("progressbar")).to_be_hidden()
    expect(tab.said).to_have_text("Drawing ended: 3 of 3.")
    [asked] = tab.pool.bodies("POST nokens/draw")
    nokens = [tab.hash(name) for name in ("moss", "owl", "fox")]
    assert asked == {"nokens": nokens, "prompt": "{} in ink", "seed": 1, "steps": 8, "size": None, "cfg": 7}
    before = tab.card("fox").locator("img").get_attribute("src")
    tab.choose("fox")
    tab.root.locator(".pxl-acts").get_by_role("button", name="Draw").click()
    expect(tab.card("fox").locator("img")).not_to_have_attribute("src", before or "")


def test_work_is_stopped_and_a_second_one_refused(tab: Tab, console: Console) -> None:
    tab.pool.pace = 0
    tab.choose("fox", "owl")
    draw = tab.root.locator(".pxl-acts").get_by_role("button", name="Draw")
    draw.click()
    expect(tab.root.locator(".pxl-work")).to_contain_text("Drawing 0 of 2")
    draw.click()
    expect(tab.error).to_have_text("work: got another, wanted to finish the one under way")
    console.forgive("409")
    tab.card("moss").click()
    expect(tab.details).to_contain_text("Nearest words"), "the page goes on"
    tab.button("Stop").click()
    expect(tab.card("moss")).to_be_focused()
    expect(tab.root.get_by_role("progressbar")).to_be_hidden()
    assert tab.pool.work["running"] is False


def test_work_that_fails_says_why_and_work_under_way_is_found_again(tab: Tab) -> None:
    tab.pool.pace = 0
    tab.pool.answer(Asked("POST", "/pxl/v1/nokens/draw", "", json.dumps(
        {"nokens": [tab.hash("fox")], "prompt": "{}", "seed": 1, "steps": 1, "size": None, "cfg": 7}
    ).encode()))  # fmt: skip
    tab.page.reload()
    expect(tab.root.locator(".pxl-work")).to_contain_text("Drawing 0 of 1")
    tab.pool.work |= {"running": False, "error": "model: got none, wanted one"}
    tab.pool.family = "l768+g1280"
    expect(tab.error).to_have_text("model: got none, wanted one")
    expect(tab.root.get_by_role("progressbar")).to_be_hidden()
    expect(tab.card("fox")).to_contain_text("For SD1, not this model")


def test_generations_go_by_on_their_own(tab: Tab) -> None:
    tab.pool.pace = 3
    tab.open("Evolve")
    tab.choose("fox", "owl")
    tab.knob("Generations").fill("2")
    tab.root.locator("details", has_text="Evolve").get_by_role("spinbutton", name="Litter").fill("3")
    tab.knob("Novelty").fill("0.5")
    tab.button("Evolve the 2 chosen").click()
    expect(tab.root.locator(".pxl-work")).to_contain_text("Evolving 3 of 6")
    expect(tab.cards).to_have_count(7)
    expect(tab.cards).to_have_count(10)
    [asked] = tab.pool.bodies("POST nokens/evolve")
    assert asked == {
        "parents": [tab.hash("fox"), tab.hash("owl")], "generations": 2, "litter": 3, "elite": 1, "novelty": 0.5,
        "method": "slerp", "angle": None, "seed": None, "score": "novelty",
    }  # fmt: skip
    assert tab.chosen() == ["owl", "fox"]


def test_the_hand_picks_and_the_next_generation_comes(tab: Tab) -> None:
    tab.open("Evolve")
    tab.choose("owl", "fox")
    tab.root.locator("details").get_by_role("button", name="Next generation").click()
    expect(tab.said).to_have_text("Generation 1: pick the best of 6.")
    expect(tab.cards).to_have_count(10)
    assert tab.pool.cards[tab.hash("owl")]["kept"] and not tab.pool.cards[tab.hash("fox")]["kept"]
    assert tab.chosen() == []
    tab.cards.first.click()
    tab.root.locator("details").get_by_role("button", name="Next generation").click()
    expect(tab.said).to_have_text("Generation 2: pick the best of 6.")
    [first], [second] = (tab.pool.bodies(f"POST nokens/{kind}") for kind in ("breed", "mutate"))
    assert (first["passed"], second["n"]) == (None, 6)
    litter = {each for each, card in tab.pool.cards.items() if card["generation"] == 1}
    assert set(second["passed"]) == litter - {second["noken"]} and len(second["passed"]) == 5


def test_the_filter_finds_what_no_page_has_shown_yet(page: Page) -> None:
    many = FakePool()
    many.add("needle", kept=True)
    for number in range(450):
        many.add(f"hay {number}")
    with opened(page, many) as tab:
        expect(tab.cards).to_have_count(200)
        expect(tab.root).to_contain_text("451 nokens")
        assert "GET nokens?limit=200&offset=200" not in [f"{method} {path}" for method, path, _ in many.asked]
        tab.root.get_by_label("Filter by name").fill("NEEDLE")
        expect(tab.cards).to_have_count(1)
        tab.root.get_by_label("Filter by name").fill("none of them")
        expect(tab.root).to_contain_text("No noken matches.")
        tab.root.get_by_label("Filter by name").fill("")
        expect(tab.cards).to_have_count(451)
        tab.root.get_by_label("Kept only").check()
        expect(tab.cards).to_have_count(1)


def test_scrolling_fetches_the_next_page_once(page: Page) -> None:
    many = FakePool()
    for number in range(450):
        many.add(f"n{number}")
    with opened(page, many) as tab:
        expect(tab.cards).to_have_count(200)
        for count in (400, 450):
            tab.root.locator(".pxl-pool").evaluate("(node) => node.scrollTo(0, node.scrollHeight)")
            expect(tab.cards).to_have_count(count)
        pages = [path for method, path, _ in many.asked if path.startswith("nokens?")]
        assert pages == [f"nokens?limit=200&offset={offset}" for offset in (0, 200, 400)]
        assert tab.shown() == many.names()


@pytest.fixture
def family(pool: FakePool) -> FakePool:
    """Grandparents, parents of whom one is deleted, and a child."""
    fox, owl, moss, _ = pool.cards
    more: dict[str, Any] = {"operator": "slerp", "amounts": [0.5, 0.5], "seed": 1}
    first = pool.add("first", parents=[fox, owl], generation=1, **more)
    second = pool.add("second", parents=[owl, moss], generation=1, deleted="2026-01-01 00:00:00", **more)
    pool.add("child", parents=[first, second], generation=2, **more)
    pool.drawn(first)
    return pool


def test_the_family_tree_goes_down_the_generations(page: Page, family: FakePool) -> None:
    with opened(page, family) as tab:
        tab.choose("child")
        tab.open("Family tree")
        people = tab.tree.get_by_role("button")
        expect(people).to_have_count(6)
        expect(tab.tree.locator(".pxl-edge")).to_have_count(6)
        tops = {name: tab.tree.get_by_role("button", name=name).bounding_box() for name in ("fox", "first", "child")}
        assert tops["fox"] and tops["first"] and tops["child"]
        assert tops["fox"]["y"] < tops["first"]["y"] < tops["child"]["y"]
        expect(tab.tree.locator("image[href^=blob]")).to_have_count(1)
        expect(tab.tree.get_by_role("button", name="second")).to_have_class(re.compile("pxl-is-ghost"))
        expect(tab.tree.get_by_role("button", name="second")).to_have_accessible_name(re.compile("deleted"))
        expect(tab.tree.get_by_role("button", name="child")).to_have_attribute("aria-pressed", "true")
        tab.tree.get_by_role("button", name="first").click()
        expect(tab.card("first")).to_have_attribute("aria-selected", "true")
        expect(tab.tree.get_by_role("button", name="first")).to_have_attribute("aria-pressed", "true")


def test_the_family_tree_obeys_the_keyboard_and_brings_the_dead_back(page: Page, family: FakePool) -> None:
    with opened(page, family) as tab:
        tab.choose("child")
        tab.open("Family tree")
        expect(tab.tree.get_by_role("button", name="child")).to_be_visible()
        tab.tree.get_by_role("button", name="child").focus()
        page.keyboard.press("ArrowUp")
        expect(tab.tree.get_by_role("button", name="first")).to_be_focused()
        page.keyboard.press("ArrowRight")
        expect(tab.tree.get_by_role("button", name="second")).to_be_focused()
        page.keyboard.press("Enter")
        expect(tab.details).to_contain_text("deleted")
        expect(tab.details.get_by_role("button", name="Send to txt2img")).to_be_hidden()
        expect(tab.tree.get_by_role("button", name="second")).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect(tab.tree.get_by_role("button", name="child")).to_be_focused()
        assert tab.tree.locator("[tabindex='0']").count() == 1
        tab.details.get_by_role("button", name="Bring it back").click()
        expect(tab.card("second")).to_have_count(1)
        assert tab.shown() == family.names()
        expect(tab.tree.locator(".pxl-is-ghost")).to_have_count(0)


def test_a_server_that_is_gone_is_said_and_asked_again_on_wish(tab: Tab, console: Console) -> None:
    tab.page.route("**/pxl/v1/**", lambda asked: asked.abort())
    text = tab.root.get_by_label("What it is made of")
    text.fill("a long prompt that nobody wants to write twice")
    tab.button("Make").click()
    expect(tab.error).to_contain_text("The server did not answer")
    expect(text).to_have_value("a long prompt that nobody wants to write twice")
    assert tab.shown() == ["big city", "moss", "owl", "fox"]
    tab.page.unroute("**/pxl/v1/**")
    tab.button("Try again").click()
    expect(tab.cards).to_have_count(5)
    expect(tab.error).to_have_count(0)
    console.forgive("ERR_FAILED")


def test_a_pool_that_did_not_come_comes_on_wish(page: Page, pool: FakePool, console: Console) -> None:
    with site(pool) as url:
        page.route("**/pxl/v1/**", lambda asked: asked.abort())
        page.goto(url)
        tab = Tab(page, pool)
        expect(tab.error).to_contain_text("The server did not answer")
        expect(tab.root.get_by_text("Nothing here yet")).to_be_hidden()
        expect(tab.root.get_by_text("0 nokens")).to_have_count(0)
        page.unroute("**/pxl/v1/**")
        tab.button("Try again").click()
        expect(tab.cards).to_have_count(4)
        console.forgive("ERR_FAILED")
        page.context.close()


def test_a_place_that_is_made_anew_keeps_what_was_there(tab: Tab) -> None:
    tab.choose("fox")
    tab.root.get_by_label("What it is made of").fill("half a thought")
    tab.page.evaluate("(place) => { document.getElementById('place').innerHTML = place; }", PLACE)
    expect(tab.card("fox")).to_have_attribute("aria-selected", "true")
    expect(tab.root.get_by_label("What it is made of")).to_have_value("half a thought")
    expect(tab.root.locator(".pxl-breeding")).to_have_count(1)


def test_a_tab_that_nobody_sees_asks_for_nothing(page: Page, pool: FakePool) -> None:
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => document.querySelector('#place')?.toggleAttribute('hidden'));"
    )
    with opened(page, pool) as tab:
        page.wait_for_timeout(300)
        assert pool.asked == []
        page.evaluate("document.querySelector('#place').toggleAttribute('hidden')")
        expect(tab.cards).to_have_count(4)


THEMES = {  # what gradio's own themes set
    "light": {"background-fill-primary": "#ffffff", "body-text-color": "#1f2937", "block-title-text-color": "#6b7280"},
    "dark": {
        "background-fill-primary": "#0b0f19", "background-fill-secondary": "#1f2937", "body-text-color": "#f3f4f6",
        "body-text-color-subdued": "#9ca3af", "block-title-text-color": "#e5e7eb", "input-background-fill": "#374151",
        "border-color-primary": "#374151", "button-secondary-background-fill": "#4b5563",
    },
}  # fmt: skip
CONTRASTS = """() => {
    const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const flatten = (colours) => {  // laid over each other, the lowest first
        paint.clearRect(0, 0, 1, 1);
        for (const colour of colours) { paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1); }
        return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = (colour) => colour.map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
    const found = [];
    for (const node of document.querySelectorAll("#pxl_breed *")) {
        const text = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
        if (!text || !node.checkVisibility() || node.matches(":disabled, :disabled *, option, svg *")) continue;
        const grounds = [];
        for (let at = node; at; at = at.parentElement) grounds.unshift(getComputedStyle(at).backgroundColor);
        const ground = flatten(["white", ...grounds]);
        const ink = flatten(["white", ...grounds, getComputedStyle(node).color]);
        const [low, high] = [light(ground), light(ink)].sort((a, b) => a - b);
        found.push([(high + 0.05) / (low + 0.05), node.className, node.textContent.slice(0, 20)]);
    }
    return found;
}"""


@pytest.mark.parametrize("theme", THEMES)
def test_every_text_stands_out_from_its_ground(theme: str, page: Page, family: FakePool) -> None:
    with opened(page, family) as tab:
        variables = ";".join(f"--{name}: {value}" for name, value in THEMES[theme].items())
        page.evaluate(
            "([theme, style]) => { document.body.className = theme; document.body.style.cssText = style; }",
            [theme, f"{variables}; background: var(--background-fill-primary)"],
        )
        tab.choose("child")
        expect(tab.details.locator(".pxl-vector")).to_have_count(1)
        for name in ("Family tree", "Thumbnails", "Evolve"):
            tab.open(name)
        expect(tab.tree.locator(".pxl-frame").first).to_have_css("fill", "none")  # or no picture would be seen
        found = page.evaluate(CONTRASTS)
        assert len(found) > 60
        assert not [each for each in found if each[0] < 4.5]


def test_a_phone_needs_no_scrolling_sideways(browser: Browser, family: FakePool) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 780}, reduced_motion="reduce", has_touch=True)
    page = context.new_page()
    with opened(page, family) as tab:
        tab.pool.cards[tab.hash("fox")]["name"] = "a name that goes on and on " * 3
        for name in ("Family tree", "Thumbnails", "Evolve"):
            tab.open(name)
        for _ in range(8):
            tab.root.get_by_role("radio", name="Random").check()
        tab.card("child").tap()
        sheet = tab.root.locator(".pxl-details-bar")
        expect(sheet).to_be_in_viewport()
        expect(tab.details).to_be_hidden()
        sheet.tap()
        expect(tab.details).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        sheet.tap()
        tab.card("first").locator(".pxl-tick").tap()
        assert sorted(tab.chosen()) == ["child", "first"]
        expect(sheet).to_have_text("2 chosen")
    context.close()
