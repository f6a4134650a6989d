"""The one seam to storage: a bucket of S3, or of a server that speaks its protocol and knows conditional writes."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

from lib_pxl import wire

MISSING = ("NoSuchKey", "404", "NotFound")
LOST = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409", *MISSING)
AT_ONCE = 1000  # keys that S3 deletes in one request


@dataclass(frozen=True)
class Found:
    """An object's bytes, and the tag by which a write says that it means to replace exactly these."""

    data: bytes
    tag: str


class Bucket(Protocol):
    """What the receiver needs of its storage."""

    def get(self, key: str, limit: int | None = None) -> Found | None:
        """An object, or its first bytes; None where there is none."""

    def put(self, key: str, data: bytes, note: str = "") -> None:
        """Write an object, whatever was there; the note is kept beside it."""

    def swap(self, key: str, data: bytes, tag: str | None) -> bool:
        """Write an object if it still has this tag, or with None if there is none; False where another was quicker."""

    def delete(self, keys: Iterable[str]) -> None:
        """Take objects away; those that are not there are no matter."""

    def names(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """The keys that begin so, in order, and when each was written."""

    def ticket(self, key: str, sha256: str, seconds: int) -> dict[str, Any]:
        """A form that lets its holder write these bytes under this key, for so long, and nothing else."""


class S3Bucket:
    """A bucket through boto3."""

    def __init__(self, client: Any, name: str) -> None:
        self.client, self.name = client, name

    def get(self, key: str, limit: int | None = None) -> Found | None:
        """An object, or its first bytes; None where there is none."""
        from botocore.exceptions import ClientError

        try:
            answer = self.client.get_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if _code(error) in MISSING:
                return None
            raise
        with answer["Body"] as body:
            return Found(body.read(limit), answer["ETag"])

    def put(self, key: str, data: bytes, note: str = "") -> None:
        """Write an object, whatever was there; the note is kept beside it."""
        metadata = {"Metadata": {"note": note}} if note else {}
        self.client.put_object(Bucket=self.name, Key=key, Body=data, **metadata)

    def swap(self, key: str, data: bytes, tag: str | None) -> bool:
        """Write an object if it still has this tag, or with None if there is none; False where another was quicker.

        An answer that is lost on the way makes botocore ask again, and be told that it lost against itself: whoever
        gets False reads again before it does more.
        """
        from botocore.exceptions import ClientError

        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            self.client.put_object(Bucket=self.name, Key=key, Body=data, **condition)
        except ClientError as error:
            if _code(error) in LOST:
                return False
            raise
        return True

    def delete(self, keys: Iterable[str]) -> None:
        """Take objects away; those that are not there are no matter."""
        rest = iter(keys)
        while some := list(islice(rest, AT_ONCE)):
            told = {"Objects": [{"Key": key} for key in some], "Quiet": True}
            answer = self.client.delete_objects(Bucket=self.name, Delete=told)
            if failed := answer.get("Errors"):
                raise OSError(f"{len(failed)} objects could not be deleted: {failed[0].get('Code')}")

    def names(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """The keys that begin so, in order, and when each was written."""
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            for each in page.get("Contents", ()):
                yield each["Key"], each["LastModified"]

    def ticket(self, key: str, sha256: str, seconds: int) -> dict[str, Any]:
        """A form that lets its holder write these bytes under this key, for so long, and nothing else."""
        fields = {
            "Content-Type": wire.CONTENT_TYPE,
            "x-amz-checksum-algorithm": "SHA256",
            "x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(sha256)).decode(),
        }
        # S3 holds a form only against its conditions: a field that is none of them could be changed.
        conditions = [*({name: value} for name, value in fields.items()), ["content-length-range", 1, wire.MAX_PACKED]]
        form = self.client.generate_presigned_post(self.name, key, fields, conditions, seconds)
        return {"url": form["url"], "fields": form["fields"]}


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def open_bucket(name: str, **given: Any) -> S3Bucket:
    """The bucket, with the credentials of whoever runs this; `given` names another server than Amazon's."""
    import boto3
    from botocore.config import Config

    config = Config(
        signature_version="s3v4", retries={"mode": "standard", "max_attempts": 4}, connect_timeout=5, read_timeout=20
    )
    return S3Bucket(boto3.client("s3", config=config, **given), name)
