"""Where opinions go: a community's endpoint or a bucket of one's own; there is no address until a person writes one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lib_pxl.errors import ShareError
from lib_pxl.knobs import Choice, Knob, Text, parse_group
from lib_pxl.share.net import parse_url

KINDS = {
    "endpoint": Choice("A community", "a receiver that somebody runs; you know its address from them"),
    "bucket": Choice("My own bucket", "S3 or a server like it, with your own profile of AWS"),
}
KNOBS: dict[str, Knob] = {
    "kind": Knob("kind", "To", "a community or a bucket", required=True, choices=KINDS),
    "url": Text("url", "Address", "https://…; for a bucket that of a server like S3, empty for AWS"),
    "bucket": Text("bucket", "Bucket", "its name"),
    "prefix": Text("prefix", "Folder", "a folder in the bucket; may be empty"),
    "profile": Text("profile", "AWS profile", "a profile in your AWS settings; empty is the usual one"),
}
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"(?:[\w!.*'()-]{1,80}/){0,8}", re.ASCII)
_PROFILE = re.compile(r"[\w.@+ -]{0,80}")


@dataclass(frozen=True)
class Target:
    """One place, as it was agreed to."""

    kind: str
    url: str = ""
    bucket: str = ""
    prefix: str = ""
    profile: str = ""

    @classmethod
    def parse(cls, data: Any) -> Target:
        """From data, checked without asking the network for anything."""
        given = {name: value for name, value in data.items() if value != ""} if isinstance(data, Mapping) else data
        asked = {name: (value or "").strip() for name, value in parse_group(KNOBS, given, "").items()}
        if asked["kind"] == "endpoint":
            url = parse_url(asked["url"], "endpoint")
            return cls("endpoint", url.text.rstrip("/"))
        return cls._of_bucket(asked)

    @classmethod
    def _of_bucket(cls, asked: Mapping[str, str]) -> Target:
        prefix = asked["prefix"].strip("/") + "/" if asked["prefix"].strip("/") else ""
        if not _BUCKET.fullmatch(asked["bucket"]):
            raise ShareError("bucket", got=asked["bucket"], wanted="a name of 3 to 63 small letters, digits, - and .")
        if not _PREFIX.fullmatch(prefix) or {"..", "."} & {*prefix.split("/")}:
            raise ShareError("folder", got=asked["prefix"], wanted="plain names with / between them, or nothing")
        if not _PROFILE.fullmatch(asked["profile"]):
            raise ShareError("AWS profile", got=asked["profile"], wanted="a profile's name, or nothing")
        url = parse_url(asked["url"], "server").text.rstrip("/") if asked["url"] else ""
        return cls("bucket", url, asked["bucket"], prefix, asked["profile"])

    def format(self) -> dict[str, str]:
        """As data; what is empty is left out."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def name(self) -> str:
        """The place in one word."""
        if self.kind == "endpoint":
            return self.url
        return f"s3://{self.bucket}/{self.prefix}" + (f" at {self.url}" if self.url else "")
