"""The Share tab in a real browser, over the real routes, and a receiver on loopback."""

from __future__ import annotations

import gzip
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response
from playwright.sync_api import Locator, Page, expect

from lib_pxl.hosts.fake import FakeHost
from lib_pxl.rest import router
from lib_pxl.share import consent
from lib_pxl.taste.opinion import Duel, Item, Rating
from lib_pxl.taste.opinions import Opinions
from tests.browser import WAIT, Console
from tests.share.receiver import Receiver, running

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = '"\'><img src=x onerror="window.hacked=1"><script>window.hacked=2</script>'
PAGE = """<!doctype html><html><head><meta charset="utf-8"><link rel="icon" href="data:,">
    <meta name="viewport" content="width=device-width"><link rel="stylesheet" href="style.css">
    <script src="pxl.js"></script><script src="pxl_share.js"></script></head><body style="font-family: sans-serif">
    <div class="pxl-panel pxl-share" id="pxl_share" data-key="%s"></div></body></html>"""

expect.set_options(timeout=WAIT)


@contextmanager
def site(host: FakeHost) -> Iterator[str]:
    """The tab on a page of its own, with the host's routes."""
    app = FastAPI()
    app.include_router(router(host.desk, host))

    @app.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse(PAGE % host.desk.key)

    @app.get("/{name}")
    def file(name: str) -> Response:
        path = ROOT / name if name == "style.css" else ROOT / "javascript" / name
        return Response(path.read_bytes(), media_type="text/css" if name == "style.css" else "text/javascript")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


@dataclass
class Tab:
    """The tab, as a person sees it."""

    page: Page
    host: FakeHost
    receiver: Receiver
    url: str

    @property
    def root(self) -> Locator:
        return self.page.locator("#pxl_share")

    @property
    def error(self) -> Locator:
        return self.root.get_by_role("alert")

    @property
    def records(self) -> Locator:
        return self.root.locator(".pxl-share-row .pxl-share-record")

    def part(self, name: str) -> Locator:
        return self.root.get_by_role("region", name=name, exact=True)

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name, exact=True)

    def tick(self, *names: str) -> None:
        for name in names:
            self.root.locator(f".pxl-share-field input[name={name}]").check()

    def agree(self, *names: str) -> None:
        self.tick(*(names or ("rating", "duel", "prompt", "earlier")))
        self.root.get_by_label("Address").fill(self.receiver.url)
        self.button("Yes, share this").click()
        expect(self.part("You share your opinions")).to_be_visible()


def stock(host: FakeHost, *prompts: str) -> None:
    opinions = Opinions(host.desk.database)
    opinions.add(Item(f"item {i}", prompt, settings={"Steps": 20}) for i, prompt in enumerate(prompts))
    for i in range(len(prompts)):
        opinions.judge(Rating(f"item {i}", "overall", float(i % 5)))
    if len(prompts) > 1:
        opinions.judge(Duel("item 0", "item 1", "overall", "item 1"))


@pytest.fixture
def tab(page: Page, tmp_path: Path) -> Iterator[Tab]:
    """Two pictures judged, and a receiver that nobody has heard of yet."""
    host = FakeHost(tmp_path)
    stock(host, "a red fox by https://example.com/jane", f"an owl {HOSTILE}")
    with running() as receiver, site(host) as url:
        page.goto(url)
        yield Tab(page, host, receiver, url)
        page.context.close()  # or the server would wait for a connection that the browser holds ready


def test_nothing_is_shared_before_an_answer_and_the_answers_look_alike(tab: Tab) -> None:
    expect(tab.root.locator(".pxl-share-status")).to_have_text("Nothing is shared. You were not asked yet.")
    expect(tab.root).to_contain_text("There is no community endpoint until someone runs one")
    for words in consent.TEXT.values():
        expect(tab.root).to_contain_text(words)
    assert tab.root.locator("input:checked:not([type=radio])").count() == 0, "nothing is ticked by itself"
    assert tab.root.get_by_label("Address").input_value() == ""
    yes, no = tab.button("Yes, share this"), tab.button("No, share nothing")
    styles = """node => {
        const style = getComputedStyle(node), box = node.getBoundingClientRect();
        const { backgroundColor, color, fontSize, fontWeight, borderColor } = style;
        return [backgroundColor, color, fontSize, fontWeight, borderColor, box.width, box.height, box.top];
    }"""
    assert yes.evaluate(styles) == no.evaluate(styles)


def test_a_no_is_kept_and_can_become_a_yes(tab: Tab) -> None:
    tab.button("No, share nothing").click()
    expect(tab.root.locator(".pxl-share-status")).to_contain_text("You said no")
    tab.page.reload()
    expect(tab.root.locator(".pxl-share-status")).to_contain_text("You said no")
    tab.agree()


