"""What a person sees of `make share-demo`, and that it is the product itself which is shown."""

from __future__ import annotations

import io
import re
import sys
from typing import Any

import pytest

from lib_pxl import wire
from lib_pxl.__main__ import main
from lib_pxl.demo import play
from lib_pxl.demo.teller import Teller
from lib_pxl.share import consent
from lib_pxl.share.sharer import Sharer
from lib_pxl.sharing.office import Office

STEPS = ["What lies on this machine", "Consent", "Preview", "Send", "Intake", "The same batch once more", "Erase",
         "What is left"]  # fmt: skip


@pytest.fixture(scope="module")
def text() -> str:
    """All of it, of a person who agrees."""
    out = io.StringIO()
    assert play.show(Teller(out), lambda: True) is True
    return out.getvalue()


def part(text: str, number: int) -> str:
    return re.split(r"\n\d\. ", text)[number]


def records(text: str) -> list[str]:
    return [line.strip(" |") for line in text.splitlines() if line.startswith('   | {"category"')]


def test_every_step_is_shown_in_its_order(text: str) -> None:
    assert [re.match(r"[^:,]*", part(text, i + 1))[0].splitlines()[0] for i in range(8)] == STEPS  # type: ignore[index]


def test_the_words_of_the_consent_are_shown_whole(text: str) -> None:
    shown = " ".join(part(text, 2).split())
    assert all(words in shown for words in consent.TEXT.values()) and "got no answer, wanted a yes" in shown


def test_what_was_shown_counts_once_and_what_was_struck_out_does_not(text: str) -> None:
    shown = records(part(text, 3))
    assert [wire.parse_record(line.encode())["kind"] for line in shown] == [
        "rating",
        "rating",
        "duel",
        "rating",
        "duel",
    ]
    assert records(part(text, 5)) == shown[3:] and shown[1] not in shown[3:]
    assert not any(word in text.partition("2. ")[2] for word in ("jane", "my_style", "Seed"))
    assert "the same as in the preview" in part(text, 4) and "2 records, sent" in part(text, 4)
    assert '{"done": true}; 2 records count, as before' in part(text, 6)


def test_the_erasure_is_asked_for_and_confirmed_and_leaves_a_day(text: str) -> None:
    assert "asked, not confirmed yet. 0 records count" in part(text, 7) and part(text, 7).endswith("confirmed.\n")
    (left,) = [line for line in part(text, 8).splitlines() if "|" in line]
    assert left.startswith("   | ledger/v1/") and '"batches":[],"closed":"erased"' in left


def test_it_is_the_clients_own_way_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[str] = []
    for kind, name in ((Office, "agree"), (Office, "prepare"), (Office, "strike"), (Office, "send"), (Sharer, "step")):
        real = getattr(kind, name)

        def seen(self: Any, *given: Any, real: Any = real, name: str = name) -> Any:
            met.append(name)
            return real(self, *given)

        monkeypatch.setattr(kind, name, seen)
    play.show(Teller(io.StringIO()), lambda: True)
    assert list(dict.fromkeys(met)) == ["prepare", "agree", "strike", "send", "step"]


def test_after_a_no_the_receiver_was_never_asked() -> None:
    out = io.StringIO()
    assert play.show(Teller(out), lambda: False) is False
    assert "the receiver was asked 0 times, nothing has left" in " ".join(out.getvalue().split())
    assert "3. " not in out.getvalue()


def test_do_not_track_wins_here_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    assert main(["share-demo", "--yes"]) == 1
    assert "DO_NOT_TRACK is set" in capsys.readouterr().err


@pytest.mark.parametrize(("typed", "agreed"), [("yes\n", True), ("\n", False), ("no\n", False), ("", False)])
def test_only_a_plain_yes_is_one(typed: str, agreed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Keyboard:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return typed

    monkeypatch.setattr(sys, "stdin", Keyboard())
    assert Teller(io.StringIO()).ask() is agreed


def test_no_sentence_is_wider_than_the_terminal_and_bytes_are_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    out = io.StringIO()
    teller = Teller(out)
    teller.say("word " * 40)
    teller.table({"One": "word " * 40, "Another": "short"})
    assert max(map(len, out.getvalue().splitlines())) <= 50 and "\033" not in out.getvalue()
    teller.exact("x" * 200)
    assert out.getvalue().endswith("x" * 200 + "\n")
