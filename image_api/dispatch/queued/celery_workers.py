"""The Celery workers in the place of the render workers: they make the pictures, and none of them serves one."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from urllib3 import HTTPResponse

from image_api.dispatch.model_union import union
from image_api.dispatch.queued.queue_health import QueueHealth
from image_api.dispatch.queued.queue_state import keep_in_a_folder
from image_api.dispatch.queued.worker_reports import WorkerReports
from image_api.dispatch.recent_contact import LastKnown, best_of
from image_api.dispatch.render_workers import RenderWorkers, Weights
from image_api.dispatch.worker_client import WorkerClient
from image_api.errors import ApiError, EngineNotConfigured, WorkerNotConfigured
from image_api.outbound.reply import WorkerReply
from render_worker.contract import ModelList, Recipe, WorkerHealth

UNSERVED = "The Celery workers keep pictures in a folder that no render worker serves: PERCHANCE_WORKER_URL is not set."
NO_LOADING = (
    "Celery workers load a model with its first picture; only a render worker loads one, or a LoRA, by request."
)


class CeleryWorkers:
    """The Celery workers of a queue, and the render workers of PERCHANCE_WORKER_URL, if any. Thread-safe.

    Health and models are those of the Celery workers, which do not sleep. Pictures of a folder that they share, and
    the recipes there, are the render workers' to serve.
    """

    configured = True

    def __init__(self, reports: WorkerReports, health: QueueHealth, render_workers: RenderWorkers) -> None:
        """Ask the `render_workers` for pictures, if there is an address to ask."""
        self.reports = reports
        self._health = health
        self._render_workers = render_workers

    @property
    def each(self) -> tuple[WorkerClient, ...]:
        """Return the client of each render worker, in the order of the setting."""
        return self._render_workers.each if self._render_workers.configured else ()

    @property
    def is_awake(self) -> bool:
        """Return whether a render worker, which has pictures, surely does not sleep."""
        return self._render_workers.is_awake

    @property
    def last_known(self) -> LastKnown | None:
        """Return the best of the Celery workers' states when Redis was last asked; None before that."""
        if not self.reports.read_at:
            return None
        at = datetime.fromtimestamp(self.reports.read_at, UTC).isoformat(timespec="seconds")
        latest = self.reports.latest
        known = [LastKnown(report.health.status, at) for report in latest.live] if latest else []
        return best_of(known) or LastKnown("unreachable", at)

    @property
    def expected_wake_seconds(self) -> int:
        """Return in how many seconds a render worker, which has pictures, is likely to be up."""
        return self._render_workers.expected_wake_seconds

    def models(self, client: str | None = None) -> ModelList:
        """Return the models of all Celery workers. Raises WorkerUnavailable if none is up."""
        return union([report.models for report in self.reports.require_live()])

    def model_names(self, client: str | None = None) -> frozenset[str]:
        """Return the names that `model` accepts; those last known, or none, if Redis does not answer."""
        with contextlib.suppress(ApiError):
            self.reports.all()
        return frozenset(model.name for report in self.reports.last_live for model in report.models.models)

    @property
    def known_models(self) -> ModelList | None:
        """Return the models of the Celery workers that were last up; None if none ever was."""
        return union(told) if (told := [report.models for report in self.reports.last_live]) else None

    def accepted_health(self, client: str | None = None) -> WorkerHealth:
        """Return the best health of the last few seconds.

        Raises WorkerUnavailable if no Celery worker is up, or if the queue carries no message to it.
        """
        self._health.require()
        healths = [report.health for report in self.reports.require_live()]
        return next((health for health in healths if health.ready), healths[0])

    def wake(self, seconds: float, client: str | None = None) -> WorkerHealth | None:
        """Return the health of a Celery worker, and start a render worker that sleeps in the background.

        Raises as `accepted_health`: no Celery worker can be started from here.
        """
        if self._render_workers.configured:
            with contextlib.suppress(ApiError):
                self._render_workers.wake(0, client)
        return self.accepted_health(client)

    def image(
        self, name: str, method: str, headers: Mapping[str, str], client: str | None = None, *, wake: bool = True
    ) -> WorkerReply:
        """Return a render worker's response with a stored picture. Without one there is none: HTTP 404.

        Raises WorkerNotConfigured if there should be one, because Celery workers keep pictures in their folder.
        """
        if self._render_workers.configured:
            return self._render_workers.image(name, method, headers, client, wake=wake)
        self.observe(client)
        if keep_in_a_folder(self.reports.last_live):
            raise WorkerNotConfigured(UNSERVED)
        return _not_found()

    def kept_recipe(self, address: str, client: str | None = None, *, wake: bool = True) -> Recipe | None:
        """Return the recipe that a render worker keeps of its picture at an address; None if none does."""
        if not self._render_workers.configured:
            return None
        return self._render_workers.kept_recipe(address, client, wake=wake)

    @property
    def weights(self) -> Weights:
        """Return what the render workers keep in memory. Raises EngineNotConfigured if there is none."""
        if not self._render_workers.configured:
            raise EngineNotConfigured(NO_LOADING)
        return self._render_workers.weights

    def observe(self, client: str | None = None) -> None:
        """Read the reports, unless they are known."""
        with contextlib.suppress(ApiError):
            self.reports.all()


def _not_found() -> WorkerReply:
    return WorkerReply(HTTPResponse(status=HTTPStatus.NOT_FOUND, preload_content=False))
