"""Clients of Redis. The module is loaded only with REDIS_URL: the library takes 7 MiB."""

from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

QUICK_SECONDS = 1.5
QUICK_CONNECTIONS = 64
BLOCK_SECONDS = 2.0
"""For how long a blocking command may wait."""


def quick_client(url: str) -> Redis:
    """Return a client whose every command fails within QUICK_SECONDS, or twice that if it has to connect."""
    return _client(url, QUICK_CONNECTIONS, QUICK_SECONDS)


def blocking_client(url: str) -> Redis:
    """Return a client for commands that wait up to BLOCK_SECONDS; with a shorter timeout those would fail."""
    return _client(url, 2, BLOCK_SECONDS + QUICK_SECONDS)


def close_idle(client: Redis) -> None:
    """Close the connections that no command uses at this moment; the next command opens one again."""
    client.connection_pool.disconnect(inuse_connections=False)


def _client(url: str, connections: int, seconds: float) -> Redis:
    return Redis(
        connection_pool=BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=QUICK_SECONDS,
            socket_timeout=seconds,
            socket_connect_timeout=QUICK_SECONDS,
            retry=Retry(NoBackoff(), 0),  # the library's own would take up to two minutes
            protocol=2,
        )
    )
