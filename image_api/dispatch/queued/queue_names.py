"""Which queue a request goes to."""

import contextlib
from collections.abc import Mapping

from image_api.dispatch.queued.failures import QueueUnavailable
from image_api.dispatch.queued.worker_reports import WorkerReports
from image_api.errors import ApiError, InvalidParameter, ModelNotEnabled
from image_api.outbound.abort import Abort
from render_worker.contract import AUTO_QUEUE, KEEPING_ENGINE_NAMES, CeleryWorkerReport

NONE_KNOWN = "No Celery worker has told of its models yet."


class QueueNames:
    """The queues of models, as the Celery workers have told of them, also those that are not there now. Thread-safe."""

    def __init__(self, reports: WorkerReports) -> None:
        self._reports = reports
        self._engines: dict[str, str] = {}
        self._live: list[CeleryWorkerReport] = []

    def queue_of(self, model: str, abort: Abort | None = None) -> str:
        """Return the queue of a model: that of its engine. No client can choose the name of one.

        Raises InvalidParameter if those that live do not have the model, QueueUnavailable if it is not known and none
        lives, or Redis does not answer, and ServiceBusy if `abort` is set meanwhile.
        """
        if queue := self.find(model, abort):
            return queue
        if self._live:
            refusal = ModelNotEnabled if model in KEEPING_ENGINE_NAMES else InvalidParameter
            raise refusal(f"model must be one of {', '.join((AUTO_QUEUE, *self._engines))}.")
        raise QueueUnavailable(NONE_KNOWN)

    def known(self, model: str) -> str | None:
        """Return the queue of a model at once; None if no Celery worker was heard of that has it."""
        return AUTO_QUEUE if model == AUTO_QUEUE else self._engines.get(model)

    def find(self, model: str, abort: Abort | None = None) -> str | None:
        """Return the queue of a model; None if no Celery worker has told of it. Raises as `queue_of` if Redis fails."""
        if model != AUTO_QUEUE:
            self._read(model, abort)
        return self.known(model)

    def all(self) -> Mapping[str, str]:
        """Return the queue of each model, as far as Celery workers have told of them."""
        with contextlib.suppress(ApiError):
            self._learn(self._reports_of(None))
        return {AUTO_QUEUE: AUTO_QUEUE, **self._engines}

    def is_served(self, queue: str, abort: Abort | None = None) -> bool:
        """Return whether a Celery worker that lives takes messages from a queue. Raises as `queue_of`."""
        return any(queue in report.queues for report in self._reports_of(abort))

    def _read(self, model: str, abort: Abort | None) -> None:
        """Read which Celery workers live. Raises QueueUnavailable if Redis fails, and the model is not known."""
        try:
            self._learn(self._reports_of(abort))
        except QueueUnavailable:
            if model not in self._engines:
                raise

    def _learn(self, live: list[CeleryWorkerReport]) -> None:
        if live is not self._live:  # with many Celery workers it takes its time
            self._live, self._engines = live, {**self._engines, **_engines(live)}

    def _reports_of(self, abort: Abort | None) -> list[CeleryWorkerReport]:
        """Return the Celery workers that live. Raises QueueUnavailable also if another request met that first."""
        try:
            return self._reports.live(abort)
        except ApiError as error:
            if error.body().code == QueueUnavailable.code:
                raise QueueUnavailable(str(error)) from error
            raise


def _engines(reports: list[CeleryWorkerReport]) -> dict[str, str]:
    """Return the engine of each model, as far as its queue has a Celery worker."""
    return {
        model.name: model.engine
        for report in reports
        for model in report.models.models
        if model.engine and model.engine in report.queues
    }
