"""The Taste tab in a real browser, over the real routes and a store in a folder."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin
from playwright.sync_api import APIResponse, Browser, Locator, Page, Route, expect

from lib_pxl.hosts.fake import FakeHost
from lib_pxl.judging.work import worker
from lib_pxl.taste import Duel, Item, Rating
from lib_pxl.taste.opinions import Opinions
from lib_pxl.taste.record import Record
from tests.browser import WAIT, Console
from tests.judging.stock import judged, stocked
from tests.ui.tasting import served

HOSTILE = '"\'><img src=x onerror="window.hacked=1"><script>window.hacked=2</script> 😀 ' + "long " * 1900
SIDES = "[...document.querySelectorAll('.pxl-side img')].map(each => each.getAttribute('src'))"
INFOTEXT = (
    "a red kite\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x64, Model: m"
)

expect.set_options(timeout=WAIT)


@dataclass
class Tab:
    """The tab, as a person sees it."""

    page: Page
    host: FakeHost
    records: list[Record]

    @property
    def root(self) -> Locator:
        return self.page.locator("#pxl_taste")

    @property
    def opinions(self) -> Opinions:
        return self.host.desk.opinions()

    @property
    def error(self) -> Locator:
        return self.root.get_by_role("alert")

    @property
    def cards(self) -> Locator:
        return self.root.get_by_role("listitem")

    @property
    def sides(self) -> Locator:
        return self.root.locator(".pxl-side img")

    def part(self, name: str) -> Locator:
        self.root.get_by_role("tab", name=name, exact=True).click()
        return self.root.get_by_role("region", name=name)

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name, exact=True)

    def duels(self, count: int) -> list[Duel]:
        """The duels that count, once there are so many."""
        for _ in range(100):
            found = [each for each in self.opinions.opinions() if isinstance(each, Duel)]
            if len(found) == count:
                break
            self.page.wait_for_timeout(50)
        assert len(found) == count
        return found

    def rates(self, values: list[float]) -> None:
        """These are the stars that count, once all that was given has arrived."""
        for _ in range(100):
            found = [each.value for each in self.opinions.opinions() if isinstance(each, Rating)]
            if found == values:
                break
            self.page.wait_for_timeout(50)
        assert found == values

    def asked(self) -> list[str]:
        """What the two sides show."""
        expect(self.sides).to_have_count(2)
        return [side.get_attribute("src") or "" for side in self.sides.all()]

    def answers(self, act: Callable[[], None]) -> None:
        """What is done once there is a pair, and until another one is there."""
        before = self.asked()
        act()
        self.page.wait_for_function(f"before => ({SIDES}).join() !== before", arg=",".join(before))

    def press(self, key: str) -> None:
        """A key as an answer."""
        self.answers(lambda: self.page.keyboard.press(key))


@contextmanager
def opened(page: Page, host: FakeHost, records: list[Record]) -> Iterator[Tab]:
    with served(host) as url:
        page.goto(url)
        yield Tab(page, host, records)
        page.context.close()  # or the server would wait for a connection that the browser holds ready


@pytest.fixture
def tab(page: Page, tmp_path: Path) -> Iterator[Tab]:
    """The tab over twenty pictures."""
    with opened(page, *stocked(tmp_path, 20, 64)) as made:
        yield made


@pytest.fixture
def empty(page: Page, tmp_path: Path) -> Iterator[Tab]:
    with opened(page, FakeHost(tmp_path), []) as made:
        yield made


def test_an_empty_store_says_what_to_do_first(empty: Tab, console: Console) -> None:
    expect(empty.root).to_contain_text("Nothing to judge yet")
    empty.part("Pictures")
    expect(empty.root).to_contain_text("No pictures yet")
    empty.part("Learning")
    expect(empty.root).to_contain_text("Nothing learned yet")
    expect(empty.button("Learn")).to_be_disabled()
    empty.part("Prompts")
    empty.button("Propose").click()
    expect(empty.error).to_contain_text("a training before this")
    console.forgive("400")
    empty.part("Data")
    expect(empty.root).to_contain_text("the first opinion makes “overall”")


def test_duels_are_answered_by_key_each_once_and_in_order(tab: Tab) -> None:
    seen = []
    for key in ("ArrowLeft", "ArrowRight", "ArrowDown", "s"):
        seen.append(tab.asked())
        tab.press(key)
    found = tab.duels(3)
    assert [each.outcome for each in found] == [1, -1, 0]
    assert all(each.category == "overall" and each.sitting for each in found)
    expect(tab.root).to_contain_text("3 duels in this sitting")
    assert len({tuple(pair) for pair in seen}) == 4


def test_undo_brings_the_pair_back_and_takes_the_answer_with_it(tab: Tab) -> None:
    first = tab.asked()
    tab.press("ArrowLeft")
    second = tab.asked()
    tab.press("ArrowRight")
    tab.press("u")
    assert tab.asked() == second
    (left,) = tab.duels(1)
    assert left.outcome == 1
    tab.press("u")
    assert tab.asked() == first and tab.duels(0) == []
    expect(tab.button("Undo")).to_be_disabled()


def test_the_next_pair_is_there_before_it_is_asked_for(tab: Tab, console: Console) -> None:
    tab.asked()
    tab.page.wait_for_load_state("networkidle")
    tab.page.context.set_offline(True)
    tab.press("ArrowLeft")
    assert len(tab.asked()) == 2
    expect(tab.error).to_contain_text("did not answer")
    tab.page.context.set_offline(False)
    tab.button("Try again").first.click()
    tab.duels(1)
    console.forgive("ERR_INTERNET_DISCONNECTED")


def test_answers_arrive_in_order_once_the_server_speaks_again(tab: Tab, console: Console) -> None:
    tab.asked()
    tab.page.wait_for_load_state("networkidle")
    tab.page.context.set_offline(True)
    for key in ("ArrowLeft", "ArrowRight", "ArrowDown"):
        tab.page.keyboard.press(key)  # until no pair is left, and the next ones are asked for in vain too
    expect(tab.sides).to_have_count(0)
    expect(tab.error).to_contain_text("did not answer")
    tab.page.context.set_offline(False)
    tab.button("Try again").click()
    tab.asked()
    assert [each.outcome for each in tab.duels(3)] == [1, -1, 0]
    expect(tab.error).to_have_count(0)
    console.forgive("ERR_INTERNET_DISCONNECTED")


def test_an_answer_that_is_refused_is_asked_for_again(tab: Tab, console: Console) -> None:
    first = tab.asked()
    tab.page.route("**/taste/duel", lambda asked: asked.fulfill(status=400, json={"detail": "no room left"}))
    tab.press("ArrowLeft")
    expect(tab.error).to_contain_text("no room left")
    expect(tab.root.get_by_text("in this sitting")).to_have_count(0)
    second = tab.asked()
    tab.page.unroute("**/taste/duel")
    tab.press("ArrowRight")
    assert tab.asked() == first != second
    tab.press("ArrowLeft")
    assert [each.outcome for each in tab.duels(2)] == [-1, 1]
    expect(tab.root).to_contain_text("2 duels in this sitting")
    console.forgive("400")


def test_a_tap_on_a_picture_is_the_answer_and_nothing_moves(tab: Tab) -> None:
    tab.asked()
    places = [side.bounding_box() for side in tab.root.locator(".pxl-side").all()]
    for number in (1, 2, 3):
        tab.answers(tab.root.locator(".pxl-side").nth(number % 2).click)
        assert [side.bounding_box() for side in tab.root.locator(".pxl-side").all()] == places
    assert [each.outcome for each in tab.duels(3)] == [-1, 1, -1]


def test_a_sitting_ends_calmly_and_can_go_on(tab: Tab) -> None:
    tab.press("ArrowLeft")
    tab.button("Finish").click()
    expect(tab.root).to_contain_text("1 duel, thank you")
    expect(tab.root).to_contain_text("1 opinion wait")
    tab.button("Go on").click()
    tab.press("ArrowRight")
    tab.duels(2)


def test_an_answer_that_is_on_its_way_waits_to_be_learned_from(tab: Tab) -> None:
    held: list[Route] = []
    tab.page.route(re.compile(r"/taste/duel$"), lambda asked: held.append(asked))
    tab.press("ArrowLeft")
    tab.button("Finish").click()
    expect(tab.root).to_contain_text("1 opinion wait")
    held[0].continue_()
    tab.duels(1)


def test_few_pictures_come_to_an_end(page: Page, tmp_path: Path) -> None:
    with opened(page, *stocked(tmp_path, 2, 64)) as tab:
        tab.asked()
        tab.page.keyboard.press("ArrowLeft")
        expect(tab.root).to_contain_text("That is all for now")
        tab.duels(1)
        tab.part("Pictures")
        tab.opinions.add([Record(Item("a" * 32, "one more"), image=tab.records[0].image)])
        tab.part("Duels")
        tab.asked()  # it is not over for good


def test_keys_do_nothing_where_a_text_is_written(tab: Tab) -> None:
    before = tab.asked()
    field = tab.page.locator("#txt2img_prompt textarea")
    field.focus()
    tab.page.keyboard.type("sus")
    tab.page.keyboard.press("ArrowLeft")
    tab.page.wait_for_timeout(300)
    assert tab.asked() == before and tab.duels(0) == [] and field.input_value() == "sus"


def test_a_duel_is_for_the_category_that_is_chosen(tab: Tab) -> None:
    field = tab.root.get_by_label("Name of a new category")
    field.fill("mood")
    field.press("Enter")
    expect(tab.root.locator(".pxl-question")).to_have_text("Which one, for mood?")
    tab.asked()
    tab.root.locator(".pxl-question").click()
    tab.press("ArrowLeft")
    assert [each.category for each in tab.duels(1)] == ["mood"]


def test_stars_are_given_by_key_and_click_and_taken_back(tab: Tab) -> None:
    tab.part("Pictures")
    expect(tab.cards).to_have_count(20)
    card = tab.cards.nth(0)
    card.focus()
    tab.page.keyboard.press("4")
    expect(card.get_by_role("radiogroup")).to_have_attribute("aria-label", "overall: 4 of 5 stars")
    tab.page.keyboard.press("ArrowRight")
    tab.page.keyboard.press("2")
    expect(tab.cards.nth(1).get_by_role("radio", name="2 stars")).to_be_checked()
    tab.cards.nth(1).get_by_role("radio", name="5 stars").click()
    expect(tab.cards.nth(1).get_by_role("radio", name="5 stars")).to_be_checked()
    card.focus()
    tab.page.keyboard.press("u")
    expect(tab.cards.nth(1).get_by_role("radio", name="2 stars")).to_be_checked()
    tab.page.keyboard.press("0")
    expect(card.get_by_role("radiogroup")).to_have_attribute("aria-label", "overall: no stars yet")
    tab.rates([2.0])
    tab.page.reload()
    expect(tab.cards.nth(1).get_by_role("radio", name="2 stars")).to_be_checked()


def test_after_a_click_on_its_name_the_arrows_are_the_part_s_own(tab: Tab) -> None:
    tab.part("Pictures")
    expect(tab.cards.first).to_be_visible()
    for focused in (0, 1):
        tab.page.keyboard.press("ArrowRight")
        expect(tab.cards.nth(focused)).to_be_focused()
    names = tab.root.get_by_role("tab")
    names.nth(1).focus()  # as by the Tab key, and now they go from part to part
    tab.page.keyboard.press("ArrowRight")
    expect(names.nth(2)).to_be_focused()


def test_stars_that_the_server_will_not_have_go_again(tab: Tab, console: Console) -> None:
    tab.part("Pictures")
    expect(tab.cards).to_have_count(20)
    tab.page.route("**/taste/rate", lambda asked: asked.fulfill(status=400, json={"detail": "no room left"}))
    tab.cards.nth(0).get_by_role("radio", name="3 stars").click()
    expect(tab.error).to_contain_text("no room left")
    expect(tab.cards.nth(0).get_by_role("radiogroup")).to_have_attribute("aria-label", "overall: no stars yet")
    tab.part("Duels")
    expect(tab.error).to_have_count(0)  # that was of another part
    console.forgive("400")


def test_what_goes_wrong_has_its_colour_inside_gradio_too(tab: Tab, console: Console) -> None:
    tab.page.add_style_tag(content=".prose * { color: rgb(1, 2, 3) }")  # as gradio has it
    tab.root.evaluate("root => root.classList.add('prose')")
    tab.part("Prompts")
    tab.button("Propose").click()
    words = tab.root.get_by_text("a training before this")
    expect(words).to_be_visible()
    assert words.evaluate("of => getComputedStyle(of).color") != "rgb(1, 2, 3)"
    console.forgive("400")


def test_pictures_are_filtered_and_come_page_by_page(page: Page, tmp_path: Path) -> None:
    with opened(page, *stocked(tmp_path, 150, 32)) as tab:
        tab.part("Pictures")
        expect(tab.cards.nth(59)).to_be_attached()
        assert tab.cards.count() < 150
        for _ in range(4):
            tab.root.locator(".pxl-pool").evaluate("(pool) => pool.scrollTo(0, pool.scrollHeight)")
            tab.page.wait_for_timeout(200)
        expect(tab.cards).to_have_count(150)
        tab.root.get_by_label("Model").select_option("small")
        expect(tab.cards).to_have_count(60)
        tab.root.get_by_label("Until this day").fill("2025-03-01")
        tab.root.get_by_label("Words of the prompt").fill("red star")
        wanted = [each for each in tab.records if {"red", "star"} <= {*re.findall(r"\w+", each.item.prompt)}]
        wanted = [each for each in wanted if each.checkpoint == "small" and each.time < "2025-03-02"]
        expect(tab.cards).to_have_count(len(wanted))
        tab.root.get_by_label("Words of the prompt").fill("no such words")
        expect(tab.root).to_contain_text("No picture matches")


SEEN = """pool => {
    const edge = pool.getBoundingClientRect().top;
    const topOf = card => card.getBoundingClientRect().top - edge;
    window.seen ??= [...pool.querySelectorAll("[role=listitem]")].find(card => topOf(card) >= 0);
    return topOf(window.seen);
}"""


@pytest.mark.parametrize("scrolled", [0, 900])
@pytest.mark.parametrize("fresh", [1, 7, 12])
def test_what_was_made_since_comes_in_front_and_what_is_looked_at_stays(
    page: Page, tmp_path: Path, scrolled: int, fresh: int
) -> None:
    host, records = stocked(tmp_path, 90, 32)
    with opened(page, host, records) as tab:
        tab.part("Pictures")
        expect(tab.cards.nth(59)).to_be_attached()
        pool = tab.root.locator(".pxl-pool")
        pool.evaluate("(pool, to) => pool.scrollTo(0, to)", scrolled)
        before = pool.evaluate(SEEN)
        for place in range(fresh):
            item = replace(records[0].item, id=f"{place:032x}", prompt=f"a new {place}")
            tab.opinions.add([replace(records[0], item=item)])
        tab.part("Duels")
        tab.part("Pictures")
        expect(tab.cards.first).to_contain_text(f"a new {fresh - 1}")
        tab.page.wait_for_timeout(100)  # a browser that holds its place too would do so by then
        assert (abs(pool.evaluate(SEEN) - before) < 2) is (scrolled > 0 or fresh < 2)


def test_the_whole_picture_is_shown_with_what_is_known_of_it(tab: Tab) -> None:
    tab.part("Pictures")
    tab.root.locator(".pxl-shot").nth(0).click()
    whole = tab.page.get_by_role("dialog", name="The whole picture")
    newest = tab.records[-1]
    expect(whole).to_contain_text(newest.item.prompt)
    expect(whole).to_contain_text(newest.image)
    expect(whole.locator(".pxl-whole-frame img")).to_be_visible()
    tab.page.keyboard.press("ArrowRight")
    expect(whole).to_contain_text(tab.records[-2].item.prompt)
    tab.page.keyboard.press("5")
    expect(whole.get_by_role("radio", name="5 stars")).to_be_checked()
    whole.get_by_role("button", name="Send to txt2img").click()
    tab.page.keyboard.press("Escape")
    expect(whole).to_be_hidden()
    expect(tab.page.locator("#txt2img_prompt textarea")).to_have_value(tab.records[-2].item.prompt)
    expect(tab.cards.nth(1).get_by_role("radio", name="5 stars")).to_be_checked()


def test_a_deleted_picture_is_told_and_never_asked_for(page: Page, tmp_path: Path) -> None:
    host, records = stocked(tmp_path, 3, 64)
    shutil.rmtree(host.data / "thumbnails")
    Path(records[0].image).unlink()
    with opened(page, host, records) as tab:
        tab.asked()
        tab.page.keyboard.press("ArrowLeft")
        expect(tab.root).to_contain_text("That is all for now")
        (duel,) = tab.duels(1)
        assert records[0].item.id not in (duel.first, duel.second)
        tab.part("Pictures")
        expect(tab.cards.nth(2)).to_contain_text("The picture is gone")


def test_training_shows_how_far_it_is_and_what_came_of_it(tab: Tab) -> None:
    for each in judged(tab.records, 60):
        tab.opinions.judge(each)
    tab.part("Learning")
    expect(tab.root).to_contain_text("There are 60 opinions")
    tab.button("Learn").click()
    expect(tab.root).to_contain_text("Learned from 60 opinions")
    expect(tab.root.get_by_role("img", name=re.compile("Held-out accuracy over opinions: .* with 60"))).to_be_visible()
    expect(tab.root.locator(".pxl-lesson", has_text="You seem to like")).to_contain_text("red")
    assert (tab.host.data / "models" / "taste-me.safetensors").is_file()
    tab.opinions.judge(Rating(tab.records[0].item.id, value=1))
    tab.part("Data")
    tab.part("Learning")
    expect(tab.root).to_contain_text("1 opinion newer")


def test_it_learns_by_itself_after_so_many_opinions(tab: Tab) -> None:
    tab.part("Learning")
    tab.root.get_by_label("New opinions before it learns again").fill("3")
    tab.root.get_by_label("New opinions before it learns again").press("Tab")
    tab.root.get_by_role("switch", name=re.compile("by itself")).check()
    tab.part("Duels")
    for _ in range(3):
        tab.press("ArrowLeft")
    expect(tab.root.locator(".pxl-said")).to_contain_text("Learned from 3 opinions")


def test_a_damaged_model_is_told_in_words(tab: Tab, console: Console) -> None:
    (tab.host.data / "models").mkdir()
    (tab.host.data / "models" / "taste-me.safetensors").write_bytes(b"\0" * 64)
    tab.part("Learning")
    expect(tab.error).to_contain_text("wanted a taste that pxl saved")
    tab.part("Duels")
    tab.press("ArrowLeft")
    tab.duels(1)
    console.forgive("400")


def trained(tab: Tab) -> None:
    for each in judged(tab.records, 60):
        tab.opinions.judge(each)
    tab.part("Learning")
    tab.button("Learn").click()
    expect(tab.root).to_contain_text("Learned from 60 opinions")


def test_a_prompt_is_taken_apart_as_text_in_colours(tab: Tab) -> None:
    trained(tab)
    tab.part("Prompts")
    tab.root.get_by_label("A prompt to take apart").fill(f"a red star, {HOSTILE}")
    red = tab.root.locator(".pxl-word", has_text=re.compile("^red$"))
    expect(red).to_have_class(re.compile("pxl-is-up"))
    expect(tab.root.locator(".pxl-coloured")).to_contain_text("<script>window.hacked=2</script> 😀")
    assert tab.page.evaluate("window.hacked") is None
    tab.root.get_by_label("A prompt to take apart").fill("😀😀 green, red")
    expect(red).to_have_count(1)  # places are counted as the page counts them


def test_proposals_are_sent_to_txt2img_and_back_again(tab: Tab, console: Console) -> None:
    trained(tab)
    area = tab.page.locator("#txt2img_prompt textarea")
    area.fill("mine")
    tab.part("Prompts")
    tab.root.get_by_label("Template").fill("a {red|green|blue} {star|moon}")
    tab.button("Propose").click()
    proposals = tab.root.get_by_role("list", name="Proposals", exact=True).get_by_role("listitem")
    expect(proposals).to_have_count(6)
    expect(proposals.filter(has_text="a red").first).to_contain_text("+ red")
    prompt = proposals.nth(0).locator("p").inner_text()
    proposals.nth(0).get_by_role("button", name="Send to txt2img").click()
    expect(area).to_have_value(prompt)
    tab.button("Undo").last.click()
    expect(area).to_have_value("mine")
    tab.root.get_by_label("Template").fill("{a|")
    tab.button("Propose").click()
    expect(tab.error).not_to_be_empty()
    console.forgive("400")


def test_the_best_proposals_and_those_ticked_are_made_shown_and_rated(tab: Tab, console: Console) -> None:
    trained(tab)
    tab.part("Prompts")
    tab.root.get_by_label("Template").fill("a {red|blue|green|white} {disc|ring|square}")
    expect(tab.button("Generate and record")).to_be_hidden()
    tab.button("Propose").click()
    proposals = tab.root.get_by_role("list", name="Proposals", exact=True).get_by_role("listitem")
    expect(proposals).to_have_count(6)
    tab.root.get_by_label("How many of the best").fill("2")
    tab.button("Generate and record").click()
    made = tab.root.get_by_role("list", name="Made of proposals").get_by_role("listitem")
    expect(made).to_have_count(2)
    expect(tab.root.get_by_text("2 pictures are made and recorded.")).to_be_visible()
    assert all("red" in prompt for prompt in tab.host.drawn)
    proposals.nth(4).get_by_role("checkbox").check()
    tab.button("Generate and record the 1 ticked").click()
    expect(made).to_have_count(3)
    prompt = proposals.nth(4).locator("p").inner_text()
    assert tab.host.drawn[2] == prompt
    expect(made.first).to_contain_text(prompt)
    expect(made.first.locator("img")).to_be_visible()
    made.first.get_by_role("radio", name="4 stars").click()
    expect(made.first.get_by_role("radiogroup", name="overall: 4 of 5 stars")).to_be_visible()
    newest = tab.opinions.records(1)[0][1]
    assert newest.item.prompt == prompt and newest.template.startswith("a {red|blue")
    tab.rates([4.0])
    rated = tab.opinions.opinions()[-1]
    assert replace(rated, time="", sitting="") == Rating(newest.item.id, "overall", 4)
    tab.part("Pictures")
    expect(tab.root.get_by_role("list", name="Pictures").get_by_role("listitem").first).to_contain_text(prompt)
    assert console.complaints == []


def test_every_window_shows_what_is_generated(tab: Tab, console: Console) -> None:
    trained(tab)
    other = Tab(tab.page.context.new_page(), tab.host, tab.records)
    console.listen(other.page)
    other.page.goto(tab.page.url)
    for each in (tab, other):
        each.part("Prompts")
        each.root.get_by_label("Template").fill("a {red|blue} {disc|ring|square}")
        each.button("Propose").click()
        expect(each.button("Generate and record")).to_be_visible()
    working = [each.root.get_by_text("Generating…") for each in (tab, other)]
    with tab.host.busy:
        tab.button("Generate and record").click()
        for each in working:
            expect(each).to_be_visible()
        other.button("Generate and record").click()
        expect(other.error).to_contain_text("its end, or a stop")
        console.forgive("400")
    for each in (tab, other):
        expect(each.root.get_by_text("3 pictures are made and recorded.")).to_be_visible()
        expect(each.root.get_by_role("list", name="Made of proposals").get_by_role("listitem")).to_have_count(3)
    assert len(tab.host.drawn) == 3
    other.page.close()


def test_the_page_says_that_the_host_has_lost_what_was_under_way(tab: Tab) -> None:
    trained(tab)
    tab.part("Prompts")
    tab.button("Propose").click()
    with tab.host.busy:
        tab.button("Generate and record").click()
        expect(tab.root.get_by_text("Generating…")).to_be_visible()
        lost = worker(tab.host.desk.data)
        worker.cache_clear()  # as after a new start
        expect(tab.error).to_contain_text("The host was started again")
        expect(tab.root.get_by_text("Generating…")).to_be_hidden()
        lost.stop()


def test_categories_are_renamed_retired_merged_and_parted(tab: Tab) -> None:
    for record, name in zip(tab.records, ("mood", "mod", "depth"), strict=False):
        tab.opinions.judge(Rating(record.item.id, name, 3))
    data = tab.part("Data")
    tab.page.wait_for_load_state("networkidle")  # the list is drawn anew as what opens with the page arrives

    def row(name: str) -> Locator:
        return data.locator(".pxl-category-row").filter(has_text=re.compile(f"^{name}\\d"))

    row("mood").get_by_role("button", name="Rename").click()
    data.get_by_label("Name of mood").fill("feeling")
    data.get_by_label("Name of mood").press("Enter")
    expect(row("feeling")).to_be_visible()
    row("mod").get_by_label("Merge mod into").select_option("feeling")
    expect(row("feeling")).to_contain_text("2 opinions")
    row("feeling").get_by_role("button", name="Part mod").click()
    expect(row("feeling")).to_contain_text("1 opinion")
    expect(row("mod")).to_contain_text("1 opinion")
    tab.root.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(row("mod")).to_have_count(0)
    tab.page.keyboard.press("Control+z")
    expect(row("mod")).to_contain_text("1 opinion")
    row("depth").get_by_role("button", name="Retire").click()
    expect(row("depth").get_by_role("button", name="Bring back")).to_be_visible()
    expect(tab.root.get_by_role("radio", name="depth")).to_have_count(0)
    tab.root.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(tab.root.get_by_role("radio", name="depth")).to_have_count(1)


def test_opinions_are_taken_along_and_brought_to_another_person(tab: Tab, tmp_path: Path) -> None:
    for each in judged(tab.records, 5):
        tab.opinions.judge(each)
    tab.part("Data")
    with tab.page.expect_download() as told:
        tab.button("Export as JSON lines").click()
    path = tmp_path / "mine.jsonl"
    told.value.save_as(path)
    assert [json.loads(line)["kind"] for line in path.read_text("utf-8").splitlines()].count("duel") == 5
    other = tab.root.get_by_label("Name of another person")
    other.fill("Ann")
    other.press("Enter")
    expect(tab.root.get_by_label("Whose opinions")).to_have_value("Ann")
    with tab.page.expect_file_chooser() as chooser:
        tab.button("Import a file…").click()
    chooser.value.set_files(path)
    expect(tab.root.locator(".pxl-said")).to_have_text("5 opinions are new.")
    assert len(tab.host.desk.opinions("Ann").opinions()) == 5
    tab.part("Pictures")
    expect(tab.cards).to_have_count(20)


def test_past_work_comes_in_from_a_folder_of_the_host_s(tab: Tab, tmp_path: Path, console: Console) -> None:
    told = PngImagePlugin.PngInfo()
    told.add_text("parameters", INFOTEXT)
    (tmp_path / "outputs" / "old").mkdir()
    Image.new("RGB", (64, 64), "red").save(tmp_path / "outputs" / "old" / "one.png", pnginfo=told)
    tab.part("Data")
    field = tab.root.get_by_label("A folder of pictures, on the host's machine")
    field.fill(str(tmp_path / "elsewhere"))
    field.press("Enter")
    expect(tab.error).to_contain_text("a path inside")
    console.forgive("400")
    field.fill(str(tmp_path / "outputs" / "old"))
    field.press("Enter")
    expect(tab.root.locator(".pxl-said")).to_contain_text("1 pictures are new")
    tab.part("Pictures")
    expect(tab.cards.nth(0)).to_contain_text("a red kite")


def test_two_tabs_at_once_undo_each_their_own(tab: Tab, browser: Browser, console: Console) -> None:
    other = Tab(tab.page.context.new_page(), tab.host, tab.records)
    console.listen(other.page)
    other.page.goto(tab.page.url)
    tab.press("ArrowLeft")
    tab.duels(1)
    other.press("ArrowRight")
    tab.duels(2)
    tab.press("u")
    (left,) = tab.duels(1)
    assert left.outcome == -1
    other.page.close()


def test_a_hostile_prompt_is_shown_as_text_everywhere(page: Page, tmp_path: Path) -> None:
    host, records = stocked(tmp_path, 2, 64)
    strange = Record(
        Item("a" * 32, HOSTILE, settings={HOSTILE[:70]: HOSTILE[:70]}), image=records[0].image, checkpoint=HOSTILE[:60]
    )
    host.desk.opinions().add([strange])
    host.desk.opinions().add_category("<b>bold</b>")
    with opened(page, host, [*records, strange]) as tab:
        expect(tab.root.locator(".pxl-question")).to_contain_text("<b>bold</b>")
        tab.part("Pictures")
        tab.root.locator(".pxl-shot").nth(0).click()
        expect(tab.page.get_by_role("dialog", name="The whole picture")).to_contain_text(
            "<script>window.hacked=2</script>"
        )
        assert tab.page.evaluate("window.hacked") is None
        assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_phone_shows_both_pictures_and_the_answers_at_once(
    browser: Browser, console: Console, tmp_path: Path
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, reduced_motion="reduce")
    page = context.new_page()
    console.listen(page)
    with opened(page, *stocked(tmp_path, 6, 64)) as tab:
        tab.asked()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for each in (*tab.root.locator(".pxl-side").all(), tab.button("Tie")):
            expect(each).to_be_in_viewport(ratio=1)
        tab.root.locator(".pxl-side").nth(1).tap()
        assert tab.duels(1)[0].outcome == -1
    context.close()


def look_at(tab: Tab, path: str) -> None:
    """As A1111's gallery shows the picture that is looked at."""
    tab.page.route(re.compile("/file="), lambda asked: asked.fulfill(path=path))
    tab.page.evaluate(
        """path => {
            const image = document.createElement("img");
            image.dataset.testid = "detailed-image";
            image.src = `/file=${path}?123.4`;
            document.querySelector("#txt2img_gallery").replaceChildren(image);
        }""",
        path,
    )


