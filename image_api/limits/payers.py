"""Payers with limits: clients and the holders of keys, on whose limits new pictures count."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

from image_api.limits.allowance import Allowance
from image_api.limits.budgets import Budget, Budgets, Reservation
from image_api.limits.costs import units_of, units_with_cost
from image_api.limits.payer import Charge
from image_api.limits.rate_limiter import Quota, RateLimiter, UnitsCharged
from image_api.rates import SECONDS, Rate
from render_worker.contract import GenerateRequest, GenerateResult

MAX_MEMOISED = 1024  # allowances of keys


class LimitedPayer:
    """A payer with rates, and perhaps a budget. Thread-safe."""

    def __init__(self, limiter: RateLimiter, name: str, rates: tuple[Rate, ...], budget: Budget | None = None) -> None:
        """`name` tells it from others, also in other processes."""
        self._limiter = limiter
        self._name = name
        self.rates = rates
        self._budget = budget

    def require(self, requests: list[GenerateRequest]) -> None:
        """Raise RateLimited or BudgetSpent unless new pictures of these could all be charged now; charge nothing."""
        if self.rates:
            self._limiter.require(self._name, self.rates, sum(map(units_of, requests)))
        if self._budget:
            self._budget.require(requests)

    def charge(self, request: GenerateRequest) -> Charge:
        """Charge one new picture. Raises RateLimited or BudgetSpent, with nothing charged, if that exceeds a limit."""
        units = units_of(request)
        with self._charged(units) as charged:
            reservation = self._budget.reserve(request) if self._budget else None
        return PictureCharge(reservation, charged, units)

    def charge_job(self, requests: Sequence[GenerateRequest]) -> "JobCharge | None":
        """Charge the new pictures of a job together; None if it has no rates. Its budget is charged as each is made.

        Raises as `charge`, also if the budget has nothing left for them now.
        """
        if not requests:
            return None
        with self._charged(sum(map(units_of, requests))) as charged:
            if self._budget:
                self._budget.require(requests)
        return JobCharge(units_of(requests[0]), charged) if charged else None

    def quotas(self) -> list[Quota]:
        """Return what is left of its rates."""
        return self._limiter.quotas(self._name, self.rates) if self.rates else []

    @contextmanager
    def _charged(self, units: int) -> Iterator[UnitsCharged | None]:
        """Charge units, and yield that; None if there are no rates. They are taken back if the context raises."""
        charged = self._limiter.charge(self._name, self.rates, units) if self.rates else None
        try:
            yield charged
        except BaseException:  # also if this greenlet is killed: nothing is made for the charge
            if charged:
                charged.correct(0)
            raise


class BudgetPayer:
    """Pays for pictures of a budget alone, whose number was limited before: those of jobs."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def require(self, requests: list[GenerateRequest]) -> None:
        """Raise BudgetSpent unless new pictures of these could all be paid for now."""
        self._budget.require(requests)

    def charge(self, request: GenerateRequest) -> Charge:
        """Reserve what one new picture may cost. Raises BudgetSpent if that exceeds the budget."""
        return PictureCharge(self._budget.reserve(request))


class PictureCharge:
    """What one new picture was charged for: of a budget, of rates, or of both."""

    def __init__(self, reservation: Reservation | None, charged: UnitsCharged | None = None, units: int = 0) -> None:
        """`charged` are the picture's `units`."""
        self._reservation = reservation
        self._charged = charged
        self._units = units
        self.max_price = reservation.max_price if reservation else None

    def settle(self, result: GenerateResult) -> None:
        """Correct the charge by what the picture did cost."""
        if self._charged:
            self._charged.correct(units_with_cost(self._units, result))
        if self._reservation:
            self._reservation.settle(result.cost)

    def refund(self, cost: float | None = 0) -> None:
        """Take the charge back, but for what attempts have cost."""
        if self._charged:
            self._charged.correct(0)
        if self._reservation:
            self._reservation.settle(cost)


class JobCharge:
    """What the pictures of one job were charged for."""

    def __init__(self, units: int, charged: UnitsCharged) -> None:
        """`units` are those of each picture: all have one size."""
        self._units = units
        self._charged = charged

    def settle(self, results: Sequence[GenerateResult]) -> None:
        """Correct the charge by the pictures that were made for the job, of which there may be none."""
        self._charged.correct(sum(units_with_cost(self._units, result) for result in results))


class Payers:
    """Knows the limits of each client and account. Thread-safe."""

    def __init__(self, limiter: RateLimiter, rates: tuple[Rate, ...], budgets: Budgets | None = None) -> None:
        """`rates` are those of clients without a key; `budgets` count what the pictures of keys cost."""
        self.rates = rates
        self._limiter = limiter
        self._budgets = budgets

    def of_client(self, name: str) -> LimitedPayer | None:
        """Return a payer with the limits of clients without a key; None if these have none."""
        return LimitedPayer(self._limiter, name, self.rates) if self.rates else None

    def of_key(self, account: str, allowance: Allowance) -> LimitedPayer | None:
        """Return the payer of a key's account; None if its key has no limits."""
        rates = _rates_of(allowance)
        budget = None
        if self._budgets and allowance.budget is not None:
            budget = Budget(self._budgets, account, allowance.budget)
        return LimitedPayer(self._limiter, account, rates, budget) if rates or budget else None


@lru_cache(maxsize=MAX_MEMOISED)
def _rates_of(allowance: Allowance) -> tuple[Rate, ...]:
    counted = ((allowance.per_minute, SECONDS["minute"]), (allowance.per_day, SECONDS["day"]))
    return tuple(Rate(amount, seconds) for amount, seconds in counted if amount is not None)
