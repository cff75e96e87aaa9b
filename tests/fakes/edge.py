"""A stand-in for the edge that a hosting platform puts before a sleeping service, and which starts it at a request.

How it responds during the cold start is a choice, because what the platforms do today could not be observed; each
manner is one that their documents or their users describe.
"""

import contextlib
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Literal, Self

import requests

from tests.fakes.processes import Server
from tests.fakes.scripted_server import PatientServer

Manner = Literal["hold", "bad_gateway", "unavailable", "gateway_timeout", "rate_limited", "loading_page", "reset"]
STATUSES = {"bad_gateway": 502, "unavailable": 503, "gateway_timeout": 504, "rate_limited": 429, "loading_page": 200}
PAGE = b"<!doctype html><title>Application loading</title><p>The service is waking up ..."
HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "server", "date"}


class Edge:
    """Reverse proxy that starts `service` `delay` seconds after the first request, and passes requests on.

    `cuts` is the number of further POSTs for which the client gets 502 although the service has the request.
    """

    def __init__(self, service: Server, manner: Manner, delay: float = 0, cuts: int = 0) -> None:
        self._service = service
        self._manner = manner
        self._delay = delay
        self.cuts = cuts
        self.requests: list[tuple[str, float]] = []
        self._awake = threading.Event()
        self._over = threading.Event()
        self._running = contextlib.ExitStack()
        self._started: threading.Thread | None = None
        self._lock = threading.Lock()
        self._server = PatientServer(("127.0.0.1", 0), partial(_Handler, self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._over.set()
        if self._started:
            self._started.join()
        self._running.close()

    def sleep(self) -> None:
        """Stop the service as a platform does when it is idle; the next request starts it again."""
        self._awake.clear()
        self._service.stop()
        self._started = None

    @property
    def awake(self) -> bool:
        """Return whether the service is up."""
        return self._awake.is_set()

    def _ensure_started(self) -> None:
        with self._lock:
            if self._started is None:
                self._started = threading.Thread(target=self._start_service)
                self._started.start()

    def _start_service(self) -> None:
        if not self._over.wait(self._delay):
            self._running.enter_context(self._service)
            self._awake.set()

    def respond(self, request: "_Handler", body: bytes) -> None:
        """Start the service if it sleeps; pass the request on, or respond in this edge's manner."""
        self.requests.append((request.command, time.monotonic()))
        self._ensure_started()
        if self._manner == "hold":
            self._awake.wait()
        if self.awake:
            self._pass_on(request, body)
        elif self._manner == "reset":
            request.close_connection = True
        else:
            request.say(STATUSES[self._manner], PAGE, {"Content-Type": "text/html; charset=utf-8"})

    def _pass_on(self, request: "_Handler", body: bytes) -> None:
        if request.command == "POST" and self.cuts:
            self.cuts -= 1
            threading.Thread(target=self._request_service, args=(request, body), daemon=True).start()
            request.say(502, PAGE, {"Content-Type": "text/html"})
            return
        response = self._request_service(request, body)
        kept = {name: text for name, text in response.headers.items() if name.lower() not in HOP_BY_HOP}
        request.say(response.status_code, response.content, kept)

    def _request_service(self, request: "_Handler", body: bytes) -> requests.Response:
        address = self._service.url + request.path
        return requests.request(request.command, address, data=body, headers=dict(request.headers), timeout=60)


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, edge: Edge, *arguments: object) -> None:
        self._edge = edge
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._edge.respond(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

    do_POST = do_HEAD = do_GET

    def say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(status)
            for name, text in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""
