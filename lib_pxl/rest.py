"""The REST routes under /pxl/v1, the same in every host; FastAPI writes their OpenAPI page."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from lib_pxl import __version__
from lib_pxl.breed import route as breed
from lib_pxl.control.program import Program, read_json
from lib_pxl.errors import ProgramError, shown
from lib_pxl.film.answer import Answer
from lib_pxl.hosts.base import Host
from lib_pxl.hosts.desk import Desk
from lib_pxl.hosts.job import SWITCHES, Job
from lib_pxl.hosts.nursery import nursery
from lib_pxl.judging import route as judging
from lib_pxl.sharing import route as sharing
from lib_pxl.store.animations import open_animation
from lib_pxl.store.maps import MAX_BYTES
from lib_pxl.taste.caption import captions
from lib_pxl.web import JSON, MAX_JSON, Told, body

_RAW = {"requestBody": {"required": True, "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}}


@dataclass(frozen=True)
class Gate:
    """Who may call: the page, by its key; others as the host's own API has it."""

    key: str
    host: Host

    def admit(self, request: Request) -> None:
        """Nothing, or the refusal."""
        if secrets.compare_digest(request.headers.get("x-pxl-key", "").encode(), self.key.encode()):
            return
        origin = request.headers.get("origin")
        if origin and urlsplit(origin).netloc != request.headers.get("host"):
            raise HTTPException(403, f"a page of {origin[:200]} may not call this")
        known = self.host.credentials
        if known is not None and (not known or _knows(known, request.headers.get("authorization", ""))):
            return
        headers = {"WWW-Authenticate": "Basic"} if known else None
        raise HTTPException(401, "the page's key or the host's API credentials are needed", headers)


def router(desk: Desk, host: Host) -> APIRouter:
    """All routes."""
    routes = APIRouter(prefix="/pxl/v1", tags=["pxl"], dependencies=[Depends(Gate(desk.key, host).admit)])
    _add_reading(routes, desk, host)
    _add_film(routes, desk, host)
    _add_maps(routes, desk)
    _add_presets(routes, desk, host)
    _add_formed(routes, desk)
    _add_captions(routes, desk, host)
    breed.add(routes, desk, host)
    judging.add(routes, desk, host)
    sharing.add(routes, desk, host)
    return routes


def _add_reading(routes: APIRouter, desk: Desk, host: Host) -> None:
    @routes.get("/health", summary="Is pxl there, and where?")
    def health() -> dict[str, Any]:
        return {"ok": True, "pxl": __version__, "host": host.name}

    @routes.get("/status", summary="How did this tab's last job end?")
    def status(tab: str = "txt2img", task: str = "") -> dict[str, Any]:
        jobs, problem = desk.status(tab, task)
        return {"jobs": jobs, "error": problem}

    @routes.post("/program/check", summary="Would this job or program be understood?", openapi_extra=JSON)
    async def check(request: Request) -> dict[str, Any]:
        text = await body(request, MAX_JSON)
        try:
            data = read_json(text.decode("utf-8", "replace"))
        except ProgramError as problem:
            raise HTTPException(400, str(problem)) from None
        try:
            whole = isinstance(data, Mapping) and any(key in SWITCHES for key in data)
            job = Job.parse(data if whole else {"control": data})
        except ProgramError as problem:
            told = {"field": problem.field, "got": shown(problem.got), "wanted": problem.wanted}
            return {"ok": False, "error": str(problem), **told}
        return {"ok": True, "program": json.loads(job.format() or "{}") if whole else job.control.format()}


def _add_film(routes: APIRouter, desk: Desk, host: Host) -> None:
    answer = Answer(desk, host)
    turn = asyncio.Semaphore()  # whoever types fast waits here, not in the threads that the host's own routes need

    @routes.post("/film", summary="What would each layer do, step by step?", openapi_extra=JSON)
    async def film(request: Request) -> dict[str, Any]:
        text = await body(request, MAX_JSON)
        async with turn:
            with Told():
                return await run_in_threadpool(lambda: answer(read_json(text.decode("utf-8", "replace"))))


