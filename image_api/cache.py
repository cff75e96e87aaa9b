"""What was made before, and who is making something now: in this process, or in Redis for all processes.

A cache forgets and never fails: where Redis cannot be reached, nothing is remembered until it can be again.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from cachetools import LRUCache
from redis import BlockingConnectionPool, Redis, RedisError, ResponseError
from redis.backoff import NoBackoff
from redis.retry import Retry

from image_api.settings import Settings

MEMORY_ENTRIES = 4096  # of some kilobytes each
REDIS_SECONDS = 1.5
REDIS_CONNECTIONS = 64
REST_SECONDS = 2.0  # a Redis that did not answer is left alone so long, because each caller would wait for it
LEASE_SECONDS = 6.0  # longer than a Redis that hangs and is left alone may keep it from being renewed
RENEW_SECONDS = 1.0
RENEW = """
local holder = redis.call('get', KEYS[1])
if holder == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
if not holder then return redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2]) end
"""  # one that was lost, with all that Redis had, is taken again
GIVE_BACK = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end"

log = logging.getLogger(__name__)
T = TypeVar("T")


class Cache(Protocol):
    """Remembers texts by key for a time. Thread-safe; no method raises for want of a server."""

    shared: bool
    """Whether other processes may hold leases, too."""

    def get(self, key: str) -> bytes | None:
        """What was put there, unless its time is over."""

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """Remember something so long."""

    def drop(self, key: str) -> None:
        """Forget it."""

    def lease(self, key: str) -> bool:
        """Become the one process that works on `key`; False where another one is. Kept up until it is released."""

    def leased(self, key: str) -> bool:
        """Whether some process works on `key`."""

    def release(self, key: str) -> None:
        """Let others have the lease."""


class MemoryCache:
    """For one process: nobody else could hold a lease."""

    shared = False

    def __init__(self) -> None:
        self._entries: LRUCache[str, tuple[float, bytes]] = LRUCache(MEMORY_ENTRIES)
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        with self._lock:
            end, value = self._entries.get(key, (0.0, b""))
            return value if end > time.monotonic() else None

    def put(self, key: str, value: bytes, seconds: float) -> None:
        with self._lock:
            self._entries[key] = time.monotonic() + seconds, value

    def drop(self, key: str) -> None:
        with self._lock:
            self._entries.pop(key, None)

    def lease(self, key: str) -> bool:
        return True

    def leased(self, key: str) -> bool:
        return False

    def release(self, key: str) -> None:
        pass


class RedisCache:
    """For all processes with the same REDIS_URL. A lease whose process dies runs out after LEASE_SECONDS."""

    shared = True

    def __init__(self, url: str) -> None:
        self._redis = Redis(
            connection_pool=BlockingConnectionPool.from_url(
                url,
                max_connections=REDIS_CONNECTIONS,
                timeout=REDIS_SECONDS,
                socket_timeout=REDIS_SECONDS,
                socket_connect_timeout=REDIS_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
        )
        self._renew = self._redis.register_script(RENEW)
        self._give_back = self._redis.register_script(GIVE_BACK)
        self._token = secrets.token_hex(8).encode()
        self._held: set[str] = set()
        self._lock = threading.Lock()
        self._keeper: threading.Thread | None = None
        self._missing_since: float | None = None
        self._ask_again = 0.0
        self._refusals: set[str] = set()

    def get(self, key: str) -> bytes | None:
        found = self._asked(lambda: self._redis.get(key), None)
        return found if isinstance(found, bytes) else None

    def put(self, key: str, value: bytes, seconds: float) -> None:
        self._asked(lambda: self._redis.set(key, value, px=round(seconds * 1000)), None)

    def drop(self, key: str) -> None:
        self._asked(lambda: self._redis.delete(key), None)

    def lease(self, key: str) -> bool:
        milliseconds = round(LEASE_SECONDS * 1000)
        # Without Redis nobody can be waited for.
        mine = self._asked(lambda: bool(self._redis.set(_lease(key), self._token, nx=True, px=milliseconds)), True)
        if mine:
            self._keep(key)
        return mine

    def leased(self, key: str) -> bool:
        return self._asked(lambda: bool(self._redis.exists(_lease(key))), False)

    def release(self, key: str) -> None:
        with self._lock:
            self._held.discard(key)
        self._asked(lambda: self._give_back(keys=[_lease(key)], args=[self._token]), None)

    def _keep(self, key: str) -> None:
        with self._lock:
            self._held.add(key)
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep_up, name="leases", daemon=True)
                self._keeper.start()

    def _keep_up(self) -> None:
        while True:
            time.sleep(RENEW_SECONDS)
            with self._lock:
                held = list(self._held)
            if held:
                self._asked(lambda held=held: self._renewed(held), None)  # type: ignore[misc]

    def _renewed(self, held: list[str]) -> None:
        with self._redis.pipeline(transaction=False) as pipeline:
            for key in held:
                self._renew(keys=[_lease(key)], args=[self._token, round(LEASE_SECONDS * 1000)], client=pipeline)
            pipeline.execute()

    def _asked(self, question: Callable[[], T], otherwise: T) -> T:
        """Redis's answer; `otherwise` where it does not answer, and for a moment after that."""
        if time.monotonic() < self._ask_again:
            return otherwise
        try:
            answer = question()
        except ResponseError as error:  # it is there, and refuses this: full, only to be read, another type
            kind = type(error).__name__
            if kind not in self._refusals:
                self._refusals.add(kind)
                log.warning("Redis refuses what is asked of it, going on without that: %s", kind)
            return otherwise
        except (RedisError, OSError) as error:
            self._ask_again = time.monotonic() + REST_SECONDS
            if self._missing_since is None:
                self._missing_since = time.monotonic()
                log.warning("Redis does not answer, going on without a cache: %s", type(error).__name__)
            return otherwise
        if self._missing_since is not None:
            log.info("Redis answers again after %.0f seconds", time.monotonic() - self._missing_since)
            self._missing_since = None
        return answer


def _lease(key: str) -> str:
    return f"{key}:lease"


def build(settings: Settings) -> Cache:
    """The cache that the settings ask for."""
    return RedisCache(settings.redis_url.get_secret_value()) if settings.redis_url else MemoryCache()
