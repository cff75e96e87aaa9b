"""A client's socket with a timeout for each request and each response: slow-client (slowloris) protection."""

import contextlib
import errno
import socket
import time
from collections.abc import Iterator
from typing import Any

SEND_SECONDS = 60.0  # for sending one response, up to a megabyte; making it does not count
READ_BYTES = 16 * 1024
NOT_NOW = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR)


class SlowClient(ConnectionResetError, TimeoutError):
    """Raised if a client exceeds its timeout; gunicorn treats it as disconnected."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the client was too slow")


class ClientSocket(socket.socket):
    """An accepted socket whose blocking calls share one timeout for a request, and one for its response."""

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self._waiting_since: float | None = None
        self._limit: float | None = None
        self.start_request(0)

    def start_request(self, receive_seconds: float, send_seconds: float = SEND_SECONDS) -> None:
        """Start a request's timeouts: seconds from now to receive it, and seconds spent on sending its response."""
        self._receive_deadline = time.monotonic() + receive_seconds
        self._send_seconds = send_seconds
        self._waited = 0.0

    @property
    def seconds_waiting(self) -> float:
        """Return for how many seconds the client has blocked a thread in this request; 0 while none waits for it."""
        since = self._waiting_since
        return self._waited + time.monotonic() - since if since else 0.0

    def read_available(self) -> bytes | None:
        """Return what has arrived, without blocking: b"" if the client has closed, None if there is nothing."""
        try:
            return super().recv(READ_BYTES)
        except OSError as error:
            return None if error.errno in NOT_NOW else b""

    def recv(self, *arguments: Any) -> bytes:
        """Receive within the request's timeout. Raises SlowClient if it passes."""
        remaining = self._receive_deadline - time.monotonic()
        with self._waiting(remaining if self._limit is None else min(remaining, self._limit)):
            return super().recv(*arguments)

    def settimeout(self, value: float | None) -> None:
        """Set gunicorn's own timeout, which applies if it is shorter."""
        self._limit = value
        super().settimeout(value)

    def sendall(self, *arguments: Any) -> None:
        """Send everything within the rest of the response's timeout. Raises SlowClient if it passes."""
        begun = time.monotonic()
        with self._waiting(self._send_seconds):
            super().sendall(*arguments)
        self._send_seconds -= time.monotonic() - begun

    @contextlib.contextmanager
    def _waiting(self, seconds: float) -> Iterator[None]:
        super().settimeout(max(0.001, seconds))
        self._waiting_since = begun = time.monotonic()
        try:
            yield
        except TimeoutError:
            raise SlowClient from None
        finally:
            self._waiting_since = None
            self._waited += time.monotonic() - begun
            super().settimeout(self._limit)

    def evict(self) -> None:
        """Shut down the connection from another thread; a thread that waits for it gets an error."""
        with contextlib.suppress(OSError):  # it has ended
            self.shutdown(socket.SHUT_RDWR)
