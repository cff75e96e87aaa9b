"""Ending a request to the render worker from outside, while it waits for the worker or for its answer."""

import concurrent.futures
import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from image_api.errors import ServiceBusy
from image_api.outbound.guarded_http import GuardedAdapter, GuardedConnection, GuardedHTTPSConnection

LET_GO = "Nobody waits for this picture any more, and it was not begun."

_current = threading.local()


class Abort:
    """A sign that ends a request. Thread-safe."""

    __slots__ = ("_is_set", "_lock", "_signal", "_socket")  # there is one for each client that waits

    def __init__(self) -> None:
        self._is_set = False
        self._signal: Future[None] | None = None  # made when something waits for it, which few do
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    @property
    def is_set(self) -> bool:
        """Whether the request has been ended."""
        return self._is_set

    def set(self) -> None:
        """End the request, at once if it waits."""
        with self._lock:
            if self._signal and not self._is_set:
                self._signal.set_result(None)
            self._is_set = True
            if self._socket:
                _shut(self._socket)

    def check(self) -> None:
        """Raise TooMany if the request has been ended."""
        if self._is_set:
            raise ServiceBusy(LET_GO)

    def wait(self, other: "Future[Any]", seconds: float) -> None:
        """Wait until the other is done, for so long at most; raise TooMany if the request is ended."""
        with self._lock:
            self.check()
            signal = self._signal = self._signal or Future()
        concurrent.futures.wait((other, signal), max(0.0, seconds), concurrent.futures.FIRST_COMPLETED)
        self.check()

    @contextlib.contextmanager
    def over_connections(self) -> Iterator[None]:
        """Have the connections that this thread uses meanwhile end too; raise TooMany if it is too late for that."""
        self.check()
        _current.abort = self
        try:
            yield
        finally:
            _current.abort = None
            with self._lock:
                self._socket = None

    def watch(self, connection: socket.socket) -> None:
        """End this connection too."""
        with self._lock:
            self._socket = connection
            if self._is_set:
                _shut(connection)


def aborted() -> bool:
    """Return whether this thread's request has been ended, so that its connection failed for no fault of the worker."""
    abort: Abort | None = getattr(_current, "abort", None)
    return abort is not None and abort.is_set


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it ended by itself
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # TLS's own would take its state from under the reader


class _Watched:
    """Tells the thread's Abort which connection is waited at."""

    sock: socket.socket | None

    def getresponse(self) -> Any:
        abort: Abort | None = getattr(_current, "abort", None)
        if abort and self.sock:
            abort.watch(self.sock)
        return super().getresponse()  # type: ignore[misc]  # HTTPConnection's


class _HTTPConnection(_Watched, GuardedConnection):
    pass


class _HTTPSConnection(_Watched, GuardedHTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class AbortableAdapter(GuardedAdapter):
    """Opens connections that an Abort ends."""

    http_pool = _HTTPPool
    https_pool = _HTTPSPool
