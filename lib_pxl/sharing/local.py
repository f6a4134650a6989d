"""Whether a request comes from a person at this machine: only they may agree, look at the records, and take it back."""

from __future__ import annotations

import ipaddress
import secrets
from urllib.parse import urlsplit

from fastapi import HTTPException, Request

# What those write who hand a request on.
RELAYED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-server",
           "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip")  # fmt: skip
WHERE = "open this page on the machine itself, as http://127.0.0.1 with its port"


class Person:
    """At this machine, in a page of ours: the key, loopback on both ends, and nobody between."""

    def __init__(self, key: str) -> None:
        self.key = key

    def demand(self, request: Request) -> None:
        """Nothing, or the refusal."""
        if not self.has_key(request):
            raise HTTPException(403, "sharing is agreed to and looked at on its page alone, not by REST")
        if not self.is_here(request):
            raise HTTPException(403, f"sharing belongs to the machine that pxl runs on: {WHERE}")

    def has_key(self, request: Request) -> bool:
        """Whether it comes from a page of ours."""
        return secrets.compare_digest(request.headers.get("x-pxl-key", "").encode(), self.key.encode())

    def is_here(self, request: Request) -> bool:
        """Whether both ends are this machine's own, as far as anything says."""
        host = request.headers.get("host", "")
        return (
            request.client is not None
            and _is_own(request.client.host)
            and _is_own(_host(f"//{host}"))
            and not _is_relayed(request)
            and all(_place(request.headers.get(name), host) == host for name in ("origin", "referer"))
            and request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
        )


def _is_relayed(request: Request) -> bool:
    """Whether somebody stands between; nginx 1.22 as it is set up names itself the host and speaks HTTP/1.0."""
    return request.scope.get("http_version") == "1.0" or any(name in request.headers for name in RELAYED)


def _place(address: str | None, default: str) -> str:
    """The host and port of a page; the default where no page is named."""
    try:
        return default if address is None else urlsplit(address).netloc
    except ValueError:
        return ""


def _is_own(name: str) -> bool:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name.lower() == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
