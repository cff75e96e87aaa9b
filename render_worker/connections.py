"""gunicorn's threads, with an end to the patience for callers who send or read slowly.

A thread of gunicorn's waits for its caller's next byte, and for room to send the next, as long as that takes. So forty
callers who drip, or do not read, would keep everybody out, /health included. Here a request has a time to come in and
an answer a time to go out; where threads get scarce, those who wait longest for their callers are freed first.
"""

import contextlib
import errno
import resource
import selectors
import socket
import time
from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

from gunicorn.workers.gthread import TConn, ThreadWorker

FIRST_BYTE_SECONDS = 5.0
SEND_SECONDS = 60.0  # of one answer, without the time that it takes to make; a picture has a megabyte
PART_SECONDS = 1.0
PART_READS = 16
SCARCE_SECONDS = 1.0  # how long a caller may keep a thread waiting where few are left
SPARE_THREADS = 8
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)
NO_DESCRIPTOR_SECONDS = 0.1
NOBODY_THERE = (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK)


class PatientSocket(socket.socket):
    """A caller's socket that waits for him, but not for ever."""

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self._parted = False
        self._waiting_since: float | None = None
        self._limit: float | None = None
        self.begin(0)

    def begin(self, receive_seconds: float) -> None:
        """A request begins: its bytes have so many seconds, and its answer some."""
        self._receive_until = time.monotonic() + receive_seconds
        self._send_seconds = SEND_SECONDS
        self._waited = 0.0

    @property
    def keeps_waiting(self) -> float:
        """Seconds for which the caller has kept a thread waiting in this request; 0 while nobody waits for him."""
        since = self._waiting_since
        return self._waited + time.monotonic() - since if since else 0.0

    def recv(self, *arguments: Any) -> bytes:
        """What the caller sends, while there is time."""
        left = self._receive_until - time.monotonic()
        with self._waiting(left if self._limit is None else min(left, self._limit)):
            return super().recv(*arguments)

    def settimeout(self, value: float | None) -> None:
        """A shorter limit of gunicorn's own: for the rest of a body that the answer did not need."""
        self._limit = value
        super().settimeout(value)

    def sendall(self, *arguments: Any) -> None:
        """Send it all, within what is left of the answer's time."""
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
            raise ConnectionResetError(errno.ECONNRESET, "the caller was too slow") from None
        finally:
            self._waiting_since = None
            self._waited += time.monotonic() - begun
            super().settimeout(self._limit)

    def part(self) -> None:
        """Say that nothing more comes, and wait a little for the caller to go, lest he lose the last bytes."""
        self._receive_until = time.monotonic() + PART_SECONDS
        with contextlib.suppress(OSError):  # he has gone
            self.shutdown(socket.SHUT_WR)
            self._parted = True
            for _ in range(PART_READS):
                if not self.recv(4096):
                    break

    def shutdown(self, how: int) -> None:
        """Not a second time: gunicorn would wait again, on the one thread that accepts callers."""
        if self._parted:
            raise OSError(errno.ENOTCONN, "parted already")
        super().shutdown(how)

    def give_up(self) -> None:
        """End it from another thread; whoever waits here is told."""
        with contextlib.suppress(OSError):  # it has ended
            super().shutdown(socket.SHUT_RDWR)


class Threads(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's worker of threads. A caller gets one when his first byte is there, and not for ever."""

    receive_seconds: ClassVar[float] = 20.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._served: dict[PatientSocket, None] = {}

    def accept(self, listener: socket.socket) -> None:
        """Take a caller in, and wait for his first byte without a thread."""
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno in NO_DESCRIPTOR:
                time.sleep(NO_DESCRIPTOR_SECONDS)  # those who are here first
            elif error.errno not in NOBODY_THERE:
                raise
            return
        self.nr_conns += 1
        conn = TConn(self.cfg, PatientSocket(accepted), address, listener.getsockname())
        conn.timeout = time.monotonic() + FIRST_BYTE_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def handle(self, conn: TConn) -> object:
        """Serve one request."""
        caller: PatientSocket = conn.sock
        caller.begin(self.receive_seconds)
        self._served[caller] = None
        try:
            keep = super().handle(conn)
            if not keep:
                caller.part()
            return keep
        finally:
            del self._served[caller]

    def murder_pending(self) -> None:
        """What the loop looks after every second: here also that some threads are left."""
        if not self.alive:  # who has sent nothing yet does not hold up a stop
            for conn in self.pending_conns:
                conn.timeout = 0.0
        super().murder_pending()
        lacking = (
            self.nr_conns - len(self.pending_conns) - len(self.keepalived_conns) - self.cfg.threads + SPARE_THREADS
        )
        if lacking > 0:
            slow = [caller for caller in list(self._served) if caller.keeps_waiting > SCARCE_SECONDS]
            for caller in sorted(slow, key=lambda caller: -caller.keeps_waiting)[:lacking]:
                caller.give_up()


def room_for_connections(wanted: int, others: int) -> int:
    """As many connections as the limit of open files has room for beside others; it is raised where it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted + others:
        soft = wanted + others if hard == resource.RLIM_INFINITY else min(hard, wanted + others)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(1, min(wanted, soft - others))
    return wanted
