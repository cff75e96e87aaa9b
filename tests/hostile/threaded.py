"""An asyncio server in a thread of its own, which ends every connection when it is left."""

import asyncio
import contextlib
import threading
from typing import Any, ClassVar, Self

from tests.hostile.wire import LOOPBACK

START_SECONDS = 5


class ThreadedServer:
    """Serves on `port`, a free one if it is 0. A subclass defines what happens on a connection."""

    options: ClassVar[dict[str, Any]] = {}
    """Arguments of asyncio.start_server."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self._clients: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection until it ends; OSError, IncompleteReadError and cancellation end it too."""
        raise NotImplementedError

    def close(self) -> None:
        """Close what outlasts a client's connection."""

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._up.wait(START_SECONDS):
            raise RuntimeError(f"{self._thread.name} does not come up")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._accept())

    async def _accept(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._client, LOOPBACK, self.port, **self.options)
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        await self._stop.wait()
        server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self.close()
        await asyncio.sleep(0.01)  # until the connections are closed

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)
        with contextlib.suppress(asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            await self.serve(reader, writer)
        writer.close()
