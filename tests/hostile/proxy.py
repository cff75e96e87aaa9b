"""A small reverse proxy that keeps its connections and hands them from client to client, as proxies do.

It passes a request on as it comes, and considers an exchange complete when the whole request was sent and the whole
response received; then the next client's request reuses the connection, unless the response said that it ends.
"""

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from typing import Self

from tests.hostile.wire import HEAD_END, LOOPBACK, READ_BYTES, parse

SECONDS = 20.0  # of a whole exchange


@dataclass
class _Link:
    """A connection to the server, and what was received on it after the last response."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    rest: bytes = b""


class KeepAliveProxy:
    """Stands before the server on `upstream`, in a thread of its own."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._kept: list[_Link] = []
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._up.wait(5):
            raise RuntimeError("the proxy does not come up")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._clients: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._client, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        await self._stop.wait()
        server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        for link in self._kept:
            link.writer.close()
        await asyncio.sleep(0.01)  # until the connections are closed

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)
        ends = (asyncio.IncompleteReadError, ConnectionError, TimeoutError, asyncio.CancelledError)
        with contextlib.suppress(*ends):
            while True:
                head = await reader.readuntil(HEAD_END)
                async with asyncio.timeout(SECONDS):
                    await self._exchange(head, reader, writer)
        writer.close()

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
