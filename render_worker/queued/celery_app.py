"""The Celery app of a Celery worker: how it consumes its queues, and what it shows of messages."""

import logging
import time
from collections.abc import Iterable
from typing import Any

from celery import Celery, Task, signals
from celery.apps.worker import Worker
from celery.concurrency import get_implementation
from celery.platforms import EX_FAILURE
from celery.worker.consumer import Consumer
from celery.worker.request import Request
from kombu.entity import Exchange, Queue

from render_worker.contract import VISIBILITY_SECONDS
from render_worker.queued.redis_channel import be_tolerant
from render_worker.serving.celery_address import celery_address, is_redis

POOL = "threads"
HIDDEN = "(…)"
CONNECT_SECONDS, SOCKET_SECONDS = 2.0, 5.0
PAUSE_SECONDS = 1.0  # before it connects to its broker again


class _PrivateRequest(Request):  # type: ignore[misc]  # Celery has no types
    """A message whose text, which has the prompt, is in no event, log or inspection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._argsrepr = self._kwargsrepr = HIDDEN

    def info(self, safe: bool = False) -> dict[str, Any]:
        """Return what `celery inspect` and Flower show."""
        shown: dict[str, Any] = super().info(safe=True)
        return shown

    def cancel(self, pool: Any, **_: Any) -> None:
        """Say at once that a cold shutdown begins: Celery cannot cancel threads, and says it after they have ended."""
        signals.worker_shutting_down.send(sender=self.hostname, sig="SIGQUIT", how="Cold", exitcode=EX_FAILURE)


class _Consumer(Consumer):  # type: ignore[misc]
    """A consumer that leaves nothing of a connection that was lost, and connects again after a pause.

    A Redis that is full, or read-only, takes each connection, and refuses its first write.
    """

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Forget the connection; Celery's event loop does so if it was running, and not if it was to begin."""
        super().on_connection_error_after_connected(exc)
        if self.hub:
            self.hub.reset()
        time.sleep(PAUSE_SECONDS)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Wait before the next try."""
        super().on_connection_error_before_connected(exc)
        time.sleep(PAUSE_SECONDS)


class _Worker(Worker):  # type: ignore[misc]
    """A Celery worker that looks for no others, of which it needs nothing.

    What they say to each other grows by the square of their number: 1,000 would send 400 MB/s through Redis.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "without_gossip": True, "without_mingle": True})

    def stop(self, in_sighandler: bool = False, exitcode: int | None = None) -> None:
        """Say that it is being stopped also if that is for an error, and not for a signal."""
        signals.worker_shutting_down.send(sender=self.hostname, sig="", how="Warm", exitcode=exitcode)
        super().stop(in_sighandler, exitcode)


class _PrivateTask(Task):  # type: ignore[misc]
    """A task whose arguments are not shown."""

    Request = _PrivateRequest


def build_app(broker: str, queues: Iterable[str], concurrency: int) -> Celery:
    """Return an app that consumes these queues, unless the command names others, in so many threads."""
    be_tolerant()
    app = Celery("render_worker", task_cls=_PrivateTask, set_as_current=True)
    app.Worker = app.subclass_with_self(_Worker, name="Worker")
    app.conf.update(
        broker_read_url=celery_address(broker),  # which counts before CELERY_BROKER_URL, as Celery reads that itself
        broker_write_url=celery_address(broker),
        worker_consumer=_Consumer,
        worker_pool=POOL,  # prefork would start a browser for each child
        worker_concurrency=concurrency,
        worker_prefetch_multiplier=1,
        task_queues=[_queue(name) for name in queues],
        task_default_queue=next(iter(queues)),
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,  # a Redis that is full, or read-only, for a while
        broker_transport_options=_transport_options(broker),
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    return app


def _queue(name: str) -> Queue:
    """Return a queue that gets the messages of its own name alone; Celery's default binds all to one key."""
    return Queue(name, Exchange(name), routing_key=name)  # type: ignore[no-untyped-call]


def _transport_options(broker: str) -> dict[str, Any]:
    """Return options of a Redis as the broker; others have none."""
    if not is_redis(broker):
        return {}
    return {
        "visibility_timeout": VISIBILITY_SECONDS,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": SOCKET_SECONDS,
        "socket_keepalive": True,
    }


def is_pool(chosen: Any) -> bool:
    """Return whether a pool, as a name or a class, is the one that can be used."""
    return get_implementation(chosen) is get_implementation(POOL)


def without_message(record: logging.LogRecord) -> bool:
    """Leave but the first line of a record of Celery's consumer: after it comes the message that it cannot use."""
    record.msg, record.args = record.getMessage().strip().partition("\n")[0], None
    return True
