"""The routes, over the fake host: who may call, what comes back, and what is refused."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lib_pxl import __version__
from lib_pxl.control.preset import PRESETS
from lib_pxl.control.program import Program
from lib_pxl.hosts.fake import FakeHost
from lib_pxl.hosts.recorder import Finished
from lib_pxl.rest import router

PLAIN = st.none() | st.booleans() | st.floats() | st.text()
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
LAYER = {"source": {"kind": "image", "image": "a.png"}}


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """A host whose API is open."""
    return FakeHost(tmp_path, credentials={})


@pytest.fixture
def client(host: FakeHost) -> Iterator[TestClient]:
    """Its routes."""
    app = FastAPI()
    app.include_router(router(host.desk, host))
    with TestClient(app) as made:
        yield made


@pytest.fixture
def picture() -> bytes:
    """A small PNG."""
    file = io.BytesIO()
    Image.new("RGB", (3, 2), "red").save(file, "PNG")
    return file.getvalue()


def test_health_says_what_and_where(client: TestClient) -> None:
    assert client.get("/pxl/v1/health").json() == {"ok": True, "pxl": __version__, "host": "fake"}


def test_a_map_comes_back_as_it_went(client: TestClient, picture: bytes) -> None:
    told = client.post("/pxl/v1/maps", content=picture).json()
    assert (told["width"], told["height"], told["frames"]) == (3, 2, 1)
    back = client.get("/pxl/v1/maps/" + told["map"].removeprefix("map:"))
    assert back.content == picture and back.headers["content-type"] == "image/png"
    assert client.post("/pxl/v1/maps", content=picture).json() == told


@pytest.mark.parametrize(("kind", "media"), [("GIF", "image/gif"), ("PNG", "image/png"), ("WEBP", "image/webp")])
def test_a_moving_map_tells_its_frames(client: TestClient, kind: str, media: str) -> None:
    file = io.BytesIO()
    frames = [Image.new("RGB", (6, 4), (80 * i, 9, 200)) for i in range(3)]
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=40)
    told = client.post("/pxl/v1/maps", content=file.getvalue()).json()
    assert (told["width"], told["height"], told["frames"]) == (6, 4, 3)
    back = client.get("/pxl/v1/maps/" + told["map"].removeprefix("map:"))
    assert back.content == file.getvalue() and back.headers["content-type"] == media


def test_a_job_with_an_animation_can_be_checked(client: TestClient) -> None:
    control = {"layers": [], "input": "map:" + "0" * 32, "animation": {"format": "webp", "fps": 8.0}}
    for sent, wanted in ((control, control), ({"control": control}, {"control": {"enabled": True, **control}})):
        assert client.post("/pxl/v1/program/check", json=sent).json() == {"ok": True, "program": wanted}
    told = client.post("/pxl/v1/program/check", json={"control": {"animation": {"fps": 99}}}).json()
    assert (told["ok"], told["field"]) == (False, "control.animation.fps")


@pytest.mark.parametrize("body", [b"", b"nothing", b"\x89PNG\r\n\x1a\n", b"<svg/>"])
def test_what_is_no_picture_is_refused_in_words(client: TestClient, body: bytes) -> None:
    answer = client.post("/pxl/v1/maps", content=body)
    assert answer.status_code == 400 and "wanted" in answer.json()["detail"]


def test_an_upload_is_given_up_as_soon_as_it_is_too_large(client: TestClient) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        for i in range(1024):
            sent.append(i)
            yield b"0" * 2**20

    assert client.post("/pxl/v1/maps", content=endless()).status_code == 413
    told = client.post("/pxl/v1/maps", content=b"", headers={"content-length": str(2**30)})
    assert told.status_code == 413


@pytest.mark.parametrize("name", ["../pxl.sqlite", "..%2Fpxl.sqlite", "0" * 32, "%00", "x" * 5000, "MAP:", "a/../b"])
def test_no_name_leads_out_of_the_maps(client: TestClient, name: str) -> None:
    assert client.get(f"/pxl/v1/maps/{name}").status_code == 404


def test_a_program_is_told_apart_from_a_job(client: TestClient) -> None:
    program, job = {"layers": [LAYER]}, {"control": {"layers": [LAYER]}, "record": True}
    assert client.post("/pxl/v1/program/check", json=program).json() == {"ok": True, "program": program}
    told = client.post("/pxl/v1/program/check", json=job).json()
    assert told["program"] == {"control": {"enabled": True, "layers": [LAYER]}, "record": True}


def test_a_wrong_program_is_told_where_it_is_wrong(client: TestClient) -> None:
    wrong = {"layers": [LAYER, {**LAYER, "strength": "0:a"}]}
    told = client.post("/pxl/v1/program/check", json=wrong).json()
    assert (told["ok"], told["field"], told["got"]) == (False, "layers[1].strength", "'0:a'")
    assert told["error"].startswith("layer 2 strength: got '0:a', wanted keyframes")


@pytest.mark.parametrize("body", [b"{", b"[" * 1_000_000, b"\xff\xfe", b""])
def test_what_is_not_json_is_refused_in_words(client: TestClient, body: bytes) -> None:
    answer = client.post("/pxl/v1/program/check", content=body)
    assert answer.status_code == 400 and "wanted" in answer.json()["detail"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_json_is_answered(client: TestClient, data: Any) -> None:
    answer = client.post("/pxl/v1/program/check", content=json.dumps(data).encode())
    assert answer.status_code == 200 and answer.json()["ok"] in (True, False)


def test_a_preset_is_saved_loaded_and_forgotten(client: TestClient, picture: bytes) -> None:
    kept = client.post("/pxl/v1/maps", content=picture).json()["map"]
    sent, wanted = ({"layers": [{"source": {"kind": "image", "image": image}}]} for image in (encoded(picture), kept))
    assert client.put("/pxl/v1/presets/Mine", json=sent).status_code == 200
    assert client.get("/pxl/v1/presets").json() == {"presets": [*PRESETS, "Mine"], "built_in": [*PRESETS]}
    assert client.get("/pxl/v1/presets/Mine").json() == wanted, "its picture lies among the maps, not in the preset"
    assert client.put("/pxl/v1/presets/a%2Fb%20c", json={"layers": []}).status_code == 200
    assert client.get("/pxl/v1/presets/a%2Fb%20c").json() == {"layers": []}
    near = client.get("/pxl/v1/presets/Mien")
    assert near.status_code == 404 and "Mine" in near.json()["detail"]
    assert client.put("/pxl/v1/presets/Bad", json={"layers": [{}]}).status_code == 400
    assert client.put("/pxl/v1/presets/Lost", json={"layers": [LAYER]}).status_code == 400
    assert client.put("/pxl/v1/presets/Big", content=(b" " * 2**20 for _ in range(64))).status_code == 413
    assert client.delete("/pxl/v1/presets/Mine").status_code == 200
    assert client.delete("/pxl/v1/presets/Mine").status_code == 404
    first = next(iter(PRESETS))
    assert Program.parse(client.get(f"/pxl/v1/presets/{first}").json()) == PRESETS[first].program
    assert client.delete(f"/pxl/v1/presets/{first}").status_code == 404


def encoded(picture: bytes) -> str:
    """A picture as a job may carry it."""
    return base64.b64encode(picture).decode()


def test_the_status_counts_a_tabs_jobs_and_keeps_the_last_error(client: TestClient, host: FakeHost) -> None:
    assert client.get("/pxl/v1/status").json() == {"jobs": 0, "error": None}
    host.generate({"control": {"layers": [{**LAYER, "strength": "x"}]}}, steps=1)
    told = client.get("/pxl/v1/status?tab=txt2img").json()
    assert told["jobs"] == 1 and "'x'" in told["error"]
    host.generate(steps=1)
    assert client.get("/pxl/v1/status").json() == {"jobs": 2, "error": None}
    assert client.get("/pxl/v1/status?tab=img2img").json()["jobs"] == 0


STRANGERS = [("ann", "wrong"), ("bob", "se:cret"), ("", "")]


def test_only_the_page_and_the_hosts_own_users_may_call(client: TestClient, host: FakeHost) -> None:
    def answers(**headers: str) -> int:
        return client.get("/pxl/v1/health", headers=headers).status_code

    page = {"X-Pxl-Key": host.desk.key}
    foreign = {"Origin": "http://elsewhere.example"}
    assert answers() == 200 and answers(Origin="http://testserver") == 200
    assert answers(**foreign) == 403 and answers(Origin="null") == 403
    assert answers(**foreign, **page) == 200
    host.credentials = {"ann": "se:cret"}
    assert answers() == 401 and answers(**page) == 200
    assert client.get("/pxl/v1/health", auth=("ann", "se:cret")).status_code == 200
    assert all(client.get("/pxl/v1/health", auth=stranger).status_code == 401 for stranger in STRANGERS)
    assert answers(Authorization="Basic ???") == 401 and answers(Authorization="Bearer x") == 401
    host.credentials = None
    assert answers() == 401 and answers(**page) == 200
    strange = client.get("/pxl/v1/health", headers={"X-Pxl-Key": "é".encode("latin-1")})
    assert answers(**{"X-Pxl-Key": ""}) == 401 and strange.status_code == 401


def test_every_route_is_described(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/pxl/v1/health", "/pxl/v1/program/check", "/pxl/v1/maps", "/pxl/v1/presets/{name}"} <= paths.keys()
    assert all(each.get("summary") for path in paths.values() for each in path.values())


def test_how_a_picture_formed_can_be_seen(client: TestClient, host: FakeHost) -> None:
    host.generate({"control": {"trace": True}}, steps=5, hires=2)
    told = client.get("/pxl/v1/formed/txt2img").json()
    assert told["count"] == 8 and [each["kind"] for each in told["passes"]] == ["base", "hires"]
    assert [each["progress"] for each in told["passes"]] == [[0, 0.25, 0.5, 0.75, 1], [0, 0.5, 1]]
    sizes = {}
    for name in ("strip.webp", "strip.webp?columns=4", "film.gif"):
        answer = client.get(f"/pxl/v1/formed/txt2img/{name}")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == f"image/{name.partition('.')[2].partition('?')[0]}"
        with Image.open(io.BytesIO(answer.content)) as opened:
            sizes[name] = opened.size
    assert sizes == {"strip.webp": (8 * 128, 128), "strip.webp?columns=4": (4 * 128, 128), "film.gif": (256, 256)}


@pytest.mark.parametrize("name", ["", "/strip.webp", "/film.gif"])
def test_where_nothing_was_kept_one_sentence_says_so(client: TestClient, host: FakeHost, name: str) -> None:
    host.generate({"control": {"trace": True}})
    host.generate()
    for tab in ("txt2img", "img2img", "x" * 500):
        answer = client.get(f"/pxl/v1/formed/{tab}{name}")
        assert answer.status_code == 404 and "wanted a job with" in answer.json()["detail"]
    host.credentials = None
    assert client.get(f"/pxl/v1/formed/txt2img{name}").status_code == 401


def test_captions_are_said_in_the_background_for_those_that_have_none(host: FakeHost, client: TestClient) -> None:
    recorder = host.desk.recorder
    recorder.put(Finished("a fox\nSteps: 1, CFG scale: 2, Seed: 3", Image.new("RGB", (9, 6))))
    assert recorder.flush(30)
    assert client.post("/pxl/v1/captions").json()["count"] == 1
    until = time.monotonic() + 30
    while client.get("/pxl/v1/nokens/work").json()["running"] and time.monotonic() < until:
        time.sleep(0.05)
    ((_, record),) = host.desk.opinions().records()
    assert record.item.caption == "9 by 6 of (0, 0, 0)"
    assert client.post("/pxl/v1/captions").json()["count"] == 0
