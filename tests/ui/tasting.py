"""A page with the Taste tab over the real routes and a host's store in a folder."""

from __future__ import annotations

import html
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Response

from lib_pxl.hosts.fake import FakeHost
from lib_pxl.rest import router

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "javascript").glob("*.js"))
PAGE = """<!doctype html><html><head><meta charset="utf-8"><link rel="icon" href="data:,">
    <meta name="viewport" content="width=device-width"><link rel="stylesheet" href="style.css">
    {scripts}</head><body>
    <div id="tabs"><button role="tab" onclick="window.went='txt2img'">txt2img</button></div>
    <div id="txt2img_prompt"><textarea rows="1"></textarea></div>
    <div id="txt2img_gallery"></div>
    <div class="pxl-panel pxl-taste" id="pxl_taste" data-key="{key}"></div></body></html>"""


@contextmanager
def served(host: FakeHost) -> Iterator[str]:
    """The page's address."""
    app = FastAPI()
    app.include_router(router(host.desk, host))
    scripts = "".join(f'<script src="{path.name}"></script>' for path in SCRIPTS)
    page = PAGE.format(scripts=scripts, key=html.escape(host.desk.key))
    files = {"": (page.encode(), "text/html"), "style.css": ((ROOT / "style.css").read_bytes(), "text/css")}
    files |= {path.name: (path.read_bytes(), "text/javascript") for path in SCRIPTS}

    @app.get("/{name:path}")
    def file(name: str) -> Response:
        data, kind = files[name]
        return Response(data, media_type=kind)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()
