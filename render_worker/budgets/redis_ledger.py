"""A ledger in Redis, for workers on several machines."""

import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from render_worker.budgets.errors import BudgetUnavailable
from render_worker.budgets.ledger import Ledger, Reservation
from render_worker.optional_packages import missing_package
from render_worker.serving.celery_address import has_known_options

if TYPE_CHECKING:
    from redis.asyncio import Redis

KEY = "render_worker:budget:{day}:{engine}"
KEPT_SECONDS = 2 * 24 * 3600
TIMEOUT_SECONDS = 2.0
NOT_COUNTED = "What this engine has cost today cannot be counted in Redis."

RESERVE = """
local sum = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), tonumber(ARGV[3]))
if sum + tonumber(ARGV[1]) > tonumber(ARGV[2]) then return {0, sum} end
sum = sum + tonumber(ARGV[1])
redis.call('SET', KEYS[1], string.format('%.0f', sum), 'EX', ARGV[4])
return {1, sum}
"""
RELEASE = """
local sum = math.max(0, tonumber(redis.call('GET', KEYS[1]) or '0') - tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', sum), 'EX', ARGV[2])
return sum
"""

T = TypeVar("T")

log = logging.getLogger(__name__)


class RedisLedger(Ledger):
    """Counts by scripts that Redis runs atomically. Without Redis nothing can be counted, and so nothing bought."""

    def __init__(self, url: str) -> None:
        """Connect to nothing yet."""
        self._url = url
        self._client: Redis | None = None

    def problem(self) -> str | None:
        if problem := missing_package("redis", "daily budget in Redis", "redis"):
            return problem
        if not has_known_options(self._url):
            return "REDIS_URL cannot be used: it must be an address like redis://:password@host:6379/0."
        return None

    async def reserve(self, reservation: Reservation, limit: int, least: int) -> tuple[bool, int]:
        script = self._connected().register_script(RESERVE)
        arguments = [reservation.micros, limit, least, KEPT_SECONDS]
        counted, total = await _answered(script(keys=[_key(reservation.engine, reservation.day)], args=arguments))
        return bool(counted), int(total)

    async def release(self, reservation: Reservation) -> int:
        script = self._connected().register_script(RELEASE)
        arguments = [reservation.micros, KEPT_SECONDS]
        return int(await _answered(script(keys=[_key(reservation.engine, reservation.day)], args=arguments)))

    async def spent(self, engine: str, day: str) -> int:
        found = await _answered(self._connected().get(_key(engine, day))) or b"0"
        if not found.isdigit():
            raise BudgetUnavailable(NOT_COUNTED)
        return int(found)

    async def close(self) -> None:
        if self._client:
            await self._client.aclose()

    def _connected(self) -> "Redis":
        if self._client is None:
            from redis.asyncio import Redis  # only a worker with a budget pays for its import
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff

            self._client = Redis.from_url(
                self._url,
                socket_timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),  # what may have been counted is not counted twice
            )
        return self._client


def _key(engine: str, day: str) -> str:
    return KEY.format(day=day, engine=engine)


async def _answered(reply: Awaitable[T]) -> T:
    """Return Redis's reply; its errors may hold its address, and so are told to the log by their kind alone."""
    from redis import RedisError

    try:
        return await reply
    except (RedisError, OSError, ValueError) as error:
        log.warning("budgets: Redis: %s", type(error).__name__)
        raise BudgetUnavailable(NOT_COUNTED) from error
