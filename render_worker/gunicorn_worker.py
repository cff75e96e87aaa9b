"""gunicorn's threads with slow-client protection.

A thread of gunicorn's waits for its client's next byte, and for room to send the next, as long as that takes, and
accepts no connection when all are taken. So forty clients that drip, or do not read, or a thousand that say nothing,
would keep everybody out, /health included. Here the main loop waits for whole heads and for clients to leave, a request
has a time to come in and a response a time to go out; when connections run short, those that have asked for nothing
longest are closed, and when threads do, those that wait longest for their clients are freed.
"""

import contextlib
import errno
import selectors
import socket
import time
from collections.abc import Iterable
from concurrent.futures import Future
from functools import partial
from typing import Any, ClassVar

from gunicorn.http import get_parser
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.http.message import Request
from gunicorn.workers.gthread import TConn, ThreadWorker

from render_worker.client_socket import PatientSocket
from render_worker.contract import SERVICE, SERVICE_HEADER
from render_worker.serving.error_responses import JsonErrorResponses
from render_worker.serving.request_bodies import watch_body

FIRST_BYTE_SECONDS = 5.0
LEAVE_SECONDS = 1.0
SCARCE_SECONDS = 1.0  # how long a client may keep a thread waiting when few are left
SPARE_THREADS = 8
CLOSING = 64  # connections beyond the most, which are served or just end
MAX_HEAD_BYTES = 64 * 1024
HEAD_END = b"\r\n\r\n"
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)
NO_DESCRIPTOR_SECONDS = 0.1
NO_CLIENT = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED)


