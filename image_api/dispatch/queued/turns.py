"""The order in which sends that wait come next: first of the client with the fewest, and equals take turns."""

from collections import OrderedDict
from collections.abc import Callable

from image_api.errors import ApiError

SENDS_IN_A_ROW = 8  # then that of the client that was served longest ago, so that none starves


class Send:
    """A send that is repeated until it succeeds, fails for good, or is given up."""

    def __init__(
        self, client: str | None, queue: str | None, once: Callable[[], object], failed: Callable[[ApiError], object]
    ) -> None:
        """Send for a client into a queue, None if it is not known yet.

        `once` sends, and raises QueueUnavailable if a repetition can help, or NoRoom; `failed` is told of other errors.
        """
        self.client = client
        self.queue = queue
        self.once = once
        self.failed = failed
        self.given_up = False


class Turns:
    """The sends that wait, of each client in the order in which they came. One caller at a time."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str | None, OrderedDict[Send, None]] = OrderedDict()  # served longest ago first
        self._in_a_row = 0

    def __bool__(self) -> bool:
        """Return whether one waits."""
        return bool(self._clients)

    def add(self, send: Send, *, first: bool = False) -> None:
        """Have a send wait: behind the others of its client, or before those of all."""
        line = self._clients.setdefault(send.client, OrderedDict())
        line[send] = None
        if first:
            line.move_to_end(send, last=False)
            self._clients.move_to_end(send.client, last=False)

    def take(self) -> Send:
        """Take the oldest send of the client with the fewest; its next one comes after those of its equals."""
        waiting = next(iter(self._clients))
        client = waiting if self._in_a_row >= SENDS_IN_A_ROW else min(self._clients, key=self._number)
        self._in_a_row = 0 if client == waiting else self._in_a_row + 1
        line = self._clients[client]
        send, _ = line.popitem(last=False)
        self._clients.move_to_end(client)
        if not line:
            del self._clients[client]
        return send

    def _number(self, client: str | None) -> int:
        return len(self._clients[client])

    def remove(self, send: Send) -> None:
        """Have a send wait no more, if it does."""
        line = self._clients.get(send.client, OrderedDict())
        line.pop(send, None)
        if not line:
            self._clients.pop(send.client, None)
