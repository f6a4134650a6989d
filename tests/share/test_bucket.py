"""One's own bucket, over HTTP to a server that speaks S3's protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from lib_pxl import wire
from lib_pxl.share import bucket as ways
from lib_pxl.share.bucket import Bucket
from lib_pxl.share.net import Http, LaterError
from lib_pxl.share.target import Target
from tests.share.people import ALL, Clock, drafts, pack_all, send, sharer

SECRET, OTHER = bytes(range(32)), bytes(32)
RATER = wire.rater_of(SECRET)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer("127.0.0.1", 0)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def s3(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of the test's own; the profile `mine` is what the sharer knows of AWS."""
    (tmp_path / "credentials").write_text("[mine]\naws_access_key_id = A\naws_secret_access_key = B\n")
    (tmp_path / "config").write_text("[profile mine]\nregion = us-east-1\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = boto3.Session(profile_name="mine").client("s3", endpoint_url=server)
    client.create_bucket(Bucket="mine-of-pxl")
    yield client
    for page in client.get_paginator("list_object_versions").paginate(Bucket="mine-of-pxl"):
        for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            client.delete_object(Bucket="mine-of-pxl", Key=each["Key"], VersionId=each["VersionId"])
    client.delete_bucket(Bucket="mine-of-pxl")


def place(server: str, **more: str) -> Target:
    data = {"kind": "bucket", "bucket": "mine-of-pxl", "prefix": "a/b", "profile": "mine", "url": server}
    return Target.parse(data | more)


def keys(s3: Any) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket="mine-of-pxl").get("Contents", [])]


def test_batches_arrive_to_the_byte_and_an_erasure_leaves_nothing(s3: Any, server: str, tmp_path: Path) -> None:
    own = sharer(tmp_path, agree=False)
    own.agree(ALL, place(server))
    own.outbox.put(drafts(700))
    names = pack_all(own)
    send(own)
    rater = own.consents.rater()
    assert sorted(keys(s3)) == sorted(f"a/b/pxl/v1/{rater}/{name}.jsonl.gz" for name in names)
    for name, key in ((name, f"a/b/pxl/v1/{rater}/{name}.jsonl.gz") for name in names):
        found = s3.get_object(Bucket="mine-of-pxl", Key=key)
        assert found["Body"].read() == own.outbox.data(name) and found["ContentType"] == "application/gzip"
    s3.put_object(Bucket="mine-of-pxl", Key="a/b/holiday.jpg", Body=b"x")
    own.erase()
    send(own)
    assert keys(s3) == ["a/b/holiday.jpg"], "and nothing else is touched"
    assert [each.state for each in own.erasures.all()] == ["confirmed"]


class Old:
    """A client that does not know IfNoneMatch, as older versions of boto3 and some servers do not."""

    def __init__(self, real: Any, problem: Exception) -> None:
        self.real, self.problem, self.puts = real, problem, 0

    def put_object(self, **put: Any) -> Any:
        if "IfNoneMatch" in put:
            raise self.problem
        self.puts += 1
        return self.real.put_object(**put)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def odd(code: str) -> Exception:
    from botocore.exceptions import ParamValidationError

    if not code:
        return ParamValidationError(report="IfNoneMatch")
    return ClientError({"Error": {"Code": code}}, "PutObject")


@pytest.mark.parametrize("code", ["", "NotImplemented", "501"])
def test_a_batch_is_put_once_also_where_nobody_knows_how_to_say_so(s3: Any, server: str, code: str) -> None:
    old = Old(s3, odd(code))
    way = Bucket(place(server), lambda target: old)
    for _ in range(3):
        way.deliver("ab" * 16, b"bytes", SECRET)
    assert old.puts == 1 and keys(s3) == [f"a/b/pxl/v1/{RATER}/{'ab' * 16}.jsonl.gz"]


def test_what_is_there_is_not_written_over(s3: Any, server: str) -> None:
    way = Bucket(place(server))
    way.deliver("ab" * 16, b"first", SECRET)
    way.deliver("ab" * 16, b"again", SECRET)
    (key,) = keys(s3)
    assert s3.get_object(Bucket="mine-of-pxl", Key=key)["Body"].read() == b"first"


