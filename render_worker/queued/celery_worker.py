"""A Celery worker's process: its services, and what it does with Redis."""

import logging
import os
import sys
import threading
import uuid
from collections.abc import Callable

from render_worker.browser.orphans import reap_all
from render_worker.browser.processes import kill_descendants
from render_worker.contract import (
    PUBLIC_HEALTH,
    CeleryWorkerReport,
    GenerateRequest,
    GenerateResult,
    ModelList,
    Progress,
    WorkerHealth,
)
from render_worker.generation.admission import CURRENT_CLIENT
from render_worker.queued.claims import Claims
from render_worker.queued.connections import connect
from render_worker.queued.endings import Endings
from render_worker.queued.generation import QueuedGenerations
from render_worker.queued.lease_keeper import LeaseKeeper
from render_worker.queued.progress_sender import ProgressSender
from render_worker.queued.reports import Reports
from render_worker.runtime import LoopWork
from render_worker.services import build_services
from render_worker.serving.celery_address import has_known_options, is_redis
from render_worker.settings import Settings
from render_worker.storages import named_storages

GRACE_SECONDS = 3.0  # in which a picture may still be finished once the process is to stop
LAST_SECONDS = 9.0  # after which nothing is waited for: Docker kills after 10
ROOM = 10_000  # in the pipeline's queue: as many requests come as there are threads, and none is to be refused

log = logging.getLogger(__name__)


class CeleryWorker:
    """The services of a Celery worker's process, and all that it does with Redis."""

    def __init__(self, settings: Settings, name: str, queues: list[str], concurrency: int) -> None:
        """Serve under this name; nothing is started yet."""
        self._services = build_services(
            settings.model_copy(update={"queue_size": ROOM}), folder_served=settings.local_storage_shared
        )
        self._name, self._queues, self._concurrency = name, queues, concurrency
        redis = connect(redis_address(settings))
        claims = Claims(redis, name, uuid.uuid4().hex)
        self._endings = Endings(redis, claims)
        self._keeper = LeaseKeeper(claims, self._cancel)
        self._progress = ProgressSender(redis)
        self._reports = Reports(redis, name, self._report)
        self._generations = QueuedGenerations(
            claims,
            self._endings,
            self._keeper,
            self._progress,
            self._begin,
            self._services.record_failure,
            self._services.requests.cost_of,
        )

    def start(self) -> None:
        """Start the pipeline, and the threads that keep leases and send progress."""
        self._services.start(hosts=["127.0.0.1"])
        self._keeper.thread.start()
        self._endings.thread.start()
        self._progress.start()

    def ready(self) -> None:
        """Report, as messages come from now on."""
        self._reports.start()

    def make(self, message: str) -> None:
        """Make the picture of a message. Raises PutBack if it has to go back into its queue."""
        self._generations.make(message)

    def shut_down(self, seconds: float) -> None:
        """Take no more messages, and after some seconds put back what is still being made; this does not block."""
        _after(seconds, self._generations.give_up)
        if not self._generations.stopping.is_set():
            self._generations.stopping.set()
            _after(0, self._reports.stop)
            _after(LAST_SECONDS, _exit)

    def stop(self) -> None:
        """Stop the pipeline with its browser, and the threads."""
        self._keeper.thread.stop()
        self._endings.thread.stop()
        self._progress.stop()
        self._services.stop()
        kill_descendants()  # what did not end in time
        reap_all(seconds=1)

    def _begin(
        self, request: GenerateRequest, client: str | None, on_progress: Callable[[Progress], None]
    ) -> LoopWork[GenerateResult]:
        CURRENT_CLIENT.set(client)  # the generation's task inherits it
        self._services.requests.forget_cost(request)  # an attempt before this one has ended, and told what it cost
        work = self._services.requests.generate(request, on_progress)
        return self._services.runtime.begin(work, request.timeout_seconds)

    def _cancel(self, request_id: str) -> None:
        self._services.runtime.submit(self._services.requests.cancel(request_id))

    def _report(self) -> CeleryWorkerReport:
        health = self._services.health.report().model_dump(include=PUBLIC_HEALTH)
        models = [model.model_copy(update={"reason": None}) for model in self._services.models().models]
        return CeleryWorkerReport(
            name=self._name,
            queues=self._queues,
            concurrency=self._concurrency,
            running=self._keeper.running,
            health=WorkerHealth.model_validate(health),
            models=ModelList(models=models, simulated=self._services.models().simulated),
        )


def redis_address(settings: Settings) -> str:
    """Return the address of the Redis that holds what is true of requests. Exits with a sentence if there is none."""
    broker = settings.celery_broker_url.get_secret_value() if settings.celery_broker_url else ""
    found = settings.redis_url.get_secret_value() if settings.redis_url else broker
    if is_redis(found):
        if not has_known_options(found):  # its text may have the password
            sys.exit('REDIS_URL cannot be used: what follows its "?" is no option of a Redis client\'s.')
        return found
    sys.exit("REDIS_URL has to be set: it is where a Celery worker keeps which requests it makes, and their results.")


def broker_address(settings: Settings) -> str:
    """Return the address of the broker. Exits with a sentence if there is none."""
    return settings.celery_broker_url.get_secret_value() if settings.celery_broker_url else redis_address(settings)


def require_storage(settings: Settings) -> None:
    """Exit with a sentence if pictures would be kept in a folder that no render worker serves."""
    if "local" in named_storages(settings) and not settings.local_storage_shared:
        sys.exit(
            "STORAGE=local cannot be used by a Celery worker, as it serves no pictures. Name another storage, or set "
            "LOCAL_STORAGE_SHARED=true if LOCAL_STORAGE_DIR is a volume that a render worker serves."
        )


def _after(seconds: float, call: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


def _exit() -> None:
    log.warning("this process does not end in time, and is ended")
    kill_descendants()
    os._exit(1)
