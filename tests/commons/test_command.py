"""What an operator types."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from lib_pxl.__main__ import main
from lib_pxl.commons import function, intake, package
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
    assert not files & {"loopback.py", "template.yaml"}


def test_packing_overwrites_no_folder_of_others(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    assert main(["commons", "package", str(tmp_path)]) == 1
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "mine"
