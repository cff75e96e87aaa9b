"""Fair scheduling of requests that arrive at the same time: each begins in a turn of the event loop of its own."""

from collections import deque
from typing import Any

from gevent import get_hub
from gevent.hub import Waiter


class RequestQueue:
    """Begins requests one by one, in the order of arrival. It belongs to the hub in which it is made.

    A request runs for nearly a millisecond before it first waits. gevent runs all that are ready before it looks for
    new connections: with 2,000 of them a health check would wait for one to two seconds. Here what is ready is served
    before the next request begins.
    """

    def __init__(self) -> None:
        self._waiting: deque[Waiter[None]] = deque()
        # Behind all sockets that are ready. As a callback it would be run up to 50 times in a turn.
        self._next_turn: Any = get_hub().loop.timer(0, priority=-1)

    def wait(self) -> None:
        """Wait for this request's turn; returns at once unless another request began in this turn of the loop."""
        if self._next_turn.active:
            waiter: Waiter[None] = Waiter()
            self._waiting.append(waiter)
            waiter.get()
        else:
            self._next_turn.start(self._begin_next)

    def _begin_next(self) -> None:
        self._next_turn.stop()
        if self._waiting:
            self._next_turn.start(self._begin_next)
            self._waiting.popleft().switch(None)  # which does nothing if its greenlet was killed
