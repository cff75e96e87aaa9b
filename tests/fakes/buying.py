"""A worker's budget of an engine, and pictures that are bought with it."""

import asyncio
from datetime import UTC, datetime

from render_worker.budgets.budgets import Budgets
from render_worker.budgets.errors import BudgetExhausted

DOLLAR = 1_000_000
NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def run(opened, work, limit=DOLLAR, now=lambda: NOON):
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
