"""What was made before, and who is making something now: in this process, or in Redis for all processes.

A cache forgets and never fails: where Redis cannot be reached, nothing is remembered until it can be again.
"""

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from cachetools import LRUCache
from redis import BlockingConnectionPool, Redis, RedisError, ResponseError
from redis.backoff import NoBackoff
from redis.retry import Retry

from image_api.settings import Settings

MIB = 1024 * 1024
ENTRY_BYTES = 500  # what an entry takes in memory besides its value
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


@dataclass(frozen=True)
class Kind:
    """A kind of what is remembered, with bounds of its own, so that a flood of one pushes out no other."""

    key: str
    """How the server's key is made of ours."""
    memory_bytes: int


RESULTS = Kind("img_cache:{}", 16 * MIB)
# From a recipe a lost picture is made again, so recipes have the most room: some 20,000 of the usual size.
RECIPES = Kind("img_recipe:{}", 32 * MIB)
REMAKES = Kind("img_again:{}", 2 * MIB)
OUTCOMES = Kind("img_outcome:{}", 8 * MIB)
FAILURES = Kind("img_cache:{}:failure", 1 * MIB)


class Cache(Protocol):
    """Remembers texts by kind and key for a time. Thread-safe; no method raises for want of a server."""

    shared: bool
    """Whether other processes may hold leases, too."""

    def get(self, kind: Kind, key: str) -> bytes | None:
        """Return what was put there, unless its time is over."""

    def put(self, kind: Kind, key: str, value: bytes, seconds: float) -> None:
        """Remember something so long."""

    def add(self, kind: Kind, key: str, value: bytes, seconds: float) -> bool:
        """Remember something so long if nothing is there; return whether it is remembered now."""

    def drop(self, kind: Kind, key: str) -> None:
        """Forget it."""

    def lease(self, kind: Kind, key: str) -> bool:
        """Become the one process that works on it; False if another one is. Kept up until it is released."""

    def leased(self, kind: Kind, key: str) -> bool:
        """Return whether some process works on it."""

    def release(self, kind: Kind, key: str) -> None:
        """Let others have the lease."""


Entry = tuple[float, bytes]


class MemoryCache:
    """For one process: nobody else could hold a lease."""

    shared = False

    def __init__(self) -> None:
        self._entries: dict[Kind, LRUCache[str, Entry]] = {}
        self._lock = threading.Lock()

    def get(self, kind: Kind, key: str) -> bytes | None:
        with self._lock:
            return self._get(kind, key)

    def put(self, kind: Kind, key: str, value: bytes, seconds: float) -> None:
        with self._lock:
            self._put(kind, key, value, seconds)

    def add(self, kind: Kind, key: str, value: bytes, seconds: float) -> bool:
        with self._lock:
            if self._get(kind, key) is not None:
                return False
            self._put(kind, key, value, seconds)
            return True

    def drop(self, kind: Kind, key: str) -> None:
        with self._lock:
            self._of(kind).pop(key, None)

    def lease(self, kind: Kind, key: str) -> bool:
        return True

    def leased(self, kind: Kind, key: str) -> bool:
        return False

    def release(self, kind: Kind, key: str) -> None:
        pass

    def _of(self, kind: Kind) -> LRUCache[str, Entry]:
        if kind not in self._entries:
            self._entries[kind] = LRUCache(kind.memory_bytes, getsizeof=_size)
        return self._entries[kind]

    def _get(self, kind: Kind, key: str) -> bytes | None:
        end, value = self._of(kind).get(key, (0.0, b""))
        return value if end > time.monotonic() else None

    def _put(self, kind: Kind, key: str, value: bytes, seconds: float) -> None:
        with contextlib.suppress(ValueError):  # it alone is larger than all of its kind may be
            self._of(kind)[key] = time.monotonic() + seconds, value


def _size(entry: Entry) -> int:
    return ENTRY_BYTES + len(entry[1])


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

    def get(self, kind: Kind, key: str) -> bytes | None:
        found = self._asked(lambda: self._redis.get(kind.key.format(key)), None)
        return found if isinstance(found, bytes) else None

    def put(self, kind: Kind, key: str, value: bytes, seconds: float) -> None:
        self._asked(lambda: self._redis.set(kind.key.format(key), value, px=_milliseconds(seconds)), None)

    def add(self, kind: Kind, key: str, value: bytes, seconds: float) -> bool:
        name = kind.key.format(key)
        return self._asked(lambda: bool(self._redis.set(name, value, nx=True, px=_milliseconds(seconds))), False)

    def drop(self, kind: Kind, key: str) -> None:
        self._asked(lambda: self._redis.delete(kind.key.format(key)), None)

    def lease(self, kind: Kind, key: str) -> bool:
        name, milliseconds = _lease(kind, key), _milliseconds(LEASE_SECONDS)
        # Without Redis nobody can be waited for.
        mine = self._asked(lambda: bool(self._redis.set(name, self._token, nx=True, px=milliseconds)), True)
        if mine:
            self._keep(name)
        return mine

    def leased(self, kind: Kind, key: str) -> bool:
        return self._asked(lambda: bool(self._redis.exists(_lease(kind, key))), False)

    def release(self, kind: Kind, key: str) -> None:
        name = _lease(kind, key)
        with self._lock:
            self._held.discard(name)
        self._asked(lambda: self._give_back(keys=[name], args=[self._token]), None)

    def _keep(self, name: str) -> None:
        with self._lock:
            self._held.add(name)
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
            for name in held:
                self._renew(keys=[name], args=[self._token, _milliseconds(LEASE_SECONDS)], client=pipeline)
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


def _lease(kind: Kind, key: str) -> str:
    return f"{kind.key.format(key)}:lease"


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def build(settings: Settings) -> Cache:
    """The cache that the settings ask for."""
    return RedisCache(settings.redis_url.get_secret_value()) if settings.redis_url else MemoryCache()
