"""`python -m lib_pxl studio`: its options, checked before anything slow is imported."""

from __future__ import annotations

import argparse
import ipaddress
import os
import socket
from pathlib import Path

from lib_pxl.errors import HostError
from lib_pxl.small import FOLDER
from lib_pxl.store.folders import data_folder

HELP = "open the stand-alone studio in a browser"
AUTH = "PXL_STUDIO_AUTH"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--model", metavar="PATH_OR_HUB_ID", default=str(FOLDER), help="an SD1, SD2 or SDXL diffusers "
                        "folder, checkpoint file or hub repository; without it, pxl's own small model")  # fmt: skip
    parser.add_argument("--depth", metavar="PATH_OR_HUB_ID", help="a depth model of transformers (DPT, Depth "
                        "Anything), folder or hub repository: what the map `depth` of a layer needs")  # fmt: skip
    parser.add_argument("--caption", metavar="PATH_OR_HUB_ID", help="a BLIP model of transformers for captions, folder "
                        "or hub repository: what your taste can learn from beside the prompt")  # fmt: skip
    parser.add_argument("--port", type=int, default=7862, help="default 7862; 0 takes any free one")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at; any but this machine's own "
                        "(127.0.0.1) needs a login")  # fmt: skip
    parser.add_argument("--auth", metavar="USER:PASSWORD", help=f"ask for this login; better set in {AUTH}, since "
                        "others on this machine can read command lines")  # fmt: skip
    parser.add_argument("--no-share", action="store_true", help="share nothing, whatever was agreed to")
    parser.add_argument("--data-dir", type=Path, help="where maps, presets and pictures are kept")


def run(given: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    login = read_login(given.auth or os.environ.get(AUTH))
    if login is None and not is_loopback(given.host):
        raise HostError("--host", got=given.host, wanted=f"a login with it, as --auth USER:PASSWORD or in {AUTH}")
    listener = listen(given.host, given.port)
    folder = data_folder(given.data_dir).resolve()
    # Gradio reads these when it is imported; its own place would be readable to others on this machine.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("GRADIO_TEMP_DIR", str(folder / "temporary"))
    from lib_pxl.studio import app

    closed = "--no-share is set: nothing is shared, whatever was agreed to" if given.no_share else ""
    return app.serve(listener, given.model, folder, login, given.depth, given.caption, closed)


def read_login(text: str | None) -> tuple[str, str] | None:
    """User and password, or None where no login is wanted."""
    if not text:
        return None
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise HostError("login", got="a text without both parts", wanted="USER:PASSWORD")
    return user, password


def is_loopback(host: str) -> bool:
    """True where only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """A socket at the address, so that a port in use is known before the model is loaded."""
    if not 0 <= port <= 65535:
        raise HostError("--port", got=port, wanted="0 to 65535")
    try:
        family, *_, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family)
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as problem:
        wanted = f"an address that is free ({problem.strerror or problem})"
        raise HostError("--host and --port", got=f"{host}:{port}", wanted=wanted) from None
    return listener
