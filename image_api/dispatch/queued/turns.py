"""The order in which sends that wait come next: their clients take turns."""

from collections import OrderedDict
from collections.abc import Callable

from image_api.errors import ApiError


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
        self._clients: OrderedDict[str | None, OrderedDict[Send, None]] = OrderedDict()

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
        """Take the oldest send of the client whose turn it is; its next one comes after those of the others."""
        client, line = next(iter(self._clients.items()))
        send, _ = line.popitem(last=False)
        self._clients.move_to_end(client)
        if not line:
            del self._clients[client]
        return send

    def remove(self, send: Send) -> None:
        """Have a send wait no more, if it does."""
        line = self._clients.get(send.client, OrderedDict())
        line.pop(send, None)
        if not line:
            self._clients.pop(send.client, None)
