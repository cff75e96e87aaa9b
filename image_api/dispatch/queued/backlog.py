"""How much waits in the queues: also messages that nothing waits for any more, which only a Celery worker takes out."""

from collections.abc import Mapping

from image_api.dispatch.queued.broker import Broker
from image_api.dispatch.queued.failures import QUEUE_FAILURES
from image_api.dispatch.queued.queue_names import QueueNames
from render_worker.serving.deadline import Deadline

READ_SECONDS = 1.0


class Backlog:
    """The messages that wait, as they were within the last second. Thread-safe."""

    def __init__(self, names: QueueNames, broker: Broker) -> None:
        self._names = names
        self._broker = broker
        self._known: Mapping[str, int] = {}
        self._until = Deadline.after(0)

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
