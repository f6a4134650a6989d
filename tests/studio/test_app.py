"""The studio's web application: who may call it, and what the page carries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
from starlette.testclient import TestClient

from lib_pxl.control.preset import PRESETS
from lib_pxl.errors import HostError
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.studio import app
from lib_pxl.studio.work import Work

HOME = "http://127.0.0.1:7862"
Client = Callable[..., TestClient]
PIPE = tiny.sd1("v_prediction")


@pytest.fixture
def client(tmp_path: Path) -> Client:
    def make(login: tuple[str, str] | None = None, base: str = HOME) -> TestClient:
        credentials = {login[0]: login[1]} if login else {}
        host = DiffusersHost(PIPE, tmp_path, model="tiny <b>", readable=[], credentials=credentials)
        return TestClient(app.make_app(Work(host), credentials, lonely=not login), base_url=base)

    return make


def test_the_page_carries_the_panel_s_script_and_style(client: Client) -> None:
    page = client().get("/").text
    firsts = [script.read_text("utf-8").splitlines()[0] for script in (app.ROOT / "javascript").glob("*.js")]
    assert len(firsts) > 1 and all(first in page for first in firsts)
    assert ".pxl-panel" in client().get("/theme.css").text + page
    assert "fonts.googleapis.com" not in page and "tiny <b>" not in page


def test_the_panel_s_routes_are_the_ones_of_every_host(client: Client) -> None:
    with client() as calls:
        assert calls.get("/pxl/v1/health").json() == {"ok": True, "pxl": app.__version__, "host": "diffusers"}
        assert calls.get("/pxl/v1/status?tab=img2img").json() == {"jobs": 0, "error": None}
        assert "/pxl/v1/program/check" in calls.get("/pxl/openapi.json").json()["paths"]


def test_another_name_for_this_machine_is_refused(client: Client) -> None:
    calls = client()
    for name in ("evil.example", "127.0.0.1.evil.example:7862", "192.168.0.2"):
        for path in ("/", "/pxl/v1/health", "/config"):
            assert calls.get(path, headers={"Host": name}).status_code == 400
    assert calls.get("/pxl/v1/health", headers={"Host": "localhost:7862"}).status_code == 200


def test_a_foreign_page_is_refused(client: Client) -> None:
    answer = client().get("/pxl/v1/health", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403


def test_with_a_login_nothing_answers_without_it(client: Client) -> None:
    calls = client(("me", "secret"), "http://studio.example")
    assert calls.get("/pxl/v1/presets").status_code == 401
    assert calls.get("/pxl/v1/presets", auth=("me", "wrong")).status_code == 401
    assert calls.get("/pxl/v1/presets", auth=("me", "secret")).json()["built_in"] == [*PRESETS]
    assert calls.get("/config").status_code == 401
    assert "data-key" not in calls.get("/").text
    assert calls.post("/login", data={"username": "me", "password": "wrong"}).status_code == 400
    assert calls.post("/login", data={"username": "me", "password": "secret"}).status_code == 200
    assert "pxl_txt2img_editor" in calls.get("/config").text


def test_a_folder_without_the_script_says_so(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "ROOT", tmp_path)
    with pytest.raises(HostError, match=r"file javascript/\*\.js.*wanted pxl's whole folder"):
        client()
