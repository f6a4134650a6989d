"""Without a yes no socket is opened, no name resolved, no credential read: an audit hook sees all that Python does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import json, os, sys
from pathlib import Path

import lib_pxl.sharing.command
from fastapi import FastAPI
from lib_pxl.hosts.fake import FakeHost
from lib_pxl.rest import router
from lib_pxl.share import consent
from lib_pxl.share.fields import parse_fields
from lib_pxl.share.net import Http
from lib_pxl.share.target import Target
from lib_pxl.sharing.office import Office
from lib_pxl.sharing.tour import tour
from lib_pxl.taste.opinion import Item, Rating
from lib_pxl.taste.opinions import Opinions

SECRETS = (".aws", ".boto", "boto.cfg", ".netrc", "credentials", ".key", ".pem", ".ssh")
seen = []


def watch(event, arguments):
    if event.startswith("socket."):
        seen.append(event)
    if event == "open" and isinstance(arguments[0], str) and any(each in arguments[0] for each in SECRETS):
        seen.append(arguments[0])


def live(folder, answer, place):
    host = FakeHost(folder)
    opinions = Opinions(host.desk.database)
    opinions.add([Item("a", "a fox")])
    opinions.judge(Rating("a", "overall", 4.0))
    office = Office(tour(folder))
    if answer not in ("unanswered", "no"):
        office.sharer.agree(parse_fields(["rating", "prompt", "earlier", "automatic"]), Target.parse(place))
        office.prepare()
        office.sharer.release([each["id"] for each in office.state()["batches"]])
    sys.addaudithook(watch)
    if answer == "no":
        office.refuse()
    if answer == "withdrawn":
        office.withdraw()
    if answer == "outdated":
        consent.VERSION += 1
    if answer == "DO_NOT_TRACK":
        os.environ["DO_NOT_TRACK"] = "1"
    if answer == "closed":
        host.closed = "--pxl-no-share is set"
    app = FastAPI()
    app.include_router(router(host.desk, host))
    office.state()
    thread = office.tour.courier._thread
    if thread is not None:
        thread.join(3 if answer == "yes" else 30)
    if answer != "yes":
        office.example({"fields": {"rating": True, "prompt": True}})
        assert thread is None or not thread.is_alive()
        assert office.tour.step(Http()) is None


for number, (answer, place) in enumerate(json.loads(sys.argv[1])):
    out = Path(f"{number}.json")
    if os.fork() == 0:  # none of them sees what another one did
        try:
            live(Path(f"data {number}").absolute(), answer, place)
            out.write_text(json.dumps(seen))
        finally:
            os._exit(0)
    os.wait()
"""
PLACES = {
    "endpoint": {"kind": "endpoint", "url": "https://pool.invalid"},
    "bucket": {"kind": "bucket", "bucket": "mine-of-pxl", "profile": "mine", "url": "http://127.0.0.1:9"},
}
NO = ["unanswered", "no", "withdrawn", "outdated", "DO_NOT_TRACK", "closed"]
CASES = [(answer, place) for answer in (*NO, "yes") for place in PLACES]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[str]]:
    """What the watcher saw, of each case in a process of its own."""
    home = tmp_path_factory.mktemp("home")
    (home / ".aws").mkdir()
    (home / ".aws" / "credentials").write_text("[mine]\naws_access_key_id = A\naws_secret_access_key = B\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS")}
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps([(answer, PLACES[place]) for answer, place in CASES])],
        env=kept | {"HOME": str(home), "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True, text=True, check=False, cwd=home,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {case: json.loads((home / f"{i}.json").read_text()) for i, case in enumerate(CASES)}


@pytest.mark.parametrize(("answer", "place"), CASES[: -len(PLACES)])
def test_without_a_yes_that_counts_nothing_is_opened_resolved_or_read(
    seen: dict[tuple[str, str], list[str]], answer: str, place: str
) -> None:
    assert seen[answer, place] == []


@pytest.mark.parametrize("place", PLACES)
def test_with_a_yes_the_same_watcher_sees_it(seen: dict[tuple[str, str], list[str]], place: str) -> None:
    found = seen["yes", place]
    assert any(each.startswith("socket.") for each in found), found
    assert any(each.endswith((".key", "credentials")) for each in found), found
