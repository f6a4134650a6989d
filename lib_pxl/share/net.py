"""One request at a time to places that are allowed, each of which can be broken off from another thread.

http.client follows no redirect and reads no proxy from the environment. A name is resolved here, once, and the
connection goes to the address that was checked: a name that changes its mind between the two reaches nobody's router.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from lib_pxl import __version__
from lib_pxl.errors import ShareError, Words

PATIENCE = 15.0  # seconds without a byte
WHOLE = 60.0  # seconds for a request and all of its answer
MAX_ANSWER = 64 << 10
MAX_URL = 1000
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # a router's gate to the IPv4 address at its end (RFC 6052)
_UNFIT = re.compile(r"[\s\x00-\x20\x7f\\]|[^\x21-\x7e]")


class LaterError(ShareError):
    """It may go well another time; `after` is in seconds, where the other side said when.

    `left` says that the batch itself may have left this machine all the same.
    """

    left = False

    def __init__(self, what: str, *, got: object = None, wanted: str = "", after: float | None = None) -> None:
        self.after = after
        super().__init__(what, got=got, wanted=wanted)


class NeverError(ShareError):
    """The receiver's own no to these bytes, which it will say again."""


class Answer(NamedTuple):
    """What came back; the body may be cut off where only the status counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Url:
    """An address that was looked at, though not resolved."""

    text: str
    host: str
    port: int
    path: str
    is_secure: bool
    is_own: bool  # this machine's loopback, by its literal name

    @property
    def place(self) -> str:
        """Host and port as a request names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_secure else 80) else f"{host}:{self.port}"


def parse_url(text: str, what: str, own: bool = True) -> Url:
    """An https address, or, where `own` lets it, one of this machine's loopback; nothing is asked of the network."""
    wanted = "an address like https://pool.example.org, without a name and password or a question mark"
    try:
        parts = urlsplit(text if isinstance(text, str) and len(text) <= MAX_URL and not _UNFIT.search(text) else "")
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or parts.query or parts.fragment:
        raise ShareError(what, got=text, wanted=wanted)
    is_own, is_secure = _is_loopback(host), parts.scheme == "https"
    if not is_secure and not is_own:
        raise ShareError(what, got=text, wanted="https: what is shared is not sent in the open")
    if is_own and not own:
        raise ShareError(what, got=text, wanted="an address outside this machine")
    return Url(text, host, port or (443 if is_secure else 80), parts.path or "/", is_secure, is_own)


class Http:
    """What speaks HTTP for one thread, while another may break it off."""

    def __init__(self, patience: float = PATIENCE, whole: float = WHOLE) -> None:
        self.patience, self.whole = patience, whole
        self._broken = threading.Event()
        self._socket: socket.socket | None = None

    def post(self, url: Url, body: bytes, kind: str, what: str, limit: int = MAX_ANSWER) -> Answer:
        """The answer to a POST, or a LaterError; a redirect is an answer like any other, and no one follows it."""
        try:
            with self._connected(url, what) as connection:
                headers = {"Host": url.place, "Content-Type": kind, "User-Agent": f"pxl/{__version__}"}
                connection.request("POST", url.path, body, {**headers, "Connection": "close"})
                answer = connection.getresponse()
                if answer.length is None and not answer.chunked:  # else nobody could tell a part from the whole
                    raise http.client.HTTPException("an answer without a length")
                data = answer.read(limit + 1)
                if answer.length and len(data) <= limit:
                    raise http.client.IncompleteRead(data, answer.length)
        except (OSError, http.client.HTTPException, UnicodeError, ValueError) as problem:
            got = Words("an order to stop" if self._broken.is_set() else _told(problem))
            raise LaterError(f"{what} at {url.place}", got=got, wanted="an answer") from problem
        if len(data) > limit:
            raise LaterError(f"{what} at {url.place}", got=Words(f"more than {limit} bytes"), wanted="a short answer")
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, data)

    def abort(self) -> None:
        """Break off what is under way, and refuse all that would begin."""
        self._broken.set()
        self._cut()

    def _cut(self) -> None:
        held = self._socket
        if held is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(held, socket.SHUT_RDWR)  # TLS's own would take its state from under the reader

    @contextlib.contextmanager
    def _connected(self, url: Url, what: str) -> Iterator[http.client.HTTPConnection]:
        with contextlib.closing(self._reach(url, what)) as bare:
            self._socket = bare
            clock = threading.Timer(self.whole, self._cut)  # one byte in each patience would go on for ever
            clock.daemon = True
            clock.start()
            try:
                if self._broken.is_set():
                    raise ConnectionAbortedError("an order to stop")
                connection = http.client.HTTPConnection(url.host, url.port)
                with contextlib.closing(connection):
                    connection.sock = self._socket = _secured(bare, url) if url.is_secure else bare
                    if isinstance(connection.sock, ssl.SSLSocket):
                        connection.sock.do_handshake()
                    yield connection
            finally:
                clock.cancel()
                self._socket = None

    def _reach(self, url: Url, what: str) -> socket.socket:
        """A connection to the first address that answers; all of them have to be allowed."""
        if self._broken.is_set():
            raise ConnectionAbortedError("an order to stop")
        found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
        for *_, address in found:
            if not _allowed(str(address[0]), url.is_own):
                got = Words("an address of this machine or of a private network")
                raise ShareError(f"{what} at {url.place}", got=got, wanted="one on the internet")
        problem: OSError = OSError("no address")
        for family, kind, protocol, _, address in found:
            opened = socket.socket(family, kind, protocol)
            opened.settimeout(self.patience)
            self._socket = opened
            try:
                if self._broken.is_set():  # while the name was looked up, which nobody can break off
                    raise ConnectionAbortedError("an order to stop")
                opened.connect(address)
            except OSError as error:
                opened.close()
                problem = error
            else:
                return opened
        raise problem


def _secured(bare: socket.socket, url: Url) -> ssl.SSLSocket:
    """TLS that has not begun, so that its handshake can be broken off too."""
    context = ssl.create_default_context()
    return context.wrap_socket(bare, server_hostname=url.host, do_handshake_on_connect=False)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _allowed(text: str, own: bool) -> bool:
    """A public address, or, for loopback's own name, loopback itself."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _TRANSLATED else None
        address = address.ipv4_mapped or address.sixtofour or inner or address
    return address.is_loopback if own else address.is_global and not address.is_multicast


def _told(problem: Exception) -> str:
    reason = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    return reason[:120]
