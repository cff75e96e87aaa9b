"""The check that gunicorn serves an application by the application's own configuration.

With gunicorn's defaults, one synchronous worker that is killed after 30 seconds, it would serve one client at a time
and lose every slow picture. Other servers are not checked: they are chosen, and no file that they lack is overlooked.
"""

import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

APP_LOAD_ERROR = 4  # gunicorn's: its arbiter ends, instead of starting another process for ever


@dataclass(frozen=True)
class OwnConfiguration:
    """What gunicorn has to serve an application with."""

    file: Path
    worker_class: str
    application: str = ""
    """The application's name, unless the file has it."""

    def require(self, *, other_servers: bool = True) -> None:
        """Exit with a sentence and the right command if gunicorn, which loads the application, has not read the file.

        If other servers may not serve the application, exit under those, too.
        """
        objects = [frame.f_locals.get("self") for frame, _ in traceback.walk_stack(None)]
        configured = _first("gunicorn.app.base", "BaseApplication", objects)
        if configured is None and other_servers:
            return
        if configured is None:
            sys.exit(f"Only gunicorn can serve this application: {self._command}")
        chosen = configured.cfg.worker_class
        if not self.file.is_file() or f"{chosen.__module__}.{chosen.__qualname__}" == self.worker_class:
            return
        worker = _first("gunicorn.workers.base", "Worker", objects)
        if worker is None or worker.age == 1:  # of several processes the first alone says it
            sys.stderr.write(
                f"This gunicorn does not use {self.file}, without which each slow picture would be lost (its workers"
                f" are of {chosen.__module__}). Start it so: {self._command}\n"
            )
        sys.exit(APP_LOAD_ERROR)

    @property
    def _command(self) -> str:
        return f"gunicorn -c {self.file} {self.application}".rstrip()


def _first(module: str, name: str, objects: list[Any]) -> Any:
    """Return the first of some objects that is of a class; None if there is none, or its module is not imported."""
    kind = getattr(sys.modules.get(module), name, ())
    return next((it for it in objects if isinstance(it, kind)), None)