def shown_in_gallery(tab: Tab, path: str, by: str = "path") -> None:
    """Looked at, and the page knows whose stars it shows."""
    with tab.page.expect_response(re.compile(rf"/taste/find\?.*{by}=")):
        look_at(tab, path)


def test_stars_stand_under_the_host_s_gallery_for_the_picture_looked_at(tab: Tab) -> None:
    tab.asked()
    one, other = tab.records[:2]
    under = tab.page.get_by_role("group", name="Stars for the picture above")
    expect(tab.page.locator(".pxl-under").first).to_be_hidden()
    shown_in_gallery(tab, one.image)
    under.get_by_role("radio", name="4 stars").click()
    expect(under.get_by_role("radio", name="4 stars")).to_be_checked()
    shown_in_gallery(tab, other.image)
    expect(under.get_by_role("radiogroup")).to_have_attribute("aria-label", "overall: no stars yet")
    tab.rates([4.0])
    (rating,) = tab.opinions.opinions()
    assert isinstance(rating, Rating) and rating.item == one.item.id
    shown_in_gallery(tab, one.image)
    expect(under.get_by_role("radio", name="4 stars")).to_be_checked()


def test_stars_that_are_given_elsewhere_stay_when_a_part_is_drawn_anew(tab: Tab) -> None:
    tab.part("Pictures")
    card = tab.cards.nth(0)
    expect(card).to_be_visible()
    shown_in_gallery(tab, tab.records[-1].image)
    tab.page.get_by_role("group", name="Stars for the picture above").get_by_role("radio", name="4 stars").click()
    expect(card.get_by_role("radio", name="4 stars")).to_be_checked()
    every = tab.root.get_by_role("switch", name="Stars of all categories")
    every.check()
    every.uncheck()
    expect(card.get_by_role("radio", name="4 stars")).to_be_checked()


