"""Request bodies: protection against request smuggling (HTTP desync), and against slow clients.

The unread rest of a body would be taken for the next request on a keep-alive connection, and its response for the
response to another client's request if a proxy shares the connection. So, unless a body was read to its end, the
response says `Connection: close` and the connection ends (https://www.rfc-editor.org/rfc/rfc9112#section-9.6).
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from gunicorn.http.body import Body, ChunkedReader, LengthReader
from gunicorn.http.errors import NoMoreData, ParseException

if TYPE_CHECKING:
    from werkzeug.exceptions import RequestTimeout

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
WEBSOCKET = "websocket"
CHUNKS_AT_ONCE = 256  # which gunicorn parses in 1 ms

Waiting = Callable[[], AbstractContextManager[object]]
"""Returns the context of each read from the client, which raises TimeoutError there if the read takes too long."""


class IncompleteBody(ParseException):  # type: ignore[misc]  # gunicorn has no types
    """Raised if the client closes its side in the middle of a body."""

    def __str__(self) -> str:
        return "the body ended early"


class _WholeLengthReader(LengthReader):  # type: ignore[misc]
    """Raises IncompleteBody if the connection ends in the middle of a body; gunicorn's own reader returns what came."""

    def read(self, size: int) -> bytes:
        before = self.length
        data: bytes = super().read(size)
        if len(data) < before - self.length:
            raise IncompleteBody
        return data


def _paced(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield chunks, and let other greenlets and threads run between them: they can be of one byte each."""
    for number, chunk in enumerate(chunks):
        if number % CHUNKS_AT_ONCE == 0:
            time.sleep(0)
        yield chunk


class RequestBody:
    """A request's `wsgi.input`, which knows whether it was read to its end, and sends `100 Continue` when it is read.

    Reading raises RequestTimeout (408) when the client is late, and a ParseException when it sends no HTTP.
    """

    def __init__(self, body: Body, ask: Callable[[], object] | None, waiting: Waiting) -> None:
        if isinstance(body.reader, LengthReader):
            body.reader = _WholeLengthReader(body.reader.unreader, body.reader.length)
        elif isinstance(body.reader, ChunkedReader):
            body.reader.parser = _paced(body.reader.parser)
        self._body = body
        self._ask = ask
        self._waiting = waiting
        self.failed = False
        """Whether reading has failed, so that no more can be read. gunicorn reads this attribute, too."""

    @property
    def complete(self) -> bool:
        """Return whether nothing of it is left on the connection."""
        reader = self._body.reader
        if self.failed or not isinstance(reader, LengthReader | ChunkedReader):
            return False
        return reader.length == 0 if isinstance(reader, LengthReader) else reader.parser is None

    def read(self, size: int | None = None) -> bytes:
        """Return up to `size` bytes, or all that is left; b"" at the end."""
        return self._read(lambda: self._body.read(size))

    def readline(self, size: int | None = None) -> bytes:
        """Return the next line, or up to `size` bytes of it."""
        return self._read(lambda: self._body.readline(size))

    def readlines(self, _: int | None = None) -> list[bytes]:
        """Return all lines that are left."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _read(self, take: Callable[[], bytes]) -> bytes:
        if self.failed:
            raise _request_timeout()
        ask, self._ask = self._ask, None
        try:
            if ask and not self.complete:
                ask()
            with self._waiting():
                return take()
        except TimeoutError:
            self.failed = True
            raise _request_timeout() from None
        except NoMoreData:
            self.failed = True
            raise IncompleteBody from None
        except Exception:  # whatever broke it off, the rest of the body must not be read as the next request
            self.failed = True
            raise


def _request_timeout() -> "RequestTimeout":
    from werkzeug.exceptions import RequestTimeout  # not before gunicorn listens: it loads all of Werkzeug

    return RequestTimeout()


def watch_body(request: Any, sock: socket.socket, waiting: Waiting = nullcontext) -> None:
    """Give a request of gunicorn's a RequestBody, and close its connection unless that is read to its end.

    A refused upgrade closes it as well: what follows may be of the other protocol already.
    """
    upgrades = _upgrades(request)
    if not upgrades and _is_empty(request.body.reader):
        return
    ask = (lambda: sock.sendall(CONTINUE)) if request._expected_100_continue else None
    request._expected_100_continue = False  # gunicorn would invite the body of a request that is refused by its head
    body = request.body = RequestBody(request.body, ask, waiting)
    announced = request.should_close

    def should_close() -> bool:
        if not body.complete or upgrades:
            request.force_close()  # for good: what the response announced must hold after it
        return bool(announced())

    request.should_close = should_close


def _is_empty(reader: Any) -> bool:
    return isinstance(reader, LengthReader) and reader.length == 0


def _upgrades(request: Any) -> bool:
    """Return whether it asks for a WebSocket, perhaps among other protocols and by its version (RFC 9110, 7.8)."""
    offered = [each for name, value in request.headers if name == "UPGRADE" for each in value.split(",")]
    return any(each.partition("/")[0].strip().lower() == WEBSOCKET for each in offered)
