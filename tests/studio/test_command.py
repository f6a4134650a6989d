"""The studio's command: what it refuses before it starts."""

from __future__ import annotations

import argparse
import socket

import pytest

from lib_pxl.errors import HostError
from lib_pxl.small import FOLDER
from lib_pxl.studio import command


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(arguments)


def test_a_depth_model_is_named_at_the_start() -> None:
    assert parse().depth is None and parse("--depth", "me/depth").depth == "me/depth"


def test_by_default_only_this_machine_may_call() -> None:
    given = parse()
    assert (given.host, given.port, given.model, given.auth) == ("127.0.0.1", 7862, str(FOLDER), None)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LocalHost"])
def test_loopback(host: str) -> None:
    assert command.is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.2", "example.org", "", "localhost.example.org"])
def test_another_address_demands_a_login(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(command.AUTH, raising=False)
    assert not command.is_loopback(host)
    with pytest.raises(HostError, match=r"wanted a login with it, as --auth USER:PASSWORD or in PXL_STUDIO_AUTH"):
        command.run(parse("--host", host))


@pytest.mark.parametrize("login", ["user", "user:", ":password", ":"])
def test_half_a_login_is_refused_and_not_repeated(login: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (["--auth", login], []):
        monkeypatch.setenv(command.AUTH, login)
        with pytest.raises(HostError, match="wanted USER:PASSWORD") as caught:
            command.run(parse("--host", "0.0.0.0", *arguments))
        assert "password" not in str(caught.value)


def test_a_password_may_hold_colons() -> None:
    assert command.read_login("me:a:b") == ("me", "a:b") and command.read_login("") is command.read_login(None) is None


def test_a_port_in_use_is_told_before_the_model_is_loaded() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(HostError, match=f"127.0.0.1:{port}.*wanted an address that is free"):
            command.run(parse("--port", str(port)))


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70000), ("127.0.0.1", -1), ("no.such.host.invalid", 0)])
def test_an_address_that_cannot_be_is_refused(host: str, port: int) -> None:
    with pytest.raises(HostError, match=r"--port|--host"):
        command.listen(host, port)


def test_any_free_port() -> None:
    with command.listen("localhost", 0) as listener:
        assert listener.getsockname()[1] > 0


@pytest.mark.parametrize("flag", [[], ["--no-share"]])
def test_the_flag_that_closes_sharing_reaches_the_host(flag: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[object, ...]] = []
    monkeypatch.setattr("lib_pxl.studio.app.serve", lambda listener, *rest: served.append(rest) or listener.close())
    command.run(parse("--port", "0", *flag))
    assert bool(served[0][-1]) is bool(flag)