def test_a_yes_without_fields_or_a_place_is_refused_in_one_sentence(tab: Tab, console: Console) -> None:
    tab.button("Yes, share this").click()
    expect(tab.error).to_have_text("what is shared: got none of them, wanted at least one of ratings or duels")
    tab.tick("rating", "prompt")
    tab.button("Yes, share this").click()
    expect(tab.error).to_contain_text("wanted an address like https")
    tab.root.get_by_label("Address").fill("http://pool.example.org")
    tab.button("Yes, share this").click()
    expect(tab.error).to_contain_text("wanted https")
    assert tab.receiver.asked == []
    console.forgive("400")


def test_what_would_be_shared_can_be_seen_before_the_answer(tab: Tab) -> None:
    tab.tick("rating", "prompt")
    tab.button("Show what this would share").click()
    expect(tab.root.locator(".pxl-share-sample pre")).to_have_count(2)
    shown = tab.root.locator(".pxl-share-sample").inner_text()
    assert '"prompt":"a red fox by [link]"' in shown and "settings" not in shown and "window.hacked" in shown
    assert tab.page.evaluate("window.hacked") is None


def test_what_is_shown_is_what_leaves_to_the_byte_and_what_is_struck_out_never_does(tab: Tab) -> None:
    tab.agree()
    tab.button("Look at what would leave").click()
    expect(tab.records).to_have_count(3)
    gone = tab.records.first.inner_text()
    tab.root.locator(".pxl-share-row").first.get_by_role("button", name="Strike out").click()
    expect(tab.records).to_have_count(2)
    expect(tab.root.locator("details.pxl-fold[open]")).to_have_count(1)
    tab.page.wait_for_function("document.querySelectorAll('.pxl-share-batch > pre').length > 0")
    lines = [tab.part("Outbox").locator(".pxl-share-batch > pre").inner_text(), *tab.records.all_inner_texts()]
    assert gone not in lines
    tab.button("Send these 2 records now").click()
    expect(tab.part("Outbox")).to_contain_text("No record is ready to leave.")
    expect(tab.part("Erase")).to_be_visible()
    (data,) = tab.receiver.batches.values()
    assert gzip.decompress(data).decode() == "\n".join([*lines, ""])
    assert tab.page.evaluate("window.hacked") is None


def test_what_left_stands_in_the_log(tab: Tab) -> None:
    tab.agree("rating", "prompt", "earlier")
    tab.button("Look at what would leave").click()
    tab.button("Send these 2 records now").click()
    expect(tab.part("Erase")).to_be_visible()
    tab.root.locator("summary", has_text="Everything that ever left").click()
    sent = tab.root.locator("summary", has_text="2 records").filter(has_text="sent")
    expect(sent).to_be_visible()
    sent.click()
    expect(tab.root.locator(".pxl-share-batch pre", has_text="a red fox")).to_be_visible()
    expect(tab.root.locator(".pxl-share-receipts")).to_contain_text("yes to text 1: ratings, prompts")


def test_an_open_log_learns_of_the_next_answer_and_no_old_sentence_stays(tab: Tab) -> None:
    tab.root.locator("summary", has_text="Everything that ever left").click()
    expect(tab.root.locator(".pxl-share-batch")).to_contain_text("Nothing has ever left.")
    tab.agree()
    expect(tab.root.locator(".pxl-share-receipts li")).to_have_count(1)
    tab.button("Look at what would leave").click()
    tab.root.get_by_role("button", name="Strike out").first.click()
    expect(tab.root.locator(".pxl-said")).to_have_text("Struck out: it never leaves.")
    tab.button("Withdraw").click()
    expect(tab.root.locator(".pxl-share-receipts li")).to_have_count(2)
    expect(tab.root.locator(".pxl-share-receipts li").first).to_contain_text("withdrawn")
    expect(tab.root.locator(".pxl-said")).to_have_text("")


def test_withdrawing_is_one_click_and_empties_the_outbox(tab: Tab) -> None:
    tab.agree()
    tab.button("Look at what would leave").click()
    expect(tab.records).to_have_count(3)
    tab.button("Withdraw").click()
    expect(tab.root.locator(".pxl-share-status")).to_contain_text("You took it back")
    rows = tab.host.desk.database.rows("SELECT count(*) AS count FROM share_records")
    assert rows[0]["count"] == 0 and tab.receiver.asked == []


def test_an_erasure_shows_its_state_until_it_is_confirmed(tab: Tab) -> None:
    tab.receiver.slow_erasure = 2
    tab.agree("rating", "prompt", "earlier")
    tab.button("Look at what would leave").click()
    tab.button("Send these 2 records now").click()
    tab.button("Erase everything that was sent").click()
    tab.button("Keep").click()
    expect(tab.part("You share your opinions")).to_be_visible()
    tab.button("Erase everything that was sent").click()
    tab.button("Erase").click()
    expect(tab.part("Erase")).to_contain_text("asked, not confirmed yet")
    tab.button("Ask now").click()
    expect(tab.part("Erase").get_by_role("status")).to_contain_text("not confirmed yet")
    for _ in range(3):
        if tab.button("Ask now").count():
            tab.button("Ask now").click()
            tab.page.wait_for_timeout(300)
    expect(tab.part("Erase")).to_contain_text("confirmed")
    assert tab.receiver.batches == {}


