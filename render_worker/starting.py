"""What gunicorn's worker serves while its application is being loaded, which takes seconds at a tenth of a core."""

import logging
import os
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from gunicorn.workers.base import Worker

from render_worker.serving.error_responses import REFUSAL
from render_worker.serving.refusals import Refusal
from render_worker.serving.starting import Environ, StartingApplication, StartResponse, is_health_check
from render_worker.settings import Settings
from render_worker.storages import named_storages

if TYPE_CHECKING:
    from render_worker.errors import WorkerError

SPARE_THREADS = 8  # that no waiting request may take
BOOT_ERROR = 3  # gunicorn's WORKER_BOOT_ERROR: its arbiter ends, in place of starting another process for ever

log = logging.getLogger(__name__)


class LoadingApplication(StartingApplication):
    """A StartingApplication for a pool of threads: it refuses what is no HTTP, and what would take the last threads."""

    def __init__(self, health: Callable[[], str], headers: Iterable[tuple[str, str]] = (), room: int = 1) -> None:
        """`room`: how many requests may wait; the rest of the threads are for /health."""
        super().__init__(health, headers)
        self._room = threading.Semaphore(room)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Refuse what is no HTTP at once, and what has no room to wait; else respond as StartingApplication."""
        refusal: Refusal | None = environ.get(REFUSAL)
        if refusal is not None:
            body = refusal.body().model_dump_json(exclude_none=True)
            return self.respond(_status_line(refusal.status), body, start_response)
        if self.is_loaded or is_health_check(environ):
            return super().__call__(environ, start_response)
        if not self._room.acquire(blocking=False):
            return self._refuse_as_full(start_response)
        try:
            return super().__call__(environ, start_response)
        finally:
            self._room.release()

    def _refuse_as_full(self, start_response: StartResponse) -> Iterable[bytes]:
        from render_worker.errors import QueueFull  # with the contract's models, which take longer than all else here

        error = QueueFull("The render worker is starting, and has no room for more requests that wait for it.")
        return self.respond(*_told(error), start_response, (("Retry-After", str(error.retry_after)),))


def _told(error: "WorkerError") -> tuple[str, str]:
    """Return the status line of an error's response, and its JSON."""
    return _status_line(error.status), error.body(None).model_dump_json(exclude_none=True)


def _status_line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


def stopping_application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Respond to a request that has waited for an application which will not be there: it is being stopped."""
    from render_worker.errors import Stopping  # with the contract's models, which take longer than all else here

    error = Stopping("The render worker is being stopped.")
    return StartingApplication(str).respond(*_told(error), start_response)


def health_while_loading(settings: Settings) -> str:
    """Return the JSON of /health as strangers see it: no engine is there yet."""
    from render_worker.contract import PUBLIC_HEALTH, QueueHealth, WorkerHealth  # not before the first such request

    queue = QueueHealth(running=0, waiting=0, max_concurrency=settings.slots, queue_size=settings.queue_size)
    health = WorkerHealth(
        status="starting", ready=False, uptime_seconds=0, queue=queue, engines={}, storage=named_storages(settings)[0]
    )
    return health.model_dump_json(exclude_none=True, include=PUBLIC_HEALTH)


class StartingWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's worker, which serves a StartingApplication until a thread has loaded the real one."""

    starting_health: ClassVar[Callable[[], str]]
    """Returns the JSON of /health until then."""
    when_loaded: ClassVar[Callable[[Any, Any], None]]
    """Called by the thread with this worker and the application, before the first request is passed to it."""
    error_headers: tuple[tuple[str, str], ...] = ()

    def load_wsgi(self) -> None:
        """Begin to load the application."""
        self.application: Any = None
        self._lock = threading.Lock()  # either the application is started, or the worker ends without it
        self._ended = False
        room = max(1, self.cfg.threads - SPARE_THREADS)
        self._starting = LoadingApplication(type(self).starting_health, self.error_headers, room)
        self.wsgi = self._starting
        threading.Thread(target=self._load, name="load", daemon=True).start()

    def _load(self) -> None:
        try:
            application = self.app.wsgi()
            with self._lock:
                if self._ended:
                    return
                type(self).when_loaded(self, application)
                self.application = self.wsgi = application
        except BaseException:  # also an exit, which would end but this thread: as gunicorn, if it cannot be loaded
            log.exception("the application could not be loaded")
            logging.shutdown()
            os._exit(BOOT_ERROR)
        self._starting.become(application)

    def end_loading(self) -> Any:
        """Return the application, or None if it has not been loaded, and will not be started any more."""
        with self._lock:
            self._ended = True
        if self.application is None:
            self._starting.become(stopping_application)
        return self.application
