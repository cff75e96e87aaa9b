"""How much waits in the queues: also messages of jobs that were cancelled, which their rows do not count any more."""

from image_api.dispatch.queued.broker import Broker
from image_api.dispatch.queued.failures import QUEUE_FAILURES
from image_api.dispatch.queued.queue_names import QueueNames


class Backlog:
    """The messages that wait. Thread-safe."""

    def __init__(self, names: QueueNames, broker: Broker) -> None:
        self._names = names
        self._broker = broker

    def models_below(self, limit: int) -> frozenset[str]:
        """Return the models that Celery workers have told of, in whose queues fewer messages wait.

        Those of a broker that does not answer count as few: sending fails then.
        """
        queues = self._names.all()
        try:
            lengths = self._broker.lengths(set(queues.values()))
        except QUEUE_FAILURES:
            lengths = {}
        return frozenset(model for model, queue in queues.items() if lengths.get(queue, 0) < limit)
