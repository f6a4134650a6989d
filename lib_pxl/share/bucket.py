"""The way to one's own bucket: boto3, loaded when it is first needed, with one's own profile of AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lib_pxl import wire
from lib_pxl.errors import ShareError, Words
from lib_pxl.share.net import LaterError, parse_url
from lib_pxl.share.target import Target

PATIENCE = 15  # seconds
THERE = ("PreconditionFailed", "412")
UNKNOWN = ("NotImplemented", "501", "MethodNotAllowed", "405", "InvalidArgument")
PAGE = 1000  # objects that S3 deletes at once


class Bucket:
    """One bucket; nothing is read of any profile before something is to be sent there."""

    def __init__(self, target: Target, client: Callable[[Target], Any] | None = None) -> None:
        self.target = target
        self._make = client or _client

    def deliver(self, batch: str, data: bytes, secret: bytes) -> None:
        """Have a batch there, once."""
        key = f"{self._folder(wire.rater_of(secret))}{batch}.jsonl.gz"
        put = {"Bucket": self.target.bucket, "Key": key, "Body": data, "ContentType": wire.CONTENT_TYPE}
        with self._told():
            client = self._make(self.target)
            if not self._put_new(client, put) and not self._is_there(client, key):
                client.put_object(**put)

    def erase(self, secret: bytes) -> bool:
        """Delete all of a rater's, older versions too; true once nothing is left of it."""
        with self._told():
            client = self._make(self.target)
            folder = self._folder(wire.rater_of(secret))
            for found in _lying(client, self.target.bucket, folder):
                done = client.delete_objects(Bucket=self.target.bucket, Delete={"Objects": found, "Quiet": True})
                if done.get("Errors"):
                    got = Words(str(done["Errors"][0].get("Code", "an error")))
                    raise LaterError("erasure", got=got, wanted="leave to delete what is in the folder")
            return not any(_lying(client, self.target.bucket, folder))

    def _folder(self, rater: str) -> str:
        return f"{self.target.prefix}pxl/v1/{rater}/"

    def _put_new(self, client: Any, put: dict[str, Any]) -> bool:
        """Write it unless it is there; false where the server, or this boto3, does not know how."""
        from botocore.exceptions import ClientError, ParamValidationError

        try:
            client.put_object(**put, IfNoneMatch="*")
        except ParamValidationError:
            return False
        except ClientError as problem:
            if _code(problem) in UNKNOWN:
                return False
            if _code(problem) not in THERE:
                raise
        return True

    def _is_there(self, client: Any, key: str) -> bool:
        from botocore.exceptions import ClientError

        try:
            client.head_object(Bucket=self.target.bucket, Key=key)
        except ClientError as problem:
            if _code(problem) in ("404", "NoSuchKey", "NotFound"):
                return False
            raise
        return True

    @contextmanager
    def _told(self) -> Iterator[None]:
        """boto3's errors in one sentence; all of them can be put right, so that nothing is given up."""
        try:
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            got = Words("no boto3")
            raise LaterError("bucket", got=got, wanted="the package boto3: pip install boto3") from None
        try:
            yield
        except (BotoCoreError, ClientError) as problem:
            later = LaterError(self.target.name, got=Words(str(problem)[:200]), wanted="leave to write there")
            later.left = True
            raise later from problem


def _client(target: Target) -> Any:
    import boto3
    from botocore.config import Config

    if target.url:
        parse_url(target.url, "server")
    session = boto3.Session(profile_name=target.profile or None)
    # An address in the environment or in the profile was not agreed to; botocore before 1.31 knows of none.
    agreed = {name: True for name in ("ignore_configured_endpoint_urls",) if name in Config.OPTION_DEFAULTS}
    config = Config(connect_timeout=PATIENCE, read_timeout=PATIENCE, retries={"total_max_attempts": 1}, **agreed)
    return session.client("s3", endpoint_url=target.url or None, config=config)


def _lying(client: Any, bucket: str, folder: str) -> Iterator[list[dict[str, str]]]:
    """Pages of what lies in a folder, with deleted and replaced versions where the bucket keeps them."""
    if not folder.rpartition("pxl/v1/")[2].strip("/"):
        raise ShareError("erasure", got=folder, wanted="one rater's folder")
    from botocore.exceptions import ClientError

    asked = {"Bucket": bucket, "Prefix": folder}
    try:
        for page in client.get_paginator("list_object_versions").paginate(**asked, MaxKeys=PAGE):
            if found := [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                yield [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
    except ClientError as problem:
        if _code(problem) not in UNKNOWN:
            raise
        for page in client.get_paginator("list_objects_v2").paginate(**asked):  # of a server that knows no versions
            if found := page.get("Contents", []):
                yield [{"Key": each["Key"]} for each in found]


def _code(problem: Any) -> str:
    return str(problem.response.get("Error", {}).get("Code", ""))
