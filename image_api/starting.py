"""What gunicorn serves while the application is being loaded, which takes seconds at a tenth of a core."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

import gevent
from gevent.event import AsyncResult
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.workers.ggevent import GeventWorker

from render_worker.serving.deadline import Deadline
from render_worker.serving.error_responses import REFUSAL

STEPS = ("werkzeug", "flask", "render_worker.contract", "urllib3", "image_api.services")
"""What the application imports, one after the other; between them requests are looked after."""
TURN_SECONDS = 1.0  # for which connections are looked after between two steps, if they do not end
STARTING = {"status": "starting", "service": "image-api"}

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class StartingApplication:
    """The WSGI application before the real one is there: /health says so, and every other request waits for it."""

    def __init__(self) -> None:
        self._application: AsyncResult[Application] = AsyncResult()

    def become(self, application: Application) -> None:
        """Pass what waits, and whatever comes, to the real application."""
        self._application.set(application)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to a platform's health check at once, and otherwise as the real application, once it is loaded."""
        if not self._application.ready() and _is_health_check(environ):
            start_response("200 OK", [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
            return [json.dumps(STARTING, separators=(",", ":")).encode() + b"\n"]
        application: Any = self._application.get()
        found: Iterable[bytes] = application(environ, start_response)
        return found


def _is_health_check(environ: Environ) -> bool:
    """Return whether it is GET /health, and neither refused nor of another site's page, which needs CORS headers."""
    return (
        environ["REQUEST_METHOD"] == "GET"
        and environ["PATH_INFO"] == "/health"
        and not environ.keys() & {REFUSAL, "HTTP_ORIGIN"}
    )


class StartingWorker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's gevent worker, which accepts connections before it has loaded the application."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self._early = Pool(self.worker_connections)
        """The connections that were accepted before."""
        self._end: Deadline | None = None

    def load_wsgi(self) -> None:
        """Load the application, while a StartingApplication is served."""
        if self.cfg.is_ssl:  # its context is made by `run`
            super().load_wsgi()
            return
        self.wsgi = starting = StartingApplication()
        with self._accepting():
            for module in STEPS:
                self._look_after_connections()
                import_module(module)
            self._look_after_connections()
            super().load_wsgi()
        starting.become(self.wsgi)

    @contextmanager
    def _accepting(self) -> Iterator[None]:
        """Accept connections while the context lasts; those that are open then go on."""
        servers = [StreamServer(each.dup(), partial(self.handle, each), spawn=self._early) for each in self.sockets]
        for server in servers:
            server.start()
        try:
            yield
        finally:
            for server in servers:
                server.close()  # its duplicate: `run` accepts from the socket itself

    def _look_after_connections(self) -> None:
        self.notify()
        with gevent.Timeout(TURN_SECONDS, False):  # type: ignore[arg-type]  # False: it ends in silence
            gevent.idle()

    def handle_exit(self, sig: int, frame: object) -> None:
        """Begin the graceful shutdown."""
        self._end = Deadline.after(self.cfg.graceful_timeout)
        super().handle_exit(sig, frame)

    def run(self) -> None:
        """Serve until the shutdown, in which also the connections that were accepted early have the grace period."""
        super().run()
        if self._end:
            self._early.join(self._end.remaining)
