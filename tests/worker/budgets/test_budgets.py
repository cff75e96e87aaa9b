"""Daily budgets, counted in a file and in a real Redis alike."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from render_worker.budgets.budgets import Budgets, require_ledger
from render_worker.budgets.errors import BudgetExhausted, BudgetUnavailable
from render_worker.budgets.file_ledger import FileLedger
from render_worker.budgets.ledger import Ledger
from render_worker.budgets.redis_ledger import RedisLedger
from render_worker.errors import (
    ContentRefused,
    EngineError,
    EngineNotConfigured,
    EngineRateLimited,
    EngineUnreachable,
    InvalidParameter,
    NotConnected,
    PhaseTimeout,
    RequestInvalid,
)
from render_worker.settings import Settings
from tests.fakes.redis_server import RedisServer

Open = Callable[[], Ledger]
DOLLAR = 1_000_000
NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["file", "redis"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Return a function that opens the ledger, as another worker or after a restart does."""
    if request.param == "file":
        return lambda: FileLedger(tmp_path / "budgets.sqlite3")
    server = request.getfixturevalue("redis")
    server.client.flushall()
    return lambda: RedisLedger(server.url)


def run(opened: Open, work, limit=DOLLAR, now=lambda: NOON):
    """Run `work` with the budgets of one worker, whose engine `openai` has a limit, and return its result."""

    async def with_budgets():
        budgets = Budgets({"openai": limit}, opened(), now)
        await budgets.start()
        try:
            return await work(budgets)
        finally:
            await budgets.close()

    return asyncio.run(with_budgets())


async def buy(budgets: Budgets, price: float = 0.04, error: BaseException | None = None) -> bool:
    """Return whether a picture at that price was paid; the attempt ends with an error if one is given."""
    try:
        async with budgets.charged("openai", price):
            await asyncio.sleep(0)
            if error:
                raise error
    except BudgetExhausted:
        return False
    return True


def spent(budgets: Budgets) -> str:
    return budgets.state("openai", 0.04)[0]["spent_today"]


def test_concurrent_requests_never_exceed_it(opened):
    async def crowd(budgets):
        return sum(await asyncio.gather(*(buy(budgets) for _ in range(50))))

    assert run(opened, crowd) == 25


def test_several_workers_never_exceed_it(opened):
    async def crowd(budgets):
        others = [Budgets({"openai": DOLLAR}, opened(), lambda: NOON) for _ in range(3)]
        bought = await asyncio.gather(*(buy(it) for it in [budgets, *others] for _ in range(20)))
        for other in others:
            await other.close()
        return sum(bought)

    assert run(opened, crowd) == 25


def test_it_lasts_over_a_restart(opened):
    assert run(opened, lambda budgets: buy(budgets, 0.7))

    async def after(budgets):
        return spent(budgets), await buy(budgets, 0.31), await buy(budgets, 0.3)

    assert run(opened, after) == ("$0.70", False, True)


def test_sums_are_exact(opened):
    async def many(budgets):
        return [await buy(budgets, 0.1) for _ in range(11)]

    assert run(opened, many) == [True] * 10 + [False]


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (RequestInvalid("No."), False),
        (InvalidParameter("prompt must not."), False),
        (EngineRateLimited("Full."), False),
        (NotConnected("Gone."), False),
        (EngineNotConfigured("No key."), False),
        (EngineUnreachable("Broke off."), True),
        (PhaseTimeout("Slow."), True),
        (EngineError("No."), True),
        (ContentRefused("No."), True),
        (asyncio.CancelledError(), True),
        (ZeroDivisionError(), True),
    ],
    ids=lambda it: type(it).__name__ if isinstance(it, BaseException) else "",
)
def test_only_what_was_certainly_not_billed_is_given_back(opened, error, counted):
    async def failing(budgets):
        with contextlib.suppress(type(error)):
            await buy(budgets, 0.9, error)
        return spent(budgets), await buy(budgets, 0.9)

    assert run(opened, failing) == (("$0.90", False) if counted else ("$0.00", True))


def test_a_request_that_is_cancelled_while_it_is_counted_gives_it_back(opened):
    async def cancelled(budgets):
        asking = [asyncio.create_task(buy(budgets, 0.5)) for _ in range(4)]
        await asyncio.sleep(0)
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
        return await buy(budgets, 1)

    assert run(opened, cancelled)


def test_each_day_has_its_own(opened):
    clock = [datetime(2026, 11, 30, 23, 59, 58, tzinfo=UTC)]

    async def over_midnight(budgets):
        before = [await buy(budgets, 0.6), await buy(budgets, 0.6)]
        clock[0] += timedelta(seconds=3)
        return before, spent(budgets), [await buy(budgets, 0.6), await buy(budgets, 0.6)]

    assert run(opened, over_midnight, now=lambda: clock[0]) == ([True, False], "$0.00", [True, False])


def test_what_is_given_back_after_midnight_is_of_the_day_before(opened):
    clock = [datetime(2026, 11, 30, 23, 59, 58, tzinfo=UTC)]

    async def over_midnight(budgets):
        with contextlib.suppress(RequestInvalid):
            async with budgets.charged("openai", 0.6):
                clock[0] += timedelta(seconds=3)
                await buy(budgets, 0.6)
                raise RequestInvalid("No.")
        return spent(budgets), await buy(budgets, 0.6)

    assert run(opened, over_midnight, now=lambda: clock[0]) == ("$0.60", False)


