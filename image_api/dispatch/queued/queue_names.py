"""Which queue a request goes to."""

from image_api.dispatch.queued.worker_reports import WorkerReports
from image_api.errors import ApiError, InvalidParameter
from image_api.outbound.abort import Abort
from render_worker.contract import AUTO_QUEUE, CeleryWorkerReport


class QueueNames:
    """The queues of models, as the Celery workers have told of them, also those that are not there now. Thread-safe."""

    def __init__(self, reports: WorkerReports) -> None:
        self._reports = reports
        self._engines: dict[str, str] = {}
        self._live: list[CeleryWorkerReport] = []

    def queue_of(self, model: str, abort: Abort | None = None) -> str:
        """Return the queue of a model: by its engine's name, or by its own if no Celery worker has told of any.

        Raises InvalidParameter if those that live do not have it, and as `WorkerReports.live`.
        """
        if model == AUTO_QUEUE:
            return AUTO_QUEUE
        live = self._live_unless_known(model, abort)
        if model not in self._engines and live:
            raise InvalidParameter(f"model must be one of {', '.join((AUTO_QUEUE, *self._engines))}.")
        return self._engines.get(model, model)

    def _live_unless_known(self, model: str, abort: Abort | None) -> list[CeleryWorkerReport]:
        """Return the Celery workers that live; none if they cannot be read, and the model is known from before."""
        try:
            live = self._reports.live(abort)
        except ApiError:
            if model not in self._engines:
                raise
            return []
        if live is not self._live:  # with many Celery workers it takes its time
            self._live, self._engines = live, {**self._engines, **_engines(live)}
        return live

    def is_served(self, queue: str, abort: Abort | None = None) -> bool:
        """Return whether a Celery worker that lives takes messages from a queue. Raises as `WorkerReports.live`."""
        return any(queue in report.queues for report in self._reports.live(abort))


def _engines(reports: list[CeleryWorkerReport]) -> dict[str, str]:
    """Return the engine of each model, as far as its queue has a Celery worker."""
    return {
        model.name: model.engine
        for report in reports
        for model in report.models.models
        if model.engine and model.engine in report.queues
    }