@pytest.mark.parametrize("place_of_it", ["environment", "profile"])
def test_an_address_that_was_not_agreed_to_leads_nowhere(
    s3: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place_of_it: str
) -> None:
    elsewhere = "http://127.0.0.1:9"
    if place_of_it == "environment":
        monkeypatch.setenv("AWS_ENDPOINT_URL", elsewhere)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", elsewhere)
    else:
        (tmp_path / "config").write_text(f"[profile mine]\nregion = us-east-1\nendpoint_url = {elsewhere}\n")
    client = ways._client(Target.parse({"kind": "bucket", "bucket": "mine-of-pxl", "profile": "mine"}))
    assert client.meta.endpoint_url == "https://s3.amazonaws.com"


def test_only_ones_own_folder_is_erased_with_all_its_versions(s3: Any, server: str) -> None:
    s3.put_bucket_versioning(Bucket="mine-of-pxl", VersioningConfiguration={"Status": "Enabled"})
    for secret in (SECRET, OTHER):
        Bucket(place(server)).deliver("ab" * 16, b"bytes", secret)
    s3.delete_object(Bucket="mine-of-pxl", Key=f"a/b/pxl/v1/{RATER}/{'ab' * 16}.jsonl.gz")
    assert Bucket(place(server)).erase(SECRET) is True
    found = s3.list_object_versions(Bucket="mine-of-pxl")
    left = [each["Key"] for each in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]]
    assert left == [f"a/b/pxl/v1/{wire.rater_of(OTHER)}/{'ab' * 16}.jsonl.gz"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"bucket": "nobody-has-this"}, "NoSuchBucket"),
        ({"profile": "nobody"}, "profile"),
        ({"url": "http://127.0.0.1:9"}, "9"),
    ],
)
def test_what_can_be_put_right_is_told_and_tried_again(
    s3: Any, server: str, tmp_path: Path, more: dict[str, str], said: str
) -> None:
    clock = Clock()
    own = sharer(tmp_path, agree=False, clock=clock)
    own.agree(ALL, place(server, **more))
    own.outbox.put(drafts(1))
    pack_all(own)
    own.step(Http())
    (batch,) = own.outbox.log()
    assert said in batch.error and "wanted leave to write there" in batch.error and batch.state == "leaving"
    with own.database.transaction() as connection:
        connection.execute("UPDATE share_batches SET target = ?", (json.dumps(place(server).format()),))
    send(own, clock=clock)
    assert len(keys(s3)) == 1


@pytest.mark.parametrize("code", ["NotImplemented", "MethodNotAllowed"])
def test_a_server_that_knows_no_versions_erases_what_there_is(s3: Any, server: str, code: str) -> None:
    class Plain(Old):
        def get_paginator(self, name: str) -> Any:
            if name == "list_object_versions":
                raise ClientError({"Error": {"Code": code}}, "ListObjectVersions")
            return self.real.get_paginator(name)

    for secret in (SECRET, OTHER):
        Bucket(place(server)).deliver("ab" * 16, b"bytes", secret)
    assert Bucket(place(server), lambda target: Plain(s3, odd("501"))).erase(SECRET) is True
    assert keys(s3) == [f"a/b/pxl/v1/{wire.rater_of(OTHER)}/{'ab' * 16}.jsonl.gz"]


def test_without_leave_to_delete_an_erasure_goes_on_asking(s3: Any, server: str) -> None:
    class Barred(Old):
        def delete_objects(self, **more: Any) -> Any:
            return {"Errors": [{"Code": "AccessDenied"}]}

    Bucket(place(server)).deliver("ab" * 16, b"bytes", SECRET)
    with pytest.raises(LaterError, match="AccessDenied"):
        Bucket(place(server), lambda target: Barred(s3, odd("501"))).erase(SECRET)
    assert len(keys(s3)) == 1


def test_boto3_is_loaded_only_when_something_is_to_be_sent() -> None:
    import ast

    tree = ast.parse(Path(ways.__file__).read_text("utf-8"))
    top = [each for each in tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
    assert not any("boto" in ast.unparse(each) for each in top)
