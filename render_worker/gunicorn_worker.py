"""gunicorn's threaded worker with slow-client (slowloris) protection.

A thread of gunicorn's own waits without limit for its client's next byte, and for room to send the next, and no
connection is accepted when all threads are taken: forty clients that drip or do not read, or a thousand idle ones,
would block every other client, /health included. Here the main loop waits for whole request heads and for clients to
close, and receiving a request and sending a response have a timeout each. When connections run short the longest idle
are evicted, and when threads run short those that have waited longest for their clients.
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
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.http.message import Request
from gunicorn.workers.gthread import TConn, ThreadWorker

from render_worker.contract import SERVICE, SERVICE_HEADER
from render_worker.serving.client_socket import ClientSocket
from render_worker.serving.error_responses import JsonErrorResponses, require_http
from render_worker.serving.request_bodies import watch_body
from render_worker.starting import SPARE_THREADS, StartingWorker

FIRST_BYTE_SECONDS = 5.0
LINGER_SECONDS = 1.0
SCARCE_SECONDS = 1.0  # for which a client may block a thread when few are free
CLOSING_CONNECTIONS = 64  # beyond the limit: these are served or just end
MAX_HEAD_BYTES = 64 * 1024
EMPTY_LINE = b"\r\n"
HTTP_1 = b" HTTP/1."
LONGEST_START = 16  # bytes that tell other protocols from HTTP
HEAD_ENDS = (b"\r\n\r\n", b"\n\n")  # gunicorn refuses the second
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)
NO_DESCRIPTOR_PAUSE_SECONDS = 0.1
NO_CLIENT = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED)


class TimeoutQueue:
    """Connections that the main loop waits for, oldest first, each with the same timeout in seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._deadlines: dict[TConn, float] = {}

    def __len__(self) -> int:
        return len(self._deadlines)

    def __contains__(self, conn: TConn) -> bool:
        return conn in self._deadlines

    def add(self, conn: TConn) -> None:
        """Wait for a connection; its timeout begins now."""
        self._deadlines[conn] = time.monotonic() + self.seconds

    def remove(self, conn: TConn) -> None:
        """Stop waiting for a connection."""
        self._deadlines.pop(conn, None)

    def oldest(self) -> TConn | None:
        """Return the connection that has waited longest; None if there is none."""
        return next(iter(self._deadlines), None)

    def expired(self, all_of_them: bool = False) -> Iterable[TConn]:
        """Return the connections whose timeout has passed, or all of them."""
        now = time.monotonic()
        return [conn for conn, deadline in self._deadlines.items() if all_of_them or deadline <= now]


