"""The studio's web application: the page, the REST routes, and a server that ends cleanly."""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import fastapi
import gradio as gr
import uvicorn
from starlette.middleware.trustedhost import TrustedHostMiddleware

from lib_pxl import __version__
from lib_pxl.errors import HostError
from lib_pxl.hosts import checkpoint
from lib_pxl.hosts.caption import CaptionModel
from lib_pxl.hosts.depth import DepthModel
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.rest import router
from lib_pxl.store.maps import MAX_BYTES
from lib_pxl.studio import output, page
from lib_pxl.studio.events import Events
from lib_pxl.studio.work import Work

ROOT = Path(__file__).resolve().parents[2]
OURS = ["127.0.0.1", "localhost"]
LINGER = 2  # seconds that open connections get at the end


def serve(
    listener: socket.socket,
    name: str,
    folder: Path,
    login: tuple[str, str] | None,
    depth: str | None = None,
    caption: str | None = None,
    closed: str = "",
) -> int:
    """Load the model and serve it at a socket until Ctrl-C."""
    logging.basicConfig(format="%(message)s")
    with listener:
        seers = {"depth": DepthModel(depth).annotator} if depth else {}
        pipe, shown = checkpoint.load(name)
        credentials = {login[0]: login[1]} if login else {}
        host = DiffusersHost(
            pipe, folder, model=shown, readable=[folder / "outputs"], credentials=credentials,
            annotators=seers, captions=CaptionModel(caption).see if caption else None, closed=closed,
            saves=partial(output.save, folder / "outputs"),
        )  # fmt: skip
        work = Work(host)
        address, port = listener.getsockname()[:2]
        app = make_app(work, credentials, lonely=not login and listener.family == socket.AF_INET)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=LINGER)
        server = Server(config, f"http://{f'[{address}]' if ':' in address else address}:{port}", work)
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
        work.stop_all()
    return 0


class Server(uvicorn.Server):
    """Says where it can be reached, once it can, and stops the job under way as it ends."""

    def __init__(self, config: uvicorn.Config, address: str, work: Work) -> None:
        super().__init__(config)
        self.address, self.work = address, work

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        sys.stdout.write(f"pxl studio: {self.address} (Ctrl-C ends it)\n")
        sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, after the step under way."""
        self.work.stop_all()
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # pages still open are cut off: no news
        await super().shutdown(sockets)


def make_app(work: Work, credentials: Mapping[str, str], lonely: bool = False) -> fastapi.FastAPI:
    """The whole application; where it is `lonely`, it answers to this machine's own names alone."""
    app = fastapi.FastAPI(
        title="pxl studio", version=__version__, docs_url="/pxl/docs", openapi_url="/pxl/openapi.json"
    )
    if lonely:  # or a page elsewhere could take this machine's name for its own (DNS rebinding)
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=OURS)
    app.include_router(router(work.host.desk, work.host))
    blocks, forms = page.build(work)
    with blocks:
        for form in forms:
            events = Events(work, form)
            events.connect()
            events.connect_to(forms[-1])
    script = _read("javascript/*.js").replace("</script", "<\\/script")
    # gradio 6 writes its own class before every selector of `css`, also inside :is(), and so changes which rule wins
    head = f"<script>{script}</script><style>{_read('style.css')}</style>"
    gr.mount_gradio_app(
        app, blocks, path="/", auth=list(credentials.items()) or None, footer_links=[], run_history=False,
        allowed_paths=[str(work.outputs)], theme=page.theme(), css=_own("studio.css"),
        head=head, show_error=False, ssr_mode=False,
        max_file_size=MAX_BYTES,
    )  # fmt: skip
    return app


def _read(pattern: str) -> str:
    """The files of pxl's folder, in the order of their names, which is the one in which A1111 loads them."""
    texts = [path.read_text("utf-8") for path in sorted(ROOT.glob(pattern))]
    if not texts:
        raise HostError(f"file {pattern}", got=f"none in {ROOT}", wanted="pxl's whole folder, as it was cloned")
    return "\n".join(texts)


def _own(name: str) -> str:
    return (Path(__file__).parent / name).read_text("utf-8")
