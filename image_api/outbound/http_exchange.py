"""HTTP/1.1 exchanges on urllib3's pooled connections, with less work for each than http.client's.

That sends a request's head in calls of its own for each header, and parses that of a response as an e-mail's, twice:
a fifth of what the API tier does for a picture. This sends it in one piece, and reads a response's strictly: what
RFC 9112 calls invalid is refused, not repaired. The body is read by http.client.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from http.client import HTTPException, IncompleteRead, LineTooLong
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import LocationValueError, ProtocolError, ReadTimeoutError
from urllib3.util import parse_url

from image_api.outbound.abort import current_abort
from image_api.outbound.certificates import trusting_context
from image_api.outbound.guarded_connections import DeadlineResponse, GuardedConnection, GuardedHTTPSConnection

MAX_LINE_BYTES = 64 * 1024
MAX_HEADERS = 100
NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.1; what begins with a space is a folded line
NO_VALUE = re.compile(rb"[\0\r\n]")  # RFC 9110, 5.5
LENGTH = re.compile(r"[0-9]{1,18}")
UNSAFE = re.compile(r"[\0\r\n]")  # what would end a header, or the head
BODILESS = {"GET", "HEAD", "DELETE", "OPTIONS"}  # methods whose requests need no Content-Length of 0
USER_AGENT = "image-api"


class Headers(Mapping[str, str]):
    """A response's headers, by their names in any case; equal names are one list (RFC 9110, 5.3)."""

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, str] = {}
        for name, value in fields:
            key = name.lower()
            self._values[key] = f"{self._values[key]}, {value}" if key in self._values else value

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Response(DeadlineResponse):
    """A response that returns its connection to the pool when its body is read; to urllib3 it is one of its own."""

    retries: Any = None
    version_string = "HTTP/1.1"
    _connection: Any = None
    _pool: Any = None  # both are set by urllib3
    headers: Any

    def begin(self) -> None:
        """Read the head. Raises HTTPException if it is invalid."""
        version, self.status, self.reason = self._read_status()
        while HTTPStatus.CONTINUE <= self.status < HTTPStatus.OK:
            self._read_headers()
            version, self.status, self.reason = self._read_status()
        self.code, self.version = self.status, 10 if version == "HTTP/1.0" else 11
        self.headers = self._read_headers()
        self._frame()
        self._reader.start_body()

    @property
    def length_remaining(self) -> int | None:
        """Return how many bytes are left of the body; None if that is not known."""
        return self.length

    def read1(self, n: int = -1) -> bytes:
        """Return the next bytes of the body; b"" at its end.

        Raises ReadTimeoutError if they are late, and ProtocolError if the connection breaks or is no HTTP.
        """
        try:
            data = super().read1(n)
            if not data and self.length:
                raise IncompleteRead(data, self.length)
        except TimeoutError as error:
            self._discard()
            raise ReadTimeoutError(self._pool, "", "Read timed out.") from error
        except (HTTPException, OSError) as error:
            self._discard()
            raise ProtocolError(f"Connection broken: {error!r}", error) from error
        if self.length == 0 and self.fp is not None:
            self._close_conn()  # type: ignore[attr-defined]  # http.client's
        if self.fp is None:
            self.release_conn()
        return data

    def close(self) -> None:
        """Close the connection, unless the whole body was read."""
        if self.fp is not None:
            self._discard()
        self.release_conn()
        super().close()

    def release_conn(self) -> None:
        """Return the connection to the pool."""
        connection, self._connection = self._connection, None
        if connection:
            self._pool._put_conn(connection)  # as urllib3's own response does

    def _discard(self) -> None:
        """Close the connection: what is left of the body would be taken for the next response."""
        if self.fp is not None:
            self._close_conn()  # type: ignore[attr-defined]
        if self._connection:
            self._connection.close()
        self.release_conn()

    def _read_headers(self) -> Headers:
        fields: list[tuple[str, str]] = []
        while (line := self.fp.readline(MAX_LINE_BYTES + 1)) not in (b"\r\n", b"\n"):
            if len(line) > MAX_LINE_BYTES:
                raise LineTooLong("header line")
            if not line.endswith(b"\n"):
                raise HTTPException("got half a head")
            name, colon, value = line.removesuffix(b"\n").removesuffix(b"\r").partition(b":")
            if not colon or not NAME.fullmatch(name) or NO_VALUE.search(value) or len(fields) >= MAX_HEADERS:
                raise HTTPException("got an invalid header")
            fields.append((name.decode("ascii"), value.strip(b" \t").decode("latin-1")))
        return Headers(fields)

    def _frame(self) -> None:
        """Decide how the body ends, and whether the connection ends with it (RFC 9112, 6.3 and 9.3)."""
        coding, length = self.headers.get("transfer-encoding"), self.headers.get("content-length")
        if coding is not None and coding.lower() != "chunked":
            raise HTTPException("got an unknown transfer coding")
        if length is not None and not LENGTH.fullmatch(length):
            raise HTTPException("got an invalid length")
        options = self.headers.get("connection", "").lower()
        self.will_close = "close" in options or (self.version == 10 and "keep-alive" not in options)
        self.chunked, self.chunk_left = coding is not None, None
        self.length = None if self.chunked or length is None else int(length)
        if self.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED) or self._method == "HEAD":  # type: ignore[attr-defined]
            self.chunked, self.length = False, 0
        if (self.length is None and not self.chunked) or (self.chunked and length is not None):
            self.will_close = True  # the body ends with it, or two lengths were given, of which one may be another's


