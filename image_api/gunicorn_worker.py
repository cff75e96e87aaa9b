"""gunicorn's worker of the API tier: slow-client (slowloris) protection, eviction of idle clients, graceful shutdown.

A connection costs its client nothing, and here a greenlet and a file. So there is a maximum number of connections, and
when a new one exceeds it, another that waits for its client is evicted: first one whose client only has to close, then
one without a request, one whose request is half received, and one whose client does not read its response; of each
kind the one that has waited longest. A connection whose request is in a view is never evicted: admission control
limits those.
"""

import contextlib
import errno
import fcntl
import itertools
import struct
import termios
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import gevent
from gevent import socket
from greenlet import greenlet
from gunicorn.http.message import Request

from image_api import gunicorn_responses
from image_api.request_queue import RequestQueue
from image_api.starting import StartingWorker
from render_worker.serving.deadline import Deadline
from render_worker.serving.error_responses import JsonErrorResponses
from render_worker.serving.request_bodies import watch_body

ARRIVAL_SECONDS = 0.5  # for a request that is on its way when the shutdown begins
LINGER_SECONDS = 1.0
LINGER_BYTES = 64 * 1024
MAX_GATHERED_BYTES = 16 * 1024  # of a part of a body: a copy of a longer one would take longer than another packet
CLOSING_CONNECTIONS = 128  # beyond the maximum: these are served or just end
HEALTH_CHECKS = ("/health", "/v1/health")  # a platform replaces what responds late to them
MAX_EXAMINED = 64  # of the longest idle connections, to find one that has sent nothing


class Wait(IntEnum):
    """What a connection waits for its client to do, in the order of eviction."""

    CLOSE = 0
    """To close its side; the response has told it that the connection ends."""
    REQUEST = 1
    """To send the first byte of a request; it may have been kept alive after others."""
    REST_OF_REQUEST = 2
    READ = 3
    """To read more of a response."""


class ClientSocket(socket.socket):
    """An accepted connection that reports what it waits for."""

    def __init__(self, accepted: socket.socket, connections: "Connections") -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self._connections = connections
        self._evicted = False
        self._gathered: list[bytes] | None = None
        self.wait: Wait | None = None

    def recv(self, *arguments: Any) -> bytes:
        """Return the next bytes; b"" if the client has closed or the connection was evicted."""
        try:
            data: bytes = super().recv(*arguments)
        except OSError:
            if self._evicted:  # gevent raises in the greenlet that waits when a file is closed
                return b""
            raise
        if data and self.wait is Wait.REQUEST:
            self._connections.set_wait(self, Wait.REST_OF_REQUEST)
        return data

    def gather(self) -> None:
        """Keep what is sent from now on until `send_gathered`."""
        self._gathered = []

    def send_gathered(self) -> None:
        """Send at once what was gathered. Raises as `sendall`."""
        gathered, self._gathered = self._gathered, None
        if gathered:
            self.sendall(b"".join(gathered))

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of it. Raises ConnectionResetError if the client is too slow, or evicted meanwhile."""
        if self._gathered is not None:
            if len(data) <= MAX_GATHERED_BYTES:
                self._gathered.append(data)
                return
            self.send_gathered()
        try:
            sent = super().send(data, flags, timeout=0.0)  # type: ignore[call-arg]  # gevent's own has it
        except BlockingIOError:
            sent = 0
        if sent == len(data):
            return  # nearly always; only a wait is recorded
        with self._connections.waiting(self, Wait.READ):
            try:
                super().sendall(memoryview(data)[sent:], flags)
            except OSError as error:
                if self._evicted or isinstance(error, TimeoutError):
                    raise ConnectionResetError(errno.ECONNRESET, "the client was too slow") from None
                raise

    def evict(self) -> None:
        """End the connection; the greenlet that waits for its client finds it closed."""
        self._evicted = True
        with contextlib.suppress(OSError):  # it has ended
            self.shutdown(socket.SHUT_RDWR)

    @property
    def has_unread(self) -> bool:
        """Return whether the client has sent bytes that are not read yet."""
        with contextlib.suppress(OSError, ValueError):  # it is closed
            return struct.unpack("i", fcntl.ioctl(self.fileno(), termios.FIONREAD, bytes(4))) != (0,)
        return False


class Connections:
    """The open connections of one process, `limit` at most. It belongs to one hub: nothing here switches greenlets."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: set[ClientSocket] = set()
        self._waiting: dict[Wait, dict[ClientSocket, None]] = {wait: {} for wait in Wait}  # longest waiting first

    @property
    def exhausted(self) -> bool:
        """Return whether there are so many that none should be kept alive after its response."""
        return len(self._open) >= self._limit

    @contextlib.contextmanager
    def opened(self, accepted: socket.socket) -> Iterator[ClientSocket]:
        """Count a new connection while the context lasts, and evict others if it exceeds the limit."""
        sock = ClientSocket(accepted, self)
        self._open.add(sock)
        self.set_wait(sock, Wait.REQUEST)
        while len(self._open) > self._limit and self._evict_one(but=sock):
            pass
        try:
            yield sock
        finally:
            self.set_wait(sock, None)
            self._open.discard(sock)

    def set_wait(self, sock: ClientSocket, wait: Wait | None) -> None:
        """Record what a connection waits for from now on; None while its request is served."""
        if sock.wait is not None:
            self._waiting[sock.wait].pop(sock, None)
        sock.wait = wait
        if wait is not None and sock in self._open:
            self._waiting[wait][sock] = None

    @contextlib.contextmanager
    def waiting(self, sock: ClientSocket, wait: Wait) -> Iterator[None]:
        """Record what a connection waits for while the context lasts."""
        before = sock.wait
        self.set_wait(sock, wait)
        try:
            yield
        finally:
            self.set_wait(sock, before)

    def _evict_one(self, but: ClientSocket) -> bool:
        victim = next((sock for wait in Wait for sock in self._candidates(wait) if sock is not but), None)
        if victim is None:
            return False
        self.set_wait(victim, None)
        self._open.discard(victim)  # at once: its greenlet ends when it runs next
        victim.evict()
        return True

    def _candidates(self, wait: Wait) -> Iterator[ClientSocket]:
        longest = list(itertools.islice(self._waiting[wait], MAX_EXAMINED))
        return (sock for sock in longest if not (wait is Wait.REQUEST and sock.has_unread))


