"""Ledgers that fail, are lost or cannot be used: never is more bought than the budget allows."""

import asyncio
import contextlib
import sqlite3
import time

import pytest
from pydantic import ValidationError

from render_worker.budgets.budgets import Budgets, require_ledger
from render_worker.budgets.errors import BudgetUnavailable
from render_worker.budgets.file_ledger import FileLedger
from render_worker.budgets.redis_ledger import RedisLedger
from render_worker.settings import Settings, load
from tests.fakes.buying import buy, run


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
    endpoints = {"engines": ("openai", "openai:local"), "openai_endpoints": "local=http://127.0.0.1:9/v1"}
    prices = Settings(**endpoints, engine_prices=" openai = 0.04, openai:local=0 ").engine_prices
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


def test_a_sum_that_is_no_number_buys_nothing(opened, redis, tmp_path):
    run(opened, lambda budgets: buy(budgets, 0.1))
    for key in redis.client.keys("*"):
        redis.client.set(key, "x")
    if (tmp_path / "budgets.sqlite3").exists():
        with contextlib.closing(sqlite3.connect(tmp_path / "budgets.sqlite3")) as connection, connection:
            connection.execute("UPDATE spent SET micros = 'x'")

    async def harmed(budgets):
        with pytest.raises(BudgetUnavailable):
            await buy(budgets, 0.1)

    run(opened, harmed)


@pytest.mark.parametrize("url", ["redis://host:port/0", "redis://[::1"])
def test_an_address_that_is_none_ends_the_start(url, monkeypatch):
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(SystemExit, match="REDIS_URL cannot be used"):
        load()


@pytest.mark.parametrize("option", ["db=x", "bogus=1"])
def test_an_option_that_is_none_ends_the_start_too(option):
    url = f"redis://host/0?{option}"
    settings = Settings(engines=("openai",), engine_daily_budget="openai=1", redis_url=url)
    with pytest.raises(SystemExit, match="REDIS_URL cannot be used"):
        require_ledger(settings)
