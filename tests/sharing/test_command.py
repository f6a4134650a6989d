"""`python -m lib_pxl share`: everything but a yes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lib_pxl.__main__ import main
from lib_pxl.sharing.command import FAILED, WAYS
from lib_pxl.sharing.office import Office
from tests.share.receiver import Receiver, running
from tests.sharing.people import office, stock, yes

Told = Callable[..., Any]


@pytest.fixture
def own(tmp_path: Path) -> Office:
    made = office(tmp_path)
    stock(made.opinions, "a red fox", "an owl")
    return made


@pytest.fixture
def share(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    """Run a way of the command; what it printed, and its exit code."""

    def run(*words: str, code: int = 0) -> Any:
        assert main(["share", *words, "--data-dir", str(tmp_path)]) == code, capsys.readouterr().err
        out = capsys.readouterr().out
        return [json.loads(line) for line in out.splitlines()] if "--json" in words else out

    return run


@pytest.mark.parametrize("way", WAYS)
def test_every_way_explains_itself(way: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["share", way, "--help"])
    assert ended.value.code == 0 and "--json" in capsys.readouterr().out


def test_no_way_is_a_yes() -> None:
    assert not {"agree", "yes", "consent", "on"} & {*WAYS}


def test_the_status_says_what_is(own: Office, share: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nothing is shared (your answer: nobody was asked)" in share("status")
    own.agree(yes())
    assert "to https://pool.example.org" in share("status")
    (told,) = share("status", "--json")
    assert told["agreed"]["target"] == {"kind": "endpoint", "url": "https://pool.example.org"}
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    assert share("status").startswith("closed: DO_NOT_TRACK is set")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('{"pxl_no_share": true}', "closed: sharing is switched off in the WebUI's settings"),
        ('{"pxl_no_share": tr', "closed: the settings in config.json cannot be read"),
        ('{"pxl_no_share": false, "samples_save": true}', ""),
        ("[1]", ""),
    ],
)
def test_the_switch_of_the_webui_around_holds_for_commands_too(
    own: Office, share: Told, tmp_path: Path, settings: str, said: str
) -> None:
    file = tmp_path.parent / "config.json"
    with running() as receiver:
        own.agree(yes(receiver.url))
        try:
            file.write_text(settings)
            assert ("closed" in share("status")) == bool(said) and share("status").startswith(said)
            share("send", code=1 if said else 0)
            assert len(receiver.batches) == (not said)
        finally:
            file.unlink()


def test_the_preview_is_what_is_sent(own: Office, share: Told) -> None:
    with running() as receiver:
        own.agree(yes(receiver.url))
        lines = share("preview").splitlines()
        (shown,) = share("preview", "--json")
        assert lines == [shown["envelope"], *shown["lines"]] and len(lines) == 4
        assert share("send", "--json") == [{"unsent": 0, "unerased": 0, "errors": []}]
        (data,) = receiver.batches.values()
        assert data == own.sharer.outbox.data(shown["id"])
    assert " sent " in share("log") and share("log", "--json")[0]["batches"][0]["id"] == shown["id"]


def test_what_cannot_be_sent_is_told(own: Office, share: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib_pxl.sharing.command.LONGEST", 0.0)
    with running(Receiver(fault=lambda path: "500")) as receiver:
        own.agree(yes(receiver.url))
        assert "status 500" in share("send", "--tries", "1", code=FAILED)
        receiver.fault = lambda path: ""
        assert "0 batches are still to be sent" in share("send")


def test_it_is_taken_back_and_erased(own: Office, share: Told) -> None:
    with running() as receiver:
        own.agree(yes(receiver.url))
        assert "nothing to erase" in share("erase")
        own.agree(yes(receiver.url))
        share("send")
        assert "confirmed" in share("erase") and receiver.batches == {}
        own.agree(yes(receiver.url))
        stock(own.opinions, "a boat", first=2)
        share("send")
        assert len(receiver.batches) == 1
        assert share("erase", "--wait", "--json") == [{"unsent": 0, "unerased": 0, "errors": []}]
        assert receiver.batches == {}
    assert "withdrawn" in share("status")
    assert share("withdraw", "--json") == [{"answer": "withdrawn"}]


def test_a_key_goes_to_a_file_and_back(own: Office, share: Told, tmp_path: Path) -> None:
    share("key", "export", str(tmp_path / "my.key"), code=1)
    own.agree(yes())
    (told,) = share("key", "export", str(tmp_path / "my.key"), "--json")
    assert (tmp_path / "my.key").stat().st_mode & 0o077 == 0
    share("key", "export", str(tmp_path / "my.key"), code=1)
    (taken,) = share("key", "import", str(tmp_path / "my.key"), "--json")
    assert taken["rater"] == told["rater"] == own.sharer.consents.rater()


@pytest.mark.parametrize("way", ["preview", "send"])
def test_without_a_yes_one_sentence_says_so(own: Office, share: Told, way: str) -> None:
    share(way, code=1)
