"""The broker of the queue, as a producer of Celery messages sees it."""

from collections.abc import Iterable
from typing import Any

from celery import Celery
from kombu.connection import Connection
from kombu.exceptions import OperationalError

from render_worker.contract import TASK, QueuedRequest
from render_worker.serving.celery_address import celery_address

BROKER_SECONDS = 1.5
POOL_SECONDS = 2.0  # for a connection, while all are in use
URGENT, PATIENT = 0, 3
"""Priorities by which kombu orders the messages of a queue in Redis: pictures that clients wait for come first."""
UNTOLD = "(...)"
"""What Celery's events and logs say of a message: it has a prompt."""


class Broker:
    """Sends messages to the broker's queues. Thread-safe. Each call raises one of QUEUE_FAILURES if it fails."""

    def __init__(self, url: str) -> None:
        self._is_redis = not url.startswith("amqp")
        self._app = Celery("image_api", set_as_current=False)
        self._app.conf.update(
            broker_write_url=celery_address(url),  # to `broker_url` Celery prefers the environment's CELERY_BROKER_URL
            task_ignore_result=True,
            broker_connection_timeout=BROKER_SECONDS,
            broker_transport_options=_redis_options() if self._is_redis else _options(),
        )

    def send(self, message: QueuedRequest, queue: str, *, urgent: bool = False) -> None:
        """Put a message into a queue. One try, which may succeed though it raises."""
        order = {"priority": URGENT if urgent else PATIENT} if self._is_redis else {}
        self._app.send_task(
            TASK,
            (message.model_dump_json(exclude_none=True),),
            task_id=f"{message.request.request_id}-{message.attempt}",
            queue=queue,
            argsrepr=UNTOLD,
            kwargsrepr=UNTOLD,
            retry=False,
            **order,
        )

    def lengths(self, queues: Iterable[str]) -> dict[str, int]:
        """Return how many messages wait in each queue, of all priorities; 0 if it does not exist."""
        with self._app.pool.acquire(block=True, timeout=POOL_SECONDS) as connection:
            try:
                return {queue: _length(connection, queue) for queue in queues}
            except connection.connection_errors as error:
                raise OperationalError(str(error)) from error


def _length(connection: Connection, queue: str) -> int:
    try:
        channel: Any = connection.default_channel
        return int(channel.queue_declare(queue, passive=True).message_count)
    except connection.channel_errors:  # there is no such queue; RabbitMQ has closed the channel as well
        connection.revive(None)  # type: ignore[no-untyped-call]
        return 0


def _options() -> dict[str, Any]:
    """Return options by which each try is a short one."""
    return {"max_retries": 0, "interval_start": 0, "connect_retries_timeout": BROKER_SECONDS}


def _redis_options() -> dict[str, Any]:
    return {
        **_options(),
        "socket_timeout": BROKER_SECONDS,
        "socket_connect_timeout": BROKER_SECONDS,
        "health_check_interval": 0,
    }
