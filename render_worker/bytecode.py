"""`python -m render_worker.bytecode` leaves the bytecode of all that the worker imports, for an image's build.

The image's user may not write it, and compiling at every start takes seconds on a small plan. pip compiles packages;
the standard library of Python's image is not compiled, nor is this package.
"""

import compileall
import importlib
import sys
from importlib.util import find_spec
from pathlib import Path

from render_worker.engines import ENGINES
from render_worker.storages import STORAGES

MODULES = ("render_worker.worker", "render_worker.gunicorn_worker", "render_worker.engines.sketch.painter")
QUEUE = (
    "render_worker.tasks",
    "render_worker.queued.health_check",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.thread",
    "kombu.transport.redis",
)
"""What a Celery worker imports, if its packages are installed."""


def main() -> int:
    """Import and compile; return the exit status."""
    queue = QUEUE if find_spec("celery") and find_spec("redis") else ()
    for module in (*MODULES, *queue):
        importlib.import_module(module)
    for engine in ENGINES.values():
        engine.load()
    for storage in STORAGES.values():
        storage.load()
    return 0 if compileall.compile_dir(Path(__file__).parent, quiet=1) else 1


if __name__ == "__main__":
    sys.exit(main())
