"""Admission control of reads: requests for what the worker knows, which would fill all connections in a cold start."""

from collections.abc import Iterator
from contextlib import contextmanager

from image_api.admission import Admission, Waiter
from image_api.errors import ServiceBusy, WorkerUnavailable
from image_api.outbound.abort import Abort

TOO_MANY_READS = "Too many clients wait for the render worker already."


class ReadSlots:
    """Concurrency slots of reads, apart from those of generations. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._admission = Admission(limit)

    @contextmanager
    def slot(self, client: str | None) -> Iterator[Abort]:
        """Hold a slot for a client's read, which the Abort cancels when the slot is needed for another client.

        Raises WorkerUnavailable if there is no slot, or if the read is cancelled.
        """
        abort = Abort()
        waiter = _ReadWaiter(client, abort)
        try:
            self._admission.admit(waiter)
            yield abort
        except ServiceBusy:
            raise WorkerUnavailable(TOO_MANY_READS) from None
        finally:
            self._admission.release(waiter)


class _ReadWaiter(Waiter):
    """A read that waits for the worker."""

    def __init__(self, client: str | None, abort: Abort) -> None:
        super().__init__(client)
        self._abort = abort

    def evict(self) -> None:
        super().evict()
        self._abort.set()
