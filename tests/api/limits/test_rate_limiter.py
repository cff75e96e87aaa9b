"""The rate limiter, with its counters in memory and in a real Redis."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from image_api.limits.counters import MemoryCounters, Window
from image_api.limits.errors import RateLimited, TooManyAtOnce
from image_api.limits.rate_limiter import Quota, RateLimiter, SharedCounting
from image_api.rates import Rate
from image_api.redis_breaker import RedisBreaker
from image_api.services import redis_storage
from tests.fakes.redis_server import RedisServer

MINUTE, DAY = Rate(3, 60), Rate(5, 86_400)
RATES = (MINUTE, DAY)
BEGIN = 20_000 * 86_400.0  # of a day, in seconds since the epoch
PAYERS = itertools.count()


@pytest.fixture(scope="module")
def redis():
    with RedisServer() as server:
        yield server


class Moment:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture(params=["memory", "redis"])
def limiter(request, moment) -> RateLimiter:
    shared = counting(request.getfixturevalue("redis")) if request.param == "redis" else None
    return RateLimiter(shared, moment)


@pytest.fixture
def payer() -> str:
    """Return a payer that was never charged."""
    return f"client-{next(PAYERS)}"


def counting(redis: RedisServer) -> SharedCounting:
    return SharedCounting(partial(redis_storage, redis.url), RedisBreaker())


def refused(limiter: RateLimiter, payer: str, *rates: Rate, units: int = 1) -> int | None:
    """Return after how many seconds units that are refused are not any more; None if they are charged."""
    try:
        limiter.charge(payer, rates, units)
    except RateLimited as error:
        return error.body().retry_after
    return None


def left(limiter: RateLimiter, payer: str, *rates: Rate) -> list[int]:
    return [quota.remaining for quota in limiter.quotas(payer, rates)]


def test_it_works(limiter, payer, moment):
    moment.now += 20.5
    assert limiter.quotas(payer, [MINUTE]) == [Quota(MINUTE, 3, 40)]
    assert [refused(limiter, payer, MINUTE) for _ in range(5)] == [None, None, None, 40, 40]
    assert left(limiter, payer, MINUTE) == [0]
    assert refused(limiter, f"{payer}-other", MINUTE) is None


def test_after_the_retry_after_the_same_units_are_charged(limiter, payer, moment):
    for moment.now in (BEGIN + 59.999, BEGIN + 120.3):
        limiter.charge(payer, [MINUTE], 3)
        seconds = refused(limiter, payer, MINUTE, units=2)
        assert seconds >= 1
        moment.now += seconds
        assert refused(limiter, payer, MINUTE, units=2) is None


def test_what_is_refused_costs_nothing(limiter, payer):
    limiter.charge(payer, [MINUTE], 2)
    assert refused(limiter, payer, MINUTE, units=2)
    assert left(limiter, payer, MINUTE) == [1]
    assert refused(limiter, payer, MINUTE) is None


def test_units_count_on_all_rates_or_on_none(limiter, payer, moment):
    limiter.charge(payer, [MINUTE, DAY], 3)
    assert refused(limiter, payer, MINUTE, DAY) == 60
    assert left(limiter, payer, MINUTE, DAY) == [0, 2]
    moment.now += 60
    limiter.charge(payer, [MINUTE, DAY], 2)
    assert refused(limiter, payer, MINUTE, DAY) == 86_400 - 60  # the day's, whose window ends last
    assert left(limiter, payer, MINUTE, DAY) == [1, 0]


@pytest.mark.parametrize("units", [0, 1, 2, 9])
def test_a_charge_is_corrected(limiter, payer, units):
    charged = limiter.charge(payer, [MINUTE], 2)
    charged.correct(units)
    assert left(limiter, payer, MINUTE) == [max(0, 3 - units)]
    charged.correct(0)
    assert left(limiter, payer, MINUTE) == [3]


def test_a_charge_of_a_window_that_is_over_gives_nothing_to_the_next(limiter, payer, moment):
    charged = limiter.charge(payer, [MINUTE, DAY], 3)
    moment.now += 60
    limiter.charge(payer, [MINUTE, DAY], 1)
    charged.correct(0)
    assert left(limiter, payer, MINUTE, DAY) == [2, 4]


def test_more_than_a_rate_allows_at_all_is_told_apart(limiter, payer):
    with pytest.raises(TooManyAtOnce, match="counts as 4 new pictures, and 3 per minute") as refusal:
        limiter.charge(payer, [DAY, MINUTE], 4)
    assert (refusal.value.status, refusal.value.body().retry_after) == (429, None)
    with pytest.raises(TooManyAtOnce):
        limiter.require(payer, [MINUTE], 4)
    assert left(limiter, payer, MINUTE) == [3]


def test_what_is_required_is_not_charged(limiter, payer):
    limiter.require(payer, [MINUTE], 3)
    limiter.charge(payer, [MINUTE], 1)
    with pytest.raises(RateLimited, match="1 of 3 new pictures per minute were made for this client, and this request"):
        limiter.require(payer, [MINUTE], 3)
    limiter.require(payer, [MINUTE], 2)


def test_many_at_the_same_time_are_charged_no_more_than_a_rate_allows(limiter, payer):
    rate, barrier = Rate(50, 60), threading.Barrier(8)

    def charge(_: int) -> int:
        barrier.wait()
        return sum(refused(limiter, payer, rate) is None for _ in range(20))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(charge, range(8))) == 50
    assert left(limiter, payer, rate) == [0]


def test_processes_count_together_in_redis(redis, payer, moment):
    limiters = [RateLimiter(counting(redis), moment) for _ in range(2)]
    assert [refused(limiter, payer, MINUTE) for limiter in limiters * 3] == [None] * 3 + [60] * 3


def test_redis_forgets_what_is_over(redis, payer, moment):
    RateLimiter(counting(redis), moment).charge(payer, [MINUTE, DAY], 1).correct(0)
    keys = redis.client.keys(f"img_limit:*{payer}*")
    assert len(keys) == 2
    assert sorted(redis.client.ttl(key) for key in keys) == [60, 86_400]


def test_memory_forgets_what_is_over(moment):
    counters = MemoryCounters(moment)
    for day in range(3):
        for minute in range(5):
            moment.now = BEGIN + 86_400 * day + 60 * minute
            counters.add([Window.at(moment.now, f"client-{payer}", rate) for payer in range(9) for rate in RATES], 1)
    assert len(counters) == 9 * len(RATES)
    assert counters.used([Window.at(BEGIN, "client-0", rate) for rate in RATES]) == [0, 0]


def test_without_redis_each_process_counts_until_it_is_back(payer, moment, monkeypatch, caplog):
    monkeypatch.setattr("image_api.redis_breaker.OPEN_SECONDS", 0)
    with RedisServer() as server:
        limiter = RateLimiter(counting(server), moment)
        limiter.charge(payer, [MINUTE], 2)
        server.stop()
        assert [refused(limiter, payer, MINUTE) for _ in range(4)] == [None, None, None, 60]
        server.start()
        assert [refused(limiter, payer, MINUTE) for _ in range(4)] == [None, None, None, 60]  # it has lost its counters
        assert server.client.keys()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
