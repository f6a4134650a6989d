"""The routes of sharing: for a person at this machine in our page, and for nobody else."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib_pxl.hosts.fake import FakeHost
from lib_pxl.rest import router
from lib_pxl.share import consent
from lib_pxl.sharing.tour import tour
from lib_pxl.taste.opinions import Opinions
from tests.sharing.people import stock, yes

BASE = "/pxl/v1/share"
WISHES = ["example", "agree", "refuse", "withdraw", "erase", "prepare", "strike", "spare", "send", "hurry"]
READING = ["log", "batches/" + "0" * 32, "batches/" + "0" * 32 + "/file", "key"]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """A host whose API is open to all."""
    made = FakeHost(tmp_path, credentials={})
    stock(Opinions(made.desk.database), "a red fox", "an owl")
    return made


@pytest.fixture
def client(host: FakeHost) -> Iterator[TestClient]:
    """A person at this machine, in our page."""
    app = FastAPI()
    app.include_router(router(host.desk, host))
    with TestClient(app, base_url="http://127.0.0.1:7860", client=("127.0.0.1", 50000)) as made:
        made.headers["X-Pxl-Key"] = host.desk.key
        yield made
        tour(host.data).courier.stop()


def agreed(host: FakeHost) -> bool:
    return tour(host.data).database.rows("SELECT 1 FROM share_consents WHERE answer = 'yes'") != []


def test_a_yes_a_look_and_an_end(client: TestClient, host: FakeHost) -> None:
    told = client.get(BASE).json()
    assert (told["here"], told["answer"], told["agreed"], told["closed"]) == (True, "", None, "")
    assert told["text"] == consent.TEXT and set(told["fields"]) == {"Opinions", "Of each picture", "Also"}
    assert client.post(f"{BASE}/agree", json=yes()).json()["agreed"]["name"] == "https://pool.example.org"
    state = client.post(f"{BASE}/prepare", json={}).json()
    (batch,) = state["batches"]
    shown = client.get(f"{BASE}/batches/{batch['id']}").json()
    assert len(shown["lines"]) == batch["count"] == 3 and json.loads(shown["envelope"])["count"] == 3
    file = client.get(f"{BASE}/batches/{batch['id']}/file")
    assert gzip.decompress(file.content).decode().split("\n") == [shown["envelope"], *shown["lines"], ""]
    assert len(file.content) == batch["size"] and file.headers["cache-control"] == "no-store"
    key = json.loads(shown["lines"][0])["key"]
    assert client.post(f"{BASE}/strike", json={"keys": [key]}).json()["struck"] == [key]
    assert client.post(f"{BASE}/spare", json={"keys": [key]}).json()["struck"] == []
    assert "the private half" in client.get(f"{BASE}/key").text
    assert client.post(f"{BASE}/withdraw", json={}).json()["answer"] == "withdrawn"
    log = client.get(f"{BASE}/log").json()
    assert log["batches"] == [] and [each["answer"] for each in log["receipts"]] == ["withdrawn", "yes"]


@pytest.mark.parametrize("name", [*WISHES, *READING])
def test_nobody_gets_in_by_rest(client: TestClient, host: FakeHost, name: str) -> None:
    """The host's API is open to all; whoever has no page has no say in this all the same."""
    client.headers.pop("X-Pxl-Key")
    for headers in ({}, {"X-Pxl-Key": "wrong"}, {"Authorization": "Basic eDp5"}):
        method = "GET" if name in READING else "POST"
        answer = client.request(method, f"{BASE}/{name}", json=yes() if method == "POST" else None, headers=headers)
        assert answer.status_code == 403 and "not by REST" in answer.json()["detail"]
    assert not agreed(host) and client.get(BASE).json()["here"] is False


ELSEWHERE: list[dict[str, Any]] = [
    {"client": ("192.168.1.20", 50000)},
    {"client": ("203.0.113.7", 50000)},
    {"client": ("testclient", 50000)},
    {"base_url": "http://192.168.1.5:7860"},
    {"base_url": "http://evil.example:7860"},
    {"base_url": "http://127.0.0.1.evil.example"},
    {"base_url": "https://abc.gradio.live"},
    {"headers": {"X-Forwarded-For": "203.0.113.7"}},
    {"headers": {"Forwarded": "for=203.0.113.7"}},
    {"headers": {"Via": "1.1 proxy"}},
    {"headers": {"X-Forwarded-Proto": "https"}},
    {"headers": {"Referer": "https://pxl.example.org/"}},
    {"headers": {"Referer": "http://127.0.0.1:9999/"}},
    {"headers": {"Origin": "http://[::1"}},
    {"headers": {"Origin": "http://evil.example"}},
    {"headers": {"Origin": "http://127.0.0.1:9999"}},
    {"headers": {"Origin": "null"}},
    {"headers": {"Sec-Fetch-Site": "cross-site"}},
    {"headers": {"Sec-Fetch-Site": "same-site"}},
    {"headers": {"Host": ""}},
    {"headers": {"Host": "[::1"}},
]


