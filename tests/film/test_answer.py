"""The film strip by REST: every layer has its row, whatever it is; nothing is drawn twice or read from elsewhere."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lib_pxl.control.film import GROUND
from lib_pxl.control.program import MAX_LAYERS
from lib_pxl.film import answer
from lib_pxl.hosts.fake import FakeHost
from lib_pxl.rest import router
from tests.control.stage import layer, painted, sent

NOISE = {"source": {"kind": "noise"}, "strength": 1}
PLAIN = st.none() | st.booleans() | st.floats() | st.integers() | st.text()
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


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


def ask(client: TestClient, *layers: Any, **more: Any) -> Any:
    told = client.post("/pxl/v1/film", json={"program": {"layers": list(layers)}, **more})
    assert told.status_code == 200, told.text
    return told.json()


def picture(row: dict[str, Any]) -> Any:
    assert row["image"].startswith("data:image/webp;base64,")
    return numpy.asarray(Image.open(io.BytesIO(base64.b64decode(row["image"].partition(",")[2]))).convert("RGB"))


def test_a_row_is_one_strip_of_cells_without_gaps(client: TestClient) -> None:
    told = ask(client, {**NOISE, "strength": "0:1, 50%:0"}, width=768, height=512, steps=15, columns=8)
    assert told["progress"] == [round(i / 7, 4) for i in range(8)]
    (row,) = told["layers"]
    assert row.keys() == {"image", "strength"} and row["strength"][0] == 1 and row["strength"][4:] == [0] * 4
    pixels = picture(row)
    assert pixels.shape == (64, 8 * 96, 3)
    assert abs(pixels[:, 4 * 96 + 8 :] / 255 - GROUND).max() < 0.02 and pixels[:, :96].std() > 20


def test_without_more_it_is_a_square_of_eight_columns(client: TestClient) -> None:
    told = ask(client, NOISE)
    assert len(told["progress"]) == len(told["layers"][0]["strength"]) == 8
    assert picture(told["layers"][0]).shape == (96, 8 * 96, 3)


def test_a_program_a_control_dictionary_and_a_job_are_the_same(client: TestClient) -> None:
    asked = [
        {"layers": [NOISE]},
        {"enabled": False, "layers": [NOISE]},
        {"control": {"layers": [NOISE]}, "record": True},
    ]
    told = [client.post("/pxl/v1/film", json={"program": each}).json() for each in asked]
    assert told[0] == told[1] == told[2] and "image" in told[0]["layers"][0]


BROKEN = {
    "muted": layer(muted=True),
    "strength 0": layer(strength=0),
    "got '0:a'": layer(strength="0:a"),
    "mode: got 'hold'": layer(mode="hold"),
    "map: got 'pose'": layer(map="pose"),
    "when it generates": layer(map="depth"),
    "not in this data folder": layer(source={"kind": "image", "image": "map:" + "0" * 32}),
    "there is none here": layer(source={"kind": "previous"}),
    "wanted a dictionary": 7,
    "no such key": layer(colour=1),
    "source.kind": {"source": {}},
    "damaged": layer(source={"kind": "image", "image": sent(painted(64, 64))[:400]}),
    "mask": layer(mask="nowhere.png"),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_a_layer_without_a_strip_says_why_and_the_others_are_drawn(client: TestClient, reason: str) -> None:
    told = ask(client, NOISE, BROKEN[reason], layer())["layers"]
    assert "image" in told[0] and "image" in told[2] and told[1].keys() == {"problem"}
    assert reason in told[1]["problem"] and told[1]["problem"].startswith("layer 2")


def test_the_hires_pass_has_strips_of_its_own(client: TestClient) -> None:
    layers = layer(hires="off"), layer(hires="0:0, 100%:1"), layer(hires="off", muted=True)
    told = ask(client, *layers, hires=True, columns=3)["layers"]
    assert "off in the hires pass" in told[0]["problem"] and told[1]["strength"] == [0, 0.5, 1]
    assert "muted" in told[2]["problem"]
    assert ask(client, *layers, columns=3)["layers"][0]["strength"] == [0.5] * 3


WRONG: list[Any] = [
    [],
    {},
    {"program": 7},
    {"program": {"layers": 7}},
    {"program": {"layers": [NOISE] * (MAX_LAYERS + 1)}},
    {"program": {"layers": [], "more": 1}},
    {"program": {"control": 7}},
    {"program": {"layers": []}, "width": 0},
    {"program": {"layers": []}, "height": 1e300},
    {"program": {"layers": []}, "steps": 100000},
    {"program": {"layers": []}, "columns": 0},
    {"program": {"layers": []}, "seed": "1"},
    {"program": {"layers": []}, "hires": 1},
    {"program": {"layers": []}, "side": 4096},
]


@pytest.mark.parametrize("body", WRONG, ids=json.dumps)
def test_what_cannot_be_understood_is_refused_in_words(client: TestClient, body: Any) -> None:
    answer = client.post("/pxl/v1/film", json=body)
    assert answer.status_code == 400 and "wanted" in answer.json()["detail"]


@pytest.mark.parametrize("body", [b"{", b"[" * 1_000_000, b"\xff\xfe", b""])
def test_what_is_not_json_is_refused_in_words(client: TestClient, body: bytes) -> None:
    assert client.post("/pxl/v1/film", content=body).status_code == 400
    assert client.post("/pxl/v1/film", content=(b" " * 2**20 for _ in range(64))).status_code == 413


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(JSON)
def test_any_layer_is_answered(client: TestClient, data: Any) -> None:
    body = json.dumps({"program": {"layers": [data, NOISE]}, "columns": 2}).encode()
    told = client.post("/pxl/v1/film", content=body)
    assert told.status_code == 200 and "problem" in told.json()["layers"][0] and "image" in told.json()["layers"][1]


@pytest.mark.parametrize("size", [(16384, 8), (8, 16384), (8, 8), (16384, 16384)])
@pytest.mark.parametrize("mode", ["color", "texture", "warp", "start"])
def test_any_shape_of_picture_has_a_strip(client: TestClient, size: tuple[int, int], mode: str) -> None:
    given = layer(mode=mode, strength=1, gate={}, source={"kind": "image", "image": sent(painted(40, 3))})
    for steps in (1, 2, 150):
        told = ask(client, given, width=size[0], height=size[1], steps=steps, columns=64)
        assert len(told["progress"]) == (1 if steps == 1 else 64) and "image" in told["layers"][0]


def test_only_the_pictures_that_a_job_may_name_are_shown(client: TestClient, host: FakeHost, tmp_path: Path) -> None:
    inside, outside = tmp_path / "out" / "a.png", tmp_path / "secret.png"
    inside.parent.mkdir()
    for path in (inside, outside):
        painted(8, 8).save(path)
    host.readable = [inside.parent]
    named = [str(inside), str(outside), str(tmp_path / "out" / ".." / "secret.png"), str(tmp_path / "nothing.png")]
    told = ask(client, *(layer(source={"kind": "image", "image": each}) for each in named))["layers"]
    assert "image" in told[0] and all("a path inside" in each["problem"] for each in told[1:])
    moving = ask(client, *(layer(source={"kind": "frames", "path": str(each)}) for each in (inside.parent, tmp_path)))
    assert "image" in moving["layers"][0] and "a path inside" in moving["layers"][1]["problem"]
    assert "a path inside" in ask(client, layer(mask=str(outside)))["layers"][0]["problem"]
    host.readable = ()
    assert "problem" in ask(client, layer(source={"kind": "image", "image": str(inside)}))["layers"][0]


def test_the_last_picture_is_shown_where_there_is_one(client: TestClient, host: FakeHost) -> None:
    given = layer(source={"kind": "previous"}, strength=1)
    for colour in ("red", "blue"):
        host.desk.previous = Image.new("RGB", (512, 512), colour)
        wanted = numpy.asarray(host.desk.previous.crop((0, 0, 1, 1)))
        assert abs(picture(ask(client, given)["layers"][0]).astype(int) - wanted).max() < 8
    assert not host.desk.maps.folder.exists(), "looking keeps nothing"


def test_only_the_layer_that_was_changed_is_drawn_again(
    client: TestClient, host: FakeHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawn: list[int] = []
    shoot = answer.shoot
    monkeypatch.setattr(answer, "shoot", lambda layer, i, *rest: drawn.append(i) or shoot(layer, i, *rest))
    name = client.post("/pxl/v1/maps", content=base64.b64decode(sent(painted(8, 8)))).json()["map"]
    kept = layer(source={"kind": "image", "image": name})
    first = ask(client, NOISE, kept, layer(mode="hold"))
    assert drawn == [0, 1, 2] and ask(client, NOISE, kept, layer(mode="hold")) == first
    assert drawn == [0, 1, 2, 2], "a problem may have gone by now"
    ask(client, {**NOISE, "strength": 0.5}, kept)
    ask(client, NOISE, kept, steps=7)
    assert drawn == [0, 1, 2, 2, 0, 0, 1]
    path = tmp_path / "a.png"
    host.readable = [tmp_path]
    seen = []
    for colour in ("red", "blue"):
        Image.new("RGB", (8, 8), colour).save(path)
        seen.append(ask(client, layer(source={"kind": "image", "image": str(path)}))["layers"][0]["image"])
    assert seen[0] != seen[1], "a file may change"


def test_eight_layers_are_drawn_in_well_under_a_second(client: TestClient) -> None:
    layers = [layer(mode=mode, gate={"seed": i}) for i, mode in enumerate(["color", "texture", "warp", "start"] * 2)]
    ask(client, NOISE)
    began = time.process_time()
    assert all("image" in row for row in ask(client, *layers)["layers"])
    assert time.process_time() - began < 1


def test_strangers_see_nothing(client: TestClient, host: FakeHost) -> None:
    host.credentials = None
    assert client.post("/pxl/v1/film", json={"program": {"layers": []}}).status_code == 401
    headers = {"X-Pxl-Key": host.desk.key}
    assert client.post("/pxl/v1/film", json={"program": {"layers": []}}, headers=headers).status_code == 200
