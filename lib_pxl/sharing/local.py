"""Whether a request comes from a person at this machine: only they may agree, look at the records, and take it back."""

from __future__ import annotations

import ipaddress
import secrets
from urllib.parse import urlsplit

from fastapi import HTTPException, Request

RELAYED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via", "cf-connecting-ip")
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
        origin = request.headers.get("origin")
        return (
            request.client is not None
            and _is_own(request.client.host)
            and _is_own(_host(f"//{host}"))
            and not any(name in request.headers for name in RELAYED)
            and (origin is None or urlsplit(origin).netloc == host)
            and request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
        )


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
