"""The one background thread that owns the event loop.

Flask's views run in many threads; Playwright's objects belong to one. Views submit coroutines to the runtime and wait.
"""

import asyncio
import concurrent.futures
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from render_worker.browser.processes import CHILD
from render_worker.errors import DeadlinePassed, Stopping
from render_worker.serving.deadline import Deadline

CLEAN_UP_SECONDS = 2.0  # what cancelled work may take to release its page before its request stops waiting for that
STOP_SECONDS = 5.0  # what everything together may take at the end, closing the browser included
LAST_SECONDS = 1.0  # beyond that, for tasks that are still there to end at further cancellations
CHILD_NICENESS = 10  # a browser that starts on a tenth of a core must not keep /health from answering

T = TypeVar("T")


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose child processes have sessions of their own and less priority than this process.

    Playwright's node driver would otherwise share gunicorn's process group: a SIGTERM or Ctrl-C to the group kills
    it before the running generations have ended.
    """

    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        options.setdefault("start_new_session", True)
        child = CHILD.get()
        if child:
            options["env"] = child.environment(options.get("env") or os.environ)  # noqa: TID251 - passed on
        transport, protocol = await super().subprocess_exec(*args, **options)
        if child:
            child.transport = transport
        with contextlib.suppress(OSError):  # it has ended already, or the system forbids it: neither does harm
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
        self._loop.run_until_complete(_cancel_left())
        self._loop.close()

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine on the loop without waiting for it; a stop cancels it."""
        return asyncio.run_coroutine_threadsafe(self._tracked(work), self._loop)

    async def _tracked(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await task

    def begin(self, work: Coroutine[Any, Any, T], timeout: float) -> "LoopWork[T]":
        """Run a coroutine on the loop and cancel it after `timeout` seconds."""
        return LoopWork(self.submit(_cancel_after(work, timeout)), timeout)

    def run(self, work: Coroutine[Any, Any, T], timeout: float) -> T:
        """Run a coroutine and wait for its result; after `timeout` seconds cancel it and raise DeadlinePassed."""
        return self.begin(work, timeout).result()

    def give_up(self) -> None:
        """Cancel all that runs; requests that wait for it raise Stopping."""
        self._loop.call_soon_threadsafe(self._cancel_all)

    def _cancel_all(self) -> set[asyncio.Task[Any]]:
        running = set(self._running)
        for task in running:
            task.cancel()
        return running

    def stop(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancel all that still runs, run one last coroutine, cancel what is left of all this and end the thread."""
        with contextlib.suppress(TimeoutError):  # what takes longer is left
            asyncio.run_coroutine_threadsafe(self._cancel_and_await(last), self._loop).result(STOP_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS + LAST_SECONDS)

    async def _cancel_and_await(self, last: Coroutine[Any, Any, None]) -> None:
        running = self._cancel_all()
        if running:
            await asyncio.wait(running, timeout=CLEAN_UP_SECONDS)
        await last


class LoopWork(Generic[T]):
    """A coroutine that runs on the loop until its timeout; one that does not end then is not waited for."""

    def __init__(self, future: concurrent.futures.Future[T], timeout: float) -> None:
        self._future = future
        self._timeout = timeout
        self._deadline = Deadline.after(timeout + CLEAN_UP_SECONDS)
        self._expired = False

    @property
    def remaining(self) -> float:
        """Return the seconds for which it may still be waited for."""
        return self._deadline.remaining

    def result(self) -> T:
        """Wait for the result; raises DeadlinePassed after its timeout, and Stopping if the worker is being stopped."""
        try:
            return self._future.result(self.remaining)
        except TimeoutError:
            self.expire()
            raise _deadline_passed(self._timeout) from None
        except concurrent.futures.CancelledError:
            if self._expired:
                raise _deadline_passed(self._timeout) from None
            raise Stopping("The render worker is being stopped.") from None

    def expire(self) -> None:
        """Cancel it: from now on `result` raises DeadlinePassed, unless there is one already."""
        self._expired = True
        self._future.cancel()

    def when_done(self, callback: Callable[[], None]) -> None:
        """Call back, on any thread, as soon as `result` does not block."""
        self._future.add_done_callback(lambda _: callback())


async def _cancel_left() -> None:
    """Cancel every other task of the loop, again and again, until all have ended.

    The garbage collector would close their coroutines later, in any thread and any context, amid any other work.
    """
    left, end = asyncio.all_tasks() - {asyncio.current_task()}, Deadline.after(LAST_SECONDS)
    while left and not end.expired:
        for task in left:
            task.cancel()
        ended, left = await asyncio.wait(left, timeout=LAST_SECONDS / 4)
        for task in ended:
            if not task.cancelled():
                task.exception()  # retrieved, lest asyncio log it: nothing waits for the task any more


def _deadline_passed(timeout: float) -> DeadlinePassed:
    return DeadlinePassed(f"The picture was not ready within the request's {timeout:.3g} seconds.")


async def _cancel_after(work: Coroutine[Any, Any, T], timeout: float) -> T:
    """Return the result of the work; cancels it and raises DeadlinePassed after `timeout` seconds."""
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if limit.expired():
            raise _deadline_passed(timeout) from None
        raise
