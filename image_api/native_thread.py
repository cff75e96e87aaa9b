"""Work in a native thread: in gevent's hub it would delay all other clients."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, ParamSpec, TypeVar, cast

from gevent import Timeout
from gevent.event import AsyncResult
from gevent.monkey import is_module_patched
from gevent.threadpool import ThreadPool
from gevent.util import wrap_errors

P = ParamSpec("P")
R = TypeVar("R")

GRACE_SECONDS = 5.0  # for which a call that was interrupted may take to end


class NativeThread:
    """One native thread, which makes one call after the other. It starts with the first."""

    _latest: "AsyncResult[Any] | None" = None
    """The latest call of `call_within`, which may go on after that has returned."""

    def call(self, function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        """Call a function there, and let the hub go on; without gevent's patches the caller has a thread already."""
        if not is_module_patched("threading"):
            return function(*arguments, **named)
        # gevent prints the traceback of whatever is raised there.
        result: R | Exception = self._pool.apply(wrap_errors((Exception,), function), arguments, named)
        if isinstance(result, Exception):
            raise result
        return result

    def call_within(self, seconds: float, interrupt: Callable[[], object], function: Callable[[], R]) -> R:
        """Call a function there, and `interrupt` here if it has not ended after `seconds`, which is to make it raise.

        Raises TimeoutError if it goes on nevertheless. Without gevent's patches nothing bounds it.
        """
        if not is_module_patched("threading"):
            return function()
        pending = self._latest = self._pool.spawn(wrap_errors((Exception,), function))
        pending.wait(seconds)
        if not pending.ready():
            interrupt()
        try:
            result: Any = pending.get(timeout=GRACE_SECONDS)
        except Timeout:
            raise TimeoutError from None
        if isinstance(result, Exception):
            raise result
        return cast(R, result)

    def when_free(self, then: Callable[[], object]) -> None:
        """Call a function, which must not wait, once the call has ended that `call_within` made: mostly at once."""
        if self._latest is None or self._latest.ready():
            then()
        else:
            self._latest.rawlink(lambda _: then())

    def end(self) -> None:
        """End the thread, once its call has ended; another call starts a new one."""
        pool: ThreadPool | None = self.__dict__.pop("_pool", None)
        if pool is not None:  # one without unfinished calls counts as false
            pool.kill()

    @cached_property
    def _pool(self) -> ThreadPool:
        return ThreadPool(1)
