"""What gunicorn serves while the application is being loaded, which takes seconds at a tenth of a core."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module

import gevent
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.workers.ggevent import GeventWorker

from render_worker.serving.deadline import Deadline
from render_worker.serving.starting import StartingApplication

STEPS = ("werkzeug", "flask", "render_worker.contract", "urllib3", "image_api.services")
"""What the application imports, one after the other; between them requests are looked after."""
TURN_SECONDS = 1.0  # for which connections are looked after between two steps, if they do not end
STARTING = {"status": "starting", "service": "image-api"}


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
        self.wsgi = starting = StartingApplication(lambda: json.dumps(STARTING, separators=(",", ":")))
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
