"""gunicorn's worker for callers who wait: a greenlet for each, so that thousands fit into a small plan."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator

import gevent
from greenlet import greenlet
from gunicorn.http.body import Body
from gunicorn.http.message import Request
from gunicorn.workers.ggevent import GeventWorker

STOP_SECONDS = 0.5  # for a request that is on its way when the stop begins
LINGER_SECONDS = 1.0
LINGER_BYTES = 64 * 1024


class PatientWorker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own gevent worker, which gives up callers who never finish, and at a stop those who ask for nothing.

    Without that a connection that is kept open would hold up the end of the process for as long as it is kept.
    """

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self._quiet: dict[greenlet, gevent.Timeout] = {}

    @contextlib.contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """Wait for a request's head, for the time that gunicorn's setting `keepalive` gives in all."""
        caller = gevent.getcurrent()
        seconds = self.cfg.keepalive if self.alive else STOP_SECONDS
        with gevent.Timeout(seconds, False) as limit:  # type: ignore[arg-type]  # False: it ends in silence
            self._quiet[caller] = limit
            try:
                yield
            finally:
                del self._quiet[caller]

    def handle_request(self, listener_name: object, req: Request, sock: socket.socket, addr: object) -> None:
        """Answer a request, waiting for its body, and for each time the caller takes some of ours, only so long."""
        sock.settimeout(self.cfg.keepalive)
        req.body = _Timed(req.body, self.cfg.keepalive)
        try:
            super().handle_request(listener_name, req, sock, addr)
        except StopIteration:  # gunicorn's sign that the connection ends here
            _linger(sock)
            raise
        finally:
            sock.settimeout(None)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Begin the stop, in which nobody is waited for who asks for nothing."""
        super().handle_exit(sig, frame)
        gevent.spawn_later(STOP_SECONDS, self._hang_up)

    def _hang_up(self) -> None:
        for caller, limit in list(self._quiet.items()):
            gevent.kill(caller, limit)


class _Timed:
    """A request's body that has to come within a time in all: single bytes, each in time, could go on for days."""

    def __init__(self, body: Body, seconds: float) -> None:
        self._body = body
        self._end = time.monotonic() + seconds
        self._late = False

    def read(self, size: int | None = None) -> bytes:
        return self._in_time(lambda: self._body.read(size))

    def readline(self, size: int | None = None) -> bytes:
        return self._in_time(lambda: self._body.readline(size))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _in_time(self, take: Callable[[], bytes]) -> bytes:
        if self._late:
            return b""  # gunicorn takes what is left of a body, before it looks for the next request
        try:
            with gevent.Timeout(max(0.0, self._end - time.monotonic()), TimeoutError("the body is late")):
                return take()
        except TimeoutError:
            self._late = True
            raise


def _linger(sock: socket.socket) -> None:
    """Take what the caller still sends: closing before that would reset the connection, and lose him the answer."""
    with contextlib.suppress(OSError), gevent.Timeout(LINGER_SECONDS, False):  # type: ignore[arg-type]
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(LINGER_BYTES):
            pass
