"""What the attempts at one picture may have cost together, whatever became of the workers that were asked."""

import pytest

from image_api.dispatch.billing import Billing, WorkerOutdated, billed_at_worker
from image_api.dispatch.cold_start import WorkerStarting
from image_api.errors import ApiError, DeadlinePassed, Relayed, ServiceBusy, UnknownToWorker, WorkerUnavailable
from image_api.limits.errors import BudgetSpent
from render_worker.contract import ErrorBody, GenerateRequest, GenerateResult
from tests.api.conftest import RESULT

REQUEST = GenerateRequest(prompt="a tree", max_price=0.1)


def relayed(code: str = "engine_failed", cost: float | None = None) -> Relayed:
    return Relayed(ErrorBody(error="It failed.", code=code, cost=cost), 502)


def late(cause: ApiError | None = None) -> DeadlinePassed:
    error = DeadlinePassed("Late.")
    error.__cause__ = cause
    return error


def unsent() -> WorkerUnavailable:
    error = WorkerUnavailable("No.")
    error.unsent = True
    return error


@pytest.mark.parametrize(
    ("error", "billed"),
    [
        (relayed(), 0),
        (relayed(cost=0.04), 0.04),
        (relayed("internal_error"), None),
        (relayed("internal_error", 0.04), 0.04),
        (late(relayed("timeout", 0.04)), 0.04),
        (late(), None),
        (WorkerStarting("Broke off."), None),
        (WorkerStarting("Refused.", sent=False), 0),
        (WorkerStarting("An edge's page.", cost=0.0), 0),
        (WorkerStarting("It stops.", cost=0.02), 0.02),
        (WorkerUnavailable("No worker's answer."), None),
        (unsent(), 0),
        (ServiceBusy("Given up."), None),
        (UnknownToWorker(["steps"]), 0),
        (WorkerOutdated(), 0),
    ],
)
def test_an_error_tells_what_may_have_been_billed(error, billed):
    assert billed_at_worker(error) == billed


@pytest.mark.parametrize(
    ("costs", "left", "total"),
    [([], 0.1, 0.03), ([0], 0.1, 0.03), ([0.04], 0.06, 0.07), ([0.04, 0.06], 0, 0.13), ([0.02, None], 0, 0.1)],
)
def test_another_attempt_has_what_those_before_left(costs, left, total):
    billing = Billing(0.1)
    for cost in costs:
        billing.note(cost)
    assert billing.bounded(REQUEST).max_price == left
    assert billing.with_total(GenerateResult(**{**RESULT, "cost": 0.03})).cost == total


def test_without_a_bound_nothing_is_added_to_the_request():
    billing, request = Billing(None), GenerateRequest(prompt="a tree")
    billing.note(None)
    assert billing.bounded(request).max_price is None
    assert billing.with_total(GenerateResult(**{**RESULT, "cost": 0.03})).cost is None


def test_the_last_error_has_the_cost_of_all():
    billing = Billing(0.1)
    billing.note(0.02)
    billing.note(0.03)
    assert billing.as_failure(relayed()).billed == 0.05
    billing.note(None)
    assert billing.as_failure(relayed()).billed is None


def test_that_no_engine_is_so_cheap_means_that_the_budget_is_spent_unless_a_worker_was_lost():
    billing = Billing(0.1)
    assert isinstance(billing.as_failure(relayed("over_budget")), BudgetSpent)
    billing.note(None)
    lost = billing.as_failure(relayed("over_budget"))
    assert (type(lost), lost.billed) == (WorkerUnavailable, None)
