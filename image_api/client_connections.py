"""The clients' connections of one process, and who is closed when they run short.

A connection costs its client nothing, and here a greenlet and a file. So there is a greatest number of them, and when
a new one exceeds it, another that waits for its client is closed: first one whose client is only to go, then one that
has asked for nothing, one whose request is half sent, and one that does not read its response; of each kind the one
that has waited longest. What is in a view is never closed: its number has limits of its own.
"""

import errno
import fcntl
import itertools
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from typing import Any

from gevent import socket

LOOKED_AT = 64  # of the longest idle, for one without a request that is only not read yet


class Wait(IntEnum):
    """What a connection waits for its client to do, in the order in which they are closed."""

    LEAVE = 0
    """To close its side; it has been told that the connection ends."""
    ASK = 1
    """To send the first byte of a request; it may have been kept alive after others."""
    FINISH = 2
    """To send the rest of a request."""
    READ = 3
    """To take more of a response."""


class ClientSocket(socket.socket):
    """An accepted connection that says what it waits for."""

    def __init__(self, accepted: socket.socket, connections: "Connections") -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self._connections = connections
        self._given_up = False
        self.wait: Wait | None = None

    def recv(self, *arguments: Any) -> bytes:
        """Receive; with its first byte a request is half sent."""
        try:
            data: bytes = super().recv(*arguments)
        except OSError:
            if self._given_up:  # gevent tells whoever waits that the file was closed
                return b""
            raise
        if data and self.wait is Wait.ASK:
            self._connections.waits(self, Wait.FINISH)
        return data

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send it all, and be closed if connections run short meanwhile; a slow client is one that has gone."""
        try:
            sent = super().send(data, flags, timeout=0.0)  # type: ignore[call-arg]  # gevent's own has it
        except BlockingIOError:
            sent = 0
        if sent == len(data):
            return  # nearly always: what waits for nobody is not noted
        with self._connections.waiting(self, Wait.READ):
            try:
                super().sendall(memoryview(data)[sent:], flags)
            except OSError as error:
                if self._given_up or isinstance(error, TimeoutError):
                    raise ConnectionResetError(errno.ECONNRESET, "the client was too slow") from None
                raise

    def give_up(self) -> None:
        """End the connection; whoever waits for its client here is told that it has gone."""
        self._given_up = True
        with suppress(OSError):  # it has ended
            self.shutdown(socket.SHUT_RDWR)

    @property
    def has_unread(self) -> bool:
        """Whether the client has sent what is not read yet."""
        with suppress(OSError, ValueError):  # it is closed
            return struct.unpack("i", fcntl.ioctl(self.fileno(), termios.FIONREAD, bytes(4))) != (0,)
        return False


class Connections:
    """All open connections, `most` at most. It belongs to one hub: nothing here switches greenlets."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[ClientSocket] = set()
        self._waiting: dict[Wait, dict[ClientSocket, None]] = {wait: {} for wait in Wait}  # longest waiting first

    @property
    def short(self) -> bool:
        """Whether there are so many that none should be kept alive after its response."""
        return len(self._open) >= self._most

    @contextmanager
    def opened(self, accepted: socket.socket) -> Iterator[ClientSocket]:
        """Count a new connection while this lasts, and close others if it is one too many."""
        sock = ClientSocket(accepted, self)
        self._open.add(sock)
        self.waits(sock, Wait.ASK)
        while len(self._open) > self._most and self._close_one(but=sock):
            pass
        try:
            yield sock
        finally:
            self.waits(sock, None)
            self._open.discard(sock)

    def waits(self, sock: ClientSocket, wait: Wait | None) -> None:
        """Note what a connection waits for from now on; None while it is served."""
        if sock.wait is not None:
            self._waiting[sock.wait].pop(sock, None)
        sock.wait = wait
        if wait is not None and sock in self._open:
            self._waiting[wait][sock] = None

    @contextmanager
    def waiting(self, sock: ClientSocket, wait: Wait) -> Iterator[None]:
        """Note what a connection waits for while this lasts."""
        before = sock.wait
        self.waits(sock, wait)
        try:
            yield
        finally:
            self.waits(sock, before)

    def _close_one(self, but: ClientSocket) -> bool:
        victim = next((sock for wait in Wait for sock in self._candidates(wait) if sock is not but), None)
        if victim is None:
            return False
        self.waits(victim, None)
        self._open.discard(victim)  # at once: its greenlet ends when it runs next
        victim.give_up()
        return True

    def _candidates(self, wait: Wait) -> Iterator[ClientSocket]:
        longest = list(itertools.islice(self._waiting[wait], LOOKED_AT))
        return (sock for sock in longest if not (wait is Wait.ASK and sock.has_unread))
