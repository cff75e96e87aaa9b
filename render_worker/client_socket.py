"""A client's connection that is waited for, but not for ever."""

import contextlib
import errno
import socket
import time
from collections.abc import Iterator
from typing import Any

SEND_SECONDS = 60.0  # of one response, without the time that it takes to make; a picture has a megabyte
READ_BYTES = 16 * 1024
NOT_NOW = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR)


class SlowClient(ConnectionResetError, TimeoutError):
    """Raised when a client takes longer than it may; to gunicorn it is one that has gone."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the client was too slow")


class PatientSocket(socket.socket):
    """A client's socket that waits for it, but not for ever."""

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self._waiting_since: float | None = None
        self._limit: float | None = None
        self.begin(0)

    def begin(self, receive_seconds: float, send_seconds: float = SEND_SECONDS) -> None:
        """Give a request's bytes so many seconds from now on, and its response as many as said."""
        self._receive_until = time.monotonic() + receive_seconds
        self._send_seconds = send_seconds
        self._waited = 0.0

    @property
    def keeps_waiting(self) -> float:
        """Seconds for which the client has kept a thread waiting in this request; 0 while nothing waits for it."""
        since = self._waiting_since
        return self._waited + time.monotonic() - since if since else 0.0

    def take(self) -> bytes | None:
        """Return what has arrived without waiting: b"" if the client has closed, None if there is nothing."""
        try:
            return super().recv(READ_BYTES)
        except OSError as error:
            return None if error.errno in NOT_NOW else b""

    def recv(self, *arguments: Any) -> bytes:
        """Receive while there is time."""
        left = self._receive_until - time.monotonic()
        with self._waiting(left if self._limit is None else min(left, self._limit)):
            return super().recv(*arguments)

    def settimeout(self, value: float | None) -> None:
        """Set a shorter limit of gunicorn's own."""
        self._limit = value
        super().settimeout(value)

    def sendall(self, *arguments: Any) -> None:
        """Send it all, within what is left of the response's time."""
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

    def give_up(self) -> None:
        """End the connection from another thread; whoever waits there is told."""
        with contextlib.suppress(OSError):  # it has ended
            self.shutdown(socket.SHUT_RDWR)
