"""What gunicorn's worker serves while its application is being loaded, which takes seconds at a tenth of a core."""

import logging
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from gunicorn.workers.base import Worker

from render_worker.serving.error_responses import REFUSAL
from render_worker.serving.security_headers import STRICTEST_POLICY
from render_worker.settings import Settings
from render_worker.storages import named_storages

BOOT_ERROR = 3  # gunicorn's WORKER_BOOT_ERROR: its arbiter ends, in place of starting another process for ever

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]

log = logging.getLogger(__name__)


class StartingApplication:
    """The WSGI application before the real one is there: /health says so, and every other request waits for it."""

    def __init__(self, health: Callable[[], str], headers: Iterable[tuple[str, str]]) -> None:
        """`health` returns the JSON of /health meanwhile; `headers` are those of every response."""
        self._health = health
        self._headers = headers
        self._decided = threading.Event()
        self._application: Any = None

    def become(self, application: Any) -> None:
        """Pass what waits to the real application; None means that there will be none."""
        self._application = application
        self._decided.set()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to a health check, or to what is no HTTP, at once; else as the real application, once it is there."""
        if environ["PATH_INFO"] == "/health" and environ["REQUEST_METHOD"] == "GET":
            return self._respond("200 OK", self._health(), start_response)
        if refusal := environ.get(REFUSAL):  # by the thread that accepts connections, which may not wait
            body = refusal.body().model_dump_json(exclude_none=True)
            return self._respond(f"{refusal.status} Refused", body, start_response)
        self._decided.wait()
        if self._application is None:
            return self._respond("503 Service Unavailable", _stopping(), start_response)
        found: Iterable[bytes] = self._application(environ, start_response)
        return found

    def _respond(self, status: str, text: str, start_response: StartResponse) -> Iterable[bytes]:
        body = text.encode() + b"\n"
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": STRICTEST_POLICY,
        }
        start_response(status, [*headers.items(), *self._headers])
        return [body]


def health_while_loading(settings: Settings) -> str:
    """Return the JSON of /health as strangers see it: no engine is there yet."""
    from render_worker.contract import PUBLIC_HEALTH, QueueHealth, WorkerHealth  # not before the first such request

    queue = QueueHealth(running=0, waiting=0, max_concurrency=settings.slots, queue_size=settings.queue_size)
    health = WorkerHealth(
        status="starting", ready=False, uptime_seconds=0, queue=queue, engines={}, storage=named_storages(settings)[0]
    )
    return health.model_dump_json(exclude_none=True, include=PUBLIC_HEALTH)


def _stopping() -> str:
    from render_worker.errors import Stopping  # with the contract's models, which take longer than all else here

    return Stopping("The render worker is being stopped.").body(None).model_dump_json(exclude_none=True)


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
        self._starting = StartingApplication(type(self).starting_health, self.error_headers)
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
            self._starting.become(None)
        return self.application
