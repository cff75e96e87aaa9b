"""What becomes of a queue that does not answer: one error, whatever failed."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from kombu.exceptions import OperationalError
from redis import AuthenticationError, RedisError, ResponseError

from image_api.errors import WorkerUnavailable

QUEUE_FAILURES = (RedisError, OperationalError, OSError)
"""What Redis and the broker raise if they do not do what they are asked."""


class QueueUnavailable(WorkerUnavailable):
    """Raised if Redis or the broker does not take what is sent to it."""


@dataclass(frozen=True)
class Trouble:
    """Why there is nothing to hope for, for a while."""

    problem: str
    since: float
    """When it began, in seconds of the monotonic clock."""


@contextlib.contextmanager
def reaching_queue() -> Iterator[None]:
    """Raise QueueUnavailable if Redis or the broker fails within the context."""
    try:
        yield
    except QUEUE_FAILURES as error:
        raise QueueUnavailable(problem_of(error)) from error


def problem_of(error: Exception) -> str:
    """Return a failure as a sentence; its own text may have an address."""
    verb = "refuses commands" if isinstance(error, ResponseError | AuthenticationError) else "does not answer"
    return f"The queue of the Celery workers {verb} ({type(error).__name__})."
