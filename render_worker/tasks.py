"""The Celery app: `celery -A render_worker.tasks worker`."""

from render_worker.serving.heap import limit_heap
from render_worker.serving.process_hardening import become_undumpable

become_undumpable()  # before all else: what runs in the browser is of the same user
limit_heap()

import logging  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402

from celery import signals  # noqa: E402
from celery.exceptions import Reject  # noqa: E402

from render_worker.budgets.budgets import require_ledger  # noqa: E402
from render_worker.contract import AUTO_QUEUE, TASK  # noqa: E402
from render_worker.queued.celery_app import POOL, build_app, is_pool, without_message  # noqa: E402
from render_worker.queued.celery_worker import (  # noqa: E402
    GRACE_SECONDS,
    CeleryWorker,
    broker_address,
    require_storage,
)
from render_worker.queued.generation import PutBack  # noqa: E402
from render_worker.serving import logs  # noqa: E402
from render_worker.settings import load  # noqa: E402

ALWAYS_THERE = "sketch"
LEAST_LEVELS = {
    "httpx": logging.WARNING,  # they would log the address of every picture
    "httpx2": logging.WARNING,
    "celery": logging.INFO,  # below it are whole messages
    "kombu": logging.INFO,
    "amqp": logging.INFO,
    "celery.worker.strategy": logging.WARNING,  # the pipeline logs each picture
    "celery.app.trace": logging.ERROR,  # a message that goes back is no failure
}

# For Playwright's driver: see gunicorn.conf.py.
os.environ |= {"NODE_OPTIONS": "--max-semi-space-size=1", "MALLOC_ARENA_MAX": "1"}  # noqa: TID251
settings = load()
require_ledger(settings)
own_queues = list(dict.fromkeys((AUTO_QUEUE, *settings.engines, ALWAYS_THERE)))
app = celery = build_app(broker_address(settings), own_queues, settings.slots)
log = logging.getLogger(__name__)
_worker: CeleryWorker


@app.task(name=TASK)  # type: ignore[untyped-decorator]
def generate(message: str) -> None:
    """Make the picture of a message. Raises Reject if it goes back into its queue."""
    try:
        _worker.make(message)
    except PutBack:
        raise Reject("this Celery worker is being stopped", requeue=True) from None


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def set_up_logs(**_: Any) -> None:
    """Log as the render worker does, in place of Celery, and no message."""
    for library, level in LEAST_LEVELS.items():
        logging.getLogger(library).setLevel(level)
    logging.getLogger("celery.worker.consumer.consumer").addFilter(without_message)
    logs.set_up(settings.log_level)


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def start(sender: Any, **_: Any) -> None:
    """Start the services. Exits with a sentence if they cannot be of use, or under another pool than threads."""
    global _worker  # Celery has no other place for what a process holds
    if not is_pool(sender.pool_cls):
        sys.exit(f"Only -P {POOL} can be used, and is without -P: others start a browser for each child, or wait.")
    require_storage(settings)
    queues = list(app.amqp.queues.consume_from)
    if not {*queues} <= {*own_queues}:
        log.warning("-Q names queues of engines that are not enabled; it can make those of %s.", ", ".join(own_queues))
    _worker = CeleryWorker(settings, sender.hostname, queues, int(sender.concurrency))
    _worker.start()


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def ready(**_: Any) -> None:
    """Report that messages are taken."""
    _worker.ready()


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def shut_down(how: str, **_: Any) -> None:
    """Put back what is not done within GRACE_SECONDS; at once if the shutdown is a cold one."""
    _worker.shut_down(GRACE_SECONDS if how == "Warm" else 0)


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def stop(**_: Any) -> None:
    """Stop the services."""
    _worker.stop()
