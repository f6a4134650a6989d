"""What routes share: bodies that may be too large, JSON from strangers, and errors as answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import HTTPException, Request

from lib_pxl.errors import PxlError, Words

MAX_JSON = 32 * 2**20
BYTES = {"requestBody": {"required": True, "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}}
JSON = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


class Told:
    """Turns pxl's errors into answers."""

    def __init__(self, status: int = 400) -> None:
        self.status = status

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if isinstance(problem, PxlError):
            raise HTTPException(self.status, str(problem)) from None


async def body(request: Request, limit: int) -> bytes:
    """The request's body, given up as soon as it is too large."""
    told = request.headers.get("content-length", "0")
    if told.isdigit() and int(told) > limit:
        raise HTTPException(413, f"got {told} bytes, wanted at most {limit}")
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise HTTPException(413, f"got more than {limit} bytes, wanted at most {limit}")
        pieces.append(piece)
    return b"".join(pieces)


async def dictionary(request: Request, limit: int = MAX_JSON) -> dict[str, Any]:
    """The request's JSON; what is null in it is as if it were not there."""
    text = (await body(request, limit)).decode("utf-8", "replace")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = Words("something else")
    if not isinstance(data, Mapping):
        raise HTTPException(400, str(PxlError("body", got=data, wanted="a JSON dictionary in {}")))
    return {name: value for name, value in data.items() if value is not None}