class Waiting:
    """Connections that the main loop waits for, the longest waiting first, each for at most some seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until: dict[TConn, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def __contains__(self, conn: TConn) -> bool:
        return conn in self._until

    def add(self, conn: TConn) -> None:
        """Wait for a connection from now on."""
        self._until[conn] = time.monotonic() + self.seconds

    def remove(self, conn: TConn) -> None:
        """Wait for it no longer."""
        self._until.pop(conn, None)

    def longest(self) -> TConn | None:
        """Return the connection that has waited longest; None if there is none."""
        return next(iter(self._until), None)

    def expired(self, all_of_them: bool = False) -> Iterable[TConn]:
        """Return those whose time is over."""
        now = time.monotonic()
        return [conn for conn, until in self._until.items() if all_of_them or until <= now]


class Threads(JsonErrorResponses, ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's worker of threads. A request gets a thread when its head is there, and not for ever."""

    receive_seconds: ClassVar[float] = 20.0
    error_headers = ((SERVICE_HEADER, SERVICE),)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._most = self.worker_connections
        self.worker_connections += CLOSING  # as many as gunicorn accepts, also while all are served
        self._served: dict[PatientSocket, None] = {}
        self._silent = Waiting(FIRST_BYTE_SECONDS)
        self._half_heads = Waiting(self.receive_seconds)
        self._leaving = Waiting(LEAVE_SECONDS)
        self._heads: dict[TConn, bytearray] = {}

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection, close others if it is one too many, and wait for its request."""
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno in NO_DESCRIPTOR:
                time.sleep(NO_DESCRIPTOR_SECONDS)  # those who are here first
            elif error.errno not in NO_CLIENT:
                raise
            return
        self.nr_conns += 1
        conn = TConn(self.cfg, PatientSocket(accepted), address, listener.getsockname())
        self._wait_for(conn, self._silent, self._on_head)
        while self.nr_conns > self._most and self._close_longest():
            pass

    def _wait_for(self, conn: TConn, waiting: Waiting, readable: Any) -> None:
        conn.sock.setblocking(False)
        waiting.add(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(readable, conn))

    def _stop_waiting(self, conn: TConn) -> None:
        for waiting in (self._silent, self._half_heads, self._leaving):
            waiting.remove(conn)
        with contextlib.suppress(OSError, KeyError, ValueError):  # it is closed already
            self.poller.unregister(conn.sock)

    def _close(self, conn: TConn) -> None:
        self._stop_waiting(conn)
        self._heads.pop(conn, None)
        self.nr_conns -= 1
        conn.close()

    def _close_longest(self) -> bool:
        """Close a connection that waits for its client, one that has asked for nothing before one that has begun to."""
        if conn := self._leaving.longest():
            self._close(conn)
        elif self.keepalived_conns:
            self._close(self.keepalived_conns.popleft())
        elif len(self._silent) > 1:  # the last is the new one
            self._close_if_silent(self._silent.longest())
        elif conn := self._half_heads.longest():
            self._close(conn)
        else:
            return False
        return True

    def _close_if_silent(self, conn: TConn) -> None:
        """Close a connection unless it has sent something that is only not read yet."""
        self._on_head(conn, conn.sock)
        if conn in self._silent:
            self._close(conn)

    def on_client_socket_readable(self, conn: TConn, client: PatientSocket) -> None:
        """Take in the next request of a kept-alive connection."""
        if conn not in self.keepalived_conns:
            return  # closed, in the turn of the loop that brought this
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._wait_for(conn, self._silent, self._on_head)
        self._on_head(conn, client)

    def _on_head(self, conn: TConn, client: PatientSocket) -> None:
        """Take in what has come of a request's head; a thread serves it when it is whole."""
        if conn not in self._silent and conn not in self._half_heads:
            return  # closed or served, in the turn of the loop that brought this
        data = client.take()
        if data:
            self._took(conn, data)
        elif data is not None:
            self._close(conn)

    def _took(self, conn: TConn, data: bytes) -> None:
        head = self._heads.setdefault(conn, bytearray())
        begin = max(0, len(head) - len(HEAD_END))
        head += data
        if HEAD_END in head[begin:]:
            self._stop_waiting(conn)
            self._serve(conn, bytes(self._heads.pop(conn)))
        elif len(head) > MAX_HEAD_BYTES:
            self._stop_waiting(conn)
            del self._heads[conn]
            conn.sock.begin(0, send_seconds=0)  # this is the main loop: what does not fit at once is not sent
            self.handle_error(None, conn.sock, conn.client, LimitRequestHeaders("the head has no end"))
            self._let_go(conn)
        elif conn in self._silent:
            self._silent.remove(conn)
            self._half_heads.add(conn)

    def _serve(self, conn: TConn, head: bytes) -> None:
        if conn.parser is None:
            conn.parser = get_parser(self.cfg, conn.sock, conn.client)
        conn.parser.unreader.unread(head)
        conn.data_ready = True
        self.enqueue_req(conn)

    def handle(self, conn: TConn) -> object:
        """Serve one request."""
        client: PatientSocket = conn.sock
        client.begin(self.receive_seconds)
        self._served[client] = None
        try:
            return super().handle(conn)
        finally:
            del self._served[client]

    def handle_request(self, req: Request, conn: TConn) -> object:
        """Answer a request; its connection ends unless its body was read and connections are not short."""
        watch_body(req, conn.sock)
        if self.nr_conns >= self._most:
            req.force_close()
        return super().handle_request(req, conn)

    def finish_request(self, conn: TConn, future: "Future[object]") -> None:
        """Wait for the next request of a connection, or for its client to leave."""
        keep = not future.cancelled() and future.exception() is None and future.result()
        if not keep:
            self._let_go(conn)
        elif head := conn.parser.unreader.take_buffered():
            self._wait_for(conn, self._silent, self._on_head)
            self._took(conn, head)
        else:
            super().finish_request(conn, future)

    def _let_go(self, conn: TConn) -> None:
        """Say that nothing more comes, and take what the client still sends: closing at once would reset the connection
        and lose it the response.
        """
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            self._wait_for(conn, self._leaving, self._on_leaving)
        except (OSError, ValueError):  # it has gone, or is closed
            self._close(conn)

    def _on_leaving(self, conn: TConn, client: PatientSocket) -> None:
        if conn in self._leaving and client.take() == b"":
            self._close(conn)

    def murder_pending(self) -> None:
        """Close those whose time is over, and see that some threads are left; gunicorn's loop calls it every second."""
        for connections in (self._silent, self._half_heads, self._leaving):
            # No request holds up a stop before it is whole.
            for conn in connections.expired(all_of_them=not self.alive and connections is not self._leaving):
                self._close(conn)
        waiting = len(self._silent) + len(self._half_heads) + len(self._leaving) + len(self.keepalived_conns)
        lacking = self.nr_conns - waiting - self.cfg.threads + SPARE_THREADS
        if lacking > 0:
            slow = [client for client in list(self._served) if client.keeps_waiting > SCARCE_SECONDS]
            for client in sorted(slow, key=lambda client: -client.keeps_waiting)[:lacking]:
                client.give_up()
