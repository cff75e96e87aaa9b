"""Cancellation of a request to the render worker from another thread, while it waits for the worker or its reply."""

import concurrent.futures
import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from image_api.errors import ServiceBusy

CANCELLED = "Nobody waits for this picture any more, and it was not begun."

_thread = threading.local()


class Abort:
    """A cancellation signal for one request. Thread-safe."""

    __slots__ = ("_is_set", "_lock", "_signal", "_socket")  # there is one for each client that waits

    def __init__(self) -> None:
        self._is_set = False
        self._signal: Future[None] | None = None  # made when something waits for it, which is seldom
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    @property
    def is_set(self) -> bool:
        """Return whether the request has been cancelled."""
        return self._is_set

    def set(self) -> None:
        """Cancel the request, at once if it waits."""
        with self._lock:
            if self._signal and not self._is_set:
                self._signal.set_result(None)
            self._is_set = True
            if self._socket:
                _shut_down(self._socket)

    def disconnect(self) -> None:
        """Close the connection that the request uses, which fails as if its peer had closed it; it is not cancelled."""
        with self._lock:
            if self._socket:
                _shut_down(self._socket)

    def check(self) -> None:
        """Raise ServiceBusy if the request has been cancelled."""
        if self._is_set:
            raise ServiceBusy(CANCELLED)

    def wait(self, other: "Future[Any]", seconds: float) -> None:
        """Wait up to `seconds` until the other is done. Raises ServiceBusy if the request is cancelled."""
        with self._lock:
            self.check()
            signal = self._signal = self._signal or Future()
        concurrent.futures.wait((other, signal), max(0.0, seconds), concurrent.futures.FIRST_COMPLETED)
        self.check()

    @contextlib.contextmanager
    def over_connections(self) -> Iterator[None]:
        """Let `set` also close the connections that this thread uses. Raises ServiceBusy if it is cancelled already."""
        self.check()
        _thread.abort = self
        try:
            yield
        finally:
            _thread.abort = None
            with self._lock:
                self._socket = None

    def register(self, connection: socket.socket) -> None:
        """Close this connection when the request is cancelled, or at once if it is."""
        with self._lock:
            self._socket = connection
            if self._is_set:
                _shut_down(connection)


def current_abort() -> Abort | None:
    """Return the Abort over this thread's connections, None if there is none."""
    abort: Abort | None = getattr(_thread, "abort", None)
    return abort


def is_aborted() -> bool:
    """Return whether this thread's request was cancelled: its connection failed for that, not for its peer."""
    abort = current_abort()
    return abort is not None and abort.is_set


def _shut_down(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it ended by itself
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # TLS's own would take its state from under the reader
