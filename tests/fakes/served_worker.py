"""A real render worker of this process, served over HTTP, whose engine `diffusers` is a KeepingEngine."""

import threading
from pathlib import Path

from werkzeug.serving import make_server

from render_worker import KEY
from render_worker.services import Services
from render_worker.settings import Settings
from render_worker.worker import create_app
from tests.fakes.keeping_engine import KeepingEngine


class ServedWorker:
    """A render worker; `engines` names those that it has beside the painter."""

    def __init__(self, folder: Path, *engines: str, **settings: object) -> None:
        app = create_app(Settings(**{"engines": engines, "local_storage_dir": folder, **settings}))
        self.services: Services = app.extensions[KEY]
        self.services.start(["127.0.0.1"])
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def keeper(self) -> KeepingEngine:
        """Return its engine that keeps models."""
        engine = self.services.selector.engines["diffusers"]
        assert isinstance(engine, KeepingEngine)
        return engine

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.services.stop()
