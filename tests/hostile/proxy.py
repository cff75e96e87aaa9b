"""A small reverse proxy that keeps its connections and hands them from client to client, as proxies do.

It passes a request on as it comes, and considers an exchange complete when the whole request was sent and the whole
response received; then the next client's request reuses the connection, unless the response said that it ends.
"""

import asyncio
import contextlib
from dataclasses import dataclass

from tests.hostile.threaded import ThreadedServer
from tests.hostile.wire import HEAD_END, LOOPBACK, READ_BYTES, parse

SECONDS = 20.0  # of a whole exchange


@dataclass
class _Link:
    """A connection to the server, and what was received on it after the last response."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    rest: bytes = b""


class KeepAliveProxy(ThreadedServer):
    """Stands before the server on `upstream`, in a thread of its own."""

    def __init__(self, upstream: int) -> None:
        super().__init__()
        self._upstream = upstream
        self._kept: list[_Link] = []

    def close(self) -> None:
        """Close the kept connections."""
        for link in self._kept:
            link.writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one request after the other."""
        while True:
            head = await reader.readuntil(HEAD_END)
            async with asyncio.timeout(SECONDS):
                await self._exchange(head, reader, writer)

    async def _exchange(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept = self._kept.pop() if self._kept else None
        link = kept or _Link(*await asyncio.open_connection(LOOPBACK, self._upstream))
        sending = asyncio.create_task(_pass_on(head, reader, link.writer))
        try:
            closes = await _bring_back(link, writer)
            await sending
        except BaseException:
            sending.cancel()
            link.writer.close()
            raise
        if closes or link.reader.at_eof():
            link.writer.close()
        else:
            self._kept.append(link)


async def _pass_on(head: bytes, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter) -> None:
    """Pass a request on as it comes, to its end."""
    upstream.write(head)
    fields = {line.partition(b":")[0].strip().lower(): line.partition(b":")[2].strip() for line in head.split(b"\r\n")}
    if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            upstream.write(line + await reader.readexactly(size + 2))
            if not size:
                return
    left = int(fields.get(b"content-length", b"0"))
    while left:
        data = await reader.read(min(left, READ_BYTES))
        if not data:
            raise ConnectionError("the client has gone")
        left -= len(data)
        with contextlib.suppress(ConnectionError):  # its response may have been sent all the same
            upstream.write(data)
            await upstream.drain()


async def _bring_back(link: _Link, client: asyncio.StreamWriter) -> bool:
    """Pass the response on; return whether its connection ends."""
    ended = False
    while True:
        found = parse(link.rest, ended=ended)
        if found:
            client.write(link.rest[: found[1]])
            await client.drain()
            link.rest = link.rest[found[1] :]
            if found[0].status >= 200:
                return found[0].closes or ended
            continue
        if ended:
            raise ConnectionError("no answer")
        data = await link.reader.read(READ_BYTES)
        link.rest += data
        ended = not data