def test_the_error_says_until_when(opened):
    async def exhausted(budgets):
        await buy(budgets, 1)
        with pytest.raises(BudgetExhausted) as caught:
            async with budgets.charged("openai", 0.04):
                pass
        with pytest.raises(BudgetExhausted):
            budgets.check("openai", 0.04)
        budgets.check("horde", 0.04)
        budgets.check("openai", 0.0)
        return caught.value, budgets.state("openai", 0.04), budgets.state("horde", 0.04)

    error, (details, problem), other = run(opened, exhausted)
    assert (error.status, error.code, error.retry_after) == (503, "engine_quota_exhausted", 12 * 3600)
    assert str(error) == "The budget of $1.00 a day for openai is used up until 00:00 UTC."
    assert (details, str(problem)) == ({"budget_today": "$1.00", "spent_today": "$1.00"}, str(error))
    assert other == ({}, None)


def test_a_price_above_the_budget_is_never_paid(opened):
    async def large(budgets):
        with pytest.raises(BudgetExhausted):
            budgets.check("openai", 1.01)
        return await buy(budgets, 1.01), await buy(budgets, 1.0)

    assert run(opened, large) == (False, True)


def test_a_price_that_is_not_known_is_not_paid(opened):
    async def unknown(budgets):
        with pytest.raises(EngineNotConfigured, match="ENGINE_PRICES=openai="):
            budgets.check("openai", None)
        with pytest.raises(EngineNotConfigured):
            await buy(budgets, None)
        return type(budgets.state("openai", None)[1])

    assert run(opened, unknown) is EngineNotConfigured


def test_what_is_free_costs_nothing(opened):
    assert run(opened, lambda budgets: buy(budgets, 0.0), limit=0)
    assert not run(opened, lambda budgets: buy(budgets, 0.000001), limit=0)


def test_a_stopped_redis_buys_nothing_until_it_is_back(redis):
    async def interrupted(budgets):
        assert await buy(budgets, 0.6)
        redis.stop()
        begun = time.monotonic()
        with pytest.raises(BudgetUnavailable) as caught:
            await buy(budgets, 0.1)
        seconds = time.monotonic() - begun
        redis.start()  # empty: but what this process bought is not forgotten
        return caught.value, seconds, await buy(budgets, 0.5), await buy(budgets, 0.4)

    redis.client.flushall()
    error, seconds, *bought = run(lambda: RedisLedger(redis.url), interrupted)
    assert (error.status, error.code, bought) == (503, "engine_budget_unavailable", [False, True])
    assert seconds < 5


def test_a_redis_that_hangs_buys_nothing(redis):
    redis.client.flushall()

    async def paused(budgets):
        await buy(budgets, 0.1)
        redis.client.client_pause(2500)
        with pytest.raises(BudgetUnavailable):
            await buy(budgets, 0.1)

    run(lambda: RedisLedger(redis.url), paused)
    redis.client.client_unpause()


def test_no_address_of_redis_is_told(caplog):
    async def unreachable(budgets):
        with pytest.raises(BudgetUnavailable) as caught:
            await buy(budgets, 0.1)
        return str(caught.value)

    told = run(lambda: RedisLedger("redis://:a-password@127.0.0.1:1/0"), unreachable)
    assert "a-password" not in told + caplog.text


@pytest.mark.parametrize("harm", ["deleted", "overwritten"])
def test_a_harmed_file_never_lets_more_be_bought(tmp_path, harm):
    path = tmp_path / "budgets.sqlite3"

    async def harmed(budgets):
        bought = [await buy(budgets, 0.6)]
        path.unlink() if harm == "deleted" else path.write_bytes(b"no database" * 1000)
        for _ in range(3):
            with contextlib.suppress(BudgetUnavailable):
                bought.append(await buy(budgets, 0.5))
        return sum(bought)

    assert run(lambda: FileLedger(path), harmed) == 1


@pytest.mark.parametrize("path", ["/proc/no/such/budgets.sqlite3", "/dev/null/budgets", "."])
def test_a_file_that_cannot_be_written_ends_the_start(path):
    settings = Settings(engines=("openai",), engine_daily_budget="openai=1", budget_file=path)
    with pytest.raises(SystemExit, match="BUDGET_FILE cannot be used"):
        require_ledger(settings)
    require_ledger(settings.model_copy(update={"engine_daily_budget": {}}))


def test_a_redis_whose_package_is_missing_ends_the_start(monkeypatch):
    settings = Settings(engines=("openai",), engine_daily_budget="openai=1", redis_url="redis://127.0.0.1")
    require_ledger(settings)
    monkeypatch.setattr("render_worker.budgets.redis_ledger.missing_package", lambda *_: "The package is missing.")
    with pytest.raises(SystemExit, match="missing"):
        require_ledger(settings)


def test_amounts_are_read_as_dollars():
    prices = Settings(engines=("openai", "openai:local"), engine_prices=" openai = 0.04, openai:local=0 ").engine_prices
    assert prices == {"openai": 40_000, "openai:local": 0}


@pytest.mark.parametrize(
    "value", ["openai", "openai=", "=1", "openai=-1", "openai=1e3", "openai=nan", "openai=1,openai=2", "horde=1", "x=1"]
)
@pytest.mark.parametrize("name", ["engine_prices", "engine_daily_budget"])
def test_what_is_no_amount_is_refused(name, value):
    with pytest.raises(ValidationError):
        Settings(engines=("openai",), **{name: value})


def test_without_budgets_nothing_is_opened():
    budgets = Budgets()

    async def bought():
        await budgets.start()
        paid = await buy(budgets, 5)
        await budgets.close()
        return paid

    assert asyncio.run(bought())
