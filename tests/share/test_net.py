"""What the client speaks to, and what it breaks off: hostile servers over loopback, and names that lead inside."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lib_pxl.errors import PxlError, ShareError
from lib_pxl.share import net
from lib_pxl.share.net import Http, LaterError, parse_url

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Talk = Callable[[socket.socket], None]


@contextmanager
def server(talk: Talk) -> Iterator[str]:
    """A server that does what it is told with each connection; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        over = threading.Event()

        def work() -> None:
            while not over.is_set():
                try:
                    opened, _ = listening.accept()
                except OSError:
                    return
                with opened:
                    opened.settimeout(10)
                    try:
                        talk(opened)
                    except OSError:
                        continue

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def says(data: bytes) -> Talk:
    def talk(opened: socket.socket) -> None:
        opened.recv(65536)
        opened.sendall(data)

    return talk


def post(url: str, http: Http | None = None) -> net.Answer:
    return (http or Http()).post(parse_url(url, "endpoint"), b"{}", "application/json", "ticket")


def test_an_answer_comes_back() -> None:
    with server(says(PLAIN)) as url:
        assert post(url) == (200, {"content-length": "2"}, b"ok")


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0\0\0", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok",
        b"HTTP/9 x y\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000, b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (net.MAX_ANSWER + 1),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * (net.MAX_ANSWER + 1),
    ],
)  # fmt: skip
def test_an_answer_that_is_broken_or_endless_is_for_another_time(data: bytes) -> None:
    with server(says(data)) as url, pytest.raises(LaterError, match="wanted"):
        post(url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    asked = []

    def elsewhere(opened: socket.socket) -> None:
        asked.append(opened.recv(65536))

    with server(elsewhere) as other:
        told = f"HTTP/1.1 {status} Go\r\nLocation: {other}\r\nContent-Length: 0\r\n\r\n".encode()
        with server(says(told)) as url:
            assert post(url).status == status
    assert asked == []


def test_nobody_there_is_for_another_time() -> None:
    with server(says(b"")) as url:
        pass
    with pytest.raises(LaterError, match="wanted an answer"):
        post(url)


@pytest.mark.parametrize("talk", [lambda opened: opened.recv(65536) and opened.recv(1), says(b"HTTP/1.1 200 OK\r\nA")])
def test_a_server_that_says_nothing_more_is_left(talk: Talk) -> None:
    with server(talk) as url, pytest.raises(LaterError):
        post(url, Http(patience=0.05))


def test_a_server_that_drips_is_left_too() -> None:
    over = threading.Event()

    def drip(opened: socket.socket) -> None:
        opened.sendall(b"HTTP/1.1 200 OK\r\n")
        while not over.wait(0.01):
            opened.sendall(b"A: b\r\n")

    with server(drip) as url:
        try:
            with pytest.raises(LaterError):
                Http(patience=5, whole=0.1).post(parse_url(url, "x"), b"", "text/plain", "ticket")
        finally:
            over.set()


@pytest.mark.parametrize("moment", ["answer", "headers", "before"])
def test_what_is_under_way_can_be_broken_off(moment: str) -> None:
    reached, over = threading.Event(), threading.Event()

    def hang(opened: socket.socket) -> None:
        opened.recv(65536)
        if moment == "headers":
            opened.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx")
        reached.set()
        over.wait(30)

    http, problems = Http(patience=60), []

    def ask(url: str) -> None:
        try:
            post(url, http)
        except LaterError as problem:
            problems.append(str(problem))

    with server(hang) as url:
        if moment == "before":
            http.abort()
        thread = threading.Thread(target=ask, args=(url,))
        thread.start()
        if moment != "before":
            assert reached.wait(10)
            http.abort()
        thread.join(10)  # of the 60 that it would wait
        over.set()
        assert not thread.is_alive() and "an order to stop" in problems[0]


INSIDE = ["127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.5.5", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
          "::1", "fe80::1", "fc00::1", "::ffff:192.168.1.1", "::", "2002:c0a8:0101::1", "64:ff9b::a00:1",
          "255.255.255.255"]  # fmt: skip


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[Any]:
    """Every name leads to these; what is connected to is listed, and refused."""
    reached: list[Any] = []

    def found(host: str, port: int, **more: Any) -> list[Any]:
        kinds = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in addresses]
        return [(kind, socket.SOCK_STREAM, 6, "", (each, port)) for kind, each in zip(kinds, addresses, strict=True)]

    class Refusing(socket.socket):
        def connect(self, address: Any) -> None:
            reached.append(address[0])
            raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(net.socket, "getaddrinfo", found)
    monkeypatch.setattr(net.socket, "socket", Refusing)
    return reached


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_leads_inside_is_not_connected_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    for addresses in ([address], ["93.184.216.34", address]):
        reached = resolving(monkeypatch, *addresses)
        with pytest.raises(ShareError, match="private network"):
            post("https://pool.example.org")
        assert reached == []


def test_an_order_to_stop_while_a_name_is_looked_up_connects_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    reached, http = resolving(monkeypatch, "93.184.216.34", "93.184.216.35"), Http()
    found = net.socket.getaddrinfo

    def slow(*given: Any, **more: Any) -> Any:
        http.abort()
        return found(*given, **more)

    monkeypatch.setattr(net.socket, "getaddrinfo", slow)
    with pytest.raises(LaterError, match="an order to stop"):
        post("https://pool.example.org", http)
    assert reached == []


def test_a_name_that_leads_outside_is_tried_at_each_of_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    reached = resolving(monkeypatch, "93.184.216.34", "2606:2800:220:1::1")
    with pytest.raises(LaterError, match="refused"):
        post("https://pool.example.org")
    assert reached == ["93.184.216.34", "2606:2800:220:1::1"]


def test_localhost_that_leads_outside_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    reached = resolving(monkeypatch, "93.184.216.34")
    with pytest.raises(ShareError):
        post("http://localhost:9")
    assert reached == []


def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    heard = []

    def talk(opened: socket.socket) -> None:
        try:
            with context.wrap_socket(opened, server_side=True) as secured:
                heard.append(secured.recv(65536))
        except ssl.SSLError:
            pass

    with server(talk) as url, pytest.raises(LaterError, match=r"certificate|CERTIFICATE"):
        post(url.replace("http:", "https:"))
    assert heard in ([], [b""]), "and nothing was said"


def certificate(folder: Path) -> Path:
    """A key and a certificate for this machine, signed by itself."""
    from datetime import datetime, timedelta, timezone
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize("url", ["http://pool.example.org", "http://10.0.0.1/", "http://localhost.evil.example"])
def test_nothing_is_sent_in_the_open(url: str) -> None:
    with pytest.raises(PxlError, match="wanted https"):
        parse_url(url, "endpoint")


def test_what_a_public_receiver_names_must_be_public() -> None:
    for url in ("http://127.0.0.1:9/", "https://localhost/", "https://[::1]/"):
        with pytest.raises(PxlError, match="outside this machine"):
            parse_url(url, "ticket's address", own=False)
