"""A TCP proxy whose first connections break off once a word has passed, as a mobile network's do."""

import asyncio
import contextlib

from tests.hostile.threaded import ThreadedServer
from tests.hostile.wire import LOOPBACK, READ_BYTES


class CuttingProxy(ThreadedServer):
    """Stands before the server on `upstream`, and breaks off the first `cuts` responses that have `word`."""

    def __init__(self, upstream: int, word: bytes, cuts: int) -> None:
        super().__init__()
        self._upstream = upstream
        self._word = word
        self.left = cuts
        self.sent = b""
        """What clients have sent."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass everything on, and close both connections when it is time."""
        upstream_reader, upstream_writer = await asyncio.open_connection(LOOPBACK, self._upstream)
        sending = asyncio.create_task(self._send(reader, upstream_writer))
        try:
            await self._receive(upstream_reader, writer)
        finally:
            sending.cancel()
            upstream_writer.close()

    async def _send(self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(READ_BYTES):
                self.sent += data
                upstream.write(data)
                await upstream.drain()

    async def _receive(self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = b""
        while data := await upstream.read(READ_BYTES):
            writer.write(data)
            await writer.drain()
            received += data
            if self.left and self._word in received:
                self.left -= 1
                writer.transport.abort()
                return