@pytest.mark.parametrize("where", ELSEWHERE, ids=str)
def test_nobody_gets_in_from_elsewhere_even_with_the_pages_key(host: FakeHost, where: dict[str, Any]) -> None:
    app = FastAPI()
    app.include_router(router(host.desk, host))
    here = {"base_url": "http://127.0.0.1:7860", "client": ("127.0.0.1", 50000)}
    headers = {"X-Pxl-Key": host.desk.key, **where.get("headers", {})}
    with TestClient(app, **here | {name: value for name, value in where.items() if name != "headers"}) as client:
        for name in WISHES:
            answer = client.post(f"{BASE}/{name}", json=yes(), headers=headers)
            assert answer.status_code == 403 and "the machine" in answer.json()["detail"]
        for name in READING:
            assert client.get(f"{BASE}/{name}", headers=headers).status_code == 403
        told = client.get(BASE, headers=headers).json()
        assert set(told) == {"here", "where", "closed"} and told["here"] is False
    assert not agreed(host)


def test_a_relay_that_names_itself_the_host_is_known_by_its_old_http(host: FakeHost) -> None:
    app = FastAPI()
    app.include_router(router(host.desk, host))

    async def relayed(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "http_version": "1.0"}, receive, send)

    headers = {"X-Pxl-Key": host.desk.key}
    with TestClient(relayed, base_url="http://127.0.0.1:7860", client=("127.0.0.1", 50000)) as client:
        assert client.get(BASE, headers=headers).json()["here"] is False
        assert client.get(f"{BASE}/key", headers=headers).status_code == 403


def test_a_page_of_ours_says_where_it_is(client: TestClient) -> None:
    for headers in ({"Referer": "http://127.0.0.1:7860/?__theme=dark"}, {"Origin": "http://127.0.0.1:7860"}):
        assert client.get(BASE, headers=headers).json()["here"] is True


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.0.0.2"])
def test_this_machine_has_several_names(host: FakeHost, address: str) -> None:
    app = FastAPI()
    app.include_router(router(host.desk, host))
    for base in ("http://localhost:7860", "http://[::1]:7860", "http://127.0.0.1"):
        with TestClient(app, base_url=base, client=(address, 1)) as client:
            assert client.get(BASE, headers={"X-Pxl-Key": host.desk.key}).json()["here"] is True


@pytest.mark.parametrize(
    "body",
    [
        yes(version=2), yes(version=0), {**yes(), "version": None}, {**yes(), "version": "1"},
        {**yes(), "images": True},
        {**yes(), "fields": {}}, {**yes(), "fields": {"images": True, "rating": True}}, {**yes(), "target": {}},
        yes("http://pool.example.org"), yes("https://192.168.1.1:x"), {}, {"version": 1},
    ],
)  # fmt: skip
def test_what_is_no_whole_yes_is_none(client: TestClient, host: FakeHost, body: dict[str, Any]) -> None:
    answer = client.post(f"{BASE}/agree", json=body)
    assert answer.status_code == 400 and "wanted" in answer.json()["detail"]
    assert not agreed(host) and not (host.data / "share").exists()


@pytest.mark.parametrize("why", ["DO_NOT_TRACK", "--pxl-no-share"])
def test_where_it_is_switched_off_nobody_can_agree_and_anybody_can_withdraw(
    client: TestClient, host: FakeHost, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    client.post(f"{BASE}/agree", json=yes())
    if why == "DO_NOT_TRACK":
        monkeypatch.setenv(why, "1")
    else:
        host.closed = f"{why} is set"
    for name in ("agree", "hurry", "erase"):
        answer = client.post(f"{BASE}/{name}", json=yes())
        assert answer.status_code == 400 and f"{why} is set" in answer.json()["detail"]
    assert f"{why} is set" in client.get(BASE).json()["closed"]
    assert client.post(f"{BASE}/withdraw", json={}).json()["answer"] == "withdrawn"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(name=st.sampled_from([each for each in WISHES if each not in ("refuse", "withdraw", "erase")]), data=JSON)
def test_any_json_is_answered_in_words(client: TestClient, host: FakeHost, name: str, data: Any) -> None:
    answer = client.post(f"{BASE}/{name}", content=json.dumps(data).encode())
    assert answer.status_code in (200, 400) and (answer.status_code == 200 or "wanted" in answer.json()["detail"])
    assert not agreed(host)


@pytest.mark.parametrize("which", ["x", "0" * 32, "..%2F..%2Fpxl.sqlite", "%00", "'; DROP TABLE share_batches; --"])
def test_a_batch_that_is_not_there_is_404(client: TestClient, which: str) -> None:
    for rest in ("", "/file"):
        assert client.get(f"{BASE}/batches/{which}{rest}").status_code == 404


def test_a_body_that_is_too_large_is_not_read(client: TestClient) -> None:
    assert client.post(f"{BASE}/agree", content=b" " * (1 << 21)).status_code == 413
