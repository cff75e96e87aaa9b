"""The dispatch to several render workers: each generation goes to the least busy, and if that fails it to the next.

A request keeps its id. If its connection breaks it is sent again to the same worker, which knows it by that, and to
another only if the first does not answer any more: so no picture is paid for twice if that can be helped.
"""

import contextlib
import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from image_api.dispatch.base import ReportProgress
from image_api.dispatch.billing import Billing
from image_api.dispatch.cold_start import WorkerStarting
from image_api.dispatch.direct import Job
from image_api.dispatch.image_form import ImageUnknownToWorker
from image_api.dispatch.pool.load_balancer import BUSY, LoadBalancer, Search, is_busy
from image_api.dispatch.pool.pooled_worker import PooledWorker
from image_api.dispatch.pool.worker_pool import WorkerPool
from image_api.errors import (
    ApiError,
    DeadlinePassed,
    Relayed,
    ServiceBusy,
    UnknownToWorker,
    WorkerNotConfigured,
    WorkerUnavailable,
)
from image_api.outbound.abort import Abort
from image_api.sent_images import SentImage
from render_worker.contract import GenerateRequest, GenerateResult
from render_worker.serving.deadline import Deadline

UNASKED = ("engine_resting", "too_slow")  # codes with which a worker has asked no service
NO_MODEL = re.compile(r"model must be one of ")  # says a worker of a model that it does not have
SERVER_ERROR = 500
MAX_VISITS = 2  # of one request to a worker that breaks its connections, while others can be asked
NO_FAULT = {BUSY, DeadlinePassed.code, *UNASKED}

log = logging.getLogger(__name__)


class PooledDispatch:
    """Sends generations to several render workers. Thread-safe."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self._in_flight: dict[str, list[_Failover]] = {}
        self._lock = threading.Lock()

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
        """Return the picture that one of the workers made, as `Dispatch.generate`."""
        job = Job(request, Deadline.after(request.timeout_seconds), report, client, image, Billing(request.max_price))
        preferred = self._pool.holder_of(request.request_id) if repeated else None
        search = Search(request.model, job.deadline, report, abort or Abort(), preferred)
        failover = _Failover(self._pool.balancer, job, search)
        with self._following(request.request_id, failover):
            try:
                result, worker = failover.run()
            except ApiError as error:
                raise job.billing.as_failure(error) from error.__cause__
        self._pool.note_location(result.image_url, worker)
        return result

    def cancel(self, request_id: str) -> None:
        """Have each worker cancel the request that may have it, in the background."""
        with self._lock:
            places = {worker for it in self._in_flight.get(request_id, ()) for worker in it.places}
        for worker in places or [worker for worker in self._pool.workers if worker.is_up]:
            worker.dispatch.cancel(request_id)

    def stop(self) -> None:
        """End every wait for a worker, and close the connections that are idle."""
        self._pool.stop()

    @contextlib.contextmanager
    def _following(self, request_id: str, failover: "_Failover") -> Iterator[None]:
        """Know of a request's attempts while they last; several may have one id."""
        with self._lock:
            self._in_flight.setdefault(request_id, []).append(failover)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight[request_id].remove(failover)
                if not self._in_flight[request_id]:
                    del self._in_flight[request_id]


@dataclass(eq=False)
class _Failover:
    """The attempts of one generation at one worker after the other."""

    balancer: LoadBalancer
    job: Job
    search: Search
    places: list[PooledWorker] = field(default_factory=list)
    """The workers that may have the request."""

    def run(self) -> tuple[GenerateResult, PooledWorker]:
        """Return the picture and the worker that made it. Raises the ApiError that says most if none did."""
        while worker := self.balancer.reserve(self.search):
            self.places.append(worker)
            try:
                with worker.holding(self.search.abort):
                    return self._attempt_twice(worker), worker
            except ApiError as error:
                self._note(worker, error)
        raise self._error()

    def _attempt_twice(self, worker: PooledWorker) -> GenerateResult:
        try:
            return self._attempt(worker)
        except WorkerStarting as error:
            self.search.abort.check()
            if not (error.sent and worker.answers(self.search.abort)):
                raise
        return self._attempt(worker)  # an idempotent retry

    def _attempt(self, worker: PooledWorker) -> GenerateResult:
        with self.search.abort.over_connections():
            result = worker.dispatch.attempt(self.job)
        worker.note_success()
        return result

    def _note(self, worker: PooledWorker, error: ApiError) -> None:
        """Have the next worker asked. Raises the error if that could not help."""
        self.search.abort.check()
        if is_busy(error):
            worker.load.note_refusal()
        elif isinstance(error, WorkerStarting):
            if worker.is_silent:  # it may have the request, for when it goes on
                worker.dispatch.cancel(self.job.request.request_id)
            if worker.is_lost and self.places.count(worker) < MAX_VISITS:  # it may be up again before all others are
                return
        elif isinstance(error, WorkerUnavailable) or _is_fault(error):
            worker.note_failure()
        if not _is_passed_on(error):
            raise error
        log.info("%s: %s made no picture: %s", self.job.request.request_id, worker.client.name, error)
        self.search.refused[worker] = error

    def _error(self) -> ApiError:
        """Return the error of those that refused it which says most."""
        errors = [*self.search.refused.values()]
        if lost := self.balancer.unreachable(self.search):
            errors.append(lost)
        return min(errors, key=_rank, default=WorkerUnavailable("No render worker answers."))


def _is_fault(error: ApiError) -> bool:
    """Return whether an error speaks against the worker: another may do better."""
    return error.status >= SERVER_ERROR and not isinstance(error, ServiceBusy) and error.body().code not in NO_FAULT


def _is_passed_on(error: ApiError) -> bool:
    """Return whether another worker may be asked: this one made nothing, and said it of itself alone."""
    if isinstance(error, WorkerUnavailable | WorkerNotConfigured | UnknownToWorker | ImageUnknownToWorker):
        return True
    return isinstance(error, Relayed) and (error.body().code in (BUSY, *UNASKED) or _is_without_model(error))


def _is_without_model(error: ApiError) -> bool:
    return NO_MODEL.match(str(error)) is not None


def _rank(error: ApiError) -> tuple[int, int]:
    """Return the place of an error among those of several workers: the one that a client can do most about is first."""
    code = error.body().code
    if code in (BUSY, *UNASKED):
        return code != BUSY, error.body().retry_after or 0
    if isinstance(error, UnknownToWorker | ImageUnknownToWorker):
        return 2, 0
    return 4 if _is_without_model(error) else 3, 0
