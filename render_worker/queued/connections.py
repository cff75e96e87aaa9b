"""Connections of a Celery worker: to the Redis that holds what is true of requests, and to the broker."""

from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_SECONDS = 2.0  # less than a lease, which has to be renewed on another connection if one hangs
MAX_CONNECTIONS = 10_000  # redis-py has 100 by default; each thread takes one


def connect(address: str) -> Redis:
    """Return a client that waits for TIMEOUT_SECONDS at most, and retries nothing; it connects when it is used."""
    over_network: dict[str, Any] = {} if address.startswith("unix:") else {"socket_keepalive": True}
    return Redis.from_url(
        address,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        max_connections=MAX_CONNECTIONS,
        **over_network,
    )
