"""HTTP connections whose server cannot hold them for ever, nor fill this process's memory.

The client's side of slow-client (slowloris) protection: a head and a body have deadlines as a whole, not for each
read alone. A connection also registers itself with its thread's Abort, which closes it.
"""

import contextlib
import http.client
import io
import logging
import select
import socket
from typing import Any

from gevent.monkey import get_original
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import LocationValueError
from urllib3.util import parse_url

from image_api.outbound.abort import current_abort
from image_api.outbound.certificates import trusting_context
from image_api.outbound.time_limit import time_limit
from render_worker.serving.deadline import Deadline

BODY_SECONDS = 300.0  # of one body, unless its request has longer
MAX_INTERIM_RESPONSES = 8  # responses of 1xx before the one that counts

_poll: type[select.poll] = get_original("select", "poll")

logging.getLogger("urllib3.connection").setLevel(logging.ERROR)  # it warns of an invalid header with a traceback
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)  # DEBUG has URLs, whose queries have signatures


class _DeadlineReader(io.RawIOBase):
    """A socket's bytes, all before one deadline: single bytes, each within a read's timeout, could go on for days."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._timeout = sock.gettimeout()
        self._deadline = None if self._timeout is None else Deadline.after(self._timeout)

    def start_body(self) -> None:
        """Set the deadline of the body: the head is there."""
        self._deadline = None if self._timeout is None else Deadline.after(max(self._timeout, BODY_SECONDS))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._deadline is not None and self._timeout is not None:
            seconds = self._deadline.at_most(self._timeout)
            if seconds <= 0:
                raise TimeoutError("the answer is late")
            self._sock.settimeout(seconds)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """A response whose head comes within the connection's timeout as a whole, after few interim ones."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._reader = _DeadlineReader(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._reader)
        self._heads = 0

    def begin(self) -> None:
        super().begin()
        self._reader.start_body()

    def _read_status(self) -> tuple[str, int, str]:
        self._heads += 1
        if self._heads > MAX_INTERIM_RESPONSES:
            raise http.client.HTTPException("got interim answers without end")
        found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]  # where each head begins
        return found


class _Guarded:
    """Registers a connection with its thread's Abort, if there is one, before it waits for the response."""

    sock: socket.socket | None
    _head: bytes | None = None
    """What waits to be sent with the first piece of the body: the head of the request that is being sent."""

    @property
    def is_connected(self) -> bool:
        """Return whether it can be used again: its server has neither closed it nor sent anything unasked."""
        if self.sock is None:
            return False
        look = _poll()  # gevent's would switch greenlets, and nothing is waited for
        look.register(self.sock, select.POLLIN)
        return not look.poll(0)

    def endheaders(self, *arguments: Any, **options: Any) -> None:
        """Keep the head for `send` or `getresponse`: in one packet with the body it wakes the server once."""
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]  # HTTPConnection's
        self._head = b""
        super().endheaders(*arguments, **options)  # type: ignore[misc]  # HTTPConnection's

    def send(self, data: Any) -> None:
        """Send a part of a request."""
        if self._head == b"":
            self._head = data
            return
        head, self._head = self._head, None
        super().send(head + data if head else data)  # type: ignore[misc]  # HTTPConnection's

    def getresponse(self) -> Any:
        if self._head:
            self.send(b"")
        if (abort := current_abort()) and self.sock:
            abort.register(self.sock)
        return super().getresponse()  # type: ignore[misc]  # HTTPConnection's


class GuardedConnection(_Guarded, HTTPConnection):
    """A guarded connection by http."""

    response_class = _Response


class GuardedHTTPSConnection(_Guarded, HTTPSConnection):
    """A guarded connection by https."""

    response_class = _Response

    def connect(self) -> None:
        """Connect, with all of TLS' handshake within the timeout: gevent's limits each read of it alone."""
        with time_limit(self.timeout) if isinstance(self.timeout, int | float) else contextlib.nullcontext():
            super().connect()


class GuardedPool(HTTPConnectionPool):
    """A pool of guarded connections by http."""

    ConnectionCls = GuardedConnection


class GuardedHTTPSPool(HTTPSConnectionPool):
    """A pool of guarded connections by https."""

    ConnectionCls = GuardedHTTPSConnection


def guarded_pool(url: str, connections: int) -> HTTPConnectionPool:
    """Return a pool that keeps so many connections to the host of a URL. Raises LocationValueError if it names none."""
    where = parse_url(url)
    if not where.host:
        raise LocationValueError("the address names no host")
    if where.scheme == "https":
        context = trusting_context()
        return GuardedHTTPSPool(
            where.host, where.port, maxsize=connections, cert_reqs="CERT_REQUIRED", ssl_context=context
        )
    return GuardedPool(where.host, where.port, maxsize=connections)