def _add_maps(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/maps", summary="Keep a picture or an animation; its bytes are the body", openapi_extra=_RAW)
    async def put(request: Request) -> dict[str, Any]:
        data = await body(request, MAX_BYTES)
        with Told():
            name = await run_in_threadpool(desk.maps.put, data)
            frames, (width, height) = await run_in_threadpool(_measured, data)
        return {"map": f"map:{name}", "frames": frames, "width": width, "height": height}

    @routes.get("/maps/{name}", summary="A kept picture's bytes", response_class=Response)
    def get(name: str) -> Response:
        with Told(404):
            data, kind = desk.maps.read(name), desk.maps.media_type(name)
        return Response(data, media_type=kind, headers={"X-Content-Type-Options": "nosniff"})


def _add_presets(routes: APIRouter, desk: Desk, host: Host) -> None:
    @routes.get("/presets", summary="The names of all presets")
    def names() -> dict[str, Any]:
        with Told(503):
            return {"presets": desk.presets.names(), "built_in": desk.presets.built_in()}

    @routes.get("/presets/{name:path}", summary="A preset's program")
    def load(name: str) -> Any:
        with Told(404):
            return json.loads(desk.presets.load(name))

    @routes.put("/presets/{name:path}", summary="Save a program under a name", openapi_extra=JSON)
    async def save(name: str, request: Request) -> dict[str, Any]:
        text = (await body(request, MAX_JSON)).decode("utf-8", "replace")

        def keep() -> None:
            program = Program.parse(text).rename(lambda source, moving: desk.maps.adopt(source, host.readable, moving))
            desk.presets.save(name, program.format())

        with Told():
            await run_in_threadpool(keep)
        return {"ok": True}

    @routes.delete("/presets/{name:path}", summary="Forget a preset")
    def remove(name: str) -> dict[str, Any]:
        with Told(404):
            desk.presets.remove(name)
        return {"ok": True}


def _add_formed(routes: APIRouter, desk: Desk) -> None:
    fresh = {"Cache-Control": "no-store"}  # the next job's has the same address

    @routes.get("/formed/{tab}", summary="The steps that are kept of this tab's last job")
    def formed(tab: str, task: str = "") -> dict[str, Any]:
        with Told(404):
            return desk.formed(tab, task).describe()

    @routes.get("/formed/{tab}/strip.webp", summary="Its steps side by side", response_class=Response)
    def strip(tab: str, columns: int | None = None, task: str = "") -> Response:
        with Told(404):
            return Response(desk.formed(tab, task).strip(columns), media_type="image/webp", headers=fresh)

    @routes.get("/formed/{tab}/film.gif", summary="Its steps one after the other", response_class=Response)
    def film(tab: str, task: str = "") -> Response:
        with Told(404):
            return Response(desk.formed(tab, task).animation(), media_type="image/gif", headers=fresh)


def _add_captions(routes: APIRouter, desk: Desk, host: Host) -> None:
    @routes.post("/captions", summary="Say in the background what is on each recorded picture that has no caption")
    def begin(profile: str = "me") -> dict[str, Any]:
        with Told(503):
            opinions = desk.opinions(profile)
            count = opinions.uncaptioned()
            steps = captions(opinions, desk.thumbnails, host.caption)
            return {"work": nursery(desk.data).begin("captions", steps, count), "count": count}


def _measured(data: bytes) -> tuple[int, tuple[int, int]]:
    film = open_animation(data)
    return film.count, next(film.frames([0])).size


def _knows(users: Mapping[str, str], header: str) -> bool:
    try:
        user, _, password = base64.b64decode(header.removeprefix("Basic "), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return False
    wanted = users.get(user.decode("utf-8", "replace"))
    return wanted is not None and secrets.compare_digest(password, wanted.encode())