class PatientWorker(JsonErrorResponses, StartingWorker):
    """gunicorn's gevent worker, a greenlet for each connection, with what it lacks.

    gunicorn's own waits without limit for what a client sends and reads, accepts no connection when its maximum is
    reached, and lets a kept-alive connection hold up the end of the process.
    """

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self._connections = Connections(self.worker_connections)
        self.worker_connections += CLOSING_CONNECTIONS
        self._sockets: dict[greenlet, ClientSocket] = {}
        self._idle: dict[greenlet, gevent.Timeout] = {}

    def init_process(self) -> None:
        """Set up the responses and fix the settings, in this process alone."""
        gunicorn_responses.set_up()
        gunicorn_responses.fix_settings(self.cfg)
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the application, while connections are accepted already."""
        self._queue = RequestQueue()  # of this process's hub, after the fork
        super().load_wsgi()

    def handle(self, listener: object, client: socket.socket, addr: object) -> None:
        """Serve a connection, in the greenlet that was made for it."""
        current = gevent.getcurrent()
        with self._connections.opened(client) as sock:
            self._sockets[current] = sock
            try:
                super().handle(listener, sock, addr)
            finally:
                del self._sockets[current]

    @contextlib.contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """Wait for a request's head, for the seconds of gunicorn's setting `keepalive` in all."""
        current = gevent.getcurrent()
        seconds = self.cfg.keepalive if self.alive else ARRIVAL_SECONDS
        sock = self._sockets[current]
        self._connections.set_wait(sock, Wait.REQUEST)
        with gevent.Timeout(seconds, False) as timeout:  # type: ignore[arg-type]  # False: it ends in silence
            self._idle[current] = timeout
            try:
                yield
            finally:
                del self._idle[current]
                self._connections.set_wait(sock, None)

    def handle_request(self, listener_name: object, req: Request, sock: ClientSocket, addr: object) -> None:
        """Respond to a request when it is its turn.

        Its body, and each pause of a client that reads, may take `keepalive` seconds.
        """
        if req.path not in HEALTH_CHECKS:
            self._queue.wait()
        if self._connections.exhausted:
            req.force_close()
        sock.settimeout(self.cfg.keepalive)
        deadline = Deadline.after(self.cfg.keepalive)  # in all: single bytes, each in time, could go on for days
        watch_body(req, sock, lambda: self._receiving(sock, deadline))
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
    def _receiving(self, sock: ClientSocket, deadline: Deadline) -> Iterator[None]:
        """Wait for a part of a body. Raises TimeoutError at the deadline."""
        timeout = gevent.Timeout(deadline.remaining, TimeoutError)
        with self._connections.waiting(sock, Wait.REST_OF_REQUEST), timeout:
            yield

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Refuse what is not HTTP, and let the client read the refusal."""
        super().handle_error(req, client, addr, exc)
        self._linger(client)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Begin the graceful shutdown: requests in flight are drained, idle connections closed."""
        super().handle_exit(sig, frame)
        gevent.spawn_later(ARRIVAL_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        for idle, timeout in list(self._idle.items()):
            gevent.kill(idle, timeout)

    def _linger(self, sock: ClientSocket) -> None:
        """Read what the client still sends: closing at once would reset the connection, and lose it the response."""
        with (
            self._connections.waiting(sock, Wait.CLOSE),
            contextlib.suppress(OSError),
            gevent.Timeout(LINGER_SECONDS, False),  # type: ignore[arg-type]
        ):
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(LINGER_BYTES):
                pass
