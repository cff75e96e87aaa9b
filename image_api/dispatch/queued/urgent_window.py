"""How many urgent messages may wait in a queue: few, since none can be overtaken there, and none ever expires."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator

from image_api.dispatch.queued.broker import Broker
from image_api.dispatch.queued.failures import reaching_queue
from image_api.dispatch.queued.worker_reports import WorkerReports

MIN_WINDOW = 4  # also of a queue that no Celery worker takes messages from: the first one finds some there
WINDOW_OF_A_SLOT = 2  # so that no slot is idle until more are sent: a client that comes now waits for two pictures


class NoRoom(Exception):
    """Raised if as many urgent messages wait in a queue as may."""

    def __init__(self, queue: str) -> None:
        super().__init__(queue)
        self.queue = queue


class UrgentWindow:
    """The room for urgent messages in each queue, which the API processes share. Thread-safe.

    It costs nothing but a read of the length after each few messages: meanwhile all that were sent from here count as
    if they waited.
    """

    def __init__(self, reports: WorkerReports, broker: Broker) -> None:
        self._reports = reports
        self._broker = broker
        self._lengths: Counter[str] = Counter()
        """Of the queues, at most, as far as this process knows."""
        self._begun: Counter[str] = Counter()  # sends, since this process began
        self._ended: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def room(self, queue: str) -> Iterator[None]:
        """Send a message within the context. Raises NoRoom, or QueueUnavailable if the broker fails."""
        self._enter(queue)
        try:
            yield
        finally:
            with self._lock:
                self._ended[queue] += 1

    def _enter(self, queue: str) -> None:
        size = self._size(queue)
        if self._takes(queue, size):
            return
        with self._lock:
            ended = self._ended[queue]  # before the length is read, which has at most these
        with reaching_queue():
            length = self._broker.urgent_length(queue)
        with self._lock:  # a message that lands during the read may count twice, and is never missed
            self._lengths[queue] = length + self._begun[queue] - ended
        if not self._takes(queue, size):
            raise NoRoom(queue)

    def _takes(self, queue: str, size: int) -> bool:
        with self._lock:
            if self._lengths[queue] >= size:
                return False
            self._lengths[queue] += 1
            self._begun[queue] += 1
            return True

    def _size(self, queue: str) -> int:
        """Return how many messages may wait, by the Celery workers that were last known to live."""
        slots = sum(report.concurrency for report in self._reports.last_live if queue in report.queues)
        return max(MIN_WINDOW, WINDOW_OF_A_SLOT * slots)
