"""Daily budgets, counted in a file and in a real Redis alike."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from render_worker.budgets.budgets import Budgets
from render_worker.budgets.errors import BudgetExhausted
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
from tests.fakes.buying import DOLLAR, NOON, buy, run, spent


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
