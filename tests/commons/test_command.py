"""What an operator types, and the demonstration."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from lib_pxl import wire
from lib_pxl.__main__ import main
from lib_pxl.commons import demo, function, intake, package
from lib_pxl.commons.bucket import S3Bucket
from lib_pxl.commons.loopback import NAME, open_loopback, storage
from tests.commons.people import ANN, BEN, asked, told


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Bucket]:
    """A bucket of the account that the environment names."""
    with storage() as (url, _):
        for name, value in {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "loopback",
            "AWS_SECRET_ACCESS_KEY": "loopback",
            "AWS_DEFAULT_REGION": "us-east-1",
            "PXL_BUCKET": NAME,
            "PXL_TICKETS_RATER": "2",
            "PXL_TICKETS_ADDRESS": "10",
        }.items():
            monkeypatch.setenv(name, value)
        yield open_loopback(url)
        function._bucket.cache_clear()


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["commons", *arguments]) == 0
    return capsys.readouterr().out


def test_the_demonstration_shows_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "demo", "--yes")
    for step in ("1. Consent", "2. Preview", "3. Send", "4. Ticket", "5. S3", "6. Intake: counted, 2 new", "8. Erase"):
        assert step in text
    assert '7. The same batch once more: {"done": true}' in text
    assert '"erased": false, "pending": true, "records": 0}' in text
    assert '"erased": true, "pending": false, "records": 0}' in text
    shown = [line.strip() for line in text.splitlines() if line.strip().startswith('{"category"')]
    assert [wire.parse_record(line.encode())["kind"] for line in shown] == ["rating", "duel"]


def test_a_no_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened() -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(demo, "storage", opened)
    lines: list[str] = []
    assert demo.show(lines.append, lambda: False) is False
    assert "nothing was sent" in lines[-1]


@pytest.mark.parametrize(("typed", "agreed"), [("yes\n", True), ("\n", False), ("no\n", False), ("", False)])
def test_only_a_plain_yes_is_one(typed: str, agreed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Keyboard:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return typed

    monkeypatch.setattr(sys, "stdin", Keyboard())
    assert demo.ask_person() is agreed


def test_an_operator_counts_sweeps_blocks_and_opens(bucket: S3Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    for rater in (ANN, BEN):
        bucket.put(rater.place(), rater.batch([1, 2]))
        intake.handle(bucket, rater.place(), datetime.now(timezone.utc))
    assert said(capsys, "count", NAME) == "4 records of 2 raters\n"
    said(capsys, "block", NAME, ANN.name)
    assert json.loads(said(capsys, "count", NAME, "--json")) == {"raters": 1, "records": 2}
    said(capsys, "open", NAME, ANN.name)
    assert said(capsys, "count", NAME) == "4 records of 2 raters\n"
    bucket.put("quota/v1/2020-01-01/key", b"old")
    said(capsys, "sweep", NAME)
    assert not [*bucket.names("quota/")]
    assert main(["commons", "block", NAME, "../x"]) == 1
    assert "wanted 64 lower hexadecimal digits" in capsys.readouterr().err


def test_the_functions_that_lambda_calls_do_what_the_environment_says(bucket: S3Bucket) -> None:
    now = datetime.now(timezone.utc)
    data = ANN.batch([1])
    event = asked("ticket", ANN.ticket(0, data, now))
    assert [function.ticket(event, None)["statusCode"] for _ in range(3)] == [200, 200, 429]
    form = told(function.ticket(asked("ticket", BEN.ticket(0, data, now)), None))
    assert form["fields"]["key"] == BEN.place() and NAME in form["url"]
    bucket.put(ANN.place(), data)
    function.receive({"Records": [{"s3": {"object": {"key": ANN.place()}}}]}, None)
    assert told(function.ticket(asked("state", ANN.wish("state", now)), None))["records"] == 1
    off = now + timedelta(days=1)
    assert function.ticket(asked("state", ANN.wish("state", off)), None)["statusCode"] == 409


ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
import lib_pxl.commons.function
assert lib_pxl.__file__.startswith(sys.argv[1]), lib_pxl.__file__
print(sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "numpy", "boto3", "moto", "PIL"}))
"""


def test_what_is_packed_for_lambda_is_enough_and_light(tmp_path: Path) -> None:
    folder = tmp_path / "commons"
    package.copy(folder)
    package.copy(folder)
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(folder)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "[]\n", done.stderr
    files = {path.name for path in folder.rglob("*") if path.is_file()}
    assert {"wire.py", "errors.py", "function.py"} < files
    assert not files & {"demo.py", "loopback.py", "template.yaml"}


def test_packing_overwrites_no_folder_of_others(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    assert main(["commons", "package", str(tmp_path)]) == 1
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "mine"
