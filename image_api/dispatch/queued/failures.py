"""What becomes of a queue that does not answer: one error, whatever failed."""

import contextlib
from collections.abc import Iterator

from kombu.exceptions import OperationalError
from redis import RedisError

from image_api.errors import ApiError, WorkerUnavailable

QUEUE_FAILURES = (RedisError, OperationalError, OSError)
"""What Redis and the broker raise if they do not do what they are asked."""


class QueueUnavailable(WorkerUnavailable):
    """Raised if Redis or the broker does not take what is sent to it."""


@contextlib.contextmanager
def reaching_queue() -> Iterator[None]:
    """Raise QueueUnavailable if Redis or the broker fails within the context."""
    try:
        yield
    except QUEUE_FAILURES as error:  # its text may have an address
        raise QueueUnavailable(f"The queue of the Celery workers does not answer ({type(error).__name__}).") from error


def can_be_repeated(error: ApiError) -> bool:
    """Return whether an error is that the queue does not answer, also if another request met it first."""
    return error.body().code == QueueUnavailable.code
