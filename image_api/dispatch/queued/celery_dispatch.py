"""The dispatch by the queue: each generation is a message that one of the Celery workers takes."""

import contextlib
import threading
from collections.abc import Callable, Iterator

from image_api.dispatch.base import ReportProgress
from image_api.dispatch.queued.ended_requests import EndedRequests
from image_api.dispatch.queued.queue import CeleryQueue
from image_api.dispatch.queued.queued_call import Job, QueuedCall, Tools
from image_api.dispatch.queued.request_states import unreadable
from image_api.dispatch.queued.retried_sends import RetriedSends
from image_api.dispatch.queued.waiting_calls import WaitingCalls
from image_api.dispatch.validation import checked_error, checked_result
from image_api.errors import ApiError, DeadlinePassed, Relayed
from image_api.outbound.abort import Abort
from image_api.sent_images import SentImage
from render_worker.contract import ErrorLine, GenerateRequest, GenerateResult

EARLY_SECONDS = 2.5  # by which a Celery worker may be early: the last of several engines is ended that much before


class CeleryDispatch:
    """Sends generations to the Celery workers by the queue. Thread-safe."""

    def __init__(self, queue: CeleryQueue, wake_seconds: float, stop: Callable[[], object] = lambda: None) -> None:
        """Wait for up to `wake_seconds` while there is no queue or no Celery worker; `stop` is called by `stop`."""
        self._tools = Tools(queue, RetriedSends(), WaitingCalls(queue.sweep), wake_seconds)
        self._ended = EndedRequests(queue.states)
        self._in_flight: dict[str, set[str]] = {}
        self._lock = threading.Lock()
        self._stop = stop

    def generate(
        self,
        request: GenerateRequest,
        report: ReportProgress,
        client: str | None = None,
        abort: Abort | None = None,
        image: SentImage | None = None,
        *,
        repeated: bool = False,
    ) -> GenerateResult:
        """Return the picture that a Celery worker made, as `Dispatch.generate`.

        A request whose Celery worker is lost is sent again, MAX_LOSSES times at most. None is `repeated` here: jobs
        take the queue themselves.
        """
        call = QueuedCall(Job(request, report, client, abort or Abort(), image), self._tools)
        try:
            return self._result(call, request.request_id)
        except ApiError as error:
            raise call.billing.as_failure(error) from error.__cause__

    def _result(self, call: QueuedCall, request_id: str) -> GenerateResult:
        with self._following(request_id, call):
            line = call.line()
        if isinstance(line, ErrorLine):
            error = _error_of(line, request_id, is_late=call.deadline.later_by(-EARLY_SECONDS).expired)
            call.billing.note_error(error)
            raise error
        try:
            result = checked_result(line.result).model_copy(update={"request_id": request_id})
        except ValueError as error:
            call.billing.note(None)
            raise unreadable() from error
        return call.billing.with_total(result)

    def cancel(self, request_id: str) -> None:
        """Tell the Celery workers in the background that a request of this process is cancelled."""
        with self._lock:
            ids = list(self._in_flight.get(request_id, ()))
        for queue_id in ids:
            self._ended.cancel(queue_id)

    def stop(self) -> None:
        """End every wait, and have what is made for it cancelled."""
        self._tools.calls.stop()
        self._tools.queue.stop()
        self._stop()

    @contextlib.contextmanager
    def _following(self, request_id: str, call: QueuedCall) -> Iterator[None]:
        """Know of a call while it lasts; have it settled at its end, and cancelled if it is left without one."""
        with self._lock:
            self._in_flight.setdefault(request_id, set()).add(call.id)
        try:
            yield
        except BaseException:  # also if the greenlet is killed: the picture would be made for nothing
            self._ended.cancel(call.id)
            raise
        else:
            self._ended.settle(call.id)
        finally:
            with self._lock:
                self._in_flight[request_id].discard(call.id)
                if not self._in_flight[request_id]:
                    del self._in_flight[request_id]


def _error_of(line: ErrorLine, request_id: str, *, is_late: bool) -> ApiError:
    """Return what the error of a Celery worker means in this tier, at the end of the request's time or before."""
    try:
        body = checked_error(line.error, line.status)
    except ValueError:
        return unreadable()
    relayed = Relayed(body.model_copy(update={"request_id": body.request_id and request_id}), line.status)
    if body.code != DeadlinePassed.code or not is_late:
        return relayed
    late = DeadlinePassed(body.error, body.fallback_from)  # the request's own deadline, not that of one of its phases
    late.__cause__ = relayed
    return late
