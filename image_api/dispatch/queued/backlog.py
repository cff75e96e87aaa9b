"""How much waits in the queues: also messages that nothing waits for any more, which only a Celery worker takes out."""

from collections.abc import Mapping

from image_api.dispatch.queued.broker import Broker
from image_api.dispatch.queued.failures import QUEUE_FAILURES, QueueUnavailable
from image_api.dispatch.queued.queue_names import QueueNames
from render_worker.serving.deadline import Deadline

MAX_MESSAGES = 2000  # of some 20 kB with the longest prompt: what Redis holds for a queue that nothing takes from
READ_SECONDS = 1.0
FULL = "Too many requests wait in the queue {} for a Celery worker."


class Backlog:
    """The messages that wait, as they were within the last second. Thread-safe."""

    def __init__(self, names: QueueNames, broker: Broker) -> None:
        self._names = names
        self._broker = broker
        self._known: Mapping[str, int] = {}
        self._until = Deadline.after(0)

    def check(self, queue: str) -> None:
        """Raise QueueUnavailable if no more messages are to go into a queue."""
        if self._lengths().get(queue, 0) >= MAX_MESSAGES:
            raise QueueUnavailable(FULL.format(queue))

    def models_below(self, limit: int) -> frozenset[str]:
        """Return the models that Celery workers have told of, in whose queues fewer messages wait."""
        lengths = self._lengths()
        return frozenset(model for model, queue in self._names.all().items() if lengths.get(queue, 0) < limit)

    def _lengths(self) -> Mapping[str, int]:
        """Return the length of each queue; none of a broker that does not answer, to which nothing can be sent."""
        if self._until.expired:
            self._until = Deadline.after(READ_SECONDS)  # before the read: one thread makes it, and others go on
            try:
                self._known = self._broker.lengths(set(self._names.all().values()))
            except QUEUE_FAILURES:
                self._known = {}
        return self._known
