"""What is true of queued requests, in Redis: this tier's side of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from pydantic import TypeAdapter, ValidationError
from redis import Redis

from image_api.errors import ApiError, WorkerUnavailable
from render_worker.contract import (
    KEPT_SECONDS,
    SETTLED_SECONDS,
    Ending,
    ErrorLine,
    KeyName,
    ResultLine,
    queue_key,
)

UNREADABLE = "The answer of the Celery worker is not one that this version understands."
ANNOUNCE = """
local number, known = tonumber(ARGV[1]), redis.call('HMGET', KEYS[1], 'number', 'begun')
local final = redis.call('HMGET', KEYS[2], 'number', 'made')
if final[1] then
    if final[2] == '1' or tonumber(final[1]) >= number then return 'final' end
    redis.call('DEL', KEYS[2])
end
if known[1] and tonumber(known[1]) > number then return 'old' end
if known[1] and tonumber(known[1]) == number and known[2] == '1' then return 'begun' end
redis.call('HSET', KEYS[1], 'number', number, 'begun', '0')
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 'go'
"""
SETTLE = """
redis.call('DEL', KEYS[3], KEYS[4])
if redis.call('EXISTS', KEYS[2]) == 0 then return redis.call('EXPIRE', KEYS[1], ARGV[1]) end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[2], 'line', '')
return redis.call('EXPIRE', KEYS[2], ARGV[1])
"""

Announced = Literal["go", "final", "old", "begun"]
"""`go`: its message is to be sent; else it is final, has a newer attempt, or has begun at this one."""
Status = Literal["unknown", "queued", "running", "lost", "ended"]
"""Of a request: `lost` if it has begun, with neither lease nor end; `unknown` to a Redis that has lost its memory."""

_ENDING: TypeAdapter[ResultLine | ErrorLine] = TypeAdapter(Ending)


@dataclass(frozen=True)
class RequestState:
    """The state of a request."""

    status: Status
    attempt: int
    """The number of its latest attempt; 0 if that is not known."""


@dataclass(frozen=True)
class Final:
    """The end of a request that is not settled yet."""

    attempt: int
    line: ResultLine | ErrorLine


class RequestStates:
    """The keys of queued requests. Thread-safe. Each call raises redis.RedisError if Redis does not take it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._announce, self._settle = redis.register_script(ANNOUNCE), redis.register_script(SETTLE)

    def now(self) -> float:
        """Return the seconds since the epoch by Redis's clock."""
        seconds, microseconds = self._redis.time()
        return seconds + microseconds / 1e6

    def announce(self, request_id: str, attempt: int) -> Announced:
        """Note an attempt, before its message is sent; the failure of an earlier one does not count any more."""
        reply = self._announce(keys=_keys(request_id, "attempt", "final"), args=[attempt, KEPT_SECONDS])
        return cast(Announced, reply.decode())

    def put_image(self, request_id: str, image: bytes, seconds: float) -> None:
        """Put the image there that a request begins with, for so many seconds."""
        self._redis.set(queue_key(request_id, "image"), image, px=max(1, round(seconds * 1000)))

    def cancel(self, request_ids: Iterable[str]) -> None:
        """Have the Celery workers end these requests, or refuse them."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for request_id in request_ids:
                pipeline.set(queue_key(request_id, "cancel"), 1, ex=SETTLED_SECONDS)
                pipeline.expire(queue_key(request_id, "final"), SETTLED_SECONDS)
                pipeline.delete(*_keys(request_id, "attempt", "image"))
            pipeline.execute()

    def states(self, request_ids: Sequence[str]) -> list[RequestState]:
        """Return the state of each request."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for request_id in request_ids:
                pipeline.exists(queue_key(request_id, "lease"))
                pipeline.exists(queue_key(request_id, "final"))
                pipeline.hmget(queue_key(request_id, "attempt"), ["number", "begun"])
            replies = iter(pipeline.execute())
        return [_state(next(replies), next(replies), next(replies)) for _ in request_ids]

    def endings(self, request_ids: Sequence[str]) -> list[ResultLine | ErrorLine | None]:
        """Return how each request ended; None if it has not, or if that was settled."""
        return [final.line if final else None for final in self.finals(request_ids)]

    def finals(self, request_ids: Sequence[str]) -> list[Final | None]:
        """Return the end of each request, with the number of its attempt; None as `endings`."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for request_id in request_ids:
                pipeline.hmget(queue_key(request_id, "final"), ["number", "line"])
            replies: list[Any] = pipeline.execute()
        lines = ((number, _ending(line)) for number, line in replies)
        return [Final(int(number), line) if line else None for number, line in lines]

    def forget(self, request_ids: Iterable[str]) -> None:
        """Forget that requests ever were, so that they can be made again."""
        keys = [key for it in request_ids for key in _keys(it, "attempt", "lease", "final", "image", "preview")]
        if keys:
            self._redis.delete(*keys)

    def settle(self, request_ids: Iterable[str]) -> None:
        """Forget all of requests that have their ends, but that they are over."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for request_id in request_ids:
                keys = _keys(request_id, "attempt", "final", "image", "preview")
                self._settle(keys=keys, args=[SETTLED_SECONDS], client=pipeline)
            pipeline.execute()

    def preview(self, request_id: str) -> str | None:
        """Return the newest preview of a request, a data URL; None if there is none."""
        found = self._redis.get(queue_key(request_id, "preview"))
        return found.decode() if isinstance(found, bytes) else None


def unreadable() -> ApiError:
    """Return the error of an ending that cannot be read."""
    return WorkerUnavailable(UNREADABLE)


def _keys(request_id: str, *names: KeyName) -> list[str]:
    return [queue_key(request_id, name) for name in names]


def _ending(line: bytes | None) -> ResultLine | ErrorLine | None:
    if not line:
        return None
    try:
        return _ENDING.validate_json(line)
    except ValidationError:
        error = unreadable()
        return ErrorLine(status=error.status, error=error.body())


def _state(leased: int, final: int, known: list[Any]) -> RequestState:
    number, begun = known
    status: Status = "lost" if begun == b"1" else "queued" if number else "unknown"
    return RequestState("ended" if final else "running" if leased else status, int(number or 0))
