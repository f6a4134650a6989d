"""The routes under /pxl/v1/share: each hands its wish to the office, in a thread, for a person at this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from lib_pxl.hosts.base import Host
from lib_pxl.hosts.desk import Desk
from lib_pxl.sharing.local import WHERE, Person
from lib_pxl.sharing.office import Office
from lib_pxl.sharing.tour import tour
from lib_pxl.web import JSON, Told, dictionary

FRESH = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
MAX_BODY = 1 << 20


def add(routes: APIRouter, desk: Desk, host: Host) -> None:
    """All of them, and the courier goes on with what was agreed to."""
    own = tour(desk.data).begin(lambda: desk.database, lambda: host.closed)
    office, person = Office(own), Person(desk.key)
    _add_reading(routes, office, person)
    _add_wishes(routes, office, person)


def _add_reading(routes: APIRouter, office: Office, person: Person) -> None:
    only = [Depends(person.demand)]

    @routes.get("/share", summary="What is asked, what was agreed to, and what is to leave")
    def state(request: Request) -> dict[str, Any]:
        if not (person.has_key(request) and person.is_here(request)):
            return {"here": False, "where": WHERE, "closed": office.tour.closed()}
        with Told(503):
            return {"here": True, **office.state()}

    @routes.get("/share/log", summary="All that ever left, the newest first, and every answer", dependencies=only)
    def log(before: str = "") -> dict[str, Any]:
        with Told():
            return office.log(before)

    @routes.get("/share/batches/{which}", summary="Exactly what is in one batch", dependencies=only)
    def batch(which: str) -> dict[str, Any]:
        with Told(404):
            return office.batch(which)

    @routes.get("/share/batches/{which}/file", summary="Its bytes", response_class=Response, dependencies=only)
    def file(which: str) -> Response:
        with Told(404):
            return _attached(office.sharer.outbox.data(which), f"{which}.jsonl.gz")

    @routes.get("/share/key", summary="The key, for another machine", response_class=Response, dependencies=only)
    def key() -> Response:
        with Told(404):
            text, name = office.key()
        return _attached(text.encode(), name)


def _add_wishes(routes: APIRouter, office: Office, person: Person) -> None:
    def wish(name: str, summary: str, act: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        @routes.post(
            f"/share/{name}", summary=summary, openapi_extra=JSON, name=f"share_{name}",
            dependencies=[Depends(person.demand)],
        )  # fmt: skip
        async def post(request: Request) -> dict[str, Any]:
            data = await dictionary(request, MAX_BODY)
            with Told():
                return {"here": True, **await run_in_threadpool(act, data)}

    wish("example", "What a yes to some fields would share", office.example)
    wish("agree", "A yes to the text, with fields and a place", office.agree)
    wish("refuse", "A no", lambda data: office.refuse())
    wish("withdraw", "Nothing more leaves, and the outbox is emptied", lambda data: office.withdraw())
    wish("erase", "Withdraw, and have what was sent erased", lambda data: office.erase())
    wish("prepare", "Make the batches as they would leave", lambda data: office.prepare())
    wish("strike", "Keep records from ever leaving", office.strike)
    wish("spare", "Take struck records up again", office.spare)
    wish("send", "Let batches leave that were looked at", office.send)
    wish("hurry", "Try at once what waits for its next try", lambda data: office.hurry())


def _attached(data: bytes, name: str) -> Response:
    told = {"Content-Disposition": f'attachment; filename="{name}"', **FRESH}
    return Response(data, media_type="application/octet-stream", headers=told)
