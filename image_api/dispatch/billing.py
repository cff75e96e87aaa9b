"""Billing: what the attempts at one picture may have cost, at all workers that its request was sent to."""

import time

from image_api.dispatch.cold_start import WorkerStarting
from image_api.dispatch.image_form import ImageUnknownToWorker
from image_api.errors import ApiError, DeadlinePassed, Relayed, UnknownToWorker, WorkerNotConfigured, WorkerUnavailable
from image_api.limits.errors import BudgetSpent
from image_api.limits.utc_day import day_of
from render_worker.contract import GenerateRequest, GenerateResult

OVER_BUDGET = "over_budget"
"""The code of a render worker that knows no engine which costs as little as the request's `max_price`."""
OWN_FAULT = "internal_error"
MICROS = 6  # decimal places of a dollar that are counted
TOO_LITTLE = "Too little is left of this key's budget for today."
LOST = "The render worker was lost while it made this picture, which must not be paid for twice."


class WorkerOutdated(WorkerNotConfigured):
    """Raised if the render worker is of an older version, which would not keep a picture within a key's budget."""

    hint = "Update the render worker, or use a key without a budget."

    def __init__(self) -> None:
        super().__init__("The render worker is of an older version, which cannot keep within the budget of a key.")


class Billing:
    """What one request may have cost, in US dollars. One thread at a time.

    A worker keeps its own attempts within the request's `max_price`, as long as it lives. What one that is lost was
    billed is not known: another one may only have engines make the picture that are free.
    """

    def __init__(self, max_price: float | None) -> None:
        self._max_price = max_price
        self._spent = 0.0
        self._known = True

    def bounded(self, request: GenerateRequest) -> GenerateRequest:
        """Return the request with what is left of its `max_price`, if it has one."""
        if self._max_price is None:
            return request
        left = max(0.0, round(self._max_price - self._spent, MICROS)) if self._known else 0.0
        return request.model_copy(update={"max_price": left})

    def note(self, cost: float | None) -> None:
        """Count what an attempt may have been billed that brought no picture; None if that is not known."""
        if cost is None:
            self._known = False
        else:
            self._spent = round(self._spent + cost, MICROS)

    def note_error(self, error: ApiError) -> None:
        """Count what an attempt may have been billed that ended with an error."""
        self.note(billed_at_worker(error))

    def with_total(self, result: GenerateResult) -> GenerateResult:
        """Return the result of the last attempt with the cost of all."""
        if result.cost is None:
            return result
        if not self._known:
            return result.model_copy(update={"cost": self._max_price})
        return result.model_copy(update={"cost": round(self._spent + result.cost, MICROS)})

    def as_failure(self, error: ApiError) -> ApiError:
        """Return the error for a request that failed, with the cost of all attempts.

        If engines cost too much that is BudgetSpent, unless nothing was left for them because a worker was lost.
        """
        error = in_budget_terms(error) if self._known or error.body().code != OVER_BUDGET else WorkerUnavailable(LOST)
        error.billed = self._spent if self._known else None
        return error


def in_budget_terms(error: ApiError) -> ApiError:
    """Return BudgetSpent for the error of a render worker that knows no engine which costs so little."""
    if error.body().code != OVER_BUDGET:
        return error
    return BudgetSpent(f"{TOO_LITTLE} {error}", day_of(time.time()).seconds_left)


def billed_at_worker(error: ApiError) -> float | None:
    """Return what an attempt may have been billed that ended so; None if that is not known."""
    if isinstance(error, DeadlinePassed) and isinstance(error.__cause__, Relayed):
        error = error.__cause__
    if isinstance(error, Relayed):
        body = error.body()
        return None if body.cost is None and body.code == OWN_FAULT else body.cost or 0.0
    if isinstance(error, WorkerStarting):
        return error.cost
    if isinstance(error, UnknownToWorker | ImageUnknownToWorker | WorkerNotConfigured):
        return 0.0
    return 0.0 if isinstance(error, WorkerUnavailable) and error.unsent else None
