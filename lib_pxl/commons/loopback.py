"""The receiver on this machine alone, for the demonstration, the tests and the figures: no account, no cloud.

moto's server speaks S3's protocol, but it holds an upload against no form and calls nobody when an object is created;
both are done here, in front of it. Everything else is what runs in Lambda.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any
from urllib.request import urlopen

from lib_pxl.commons import erase, intake
from lib_pxl.commons.bucket import S3Bucket, open_bucket
from lib_pxl.errors import WireError, Words

HOST = "127.0.0.1"
NAME = "pxl-commons"
SECRET = "loopback"
MAX_BODY = 6 << 20  # what Lambda takes in
UNSIGNED = {"policy", "x-amz-signature"}  # the fields of a form that none of its conditions names
WAKING = (intake.FOLDER, erase.FOLDER)  # as the template's notifications
Answer = Callable[[dict[str, Any]], dict[str, Any]]


def open_loopback(url: str) -> S3Bucket:
    """The bucket of the server at that address, made where it is not there yet."""
    keys = {"aws_access_key_id": SECRET, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
    bucket = open_bucket(NAME, endpoint_url=url, **keys)
    bucket.client.create_bucket(Bucket=NAME)
    return bucket


@contextmanager
def storage() -> Iterator[tuple[str, SimpleQueue[str]]]:
    """A server of S3's protocol that forgets all in the end: its address, and the keys that were created."""
    try:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.formparser import FormDataParser
        from werkzeug.serving import WSGIRequestHandler, make_server
    except ImportError as error:
        raise WireError(
            "packages moto and flask", got=Words(str(error)), wanted="both: pip install pxl[dev]"
        ) from error

    class Silent(WSGIRequestHandler):
        def log(self, type: str, message: str, *given: Any) -> None:  # noqa: A002 (its name there)
            pass

    created: SimpleQueue[str] = SimpleQueue()
    inner, one_at_a_time = DomainDispatcherApplication(create_backend_app), threading.Lock()
    forms = FormDataParser(lambda *given, **named: io.BytesIO())

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        key = environ["PATH_INFO"].removeprefix(f"/{NAME}/") if environ["REQUEST_METHOD"] == "PUT" else ""
        if environ.get("CONTENT_TYPE", "").startswith("multipart/form-data"):
            _, fields, files = forms.parse_from_environ({**environ, "wsgi.input": io.BytesIO(body)})
            try:
                check_form(fields, files["file"].read() if "file" in files else b"", datetime.now(timezone.utc))
            except WireError as problem:
                start("403 Forbidden", [("content-type", "text/plain")])
                return [str(problem).encode()]
            key = fields["key"]
        environ["wsgi.input"] = io.BytesIO(body)
        with one_at_a_time:  # moto looks at a condition and writes in two steps
            answer = list(inner(environ, start))
        if key.startswith(WAKING):
            created.put(key)
        return answer

    silent = {"log": lambda *given: None}
    server = make_server(HOST, 0, app, threaded=True, request_handler=type("Silent", (WSGIRequestHandler,), silent))
    url = f"http://{HOST}:{server.server_port}"
    with _serving(server):
        urlopen(f"{url}/moto-api/reset", b"").close()  # what another server of this process held is held here too
        yield url, created


def event_of(created: SimpleQueue[str]) -> dict[str, Any]:
    """What S3 would tell Lambda of all that was created since."""
    keys = [created.get() for _ in range(created.qsize())]
    return {"Records": [{"s3": {"object": {"key": key}}} for key in keys]}


@contextmanager
def function_url(answer: Answer) -> Iterator[str]:
    """A server that hands requests on as a Lambda function URL does: its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(min(int(self.headers.get("content-length") or 0), MAX_BODY))
            told = answer(
                {
                    "rawPath": self.path,
                    "requestContext": {"http": {"method": self.command, "sourceIp": self.client_address[0]}},
                    "body": base64.b64encode(body).decode(),
                    "isBase64Encoded": True,
                }
            )
            data = told["body"].encode()
            self.send_response(told["statusCode"])
            for name, value in {**told["headers"], "content-length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST  # noqa: N815 (names of http.server)

        def log_message(self, format: str, *given: Any) -> None:  # noqa: A002 (its name there)
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    with _serving(server):
        yield f"http://{HOST}:{server.server_port}"


@contextmanager
def _serving(server: Any) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def check_form(fields: Mapping[str, str], data: bytes, now: datetime) -> None:
    """Hold an upload against the conditions that its form was signed with, as S3 does."""
    policy = fields.get("policy", "")
    if not hmac.compare_digest(fields.get("x-amz-signature", ""), _signature(policy, fields)):
        raise WireError("form", got=Words("another signature"), wanted="the one that it was made with")
    told = json.loads(base64.b64decode(policy))
    if now > datetime.fromisoformat(told["expiration"].replace("Z", "+00:00")):
        raise WireError("form", got=Words("one that is expired"), wanted="a new one")
    wanted: dict[str, str] = {}
    for condition in told["conditions"]:
        if isinstance(condition, dict):
            wanted.update({name.lower(): value for name, value in condition.items()})
        elif not condition[1] <= len(data) <= condition[2]:
            raise WireError("file", got=Words(f"{len(data)} bytes"), wanted=f"{condition[1]} to {condition[2]}")
    given = {name.lower(): value for name, value in fields.items() if name.lower() not in UNSIGNED}
    if given | {"bucket": NAME} != wanted:
        raise WireError("form", got=Words("other fields"), wanted="those of its conditions")
    if given["x-amz-checksum-sha256"] != base64.b64encode(hashlib.sha256(data).digest()).decode():
        raise WireError("file", got=Words("other bytes"), wanted="those that the form was made for")


def _signature(policy: str, fields: Mapping[str, str]) -> str:
    key = f"AWS4{SECRET}".encode()
    for part in fields.get("x-amz-credential", "").split("/")[1:]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, policy.encode(), hashlib.sha256).hexdigest()
