"""What the pictures of keys cost, as it is counted in SQLite and in PostgreSQL."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from image_api.credentials.key_budgets import KeyBudgets
from image_api.database_url import engine_url
from image_api.errors import ServiceBusy
from image_api.jobs.database.database import Database
from image_api.jobs.database.tables import spending
from image_api.jobs.errors import DatabaseUnavailable
from image_api.limits.budgets import Budget, billed_by
from image_api.limits.errors import BudgetSpent
from image_api.limits.payers import BudgetPayer
from image_api.limits.prices import Prices
from render_worker.contract import GenerateRequest, GenerateResult
from tests.api.conftest import RESULT
from tests.api.limits.spender import THREADS, budgets_in, model
from tests.fakes.processes import ROOT

TREE = GenerateRequest(prompt="a tree")
DOLLAR = 1_000_000
EXTRA = 30  # for the bytes of its prompt
PROCESSES = 4


@pytest.fixture
def database(migrated_url) -> Iterator[Database]:
    made = Database(engine_url(SecretStr(migrated_url)))
    yield made
    made.close(5)


@pytest.fixture
def again(migrated_url) -> Iterator[Database]:
    """Return the database, as another process has it."""
    made = Database(engine_url(SecretStr(migrated_url)))
    yield made
    made.close(5)


def rows(database) -> list[tuple[str, str, int]]:
    """Return what is counted, by account and day."""
    found = database.read(lambda it: it.execute(select(spending.c["account", "day", "micros"])).all())
    return sorted(tuple(row) for row in found)


def spent(database) -> int:
    return sum(micros for _, _, micros in rows(database))


def test_it_counts_what_is_reserved_and_what_it_cost(database):
    budget = Budget(budgets_in(database, model(0.04)), "key:one", DOLLAR)
    reservation = budget.reserve(TREE)
    assert (reservation.max_price, spent(database)) == (0.04 + EXTRA / DOLLAR, 40_000 + EXTRA)
    reservation.settle(0.01)
    reservation.settle(0)
    assert rows(database) == [("key:one", datetime.now(UTC).date().isoformat(), 10_000)]


@pytest.mark.parametrize(
    ("cost", "counted"), [(0.04, 40_000), (0.0, 0), (None, 40_000 + EXTRA), (0.05, 50_000), (0.0000001, 1)]
)
def test_what_is_not_known_stays_counted(database, cost, counted):
    Budget(budgets_in(database, model(0.04)), "key:one", DOLLAR).reserve(TREE).settle(cost)
    assert spent(database) == counted


def test_several_processes_at_once_never_exceed_it(database, migrated_url):
    """Of a dollar $0.03 are reserved for each picture, and $0.02 spent: that makes 49, less 8 at most that were refused
    while 16 threads held what they gave back.
    """
    command = [sys.executable, "-m", "tests.api.limits.spender", migrated_url, str(DOLLAR), "8"]
    spenders = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    for each in spenders:
        each.stdin.write("\n")
        each.stdin.flush()
    bought = sum(int(each.communicate(timeout=120)[0]) for each in spenders)
    assert 49 - PROCESSES * THREADS // 2 <= bought <= 49 < PROCESSES * THREADS * 8
    assert spent(database) == bought * 20_000 <= DOLLAR


def test_a_process_that_ends_before_its_picture_leaves_it_counted(database, again):
    Budget(budgets_in(database, model(0.6)), "key:one", DOLLAR).reserve(TREE)
    with pytest.raises(BudgetSpent):
        Budget(budgets_in(again, model(0.6)), "key:one", DOLLAR).reserve(TREE)


def test_accounts_and_days_have_their_own(database):
    budgets = budgets_in(database, model(0.6))
    budgets.reserve("key:one", DOLLAR, TREE)
    budgets.reserve(f"key:env:{'n' * 64}", DOLLAR, TREE)
    database.write(lambda it: it.connection.execute(spending.update().values(day="2026-01-01")))
    budgets.reserve("key:one", DOLLAR, TREE)
    assert [micros for _, _, micros in rows(database)] == [600_000 + EXTRA] * 3


def test_what_is_given_back_later_is_of_the_day_that_it_was_taken_from(database):
    budgets = budgets_in(database, model(0.6))
    reservation = budgets.reserve("key:one", DOLLAR, TREE)
    database.write(lambda it: it.connection.execute(spending.update().values(day="2026-01-01")))
    reservation._day = "2026-01-01"
    budgets.reserve("key:one", DOLLAR, TREE)
    reservation.settle(0)
    assert [micros for _, _, micros in rows(database)] == [0, 600_000 + EXTRA]


def test_the_error_says_what_a_picture_costs_and_until_when(database):
    budget = Budget(budgets_in(database, model(0.6)), "key:one", 1_500_000)
    budget.reserve(TREE)
    budget.reserve(TREE)
    with pytest.raises(BudgetSpent) as caught:
        budget.reserve(TREE)
    body = caught.value.body()
    assert body.error == "This picture costs up to $0.60, and less is left of this key's $1.50 a day."
    assert (caught.value.status, body.code) == (429, "budget_exhausted")
    assert 0 < body.retry_after <= 86_400
    with pytest.raises(BudgetSpent) as never:
        Budget(budgets_in(database, model(2)), "key:one", 1_500_000).require([TREE])
    assert never.value.body().retry_after is None
    assert "$2.00" in str(never.value)


def test_require_adds_pictures_up_and_reserves_nothing(database):
    payer = BudgetPayer(Budget(budgets_in(database, model(0.3)), "key:one", DOLLAR))
    payer.require([TREE] * 3)
    with pytest.raises(BudgetSpent):
        payer.require([TREE] * 4)
    assert rows(database) == []


def test_what_is_free_goes_on_when_nothing_is_left(database):
    models = model(0.4), model(0, "two")
    budget = Budget(budgets_in(database, *models), "key:one", DOLLAR)
    assert [budget.reserve(TREE).max_price for _ in range(4)] == [0.40003, 0.40003, 0, 0]
    budget.require([TREE] * 10)
    assert budget.reserve(GenerateRequest(prompt="a", model="two")).max_price == 0
    with pytest.raises(BudgetSpent):
        budget.reserve(GenerateRequest(prompt="a", model="one"))


def test_a_payer_of_a_budget_settles_by_the_result(database):
    payer = BudgetPayer(Budget(budgets_in(database, model(0.4)), "key:one", DOLLAR))
    charge = payer.charge(TREE)
    assert charge.max_price == 0.40003
    charge.settle(GenerateResult(**{**RESULT, "cost": 0.1}))
    payer.charge(TREE).refund()
    payer.charge(TREE).refund(billed_by(ServiceBusy("Busy.")))
    assert spent(database) == 100_000
    payer.charge(TREE).refund(billed_by(ZeroDivisionError()))
    assert spent(database) == 500_000 + EXTRA


def test_without_the_database_nothing_is_reserved():
    def lost():
        raise DatabaseUnavailable

    budgets = KeyBudgets(lost, Prices(lambda: None))
    for use in (lambda: budgets.reserve("key:one", DOLLAR, TREE), lambda: budgets.require("key:one", DOLLAR, [TREE])):
        with pytest.raises(DatabaseUnavailable, match="What this key's pictures have cost today"):
            use()


def test_what_cannot_be_given_back_stays_counted(database, again, caplog):
    budget = Budget(budgets_in(database, model(0.4)), "key:one", DOLLAR)
    reservation = budget.reserve(TREE)
    database.close(5)
    reservation.settle(0)
    assert "stays counted" in caplog.text
    assert spent(again) == 400_000 + EXTRA
