"""The check that gunicorn serves an application by the application's own configuration.

With gunicorn's defaults, one synchronous worker that is killed after 30 seconds, it would serve one client at a time
and lose every slow picture. Other servers are not checked: they are chosen, and no file that they lack is overlooked.
"""

import sys
import traceback
from pathlib import Path
from typing import Any

APP_LOAD_ERROR = 4  # gunicorn's: its arbiter ends, instead of starting another process for ever


def require_own_configuration(worker_class: str, configuration: Path, application: str) -> None:
    """Exit with a sentence and the right command if gunicorn loads this application for workers of another class."""
    objects = [frame.f_locals.get("self") for frame, _ in traceback.walk_stack(None)]
    configured = _first("gunicorn.app.base", "BaseApplication", objects)
    if configured is None or not configuration.is_file():
        return
    kind = configured.cfg.worker_class
    chosen = f"{kind.__module__}.{kind.__qualname__}"
    if chosen == worker_class:
        return
    command = f"gunicorn -c {configuration} {application}".rstrip()
    worker = _first("gunicorn.workers.base", "Worker", objects)
    if worker is None or worker.age == 1:  # of several processes the first alone says it
        sys.stderr.write(
            f"This gunicorn does not use {configuration}, without which each slow picture would be lost (its workers"
            f" are of {chosen}). Start it so: {command}\n"
        )
        sys.stderr.flush()
    sys.exit(APP_LOAD_ERROR)


def _first(module: str, name: str, objects: list[Any]) -> Any:
    """Return the first of some objects that is of a class; None if there is none, or its module is not imported."""
    kind = getattr(sys.modules.get(module), name, ())
    return next((it for it in objects if isinstance(it, kind)), None)
