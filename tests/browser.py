"""A real browser for tests: headless Chromium, and a page that may complain of nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
WAIT = 10_000  # ms that an expectation may take on a busy machine
PAUSE = 50  # ms after which it is looked at again


class Console:
    """What a page complained of: console errors, and exceptions that nobody caught."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._pages: list[Page] = []

    def listen(self, page: Page) -> None:
        """Hear a page's complaints from now on."""
        self._pages.append(page)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.complaints.append(f"{said.text} {said.location.get('url', '')}")

    def forgive(self, part: str) -> None:
        """Strike every complaint that holds this text; there has to be one, which may come later than what is seen."""
        for _ in range(WAIT // PAUSE):
            there = [page for page in self._pages if not page.is_closed()]
            if not there or any(part in each for each in self.complaints):
                break
            there[-1].wait_for_timeout(PAUSE)
        left = [each for each in self.complaints if part not in each]
        assert len(left) < len(self.complaints), f"nobody complained of {part!r}: {self.complaints}"
        self.complaints = left


def drop_files(page: Page, target: Locator, files: Sequence[Path]) -> None:
    """Files from outside the browser, let go over an element."""
    box = target.bounding_box()
    assert box
    devtools = page.context.new_cdp_session(page)
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path) for path in files], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "data": data, **at})
    devtools.detach()


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser for all tests of a run."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def console() -> Iterator[Console]:
    """The complaints of `page`; what is not forgiven fails the test."""
    heard = Console()
    yield heard
    assert not heard.complaints, heard.complaints


@pytest.fixture
def page(browser: Browser, console: Console) -> Iterator[Page]:
    """A fresh page that knows nothing of other tests."""
    context = browser.new_context(
        viewport={"width": 1000, "height": 1400},
        reduced_motion="reduce",  # what still moves cannot be hit
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(WAIT)
    fresh = context.new_page()
    console.listen(fresh)
    yield fresh
    context.close()
