"""Coalescing of identical requests between processes: the one with the lease generates, the others poll the cache."""

import secrets
import time

from image_api.errors import ApiError, Cancelled, DeadlinePassed, Relayed, ServiceBusy
from image_api.generation.flight import PICTURE_LATE, Flight, Make
from image_api.generation.results import FlightFailure, ResultCache, Store
from image_api.limits.errors import BudgetSpent
from render_worker.contract import GenerateResult, Progress

POLL_SECONDS = 0.25
FAILURE_TTL_SECONDS = 5.0  # within which the other processes poll it

IN_OTHER_PROCESS = "Another process of this service makes this picture already."


class ProcessCoalescing:
    """Runs the flights of this process that no other process runs. Thread-safe."""

    def __init__(self, results: ResultCache, failures: Store[FlightFailure]) -> None:
        self._results = results
        self._failures = failures

    def run(self, key: str, flight: Flight, make: Make) -> GenerateResult:
        """Return the result of `make`, or of another process that generates the same.

        If that process dies, this one takes its place. Raises the ApiError of either.
        """
        while not self._results.lease(key):
            flight.waits_elsewhere = True
            flight.report(Progress(phase="queued", message=IN_OTHER_PROCESS))
            if result := self._poll_result(key, flight):
                flight.coalesced = True
                return result
        flight.waits_elsewhere = False
        try:
            # Another process may have stored it since the client's lookup.
            if self._results.shared and (result := self._results.get(key)):
                flight.coalesced = True
                return result
            return make(flight)
        except ApiError as error:
            self._publish(key, flight, error)
            raise
        finally:
            self._results.release(key)

    def _publish(self, key: str, flight: Flight, error: ApiError) -> None:
        """Tell the other processes of an error, unless it is one of this process's clients or of its stop.

        Each client has a deadline and a budget of its own, only a flight without other clients here is cancelled, and a
        flight that is completed while it still runs was so by the stop, or by its cancellation.
        """
        own = isinstance(error, DeadlinePassed | ServiceBusy) or flight.completed.done()
        own = own or error.body().code in (Cancelled.code, BudgetSpent.code)  # also if the render worker says so
        if self._results.shared and not own:
            failure = FlightFailure(flight=secrets.token_hex(8), line=error.line())
            self._failures.put(key, failure, FAILURE_TTL_SECONDS)

    def _poll_result(self, key: str, flight: Flight) -> GenerateResult | None:
        """Return the other process's result; None if it released the lease without one, so that this one may take it.

        Raises Relayed with the other process's error, DeadlinePassed at the deadline, and ServiceBusy at an abort.
        """
        earlier = self._failures.get(key)  # of a flight before
        while not flight.deadline.expired:
            time.sleep(POLL_SECONDS)
            flight.abort.check()
            running = self._results.is_leased(key)  # before the look, so that nothing comes in between
            if result := self._results.get(key):
                return result
            failure = self._failures.get(key)
            if failure and failure != earlier:
                raise Relayed(failure.line.error, failure.line.status)
            if not running:
                return None
        raise DeadlinePassed(PICTURE_LATE)
