"""A stand-in for what a hosting platform puts before a service that sleeps: an edge that starts it at a request.

How it behaves until the service is up is a choice, because nobody could see what the platforms really do today; each
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
    """Stands before `service`, which it starts `delay` seconds after the first request, and passes on what comes.

    `cuts` is for how many further POSTs the caller gets 502 although the service has the request.
    """

    def __init__(self, service: Server, manner: Manner, delay: float = 0, cuts: int = 0) -> None:
        self._service = service
        self._manner = manner
        self._delay = delay
        self.cuts = cuts
        self.asked: list[tuple[str, float]] = []
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
        """Stop the service as a platform does after a quiet time; the next request starts it again."""
        self._awake.clear()
        self._service.stop()
        self._started = None

    @property
    def awake(self) -> bool:
        """Whether the service is up."""
        return self._awake.is_set()

    def _wake(self) -> None:
        with self._lock:
            if self._started is None:
                self._started = threading.Thread(target=self._start_service)
                self._started.start()

    def _start_service(self) -> None:
        if not self._over.wait(self._delay):
            self._running.enter_context(self._service)
            self._awake.set()

    def answer(self, request: "_Handler", body: bytes) -> None:
        """Start the service if need be, and pass the request on or say what an edge says."""
        self.asked.append((request.command, time.monotonic()))
        self._wake()
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
            threading.Thread(target=self._ask_service, args=(request, body), daemon=True).start()
            request.say(502, PAGE, {"Content-Type": "text/html"})
            return
        reply = self._ask_service(request, body)
        kept = {name: text for name, text in reply.headers.items() if name.lower() not in HOP_BY_HOP}
        request.say(reply.status_code, reply.content, kept)

    def _ask_service(self, request: "_Handler", body: bytes) -> requests.Response:
        address = self._service.url + request.path
        return requests.request(request.command, address, data=body, headers=dict(request.headers), timeout=60)


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, edge: Edge, *arguments: object) -> None:
        self._edge = edge
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._edge.answer(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

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
