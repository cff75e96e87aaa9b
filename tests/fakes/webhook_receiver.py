"""A receiver of webhooks: a real server on loopback, by http or https, that answers as a test says and keeps it all."""

import base64
import contextlib
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from tests.fakes.processes import wait_until
from tests.fakes.scripted_server import PatientServer

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ...").decode()
Reaction = Callable[[BaseHTTPRequestHandler], None]
"""Answers a request, or does not."""


@dataclass(frozen=True)
class Received:
    """A webhook as it came."""

    at: float
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def message(self) -> dict[str, Any]:
        return json.loads(self.body)


def status(code: int, **headers: str) -> Reaction:
    """Return what answers with a status; an underscore in a header's name is a hyphen."""

    def react(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, text in {"Content-Length": "0", **headers}.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.end_headers()

    return react


def hang(seconds: float = 30) -> Reaction:
    """Return what does not answer for so long."""
    return lambda handler: time.sleep(seconds)


def drip_head(handler: BaseHTTPRequestHandler) -> None:
    """Send a head byte by byte, without end."""
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        for _ in range(1000):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)


def drip_body(handler: BaseHTTPRequestHandler) -> None:
    """Answer at once, and send a body without end."""
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(1000):
            handler.wfile.write(b"x" * 100)
            handler.wfile.flush()
            time.sleep(0.1)


def break_off(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without an answer."""
    handler.connection.close()


def garbage(handler: BaseHTTPRequestHandler) -> None:
    """Answer with what is no HTTP."""
    handler.wfile.write(b"\x00\xff nonsense\r\n\r\n")


def interim_without_end(handler: BaseHTTPRequestHandler) -> None:
    """Promise an answer, again and again."""
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def head_without_end(handler: BaseHTTPRequestHandler) -> None:
    """Send a head of megabytes at once."""
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X-Long: x\r\n" * 500_000)


class Receiver:
    """Answers its requests by its reactions, one after the other; the last is kept."""

    def __init__(self, *reactions: Reaction, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.reactions = list(reactions or (status(200),))
        self.received: list[Received] = []
        self.connections = 0
        self._tls, self._port = tls, port

    def __enter__(self) -> Self:
        self._server = _Server(self, ("127.0.0.1", self._port), partial(_Handler, self))
        if self._tls:
            self._server.socket = self._tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_port
        self.origin = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"
        self.url = f"{self.origin}/hook?token=private-of-the-url"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, number: int) -> list[Received]:
        """Return what came, once it is so much."""
        wait_until(lambda: len(self.received) >= number, f"the {number}th webhook")
        return self.received

    def next_reaction(self) -> Reaction:
        """Return how the next request is answered."""
        return self.reactions.pop(0) if len(self.reactions) > 1 else self.reactions[0]


class _Server(PatientServer):
    def __init__(self, receiver: Receiver, *arguments: Any) -> None:
        self._receiver = receiver
        super().__init__(*arguments)

    def get_request(self) -> Any:
        accepted = super().get_request()
        self._receiver.connections += 1
        return accepted

    def handle_error(self, *_: object) -> None:
        """Stay silent of clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, receiver: Receiver, *arguments: Any) -> None:
        self._receiver = receiver
        super().__init__(*arguments)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): text for name, text in self.headers.items()}
        react = self._receiver.next_reaction()
        self._receiver.received.append(Received(time.time(), self.path, headers, body))
        react(self)

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def independent_signature(received: Received, secret: str = SECRET) -> str:
    """Return the signature that Standard Webhooks asks for, by nothing but HMAC."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{received.id}.{received.headers['webhook-timestamp']}.".encode() + received.body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
