"""Work with files and downloads, in threads of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

THREADS = 16

T = TypeVar("T")


class SharedWork:
    """Threads apart from the loop's few, in which each picture is encoded: a slow download must not hold those up.

    It belongs to the loop's thread.
    """

    def __init__(self, name: str) -> None:
        self._threads = ThreadPoolExecutor(THREADS, name)
        self._running: dict[str, asyncio.Future[Any]] = {}

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return what a function returns, called in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def run_once(self, name: str, function: Callable[[str], T]) -> T:
        """Return what the function returns of a name, called once for all that wait for it at a time.

        A caller that is cancelled leaves it to the others.
        """
        if name not in self._running:
            future = asyncio.get_running_loop().run_in_executor(self._threads, function, name)
            future.add_done_callback(lambda done: self._forget(name, done))
            self._running[name] = future
        found: T = await asyncio.shield(self._running[name])
        return found

    def _forget(self, name: str, done: "asyncio.Future[Any]") -> None:
        del self._running[name]
        if not done.cancelled():
            done.exception()  # every caller may have been cancelled

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
