"""A receiver on loopback for tests of the client: it keeps the wire's rules, counts, and misbehaves as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lib_pxl import wire
from lib_pxl.errors import WireError

Fault = Callable[[str], str]  # of what is asked; "" is none


@dataclass
class Receiver:
    """What arrived, and how to answer."""

    url: str = ""
    fault: Fault = lambda what: ""
    skew: timedelta = timedelta(0)
    blocked: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    slow_erasure: int = 0  # how many looks it takes until it is done
    batches: dict[str, bytes] = field(default_factory=dict)
    arrivals: Counter[str] = field(default_factory=Counter)  # of batches
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)  # of records, each once by rater and key
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def now(self) -> datetime:
        """By its own clock."""
        return datetime.now(timezone.utc) + self.skew

    def records(self) -> list[dict[str, Any]]:
        """All that arrived."""
        return [each for data in self.batches.values() for each in wire.unpack(data).records]

    def answer(self, path: str, body: bytes, kind: str) -> tuple[int, dict[str, str], bytes]:
        """As the wire has it."""
        with self.lock:
            self.asked.append((path, body))
            return self._upload(body, kind) if path == "/s3" else self._message(path.rpartition("/")[2], body)

    def _message(self, purpose: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        try:
            message = wire.parse_message(purpose, body)
        except WireError as problem:
            return _json(400, error=str(problem))
        if not wire.on_time(message, self.now):
            return _json(409, error="another time", now=wire.stamp(self.now))
        rater = message["rater"]
        if purpose == "ticket":
            return self._ticket(message, rater)
        if purpose == "erase":
            self.blocked.add(rater)
        if self.slow_erasure and rater in self.blocked:
            self.slow_erasure -= 1
        elif rater in self.blocked:
            self.erased.add(rater)
            self.batches = {name: data for name, data in self.batches.items() if wire.unpack(data).rater != rater}
        done = rater in self.erased
        return _json(200, erased=done, pending=rater in self.blocked and not done, since=wire.stamp(self.now))

    def _ticket(self, message: dict[str, Any], rater: str) -> tuple[int, dict[str, str], bytes]:
        if rater in self.blocked:
            return _json(403, error="this rater asked to be erased")
        if message["batch"] in self.batches:
            return _json(200, done=True)
        key = f"in/v1/{rater}/{message['batch']}.jsonl.gz"
        fields = {"key": key, "Content-Type": wire.CONTENT_TYPE, "policy": "p" * 500}
        return _json(200, url=f"{self.url}s3", fields=fields)

    def _upload(self, body: bytes, kind: str) -> tuple[int, dict[str, str], bytes]:
        parts: Any = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body).get_payload()
        data = parts[-1].get_payload(decode=True)
        batch = wire.unpack(data)
        known = self.batches.setdefault(batch.batch, data)
        assert known == data, "the same batch is always the same bytes"
        self.arrivals[batch.batch] += 1
        if self.arrivals[batch.batch] == 1:
            self.counted.update((batch.rater, each["key"]) for each in batch.records)
        return 204, {}, b""


def _json(status: int, **told: Any) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps(told).encode()


BROKEN: dict[str, tuple[int, dict[str, str], bytes]] = {
    "500": (500, {}, b"<html>oh"),
    "503": (503, {"Retry-After": "1"}, b""),
    "429": (429, {"Retry-After": "1"}, b'{"error": "too many"}'),
    "expired": (403, {}, b"<Error><Code>AccessDenied</Code><Message>Policy expired.</Message></Error>"),
}


@contextmanager
def running(receiver: Receiver | None = None) -> Iterator[Receiver]:
    """The receiver on a free port."""
    own = receiver or Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fault = own.fault(self.path)
            if fault in BROKEN:
                return self.reply(*BROKEN[fault])
            if fault == "drop":
                return None
            if fault == "delay":
                time.sleep(0.01)
            told = own.answer(self.path, body, self.headers["Content-Type"])
            if fault == "twice":
                told = own.answer(self.path, body, self.headers["Content-Type"])
            return None if fault == "deaf" else self.reply(*told)  # it heard, and nobody hears that

        def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    own.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield own
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
