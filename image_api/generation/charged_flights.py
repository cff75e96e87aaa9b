"""Flights whose pictures are charged for: a request that starts one pays, and those that join it do not."""

from collections.abc import Callable

from image_api.admission import Waiter
from image_api.generation.flight import Flight, Make
from image_api.generation.single_flight import SingleFlight
from image_api.limits.payer import Charge
from render_worker.contract import GenerateRequest
from render_worker.serving.deadline import Deadline


class ChargedFlights:
    """Starts the flights of requests, at the cost of their payers. Thread-safe."""

    def __init__(self, flights: SingleFlight) -> None:
        self._flights = flights

    def join_or_start(
        self,
        key: str | None,
        request_id: str,
        request: Callable[[], GenerateRequest],
        make: Make,
        deadline: Deadline,
        waiter: Waiter,
    ) -> tuple[Flight, bool]:
        """Return the flight that makes the picture, and whether the waiter joined an earlier one, at no cost.

        `request` returns what is charged for, and is called if something is. Raises as SingleFlight does, and
        RateLimited or BudgetSpent if that exceeds a limit of the waiter's payer.
        """
        if key is not None and (flight := self._flights.join_by_key(key, waiter)):
            return flight, True
        charge = waiter.payer.charge(request()) if waiter.payer else None  # it may ask Redis, so under no lock
        try:
            flight, joined = self._flights.join_or_start(key, request_id, make, deadline, waiter, charge)
        except BaseException:  # also if this greenlet is killed: nothing is made for the charge
            _refund(charge)
            raise
        if joined:  # one that has begun meanwhile
            _refund(charge)
        return flight, joined


def _refund(charge: Charge | None) -> None:
    if charge:
        charge.refund()
