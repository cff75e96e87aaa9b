"""Which Celery worker makes a picture: claims, leases, and the one final result of each request, in Redis.

Messages are no truth: a broker delivers one again to another worker while the first still works on it, and loses one
with its memory. So each step is a script, which Redis runs as one with the news that it tells of.
"""

from dataclasses import dataclass
from typing import Any, Literal, cast

from redis import Redis

from render_worker.contract import (
    KEPT_SECONDS,
    LEASE_SECONDS,
    MAX_NEWS,
    NEWS,
    NEWS_FIELD,
    SETTLED_SECONDS,
    ErrorLine,
    KeyName,
    QueuedRequest,
    QueueNews,
    ResultLine,
    queue_key,
)

Verdict = Literal["go", "final", "canceled", "old", "leased", "late", "no_image"]
"""What a claim comes to: `go` on, or why not: the request has its final result, was cancelled, has a newer attempt, is
made by a worker, has nothing left that waits for it, or lacks the image that it begins with."""
Renewal = Literal["kept", "canceled", "taken"]
"""What became of a lease: `taken` if another worker has it, or the request is final."""

MILLISECONDS = 1000
TTLS = (KEPT_SECONDS, SETTLED_SECONDS)
"""Of what is kept of a request, and of one that was cancelled, whose end nothing may ask for."""

CLAIM = """
local now = redis.call('TIME')
now = tonumber(now[1]) + tonumber(now[2]) / 1e6
if redis.call('EXISTS', KEYS[3]) == 1 then return {'final', ''} end
if redis.call('EXISTS', KEYS[4]) == 1 then return {'canceled', ''} end
if tonumber(redis.call('HGET', KEYS[2], 'number') or '0') > tonumber(ARGV[2]) then return {'old', ''} end
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] and tonumber(string.match(holder, '%d+$')) >= tonumber(ARGV[2]) then
    return {'leased', ''}
end
if ARGV[4] ~= '' and tonumber(ARGV[4]) <= now then return {'late', ''} end
if ARGV[5] == '1' and redis.call('EXISTS', KEYS[5]) == 0 then return {'no_image', ''} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
redis.call('HSET', KEYS[2], 'number', ARGV[2], 'begun', '1')
redis.call('EXPIRE', KEYS[2], ARGV[6])
redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[7], '*', ARGV[8], ARGV[9])
if ARGV[4] == '' then return {'go', ''} end
return {'go', string.format('%.3f', tonumber(ARGV[4]) - now)}
"""  # the own lease is of a claim whose answer was lost; an older attempt's worker learns that its lease is taken
RENEW = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 'taken' end
if redis.call('EXISTS', KEYS[3]) == 1 then return 'taken' end
if tonumber(redis.call('HGET', KEYS[2], 'number') or '0') > tonumber(ARGV[2]) then return 'taken' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
redis.call('HSET', KEYS[2], 'number', ARGV[2], 'begun', '1')
local canceled = redis.call('EXISTS', KEYS[4]) == 1
redis.call('EXPIRE', KEYS[2], canceled and ARGV[5] or ARGV[4])
return canceled and 'canceled' or 'kept'
"""  # a lease that Redis lost, with all that it had, is taken again
FINISH = """
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then redis.call('DEL', KEYS[1]) end
local known = redis.call('HMGET', KEYS[3], 'number', 'made')
if known[2] == '1' then return 0 end
if ARGV[3] == '0' then
    if holder and holder ~= ARGV[1] then return 0 end
    if known[1] and tonumber(known[1]) >= tonumber(ARGV[2]) then return 0 end
    if tonumber(redis.call('HGET', KEYS[2], 'number') or '0') > tonumber(ARGV[2]) then return 0 end
end
redis.call('HSET', KEYS[3], 'number', ARGV[2], 'made', ARGV[3], 'line', ARGV[4])
redis.call('EXPIRE', KEYS[3], redis.call('EXISTS', KEYS[4]) == 1 and ARGV[6] or ARGV[5])
redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[7], '*', ARGV[8], ARGV[9])
return 1
"""  # a picture counts also if it comes from an attempt that was given up; a failure does not
PUT_BACK = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[2], 'begun', '0')
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[2], '*', ARGV[3], ARGV[4])
return 1
"""


@dataclass(frozen=True)
class Claim:
    """A request that this worker makes, at one attempt, whose number is the fencing token."""

    id: str
    attempt: int


class Claims:
    """The claims of one Celery worker. Thread-safe. Each call raises redis.RedisError if Redis does not take it."""

    def __init__(self, redis: Redis, worker: str, token: str) -> None:
        """Claim for the worker of this name; the `token` is of this process alone."""
        self._redis = redis
        self._worker = worker
        self._token = token
        self._claim, self._renew = redis.register_script(CLAIM), redis.register_script(RENEW)
        self._finish, self._put_back = redis.register_script(FINISH), redis.register_script(PUT_BACK)

    def claim(self, message: QueuedRequest) -> tuple[Verdict, float | None]:
        """Return what the claim comes to, and the seconds that are left for the picture; None if it has all its own."""
        claim = Claim(message.request.request_id, message.attempt)
        expires_at = "" if message.expires_at is None else f"{message.expires_at:.3f}"
        verdict, left = self._claim(
            keys=[*_keys(claim, "lease", "attempt", "final", "cancel", "image"), NEWS],
            args=[
                *(self._holder(claim), claim.attempt, int(LEASE_SECONDS * MILLISECONDS), expires_at),
                *(int(message.request.image is not None), KEPT_SECONDS, *self._news(claim, "begun")),
            ],
        )
        return cast(Verdict, verdict.decode()), float(left) if left else None

    def renew(self, claims: list[Claim]) -> list[Renewal]:
        """Renew leases, and return what became of each."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for claim in claims:
                self._renew(
                    keys=_keys(claim, "lease", "attempt", "final", "cancel"),
                    args=[self._holder(claim), claim.attempt, int(LEASE_SECONDS * MILLISECONDS), *TTLS],
                    client=pipeline,
                )
            return [cast(Renewal, reply.decode()) for reply in pipeline.execute()]

    def finish(self, claim: Claim, line: ResultLine | ErrorLine) -> bool:
        """Write how a request ended, and give its lease back. Returns False if another ending counts."""
        kept = self._finish(
            keys=[*_keys(claim, "lease", "attempt", "final", "cancel"), NEWS],
            args=[
                *(self._holder(claim), claim.attempt, int(isinstance(line, ResultLine))),
                *(line.model_dump_json(exclude_none=True), *TTLS, *self._news(claim, "ended")),
            ],
        )
        return bool(kept)

    def put_back(self, claim: Claim) -> bool:
        """Give a lease back as if the attempt had not begun. Returns False if it is not held any more."""
        keys = [*_keys(claim, "lease", "attempt"), NEWS]
        return bool(self._put_back(keys=keys, args=[self._holder(claim), *self._news(claim, "returned")]))

    def image(self, request_id: str) -> bytes | None:
        """Return the image that a request begins with; None if it is not there any more."""
        found = self._redis.get(queue_key(request_id, "image"))
        return found if isinstance(found, bytes) else None

    def _holder(self, claim: Claim) -> str:
        return f"{self._token}:{claim.attempt}"

    def _news(self, claim: Claim, event: Literal["begun", "ended", "returned"]) -> list[Any]:
        news = QueueNews(event=event, id=claim.id, attempt=claim.attempt, worker=self._worker)
        return [MAX_NEWS, NEWS_FIELD, news.model_dump_json(exclude_none=True)]


def _keys(claim: Claim, *names: KeyName) -> list[str]:
    return [queue_key(claim.id, name) for name in names]
