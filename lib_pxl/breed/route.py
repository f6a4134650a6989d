"""The routes under /pxl/v1/nokens: each hands its wish to the farm, in a thread, and its errors on in words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from lib_pxl.breed.farm import LIST, Farm
from lib_pxl.errors import ProgramError
from lib_pxl.hosts.base import Host
from lib_pxl.hosts.desk import Desk
from lib_pxl.hosts.nursery import nursery
from lib_pxl.web import BYTES, JSON, Told, body, dictionary

MAX_FILE = 256 << 20
_QUERY = {"parameters": [{"name": name, "in": "query", "schema": {"type": "integer"}} for name in LIST]}
_FILE = {"X-Content-Type-Options": "nosniff"}


def add(routes: APIRouter, desk: Desk, host: Host) -> None:
    """All of them; those with a fixed name come before those with a hash in its place."""
    farm = Farm(desk, host)
    turn = asyncio.Semaphore()  # searching a model's words keeps a core busy: the other threads are the host's
    _add_pool(routes, farm)
    _add_wishes(routes, farm, turn)
    _add_work(routes, farm)
    _add_one(routes, farm, turn)


def _add_pool(routes: APIRouter, farm: Farm) -> None:
    @routes.get("/nokens", summary="The pool, the newest first, and what there is to choose from", openapi_extra=_QUERY)
    def page(request: Request) -> dict[str, Any]:
        with Told():
            return farm.page({name: _number(name, text) for name, text in request.query_params.items()})

    @routes.get(
        "/nokens.zip", summary="The pool, or some of it (nokens=HASH,HASH), as one file", response_class=Response
    )
    def bundle(nokens: str | None = None) -> Response:
        with Told(404):
            data = farm.bundle(None if nokens is None else [each for each in nokens.split(",") if each])
        return _attached(data, "pxl-nokens.safetensors")

    @routes.post("/nokens/import", summary="Take in a pool or a textual inversion; its bytes are the body",
                 openapi_extra=BYTES)  # fmt: skip
    async def take(request: Request, name: str = "") -> dict[str, Any]:
        data = await body(request, MAX_FILE)
        with Told():
            return {"nokens": await run_in_threadpool(farm.take, data, name)}


def _add_wishes(routes: APIRouter, farm: Farm, turn: asyncio.Semaphore) -> None:
    def wish(name: str, summary: str, act: Callable[[Mapping[str, Any]], Any], answer: str = "nokens") -> None:
        @routes.post(f"/nokens/{name}", summary=summary, openapi_extra=JSON, name=name)
        async def post(request: Request) -> dict[str, Any]:
            data = await dictionary(request)
            async with turn:
                with Told():
                    return {answer: await run_in_threadpool(act, data)}

    wish("new", "Make nokens from a prompt, words, a picture or at random", farm.new)
    wish("breed", "Breed a litter of two or more", farm.breed)
    wish("mutate", "Make some that stand aside of one", farm.mutate)
    wish("delete", "Put some out of sight", farm.delete)
    wish("undo", "Bring deleted ones back", farm.undo)
    wish("draw", "Draw thumbnails in the background", farm.draw, "work")
    wish("evolve", "Breed generation after generation in the background", farm.evolve, "work")


def _add_work(routes: APIRouter, farm: Farm) -> None:
    @routes.get("/nokens/work", summary="How far is the work in the background?")
    def work() -> dict[str, Any]:
        return nursery(farm.desk.data).describe()

    @routes.delete("/nokens/work", summary="Stop it after the step under way")
    def stop() -> dict[str, Any]:
        nursery(farm.desk.data).stop()
        return nursery(farm.desk.data).describe()


def _add_one(routes: APIRouter, farm: Farm, turn: asyncio.Semaphore) -> None:
    @routes.get("/nokens/{which}", summary="One noken, and the words near each of its vectors")
    async def details(which: str) -> dict[str, Any]:
        async with turn:
            with Told(404):
                return await run_in_threadpool(farm.details, which)

    @routes.patch("/nokens/{which}", summary="Rename one, or mark it as one to keep", openapi_extra=JSON)
    async def change(which: str, request: Request) -> dict[str, Any]:
        data = await dictionary(request)
        with Told(404):
            await run_in_threadpool(farm.card, which)
        with Told():
            return await run_in_threadpool(farm.change, which, data)

    @routes.get("/nokens/{which}/kin", summary="Its whole family, deleted ones too, the oldest first")
    def kin(which: str) -> dict[str, Any]:
        with Told(404):
            return {"nokens": farm.cards(farm.desk.pool.kin(which))}

    @routes.get("/nokens/{which}/file", summary="It as a textual inversion for any program", response_class=Response)
    def file(which: str) -> Response:
        with Told(404):
            return _attached(*farm.file(which))

    @routes.get("/nokens/{which}/thumbnail", summary="Its picture", response_class=Response)
    def thumbnail(which: str) -> Response:
        with Told(404):
            return Response(farm.thumbnail(which), media_type="image/webp", headers=_FILE)

    @routes.post("/nokens/{which}/install", summary="Save it where the host looks for embeddings")
    def install(which: str) -> dict[str, str]:
        with Told(404):
            farm.card(which)
        with Told():
            return farm.install(which)


def _attached(data: bytes, name: str) -> Response:
    """A file to save; its name may be in any script."""
    told = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return Response(data, media_type="application/octet-stream", headers={"Content-Disposition": told, **_FILE})


def _number(name: str, text: str) -> Any:
    try:
        return int(text) if len(text) < 20 else text
    except ValueError:
        raise ProgramError(name, got=text, wanted="a whole number") from None