def test_a_star_counts_for_the_picture_shown_as_it_was_clicked(tab: Tab) -> None:
    tab.asked()
    one, other = tab.records[:2]
    tab.opinions.judge(Rating(other.item.id, value=2))
    under = tab.page.get_by_role("group", name="Stars for the picture above")
    held: list[tuple[Route, APIResponse]] = []
    tab.page.route(re.compile(r"/taste/find\?"), lambda asked: held.append((asked, asked.fetch())))
    look_at(tab, one.image)
    star = under.get_by_role("radio", name="4 stars").element_handle()
    star.click()
    tab.page.wait_for_timeout(200)
    for asked, answer in reversed(held):  # what is asked last may be answered first
        asked.fulfill(response=answer)
        tab.page.wait_for_timeout(200)
    assert star.is_checked()  # the same one: it can be pressed before and let go after
    expect(under.get_by_role("radio", name="4 stars")).to_be_checked()
    tab.rates([2.0, 4.0])
    held.clear()
    for each in (other, one):  # the look-up is still under way as the next picture is shown
        look_at(tab, each.image)
        under.get_by_role("radio", name="5 stars" if each is other else "1 star", exact=True).click()
    tab.page.wait_for_timeout(200)
    for asked, answer in held:
        asked.fulfill(response=answer)
    expect(under.get_by_role("radio", name="1 star", exact=True)).to_be_checked()
    tab.rates([2.0, 5.0, 1.0])
    given = [(each.item, each.value) for each in tab.opinions.opinions() if isinstance(each, Rating)]
    assert given == [(other.item.id, 2), (other.item.id, 5), (one.item.id, 1)]


def test_a_picture_that_was_not_recorded_is_with_its_first_star(tab: Tab, tmp_path: Path, console: Console) -> None:
    tab.asked()
    path, bare = tmp_path / "outputs" / "new.png", tmp_path / "outputs" / "bare.png"
    told = PngImagePlugin.PngInfo()
    told.add_text("parameters", INFOTEXT)
    Image.new("RGB", (64, 64), "red").save(path, pnginfo=told)
    Image.new("RGB", (64, 64), "blue").save(bare)
    under = tab.page.get_by_role("group", name="Stars for the picture above")
    shown_in_gallery(tab, str(path), by="hash")
    under.get_by_role("radio", name="5 stars").click()
    expect(under).to_contain_text("Recorded with its first star")
    expect(under.get_by_role("radio", name="5 stars")).to_be_checked()
    (newest,) = tab.opinions.records(1)
    assert newest[1].item.prompt == "a red kite"
    tab.rates([5.0])
    shown_in_gallery(tab, str(bare), by="hash")
    under.get_by_role("radio", name="5 stars").click()
    expect(under).to_contain_text("does not say how it was made")
    tab.rates([5.0])
    console.forgive("400")
