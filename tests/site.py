"""A small web site for tests of the page's scripts: some files, and an answer to everything else that is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

File: TypeAlias = tuple[str, Callable[[], bytes]]  # its content type, and what reads it


class Asked(NamedTuple):
    """One request; the path has its query, and the key is the page's."""

    method: str
    path: str
    key: str | None
    body: bytes


class Answer(NamedTuple):
    """What it is answered."""

    status: int
    kind: str
    body: bytes
    headers: Mapping[str, str] = {}


class _Listening(ThreadingHTTPServer):
    request_queue_size = 64  # a browser asks for several things at once


@contextmanager
def serve(files: Mapping[str, File], answer: Callable[[Asked], Answer]) -> Iterator[str]:
    """Serve on a free port, whose address it gives."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            path = urlsplit(self.path).path
            if path in files:
                kind, read = files[path]
                return self.reply(Answer(200, kind, read()))
            return self.reply(answer(Asked(self.command, self.path, self.headers.get("X-Pxl-Key"), body)))

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

        def reply(self, given: Answer) -> None:
            self.send_response(given.status)
            for name, value in {"Content-Type": given.kind, "Content-Length": len(given.body), **given.headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(given.body)

        def log_message(self, *words: object) -> None:
            pass

    listening = _Listening(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_address[1]}/"
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
