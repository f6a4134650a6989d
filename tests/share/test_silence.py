"""Without a yes no socket is opened, no name resolved and no credential read: an audit hook sees all that Python does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import json, os, sys, threading, time
from pathlib import Path

folder, answer, out = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
SECRETS = (".aws", ".boto", "boto.cfg", ".netrc", "credentials", ".key", ".pem", ".ssh")
seen = []

def watch(event, arguments):
    if event.startswith("socket."):
        seen.append(event)
    if event == "open" and isinstance(arguments[0], str) and any(each in arguments[0] for each in SECRETS):
        seen.append(arguments[0])

def import_all():
    import lib_pxl.rest, lib_pxl.sharing.command, lib_pxl.share.bucket, lib_pxl.share.endpoint
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

import_all()
from fastapi import FastAPI
from lib_pxl.hosts.fake import FakeHost
from lib_pxl.rest import router
from lib_pxl.share import consent
from lib_pxl.share.fields import parse_fields
from lib_pxl.share.target import Target
from lib_pxl.sharing.tour import tour
from lib_pxl.taste.opinion import Item, Rating
from lib_pxl.taste.opinions import Opinions

host = FakeHost(folder)
opinions = Opinions(host.desk.database)
opinions.add([Item("a", "a fox")])
opinions.judge(Rating("a", "overall", 4.0))
own = tour(folder)
fields = parse_fields(["rating", "prompt", "earlier", "automatic"])
from lib_pxl.sharing.office import Office
from lib_pxl.share.net import Http
office = Office(own)
place = Target.parse(json.loads(sys.argv[4]))
if answer not in ("unanswered", "no"):
    office.sharer.agree(fields, place)
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
if answer != "yes":
    office.example({"fields": {"rating": True, "prompt": True}})
thread = own.courier._thread
if thread is not None:
    thread.join(5 if answer == "yes" else 30)
for _ in range(5):
    if answer != "yes":
        assert own.step(Http()) is None
out.write_text(json.dumps(seen))
os._exit(0)
"""
PLACES = [
    {"kind": "endpoint", "url": "https://pool.invalid"},
    {"kind": "bucket", "bucket": "mine-of-pxl", "profile": "mine", "url": "http://127.0.0.1:9"},
]


def seen(tmp_path: Path, answer: str, place: dict[str, str]) -> list[str]:
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "credentials").write_text("[mine]\naws_access_key_id = A\naws_secret_access_key = B\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS")}
    out = tmp_path / "seen.json"
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path / "data"), answer, str(out), json.dumps(place)],
        env=kept | {"HOME": str(home), "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(out.read_text())
    return found


@pytest.mark.parametrize("place", PLACES, ids=["endpoint", "bucket"])
@pytest.mark.parametrize("answer", ["unanswered", "no", "withdrawn", "outdated", "DO_NOT_TRACK", "closed"])
def test_without_a_yes_that_counts_nothing_is_opened_resolved_or_read(
    tmp_path: Path, answer: str, place: dict[str, str]
) -> None:
    assert seen(tmp_path, answer, place) == []


@pytest.mark.parametrize("place", PLACES, ids=["endpoint", "bucket"])
def test_with_a_yes_the_same_watcher_sees_it(tmp_path: Path, place: dict[str, str]) -> None:
    found = seen(tmp_path, "yes", place)
    assert any(each.startswith("socket.") for each in found), found
    assert any(each.endswith((".key", "credentials")) for each in found), found
