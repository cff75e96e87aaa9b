"""Single-flight: coalescing of identical requests, so that each picture is generated once for all that wait for it."""

import _thread
import secrets
import threading
from collections.abc import Callable

from image_api.admission import Admission, Waiter
from image_api.errors import ApiError, Cancelled, ServiceBusy
from image_api.generation.flight import AbandonedFlight, Flight, Make
from image_api.generation.process_coalescing import ProcessCoalescing
from image_api.generation.settlement import settle
from image_api.limits.payer import Charge
from render_worker.contract import GenerateResult
from render_worker.serving.deadline import Deadline

TOO_MANY_FLIGHTS = "As many pictures are being made as this service can follow."


class SingleFlight:
    """The flights of this process, coalesced with those of others. Thread-safe.

    Each flight has an admitted waiter, a client's or the AbandonedFlight, unless its slot was needed for another client
    after the flight had begun.
    """

    def __init__(self, processes: ProcessCoalescing, admission: Admission) -> None:
        self._processes = processes
        self._admission = admission
        self._flights: dict[str, Flight] = {}
        self._by_key: dict[str, Flight] = {}
        self._lock = threading.RLock()  # admitting a waiter may evict an AbandonedFlight, which cancels its flight
        self._stopped: ApiError | None = None

    def find(self, name: str) -> Flight | None:
        """Return this process's flight of that name, None if it has none."""
        return self._flights.get(name)

    def has(self, key: str | None) -> bool:
        """Return whether a flight of this process generates what `key` stands for."""
        return key in self._by_key

    def join_by_key(self, key: str, waiter: Waiter) -> Flight | None:
        """Return the flight that generates what `key` stands for, and add the waiter to it; None if there is none.

        Raises ServiceBusy if there is no slot for the waiter.
        """
        with self._lock:
            if flight := self._by_key.get(key):
                self.join(flight, waiter)
            return flight

    def join_or_start(
        self,
        key: str | None,
        request_id: str,
        make: Make,
        deadline: Deadline,
        waiter: Waiter,
        charge: Charge | None = None,
    ) -> tuple[Flight, bool]:
        """Return the flight that generates what `key` stands for, and whether the waiter joined an earlier one.

        With None for the key it is a new one, which no other request joins. `request_id` is by which the render worker
        knows a new one, and `charge` what was charged for it, which is settled at its end. Raises ServiceBusy if there
        is no slot for the waiter.
        """
        name = secrets.token_hex(16)
        with self._lock:
            if key is not None and (found := self.join_by_key(key, waiter)):
                return found, True
            flight = self._new(Flight(name, key, deadline, request_id, charge), waiter)
        self._start_thread(flight, lambda: make(flight) if key is None else self._processes.run(key, flight, make))
        return flight, False

    def join(self, flight: Flight, waiter: Waiter) -> None:
        """Add a waiter to a flight. Raises ServiceBusy if there is no slot for it."""
        with self._lock:
            abandoned, flight.abandoned = flight.abandoned, None
            try:
                self._admission.admit(waiter, instead_of=abandoned)
            except ApiError:
                flight.abandoned = abandoned
                raise
            if abandoned:
                self._admission.release(abandoned)
            flight.waiters.add(waiter)
            waiter.work = flight

    def leave(self, flight: Flight, waiter: Waiter) -> None:
        """Remove a waiter from a flight, which goes on without it; it is cancelled if the waiter was evicted."""
        with self._lock:
            flight.waiters.discard(waiter)
            waiter.work = None
            if flight.waiters or flight.completed.done():
                return
            if waiter.evicted:
                self._cancel(flight)
            else:
                flight.abandoned = AbandonedFlight(waiter.client, flight, self._cancel_abandoned)
                self._admission.admit_over_limit(flight.abandoned)

    def give_up(self, flight: Flight, client: str | None, error: ApiError) -> None:
        """Cancel a flight and fail it with an error, unless it has begun, or also other clients wait for it."""
        with self._lock:
            if all(waiter.client == client for waiter in flight.waiters) and self._cancel(flight):
                flight.fail(error)

    def cancel(self, flight: Flight) -> bool:
        """Cancel a flight, also one that has begun. Returns False, and does nothing, if other clients wait for it.

        A waiter that is cancelled or whose client is gone does not count.
        """
        with self._lock:
            if any(not (waiter.is_over or waiter.gone()) for waiter in flight.waiters):
                return False
            self._forget_key(flight)
            if flight.abandoned:
                self._admission.release(flight.abandoned)
        flight.fail(Cancelled())  # first, as the abort brings another error
        flight.abort.set()
        return True

    def stop(self, error: ApiError) -> None:
        """Fail all flights with an error, and start none any more."""
        with self._lock:
            self._stopped = error
            flights = list(self._flights.values())
        for flight in flights:
            flight.fail(error)

    def _new(self, flight: Flight, waiter: Waiter) -> Flight:
        if self._stopped:
            raise self._stopped
        if len(self._flights) >= 2 * self._admission.limit:  # cancelled ones need a moment to end
            raise ServiceBusy(TOO_MANY_FLIGHTS)
        self.join(flight, waiter)
        self._flights[flight.name] = flight
        if flight.key is not None:
            self._by_key[flight.key] = flight
        return flight

    def _start_thread(self, flight: Flight, work: Callable[[], GenerateResult]) -> None:
        def run() -> None:
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - it is raised in the requests that wait for the picture
                self._finish(flight, error)
            else:
                self._finish(flight, result)

        try:
            # In a thread of its own, because it outlives its client and because a wait for the worker's reply cannot
            # be ended from outside. A Thread would also wait until it runs, which is two switches of greenlets.
            _thread.start_new_thread(run, ())
        except RuntimeError as error:  # the system has no more threads
            self._finish(flight, error)

    def _finish(self, flight: Flight, result_or_error: GenerateResult | Exception) -> None:
        with self._lock:  # first, so that a client that comes now does not join a flight that has ended
            self._forget_key(flight)
        settle(flight, result_or_error)  # before its client can send the next request
        if isinstance(result_or_error, Exception):
            flight.fail(result_or_error)
        else:
            flight.complete(result_or_error)
        with self._lock:  # last, so that it is found until its outcome is
            del self._flights[flight.name]
            if flight.abandoned:
                self._admission.release(flight.abandoned)

    def _cancel_abandoned(self, abandoned: AbandonedFlight, flight: Flight) -> None:
        """Cancel an abandoned flight, unless a client has come back to it meanwhile."""
        with self._lock:
            if flight.abandoned is abandoned:
                self._cancel(flight)

    def _cancel(self, flight: Flight) -> bool:
        """Cancel a flight unless it has begun or is completed. Returns whether it is cancelled."""
        with self._lock:
            cancelled = flight.cancel()
            if cancelled:
                self._forget_key(flight)
            return cancelled

    def _forget_key(self, flight: Flight) -> None:
        if flight.key is not None and self._by_key.get(flight.key) is flight:
            del self._by_key[flight.key]
