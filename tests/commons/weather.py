"""A network that loses, delays and doubles what passes, or answers in the server's stead: a proxy on loopback."""

from __future__ import annotations

import contextlib
import http.client
import random
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import cast
from urllib.parse import urlsplit

HOPS = {"connection", "keep-alive", "transfer-encoding", "expect", "content-length", "server", "date"}
FATES = ["lost", "unanswered", "late", "twice", "busy"]
Answer = tuple[int, dict[str, str], bytes]


class Sky(ThreadingHTTPServer):
    """The proxy: where it leads, and how bad it is."""

    daemon_threads = True

    def __init__(self, target: str, share: float, seed: int, busy: tuple[int, ...]) -> None:
        super().__init__(("127.0.0.1", 0), Passage)
        self.place, self.share, self.busy = urlsplit(target).netloc, share, busy
        self.chance = random.Random(seed)

    def fate(self) -> str:
        return self.chance.choice(FATES) if self.chance.random() < self.share else ""


class Passage(BaseHTTPRequestHandler):
    """One request, and what becomes of it."""

    protocol_version = "HTTP/1.1"

    def pass_on(self) -> None:
        sky = cast(Sky, self.server)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        fate = sky.fate()
        answer: Answer | None = None
        if fate == "late":
            time.sleep(sky.chance.uniform(0, 0.3))
        if fate == "busy":
            answer = sky.chance.choice(sky.busy), {"retry-after": "0"}, b""
        for _ in range({"busy": 0, "lost": 0, "twice": 2}.get(fate, 1)):
            answer = self.ask(sky.place, body)
        if answer is None or fate == "unanswered":
            self.close_connection = True
        else:
            self.tell(*answer)

    def ask(self, place: str, body: bytes) -> Answer:
        server = http.client.HTTPConnection(place, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOPS}
            server.request(self.command, self.path, body, headers)
            answer = server.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            server.close()

    def tell(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in HOPS:
                self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = pass_on  # noqa: N815 (names of http.server)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # whoever asked was killed
            super().handle()

    def log_message(self, format: str, *given: object) -> None:  # noqa: A002 (its name there)
        pass


@contextlib.contextmanager
def weather(target: str, share: float, seed: int, busy: tuple[int, ...]) -> Iterator[str]:
    """An address behind which the target lies; so large a share of the requests meets with something."""
    server = Sky(target, share, seed, busy)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
