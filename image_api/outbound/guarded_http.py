"""HTTP connections that a server at their other end cannot hold for ever, nor fill this process with."""

import http.client
import io
import logging
import socket
import time
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

BODY_SECONDS = 300.0  # of one body, unless its request has longer
MOST_INTERIM = 8  # answers of 1xx before the one that counts

logging.getLogger("urllib3.connection").setLevel(logging.ERROR)  # a header that is none it warns of with a traceback


class _Timed(io.RawIOBase):
    """A socket's bytes, which have to come by some moment: single ones, each in time, could go on for days."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._usual = sock.gettimeout()
        self._end = self._in(self._usual)

    def extend(self) -> None:
        """The head is there: the body has a time of its own."""
        self._end = None if self._usual is None else self._in(max(self._usual, BODY_SECONDS))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._end is not None:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimeoutError("the answer is late")
            self._sock.settimeout(left if self._usual is None else min(left, self._usual))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()

    @staticmethod
    def _in(seconds: float | None) -> float | None:
        return None if seconds is None else time.monotonic() + seconds


class _Response(http.client.HTTPResponse):
    """An answer whose head comes within the connection's timeout in all, after few interim ones."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._timed = _Timed(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._timed)
        self._heads = 0

    def begin(self) -> None:
        super().begin()
        self._timed.extend()

    def _read_status(self) -> tuple[str, int, str]:
        self._heads += 1
        if self._heads > MOST_INTERIM:
            raise http.client.HTTPException("got interim answers without end")
        found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]  # where each head begins
        return found


class GuardedConnection(HTTPConnection):
    """By http."""

    response_class = _Response


class GuardedHTTPSConnection(HTTPSConnection):
    """By https."""

    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = GuardedConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = GuardedHTTPSConnection


class GuardedAdapter(HTTPAdapter):
    """requests' adapter with such connections."""

    http_pool: type[HTTPConnectionPool] = _Pool
    https_pool: type[HTTPSConnectionPool] = _HTTPSPool

    def init_poolmanager(self, *arguments: object, **options: object) -> None:
        super().init_poolmanager(*arguments, **options)  # type: ignore[arg-type]
        self.poolmanager.pool_classes_by_scheme = {"http": self.http_pool, "https": self.https_pool}


class GuardedSession(requests.Session):
    """A session that takes no body but what is read of it, no cookies, and nothing from its environment."""

    def __init__(self) -> None:
        super().__init__()
        self.headers["Accept-Encoding"] = "identity"  # so that a body can be counted as it comes
        self.trust_env = False  # neither a proxy nor a .netrc of the environment's has any business here
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """No redirect is followed; to prepare one, requests would read its whole body."""
        return None