def test_trouble_on_the_way_is_told_and_can_be_tried_again(tab: Tab) -> None:
    tab.receiver.fault = lambda path: "500"
    tab.agree("rating", "prompt", "earlier")
    tab.button("Look at what would leave").click()
    tab.button("Send these 2 records now").click()
    expect(tab.part("Outbox").get_by_role("status")).to_contain_text("Next try at")
    expect(tab.part("Outbox").get_by_role("status")).to_contain_text("status 500")
    tab.receiver.fault = lambda path: ""
    tab.button("Try now").click()
    expect(tab.part("Outbox").get_by_role("status")).to_have_count(0)
    assert len(tab.receiver.batches) == 1


def test_a_new_text_asks_again_and_other_fields_are_a_new_yes(tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    tab.agree("rating", "prompt")
    tab.button("Change what is shared").click()
    assert tab.root.locator("input[name=prompt]").is_checked() and not tab.root.locator("input[name=duel]").is_checked()
    tab.tick("duel")
    tab.button("Yes, share this").click()
    expect(tab.part("You share your opinions")).to_contain_text("ratings, duels, prompts")
    monkeypatch.setattr(consent, "VERSION", 2)
    tab.page.reload()
    expect(tab.root.locator(".pxl-share-status")).to_contain_text("has changed since you agreed")


@pytest.mark.parametrize("why", ["DO_NOT_TRACK", "--pxl-no-share"])
def test_a_switch_that_is_off_says_so_and_asks_nothing(tab: Tab, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    if why == "DO_NOT_TRACK":
        monkeypatch.setenv(why, "1")
    else:
        tab.host.closed = "--pxl-no-share is set"
    tab.page.reload()
    expect(tab.root.locator(".pxl-share-status")).to_contain_text(f"{why} is set")
    assert tab.button("Yes, share this").count() == 0


def test_a_page_from_another_address_is_told_where_to_go(tab: Tab) -> None:
    tab.page.set_extra_http_headers({"X-Forwarded-For": "203.0.113.7"})
    tab.page.reload()
    expect(tab.root.locator(".pxl-share-status")).to_contain_text("open this page on the machine itself")
    assert tab.button("Yes, share this").count() == 0


def test_the_key_can_be_saved_for_another_machine(tab: Tab) -> None:
    tab.agree()
    with tab.page.expect_download() as saved:
        tab.button("Save the key for another machine").click()
    text = Path(saved.value.path()).read_text()
    assert re.fullmatch(r"pxl-[0-9a-f]{8}\.key", saved.value.suggested_filename) and len(text.split()[-1]) == 64


def test_a_bucket_of_ones_own_has_its_own_fields(tab: Tab) -> None:
    expect(tab.root.get_by_label("Bucket", exact=True)).to_be_hidden()
    tab.root.locator(".pxl-choice", has_text="My own bucket").click()
    tab.tick("rating", "prompt")
    tab.root.get_by_label("Bucket", exact=True).fill("mine-of-pxl")
    tab.root.get_by_label("Folder").fill("opinions")
    tab.button("Yes, share this").click()
    expect(tab.part("You share your opinions")).to_contain_text("s3://mine-of-pxl/opinions/")


def test_the_whole_way_goes_by_keyboard(tab: Tab) -> None:
    page = tab.page
    for name in ("rating", "prompt", "earlier"):
        tab.root.locator(f"input[name={name}]").focus()
        page.keyboard.press("Space")
    tab.root.get_by_label("Address").focus()
    page.keyboard.type(tab.receiver.url)
    tab.button("Yes, share this").focus()
    page.keyboard.press("Enter")
    tab.button("Look at what would leave").focus()
    page.keyboard.press("Enter")
    expect(tab.records).to_have_count(2)
    tab.root.get_by_role("button", name="Strike out").first.focus()
    page.keyboard.press("Enter")
    expect(tab.records).to_have_count(1)
    assert page.evaluate("document.activeElement.tagName") == "BUTTON", "the focus stays in the tab"


@pytest.mark.parametrize("width", [260, 390, 1000])
def test_nothing_is_wider_than_the_page(tab: Tab, width: int) -> None:
    stock(tab.host, *[f"{'x' * 3000} {i}" for i in range(3)])
    tab.page.set_viewport_size({"width": width, "height": 800})
    wide = "document.documentElement.scrollWidth > innerWidth"
    assert not tab.page.evaluate(wide)
    tab.agree("rating", "prompt", "earlier")
    tab.button("Look at what would leave").click()
    expect(tab.records.first).to_be_visible()
    assert not tab.page.evaluate(wide)
    inside = """() => [...document.querySelectorAll('.pxl-share-part .pxl-button')].every((node) =>
        node.getBoundingClientRect().right <= node.closest('.pxl-share-part').getBoundingClientRect().right)"""
    assert tab.page.evaluate(inside), "no button sticks out of its part"