class _Exchange:
    """Sends requests in one piece; each of its connections is one of the guarded."""

    sock: Any
    timeout: Any
    _method = "GET"

    def request(
        self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None, **_: object
    ) -> None:
        """Send a request, whose headers say how long the body is. Raises ValueError if a part of the head is none."""
        head = self._head_of(method, url, headers or {}, has_body=body is not None)
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]  # HTTPConnection's
        self.sock.settimeout(self.timeout)
        self._method = method
        pieces = iter([body] if isinstance(body, bytes) else body or ())
        self.sock.sendall(head + next(pieces, b""))  # one packet wakes the server once
        for piece in pieces:
            self.sock.sendall(piece)

    def getresponse(self) -> Response:
        """Return the response, its body unread. Raises HTTPException if it is no valid one."""
        if abort := current_abort():
            abort.register(self.sock)
        self.sock.settimeout(self.timeout)
        response = Response(self.sock, method=self._method)
        try:
            response.begin()
        except BaseException:
            with contextlib.suppress(OSError):
                response.close()
            raise
        if response.will_close:
            self.close()  # type: ignore[attr-defined]  # the response has the socket until its body is read
        return response

    def _head_of(self, method: str, url: str, headers: Mapping[str, str], *, has_body: bool) -> bytes:
        fields = {"Host": self._host(), "User-Agent": USER_AGENT, **headers}
        if not has_body and method not in BODILESS:
            fields["Content-Length"] = "0"
        lines = [f"{method} {url} HTTP/1.1", *[f"{name}: {value}" for name, value in fields.items()]]
        if any(map(UNSAFE.search, lines)):
            raise ValueError("a header has more than one line")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _host(self) -> str:
        host = self.host.partition("%")[0]  # type: ignore[attr-defined]  # without an IPv6 address's zone
        name = f"[{host}]" if ":" in host else host  # in ASCII: urllib3 has encoded it
        return name if self.port == self.default_port else f"{name}:{self.port}"  # type: ignore[attr-defined]


class ExchangeConnection(_Exchange, GuardedConnection):  # type: ignore[misc]  # it does less than urllib3's
    """A connection by http."""


class ExchangeHTTPSConnection(_Exchange, GuardedHTTPSConnection):  # type: ignore[misc]
    """A connection by https."""


class ExchangePool(HTTPConnectionPool):
    """A pool of connections by http."""

    ConnectionCls: Any = ExchangeConnection


class ExchangeHTTPSPool(HTTPSConnectionPool):
    """A pool of connections by https."""

    ConnectionCls: Any = ExchangeHTTPSConnection


def exchange_pool(url: str, connections: int) -> HTTPConnectionPool:
    """Return a pool that keeps so many connections to the host of a URL. Raises LocationValueError if it names none."""
    where = parse_url(url)
    if not where.host:
        raise LocationValueError("the address names no host")
    if where.scheme != "https":
        return ExchangePool(where.host, where.port, maxsize=connections)
    context = trusting_context()
    return ExchangeHTTPSPool(
        where.host, where.port, maxsize=connections, cert_reqs="CERT_REQUIRED", ssl_context=context
    )