class PatientWorker(JsonErrorResponses, StartingWorker, ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's threaded worker with timeouts: a request gets a thread once its whole head has arrived."""

    receive_seconds: ClassVar[float] = 20.0
    error_headers = ((SERVICE_HEADER, SERVICE),)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limit = self.worker_connections
        self.worker_connections += CLOSING_CONNECTIONS  # gunicorn's own limit, at which it stops accepting
        self._in_flight: dict[ClientSocket, None] = {}
        self._idle = TimeoutQueue(FIRST_BYTE_SECONDS)
        self._partial_heads = TimeoutQueue(self.receive_seconds)
        self._lingering = TimeoutQueue(LINGER_SECONDS)
        self._heads: dict[TConn, bytearray] = {}

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection, wait for its request, and evict others if there are too many."""
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno in NO_DESCRIPTOR:
                time.sleep(NO_DESCRIPTOR_PAUSE_SECONDS)  # until others have closed
            elif error.errno not in NO_CLIENT:
                raise
            return
        self.nr_conns += 1
        conn = TConn(self.cfg, ClientSocket(accepted), address, listener.getsockname())
        self._wait_for(conn, self._idle, self._on_head_readable)
        while self.nr_conns > self._limit and self._evict_one():
            pass

    def _wait_for(self, conn: TConn, queue: TimeoutQueue, readable: Any) -> None:
        conn.sock.setblocking(False)
        queue.add(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(readable, conn))

    def _stop_waiting(self, conn: TConn) -> None:
        for queue in (self._idle, self._partial_heads, self._lingering):
            queue.remove(conn)
        with contextlib.suppress(OSError, KeyError, ValueError):  # it is closed already
            self.poller.unregister(conn.sock)

    def _close(self, conn: TConn) -> None:
        self._stop_waiting(conn)
        self._heads.pop(conn, None)
        self.nr_conns -= 1
        conn.close()

    def _evict_one(self) -> bool:
        """Close the oldest connection that waits for its client, idle ones before those with half a request."""
        if conn := self._lingering.oldest():
            self._close(conn)
        elif self.keepalived_conns:
            self._close(self.keepalived_conns.popleft())
        elif len(self._idle) > 1:  # the newest is the one just accepted
            self._evict_if_idle(self._idle.oldest())
        elif conn := self._partial_heads.oldest():
            self._close(conn)
        else:
            return False
        return True

    def _evict_if_idle(self, conn: TConn) -> None:
        """Close a connection unless it has sent something that is not yet read."""
        self._on_head_readable(conn, conn.sock)
        if conn in self._idle:
            self._close(conn)

    def on_client_socket_readable(self, conn: TConn, client: ClientSocket) -> None:
        """Receive the next request of a keep-alive connection."""
        if conn not in self.keepalived_conns:
            return  # closed in the same iteration of the loop
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._wait_for(conn, self._idle, self._on_head_readable)
        self._on_head_readable(conn, client)

    def _on_head_readable(self, conn: TConn, client: ClientSocket) -> None:
        """Receive a part of a request's head, and dispatch the request to a thread when the head is complete."""
        if conn not in self._idle and conn not in self._partial_heads:
            return  # closed or dispatched in the same iteration of the loop
        data = client.read_available()
        if data:
            self._take_head(conn, data)
        elif data is not None:
            self._close(conn)

    def _take_head(self, conn: TConn, data: bytes) -> None:
        head = self._heads.setdefault(conn, bytearray())
        begin = max(0, len(head) - len(HEAD_ENDS[0]))
        head += data
        if any(end in head[begin:] for end in HEAD_ENDS) or _has_other_first_line(head):
            self._stop_waiting(conn)
            self._serve(conn, bytes(self._heads.pop(conn)))
        elif error := _impossible_head(head):
            self._stop_waiting(conn)
            del self._heads[conn]
            conn.sock.start_request(0, send_seconds=0)  # the main loop never waits: what does not fit is not sent
            self.handle_error(None, conn.sock, conn.client, error)
            self._linger(conn)
        elif conn in self._idle:
            self._idle.remove(conn)
            self._partial_heads.add(conn)

    def _serve(self, conn: TConn, head: bytes) -> None:
        if conn.parser is None:
            conn.parser = get_parser(self.cfg, conn.sock, conn.client)
        conn.parser.unreader.unread(head)
        conn.data_ready = True
        self.enqueue_req(conn)

    def handle(self, conn: TConn) -> object:
        """Serve one request, within the timeouts of its client."""
        client: ClientSocket = conn.sock
        client.start_request(self.receive_seconds)
        self._in_flight[client] = None
        try:
            return super().handle(conn)
        finally:
            del self._in_flight[client]

    def handle_request(self, req: Request, conn: TConn) -> object:
        """Answer a request; keep its connection alive only if its body was read and connections are not short."""
        watch_body(req, conn.sock)
        if self.nr_conns >= self._limit:
            req.force_close()
        return super().handle_request(req, conn)

    def finish_request(self, conn: TConn, future: "Future[object]") -> None:
        """Wait for the next request of a connection, or linger until its client closes it."""
        keep = not future.cancelled() and future.exception() is None and future.result()
        if not keep:
            self._linger(conn)
        elif head := conn.parser.unreader.take_buffered():
            self._wait_for(conn, self._idle, self._on_head_readable)
            self._take_head(conn, head)
        else:
            super().finish_request(conn, future)

    def _linger(self, conn: TConn) -> None:
        """Shut down the sending side and discard what the client still sends, until it closes or LINGER_SECONDS pass.

        Closing at once would reset the connection, and the client would lose the response.
        """
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            self._wait_for(conn, self._lingering, self._on_lingering_readable)
        except (OSError, ValueError):  # it has gone, or is closed
            self._close(conn)

    def _on_lingering_readable(self, conn: TConn, client: ClientSocket) -> None:
        if conn in self._lingering and client.read_available() == b"":
            self._close(conn)

    def murder_pending(self) -> None:
        """Close connections whose timeout has passed, and keep some threads free; called by gunicorn once a second."""
        for queue in (self._idle, self._partial_heads, self._lingering):
            # The drain of a graceful shutdown waits for no request that is incomplete.
            for conn in queue.expired(all_of_them=not self.alive and queue is not self._lingering):
                self._close(conn)
        self._free_threads()

    def _free_threads(self) -> None:
        waiting = len(self._idle) + len(self._partial_heads) + len(self._lingering) + len(self.keepalived_conns)
        lacking = self.nr_conns - waiting - self.cfg.threads + SPARE_THREADS
        if lacking > 0:
            slow = [client for client in list(self._in_flight) if client.seconds_waiting > SCARCE_SECONDS]
            for client in sorted(slow, key=lambda client: -client.seconds_waiting)[:lacking]:
                client.evict()


def _has_other_first_line(head: bytearray) -> bool:
    """Return whether the first line is complete and none of HTTP/1, so that gunicorn refuses it without the rest."""
    begin = len(EMPTY_LINE) if head.startswith(EMPTY_LINE) else 0  # which gunicorn skips
    end = head.find(EMPTY_LINE, begin)
    return end >= 0 and HTTP_1 not in head[begin:end]


def _impossible_head(head: bytearray) -> ParseException | None:
    """Return the error of a request whose head cannot become a valid one; None if it still can."""
    try:
        require_http(head[:LONGEST_START].lstrip(EMPTY_LINE))
    except ParseException as error:
        return error
    if len(head) <= MAX_HEAD_BYTES:
        return None
    return (
        LimitRequestHeaders("the head has no end")
        if EMPTY_LINE in head
        else LimitRequestLine(len(head), MAX_HEAD_BYTES)
    )
