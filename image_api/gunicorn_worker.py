"""gunicorn's worker for clients who wait: a greenlet for each, so that thousands fit into a small plan."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import gevent
from gevent import socket
from greenlet import greenlet
from gunicorn.http.message import Request
from gunicorn.workers.ggevent import GeventWorker

from image_api.client_connections import ClientSocket, Connections, Wait
from render_worker.serving.error_responses import JsonErrorResponses
from render_worker.serving.request_bodies import watch_body

STOP_SECONDS = 0.5  # for a request that is on its way when the stop begins
LINGER_SECONDS = 1.0
LINGER_BYTES = 64 * 1024
CLOSING = 128  # connections beyond the most, which are served or just end


class PatientWorker(JsonErrorResponses, GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own gevent worker with slow-client protection and room for new connections.

    gunicorn's waits without limit for what a client sends and reads, accepts no connection when all are taken, and
    lets a kept-alive connection hold up the end of the process.
    """

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self._connections = Connections(self.worker_connections)
        self.worker_connections += CLOSING
        self._sockets: dict[greenlet, ClientSocket] = {}
        self._quiet: dict[greenlet, gevent.Timeout] = {}

    def handle(self, listener: object, client: socket.socket, addr: object) -> None:
        """Serve a connection, in the greenlet that was made for it."""
        caller = gevent.getcurrent()
        with self._connections.opened(client) as sock:
            self._sockets[caller] = sock
            try:
                super().handle(listener, sock, addr)
            finally:
                del self._sockets[caller]

    @contextlib.contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """Wait for a request's head, for the time that gunicorn's setting `keepalive` gives in all."""
        caller = gevent.getcurrent()
        seconds = self.cfg.keepalive if self.alive else STOP_SECONDS
        sock = self._sockets[caller]
        self._connections.waits(sock, Wait.ASK)
        with gevent.Timeout(seconds, False) as limit:  # type: ignore[arg-type]  # False: it ends in silence
            self._quiet[caller] = limit
            try:
                yield
            finally:
                del self._quiet[caller]
                self._connections.waits(sock, None)

    def handle_request(self, listener_name: object, req: Request, sock: ClientSocket, addr: object) -> None:
        """Answer a request; its body, and each pause of a client that reads, may take `keepalive` seconds."""
        if self._connections.short:
            req.force_close()
        sock.settimeout(self.cfg.keepalive)
        end = time.monotonic() + self.cfg.keepalive  # in all: single bytes, each in time, could go on for days
        watch_body(req, sock, lambda: self._receiving(sock, end))
        try:
            super().handle_request(listener_name, req, sock, addr)
        except StopIteration:  # gunicorn's sign that the connection ends here
            self._linger(sock)
            raise
        finally:
            sock.settimeout(None)
        if req.unreader.buf.getbuffer().nbytes:
            gevent.sleep(0)  # its next request is here already; other connections come first

    @contextlib.contextmanager
    def _receiving(self, sock: ClientSocket, end: float) -> Iterator[None]:
        """Wait for a part of a body until a moment of the monotonic clock."""
        late = gevent.Timeout(max(0.0, end - time.monotonic()), TimeoutError)
        with self._connections.waiting(sock, Wait.FINISH), late:
            yield

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Refuse what is no HTTP, and let the client read that."""
        super().handle_error(req, client, addr, exc)
        self._linger(client)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Begin the graceful shutdown, which waits for no client that asks for nothing."""
        super().handle_exit(sig, frame)
        gevent.spawn_later(STOP_SECONDS, self._hang_up)

    def _hang_up(self) -> None:
        for caller, limit in list(self._quiet.items()):
            gevent.kill(caller, limit)

    def _linger(self, sock: ClientSocket) -> None:
        """Take what the client still sends: closing at once would reset the connection, and lose it the response."""
        with (
            self._connections.waiting(sock, Wait.LEAVE),
            contextlib.suppress(OSError),
            gevent.Timeout(LINGER_SECONDS, False),  # type: ignore[arg-type]
        ):
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(LINGER_BYTES):
                pass
