"""The cache in Redis, for all processes. It is loaded only if REDIS_URL is set: the library takes 7 MiB."""

import secrets
import threading

from image_api.generation.cache import Kind
from image_api.outbound.redis_clients import close_idle, quick_client
from image_api.redis_breaker import RedisBreaker

LEASE_SECONDS = 6.0  # longer than a Redis that hangs, with the breaker open after it, delays a renewal
RENEW_SECONDS = 1.0
RENEW = """
local holder = redis.call('get', KEYS[1])
if holder == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
if not holder then return redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2]) end
"""  # a lease that was lost, with all that Redis had, is taken again
RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end"


class RedisCache:
    """The cache of all processes with the same REDIS_URL. A lease whose process dies expires after LEASE_SECONDS."""

    shared = True

    def __init__(self, url: str, breaker: RedisBreaker | None = None) -> None:
        self._redis = quick_client(url)
        self._renew = self._redis.register_script(RENEW)
        self._release = self._redis.register_script(RELEASE)
        self._token = secrets.token_hex(8).encode()
        self._held: set[str] = set()
        self._lock = threading.Lock()
        self._renewer: threading.Thread | None = None
        self._is_closed = threading.Event()
        self._breaker = breaker or RedisBreaker()

    def get(self, kind: Kind, key: str) -> bytes | None:
        found = self._breaker.call(lambda: self._redis.get(kind.key.format(key)), None)
        return found if isinstance(found, bytes) else None

    def put(self, kind: Kind, key: str, value: bytes, seconds: float) -> None:
        self._breaker.call(lambda: self._redis.set(kind.key.format(key), value, px=_milliseconds(seconds)), None)

    def add(self, kind: Kind, key: str, value: bytes, seconds: float) -> bool:
        name = kind.key.format(key)
        return self._breaker.call(lambda: bool(self._redis.set(name, value, nx=True, px=_milliseconds(seconds))), False)

    def drop(self, kind: Kind, key: str) -> None:
        self._breaker.call(lambda: self._redis.delete(kind.key.format(key)), None)

    def lease(self, kind: Kind, key: str) -> bool:
        name, milliseconds = _lease_name(kind, key), _milliseconds(LEASE_SECONDS)
        # Without Redis no other process can be waited for.
        mine = self._breaker.call(lambda: bool(self._redis.set(name, self._token, nx=True, px=milliseconds)), True)
        if mine:
            self._keep(name)
        return mine

    def leased(self, kind: Kind, key: str) -> bool:
        return self._breaker.call(lambda: bool(self._redis.exists(_lease_name(kind, key))), False)

    def release(self, kind: Kind, key: str) -> None:
        name = _lease_name(kind, key)
        with self._lock:
            self._held.discard(name)
        self._breaker.call(lambda: self._release(keys=[name], args=[self._token]), None)

    def close(self) -> None:
        self._is_closed.set()
        close_idle(self._redis)

    def _keep(self, name: str) -> None:
        with self._lock:
            self._held.add(name)
            if self._renewer is None:
                self._renewer = threading.Thread(target=self._renew_held, name="leases", daemon=True)
                self._renewer.start()

    def _renew_held(self) -> None:
        while not self._is_closed.wait(RENEW_SECONDS):
            with self._lock:
                held = list(self._held)
            if held:
                self._breaker.call(lambda held=held: self._renew_all(held), None)  # type: ignore[misc]

    def _renew_all(self, held: list[str]) -> None:
        with self._redis.pipeline(transaction=False) as pipeline:
            for name in held:
                self._renew(keys=[name], args=[self._token, _milliseconds(LEASE_SECONDS)], client=pipeline)
            pipeline.execute()


def _lease_name(kind: Kind, key: str) -> str:
    return f"{kind.key.format(key)}:lease"


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
