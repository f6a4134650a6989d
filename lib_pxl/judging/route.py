"""The routes under /pxl/v1/taste: each hands its wish to the judge, in a thread, and its errors on in words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from lib_pxl.hosts.base import Host
from lib_pxl.hosts.desk import Desk
from lib_pxl.judging.judge import CHANGES, Judge
from lib_pxl.judging.work import worker
from lib_pxl.web import BYTES, JSON, Told, body, dictionary

MAX_FILE = 256 << 20
NUMBERS = ("limit", "before")
# An item is its picture, which never changes; the file can still be deleted.
_PICTURE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=3600"}


def add(routes: APIRouter, desk: Desk, host: Host) -> None:
    """All of them."""
    judge = Judge(desk, host)
    _add_reading(routes, judge)
    _add_pictures(routes, judge)
    _add_wishes(routes, judge)
    _add_work(routes, judge)
    _add_files(routes, judge)


def _add_reading(routes: APIRouter, judge: Judge) -> None:
    def read(name: str, summary: str, act: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        @routes.get(f"/taste{name}", summary=summary, name=f"taste{name}")
        def get(request: Request) -> dict[str, Any]:
            with Told():
                return act(_query(request))

    read("", "Who judges, by which categories, and what is under way", judge.overview)
    read("/pictures", "The recorded pictures, the newest first", judge.page)
    read("/filters", "By which sittings and models they can be chosen", judge.filters)
    read("/find", "The picture at a path", judge.find)
    read("/status", "What was learned, and how well", judge.status)


def _add_pictures(routes: APIRouter, judge: Judge) -> None:
    @routes.get("/taste/picture/{which}", summary="All that is known of a picture")
    def details(which: str, request: Request) -> dict[str, Any]:
        with Told(404):
            return judge.details(which, _query(request))

    def show(name: str, summary: str, act: Callable[[str, Mapping[str, Any]], tuple[bytes, str]]) -> None:
        @routes.get(f"/taste/{name}/{{which}}", summary=summary, response_class=Response, name=f"taste {name}")
        def get(which: str, request: Request) -> Response:
            with Told(404):
                data, kind = act(which, _query(request))
            return Response(data, media_type=kind, headers=_PICTURE)

    show("thumbnail", "A picture, small", judge.thumbnail)
    show("image", "A picture, whole, or small where its file is gone", judge.image)


def _add_wishes(routes: APIRouter, judge: Judge) -> None:
    def wish(
        name: str, summary: str, act: Callable[[Mapping[str, Any]], dict[str, Any]], turn: asyncio.Semaphore
    ) -> None:
        @routes.post(f"/taste/{name}", summary=summary, openapi_extra=JSON, name=f"taste {name}")
        async def post(request: Request) -> dict[str, Any]:
            data = await dictionary(request)
            async with turn:
                with Told():
                    return await run_in_threadpool(act, data)

    writing = asyncio.Semaphore()
    wish("rate", "Give a picture stars in a category", judge.rate, writing)
    wish("duel", "Answer a duel", judge.duel, writing)
    wish("undo", "Take back the last opinion, or one", judge.undo, writing)
    for how in CHANGES:
        wish(
            f"categories/{how}",
            f"{how.capitalize()} a category",
            partial(judge.change, how),
            writing,
        )
    wish("record", "Make an item of one picture of the host's", judge.record, writing)
    wish("gather", "Make items of all pictures in a folder, in the background", judge.gather, writing)
    wish("generate", "Make pictures of prompts, in the background, and record them", judge.generate, writing)
    wish("fit", "Learn from all opinions, in the background", judge.fit, writing)
    thinking = asyncio.Semaphore()  # it keeps a core busy: an opinion does not wait for it, nor do the host's routes
    wish("duel/next", "Which duels to ask next", judge.next, thinking)
    wish("rank", "Put prompts in order", judge.rank, thinking)
    wish("analyze", "Which parts of a prompt pull it up or down", judge.analyze, thinking)
    wish("propose", "Which of a template's prompts to make next", judge.propose, thinking)


def _add_work(routes: APIRouter, judge: Judge) -> None:
    @routes.get("/taste/work", summary="How far is the work in the background?")
    def work(request: Request) -> dict[str, Any]:
        with Told():
            return judge.work(_query(request))

    @routes.delete("/taste/work", summary="Stop it")
    def stop(request: Request) -> dict[str, Any]:
        worker(judge.desk.data).stop()
        with Told():
            return judge.work(_query(request))


def _add_files(routes: APIRouter, judge: Judge) -> None:
    @routes.post("/taste/import", summary="Take in opinions, in the background; the file is the body",
                 openapi_extra=BYTES)  # fmt: skip
    async def take(request: Request, kind: str = "jsonl", profile: str | None = None) -> dict[str, Any]:
        data = await body(request, MAX_FILE)
        with Told():
            return await run_in_threadpool(judge.take, data, kind, profile)

    @routes.get("/taste/export", summary="All opinions as a file", response_class=Response)
    def give(kind: str = "jsonl", profile: str | None = None) -> Response:
        with Told():
            data, name, media = judge.give(kind, profile)
        told = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
        return Response(data, media_type=media, headers=told)


def _query(request: Request) -> dict[str, Any]:
    """What the address asks for, numbers as numbers; what is empty is left out."""
    given = {name: text for name, text in request.query_params.items() if text}
    return {name: int(text) if name in NUMBERS and _is_whole(text) else text for name, text in given.items()}


def _is_whole(text: str) -> bool:
    return text.isdecimal() and len(text) < 20
