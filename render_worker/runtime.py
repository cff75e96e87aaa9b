"""The one background thread that owns the event loop, and the bounded queue before the engines.

Flask's views run in many threads; Playwright's objects belong to one. Views hand coroutines to the runtime and wait.
"""

import asyncio
import concurrent.futures
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from render_worker.contract import QueueHealth
from render_worker.errors import DeadlinePassed, Stopping, WorkerBusy

CLEAN_UP_SECONDS = 2.0  # what cancelled work may take to let go of its page before its caller stops waiting for that
STOP_SECONDS = 5.0  # what everything together may take at the end, the browser's own goodbye included
CHILD_NICENESS = 10  # a browser that starts on a tenth of a core must not keep /health from answering

T = TypeVar("T")


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose child processes lead sessions of their own and give way to this process.

    Playwright's node driver would otherwise share gunicorn's process group: a SIGTERM or Ctrl-C to the group kills
    it before the running generations have ended.
    """

    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        options.setdefault("start_new_session", True)
        transport, protocol = await super().subprocess_exec(*args, **options)
        with contextlib.suppress(OSError):  # it has ended already, or the system forbids it: both are no harm
            os.setpriority(os.PRIO_PROCESS, transport.get_pid(), CHILD_NICENESS)
        return transport, protocol


class Runtime:
    """An event loop in its own thread. Start it in the process that uses it: a thread does not outlive a fork."""

    def start(self) -> None:
        """Start the thread."""
        self._loop = _Loop()
        self._running: set[asyncio.Task[Any]] = set()  # ours alone; Playwright has tasks of its own on this loop
        self._thread = threading.Thread(target=self._serve, name="runtime", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine on the loop without waiting for it; a stop cancels it."""
        return asyncio.run_coroutine_threadsafe(self._tracked(work), self._loop)

    async def _tracked(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await task

    def run(self, work: Coroutine[Any, Any, T], timeout: float) -> T:
        """Run a coroutine and wait for its result; after `timeout` seconds cancel it and raise DeadlinePassed."""
        future = self.submit(_within(work, timeout))
        try:
            return future.result(timeout + CLEAN_UP_SECONDS)
        except TimeoutError:
            future.cancel()
            raise _deadline_passed(timeout) from None
        except concurrent.futures.CancelledError:
            raise Stopping("The render worker is being stopped.") from None

    def give_up(self) -> None:
        """Cancel whatever runs: who waits for it is told that the worker is being stopped."""
        self._loop.call_soon_threadsafe(self._cancel_all)

    def _cancel_all(self) -> set[asyncio.Task[Any]]:
        running = set(self._running)
        for task in running:
            task.cancel()
        return running

    def stop(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancel whatever still runs, do one last thing and end the thread."""
        with contextlib.suppress(TimeoutError):  # what does not let go in time ends with the process
            asyncio.run_coroutine_threadsafe(self._end(last), self._loop).result(STOP_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)

    async def _end(self, last: Coroutine[Any, Any, None]) -> None:
        running = self._cancel_all()
        if running:
            await asyncio.wait(running, timeout=CLEAN_UP_SECONDS)
        await last


def _deadline_passed(timeout: float) -> DeadlinePassed:
    return DeadlinePassed(f"The picture was not ready within the request's {timeout:.3g} seconds.")


async def _within(work: Coroutine[Any, Any, T], timeout: float) -> T:
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if limit.expired():
            raise _deadline_passed(timeout) from None
        raise


class Admission:
    """A bounded queue. It belongs to the loop's thread; its numbers may be read from any."""

    def __init__(self, max_concurrency: int, queue_size: int) -> None:
        self._max_concurrency = max_concurrency
        self._queue_size = queue_size
        self._places = asyncio.Semaphore(max_concurrency)
        self._running = 0
        self._waiting = 0

    @contextlib.asynccontextmanager
    async def place(self, engine_places: asyncio.Semaphore) -> AsyncIterator[Callable[[], None]]:
        """Hold a place among all generations and one of the engine's own, which calling what this yields gives back.

        WorkerBusy where the queue is full.
        """
        if self.must_wait(engine_places) and self._waiting >= self._queue_size:
            raise WorkerBusy(f"The render worker is busy and its queue of {self._queue_size} is full.")
        with contextlib.ExitStack() as all_places, contextlib.ExitStack() as engine_place:
            self._waiting += 1
            try:
                # The engine's place comes first, so that who waits for one engine takes no place from another.
                await engine_places.acquire()
                engine_place.callback(engine_places.release)
                await self._places.acquire()
                all_places.callback(self._places.release)
            finally:
                self._waiting -= 1
            self._running += 1
            try:
                yield engine_place.close
            finally:
                self._running -= 1

    def must_wait(self, engine_places: asyncio.Semaphore) -> bool:
        """Whether the next caller of that engine would have to wait."""
        return engine_places.locked() or self._places.locked()

    def health(self) -> QueueHealth:
        """The queue as it is now."""
        return QueueHealth(
            running=self._running,
            waiting=self._waiting,
            max_concurrency=self._max_concurrency,
            queue_size=self._queue_size,
        )
