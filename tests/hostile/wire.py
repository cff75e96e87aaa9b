"""HTTP as bytes: requests that no library would send, and a parser of their responses."""

import asyncio
import contextlib
import json
import resource
import socket
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

LOOPBACK = "127.0.0.1"
HEAD_END = b"\r\n\r\n"
BODILESS = {204, 304}
READ_BYTES = 64 * 1024
RESPONSE_SECONDS = 15.0
OWN_FAULT = "internal_error"
CODED = {502, 503, 504}


class MalformedResponse(Exception):
    """Raised if what was received is no HTTP."""


@dataclass(frozen=True)
class Response:
    """A response, as far as an attack needs it."""

    status: int
    headers: dict[str, str]
    """Their names in small letters; of a repeated one the last."""
    body: bytes

    @property
    def code(self) -> str | None:
        """Return the stable code of an error, in either tier's dialects; None if there is none."""
        try:
            body = json.loads(self.body)
        except ValueError:
            return None
        body = body.get("error", body) if isinstance(body, dict) and isinstance(body.get("error"), dict) else body
        return body.get("code") if isinstance(body, dict) else None

    @property
    def closes(self) -> bool:
        """Return whether the response announces the connection's end."""
        return "close" in self.headers.get("connection", "").lower()

    @property
    def own_fault(self) -> bool:
        """Return whether the server failed by its own fault: a 500 of any kind, or a failure without a code.

        501 and 505 are gunicorn's refusals of parts of HTTP that it does not implement.
        """
        return self.status == 500 or self.code == OWN_FAULT or (self.status in CODED and self.code is None)


def parse(data: bytes, *, head_only: bool = False, ended: bool = False) -> tuple[Response, int] | None:
    """Return the first response in `data` and its length; None if it is incomplete. `ended`: nothing more comes.

    Raises MalformedResponse if `data` cannot become one.
    """
    head, found, _ = data.partition(HEAD_END)
    if not found:
        if data and (ended or not data[:5].startswith(b"HTTP/"[: len(data)])):
            raise MalformedResponse(repr(data[:200]))
        return None
    status, headers = _parse_head(head)
    start = len(head) + len(HEAD_END)
    if 100 <= status < 200 and status != 101:
        return Response(status, headers, b""), start
    if head_only or status in BODILESS or status == 101:
        return Response(status, headers, b""), start
    if "chunked" in headers.get("transfer-encoding", "").lower():
        chunks = _parse_chunks(data, start)
        return (Response(status, headers, chunks[0]), chunks[1]) if chunks else None
    if "content-length" in headers:
        end = start + int(headers["content-length"])
        return (Response(status, headers, data[start:end]), end) if len(data) >= end else None
    return (Response(status, headers, data[start:]), len(data)) if ended else None


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
        raise MalformedResponse(repr(first[:200]))
    pairs = (line.partition(":") for line in lines)
    return int(words[1]), {name.strip().lower(): text.strip() for name, _, text in pairs}


def _parse_chunks(data: bytes, start: int) -> tuple[bytes, int] | None:
    body = b""
    while True:
        end = data.find(b"\r\n", start)
        if end < 0:
            return None
        size = int(data[start:end].split(b";")[0], 16)
        after = end + 2 + size + 2
        if len(data) < after:
            return None
        body += data[end + 2 : after - 2]
        start = after
        if not size:
            return body, after


def request(method: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
    """Return a request as bytes; an underscore in a header's name is a hyphen, and a body gets its length."""
    given = {"Host": "localhost", **{name.replace("_", "-"): text for name, text in headers.items()}}
    if body is not None:
        given = {"Content-Type": "application/json", "Content-Length": str(len(body)), **given}
    lines = "".join(f"{name}: {text}\r\n" for name, text in given.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + (body or b"")


class Connection:
    """A client's connection, on which anything can be sent."""

    def __init__(self, port: int, source: str = LOOPBACK, seconds: float = RESPONSE_SECONDS) -> None:
        self.socket = socket.create_connection((LOOPBACK, port), seconds, (source, 0))
        self._seconds = seconds
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect."""
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send, even if the server has closed the connection."""
        with contextlib.suppress(OSError):
            self.socket.sendall(data)

    def response(self, seconds: float | None = None, *, head_only: bool = False) -> Response | None:
        """Return the next response; None if the connection ends without one, or none comes within `seconds`."""
        self.socket.settimeout(seconds or self._seconds)
        while (found := parse(self._rest, head_only=head_only)) is None:
            try:
                data = self.socket.recv(READ_BYTES)
            except OSError:
                return None
            if not data:
                found = parse(self._rest, head_only=head_only, ended=True)
                if found is None:
                    return None
                break
            self._rest += data
        self._rest = self._rest[found[1] :]
        return found[0]

    def final_response(self, seconds: float | None = None) -> Response | None:
        """Return the next response that is no 1xx; None if there is none."""
        response = self.response(seconds)
        while response is not None and 100 <= response.status < 200 and response.status != 101:
            response = self.response(seconds)
        return response

    def ends(self, seconds: float) -> bool:
        """Return whether the server closes the connection within `seconds`; what it still sends is dropped."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(READ_BYTES):
                pass
        except TimeoutError:
            return False
        except OSError:
            return True
        return True


def ask(port: int, data: bytes, source: str = LOOPBACK, seconds: float = RESPONSE_SECONDS) -> Response | None:
    """Return the response to one request on a connection of its own; None if none comes within `seconds`."""
    with Connection(port, source, seconds) as connection:
        connection.send(data)
        return connection.final_response()


@dataclass
class Tally:
    """Counts of requests and of their responses."""

    requests: int = 0
    own_faults: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """By status and code, such as `400 invalid_parameter`."""

    def add(self, response: Response | None) -> Response | None:
        """Count a request and its response, which is None if none came; return the response."""
        self.requests += 1
        self.own_faults += response is not None and response.own_fault
        self.outcomes[f"{response.status} {response.code or ''}".strip() if response else "no answer"] += 1
        return response

    def __iadd__(self, other: "Tally") -> Self:
        self.requests += other.requests
        self.own_faults += other.own_faults
        self.outcomes += other.outcomes
        return self


def flood(port: int, requests: Iterable[bytes], connections: int = 16, source: str = LOOPBACK) -> Tally:
    """Send all requests over so many kept connections, one at a time on each; return the tally of the responses."""
    return asyncio.run(_flood(port, iter(requests), connections, source))


async def _flood(port: int, left: Iterable[bytes], connections: int, source: str) -> Tally:
    tally = Tally()

    async def client() -> None:
        link: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for data in left:
            link = link or await asyncio.open_connection(LOOPBACK, port, local_addr=(source, 0))
            response = await exchange(*link, data)
            tally.add(response)
            if response is None or response.closes:
                await close(link[1])
                link = None
        if link:
            await close(link[1])

    await asyncio.gather(*(client() for _ in range(connections)))
    return tally


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection, and wait until it is closed."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes, seconds: float = RESPONSE_SECONDS
) -> Response | None:
    """Send a request on a connection; return its response, None if none comes within `seconds`."""
    got = b""
    try:
        async with asyncio.timeout(seconds):
            writer.write(data)
            while (found := parse(got)) is None:
                more = await reader.read(READ_BYTES)
                if not more:
                    found = parse(got, ended=True)
                    return found[0] if found else None
                got += more
    except (OSError, TimeoutError):
        return None
    return found[0]


def raise_file_limit() -> int:
    """Allow this process as many open files as it may have; return how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
