"""One generation for everybody who asks for the same thing at the same time, in this process and in others.

A flight is one generation under way. It outlives the caller who began it; whoever asks for the same key joins it.
"""

import contextlib
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError

from pydantic import BaseModel, ValidationError

from image_api.admission import Admission, Waiter
from image_api.errors import ApiError, DeadlinePassed, Relayed, ServiceBusy
from image_api.generation.cache import FAILURES, RESULTS, Cache
from image_api.outbound.abort import Abort
from render_worker.contract import ErrorLine, GenerateResult, Progress

LOOK_SECONDS = 0.25
FAILURE_SECONDS = 5.0  # how long the other processes can learn why a flight failed

MADE_ELSEWHERE = "Another process of this service makes this picture already."

NOT_BEGUN = {"waking", "queued"}  # phases in which nothing was done that would be lost
CROWDED = "As many pictures are being made as this service can follow."


class Failure(BaseModel):
    """Why a flight failed, for the processes that wait for it; no two are alike."""

    flight: str
    line: ErrorLine


class Flight:
    """One generation under way. Thread-safe."""

    def __init__(self, name: str, key: str | None) -> None:
        self.name = name
        self.key = key
        self.landed: Future[GenerateResult] = Future()
        self.landed.add_done_callback(lambda _: self.wake())
        self.abort = Abort()
        self.begun = False
        """Whether something was done for it that would be lost."""
        self.waiters: set[Waiter] = set()
        self.orphan: Waiter | None = None
        """What holds its slot when no client waits for it."""
        self._cancelled = False
        self._news: list[Progress] = []
        self._changed = threading.Condition()
        self._followed = False
        self.made_elsewhere = False
        """Whether another process made the picture."""

    def first_to_follow(self) -> bool:
        """Whether nobody has asked this before."""
        with self._changed:
            before, self._followed = self._followed, True
            return not before

    def result(self, end: float) -> GenerateResult:
        """The picture, when it is there; DeadlinePassed at `end`, a moment of the monotonic clock."""
        try:
            return self.landed.result(max(0.0, end - time.monotonic()))
        except TimeoutError:
            raise DeadlinePassed("The picture was not there in time.") from None

    def tell(self, progress: Progress) -> None:
        """Let all that follow know how far it is."""
        with self._changed:
            self.begun |= not self._cancelled and progress.phase not in NOT_BEGUN
            self._news.append(progress)
            self._changed.notify_all()

    def news(self, after: int, seconds: float, waiter: Waiter) -> list[Progress]:
        """Return what was told after the first so many, waiting up to `seconds`; empty if nothing was, or it landed.

        Raises TooMany if the waiter has to give up.
        """
        with self._changed:
            self._changed.wait_for(lambda: len(self._news) > after or self.landed.done() or waiter.evicted, seconds)
            waiter.check()
            return self._news[after:]

    def cancel(self) -> bool:
        """End it, unless it has begun or landed; return whether it ends."""
        with self._changed:
            self._cancelled = not (self.begun or self.landed.done())
        if self._cancelled:
            self.abort.set()
        return self._cancelled

    def fail(self, error: BaseException) -> None:
        """End the waiting of all who joined."""
        with contextlib.suppress(InvalidStateError):  # it has landed
            self.landed.set_exception(error)

    def land(self, result: GenerateResult) -> None:
        """Give the picture to all who joined."""
        with contextlib.suppress(InvalidStateError):  # nobody waits any more
            self.landed.set_result(result)

    def wake(self) -> None:
        """Have all that wait look again."""
        with self._changed:
            self._changed.notify_all()


Make = Callable[[float, Flight], GenerateResult]
"""Makes the picture within so many seconds, telling the flight how far it is; an ApiError says why there is none."""


class Orphan(Waiter):
    """A flight that no client waits for any more, but one may come back for."""

    def __init__(self, client: str | None, flight: Flight, abandon: "Callable[[Orphan, Flight], None]") -> None:
        super().__init__(client, gone=lambda: True)
        self.work = self._flight = flight
        self._abandon = abandon

    def evict(self) -> None:
        super().evict()
        self._abandon(self, self._flight)


class SingleFlight:
    """Every flight of this process, and through the cache's leases those of others. Thread-safe.

    `known` looks up the result for a key, which `make` has to leave there. Each flight has a waiter or an orphan that
    was admitted, but for those that lost it to another client after they had begun.
    """

    def __init__(self, cache: Cache, known: Callable[[str], GenerateResult | None], admission: Admission) -> None:
        self._cache = cache
        self._known = known
        self._admission = admission
        self._flights: dict[str, Flight] = {}
        self._by_key: dict[str, Flight] = {}
        self._lock = threading.RLock()  # admitting one waiter may evict an orphan, which cancels its flight
        self._stopped: ApiError | None = None

    def find(self, name: str) -> Flight | None:
        """The flight of that name, as long as it is under way in this process."""
        return self._flights.get(name)

    def alone(self, name: str, make: Make, end: float, waiter: Waiter) -> Flight:
        """A new flight that nobody joins. TooMany if there is no slot for the waiter."""
        with self._lock:
            flight = self._departing(name, None, waiter)
        self._depart(flight, lambda: make(end - time.monotonic(), flight))
        return flight

    def joined(self, key: str, name: str, make: Make, end: float, waiter: Waiter) -> tuple[Flight, bool]:
        """The flight for that key, and whether it is a new one. TooMany if there is no slot for the waiter."""
        with self._lock:
            if flight := self._by_key.get(key):
                self.board(flight, waiter)
                return flight, False
            flight = self._by_key[key] = self._departing(name, key, waiter)
        self._depart(flight, lambda: self._made_once(key, flight, make, end))
        return flight, True

    def board(self, flight: Flight, waiter: Waiter) -> None:
        """Have one more waiter wait for that flight. TooMany if there is no slot for it."""
        with self._lock:
            orphan, flight.orphan = flight.orphan, None
            try:
                self._admission.admit(waiter, instead_of=orphan)
            except ApiError:
                flight.orphan = orphan
                raise
            if orphan:
                self._admission.release(orphan)
            flight.waiters.add(waiter)
            waiter.work = flight

    def leave(self, flight: Flight, waiter: Waiter) -> None:
        """Have a waiter wait no longer. What has begun goes on without it; what has not is kept for its client."""
        with self._lock:
            flight.waiters.discard(waiter)
            waiter.work = None
            if flight.waiters or flight.landed.done():
                return
            if waiter.evicted:
                self._cancel(flight)
            else:
                flight.orphan = Orphan(waiter.client, flight, self._abandon)
                self._admission.keep(flight.orphan)

    def stop(self, error: ApiError) -> None:
        """Let nobody wait any longer, and begin nothing more."""
        with self._lock:
            self._stopped = error
            flights = list(self._flights.values())
        for flight in flights:
            flight.fail(error)

    def _abandon(self, orphan: Orphan, flight: Flight) -> None:
        """Cancel what the orphan stands for, unless a client has come back for it meanwhile."""
        with self._lock:
            if flight.orphan is orphan:
                self._cancel(flight)

    def _cancel(self, flight: Flight) -> None:
        with self._lock:
            if flight.cancel():
                self._forget_key(flight)

    def _departing(self, name: str, key: str | None, waiter: Waiter) -> Flight:
        if self._stopped:
            raise self._stopped
        if len(self._flights) >= 2 * self._admission.limit:  # those that were cancelled need a moment to end
            raise ServiceBusy(CROWDED)
        flight = Flight(name, key)
        self.board(flight, waiter)
        self._flights[name] = flight
        return flight

    def _depart(self, flight: Flight, work: Callable[[], GenerateResult]) -> None:
        def fly() -> None:
            result, failure = None, None
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the picture
                failure = error
            self._over(flight, result, failure)

        try:
            # In a thread of its own, because it outlives its caller and because a wait for the worker's answer cannot
            # be ended from outside.
            threading.Thread(target=fly, name="flight", daemon=True).start()
        except RuntimeError as error:  # the system has no more threads
            self._over(flight, None, error)

    def _over(self, flight: Flight, result: GenerateResult | None, failure: BaseException | None) -> None:
        with self._lock:  # first, so that a client that comes now does not join what is over
            self._forget_key(flight)
        if result:
            flight.land(result)
        elif failure:
            flight.fail(failure)
        with self._lock:  # last, so that it is found until its outcome is
            del self._flights[flight.name]
            if flight.orphan:
                self._admission.release(flight.orphan)

    def _forget_key(self, flight: Flight) -> None:
        if flight.key is not None and self._by_key.get(flight.key) is flight:
            del self._by_key[flight.key]

    def _made_once(self, key: str, flight: Flight, make: Make, end: float) -> GenerateResult:
        """Made here, or by another process that is at it already. Where that one dies, this one takes its place."""
        while not self._cache.lease(RESULTS, key):
            flight.tell(Progress(phase="queued", message=MADE_ELSEWHERE))
            if result := self._elsewhere(key, end, flight.abort):
                flight.made_elsewhere = True
                return result
        try:
            # Another process may have made it since the caller looked.
            if self._cache.shared and (result := self._known(key)):
                flight.made_elsewhere = True
                return result
            return make(end - time.monotonic(), flight)
        except ApiError as error:
            # A deadline is each caller's own, a stop this process's, and only what nobody here waits for is cancelled.
            if self._cache.shared and not self._stopped and not isinstance(error, DeadlinePassed | ServiceBusy):
                self._publish(key, error)
            raise
        finally:
            self._cache.release(RESULTS, key)

    def _publish(self, key: str, error: ApiError) -> None:
        told = Failure(flight=secrets.token_hex(8), line=error.line())
        self._cache.put(FAILURES, key, told.model_dump_json().encode(), FAILURE_SECONDS)

    def _elsewhere(self, key: str, end: float, abort: Abort) -> GenerateResult | None:
        """What another process makes of it; None where that one died or had no more time, so that this one has to."""
        old = self._cache.get(FAILURES, key)  # of an earlier flight
        while time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
            abort.check()
            running = self._cache.leased(RESULTS, key)  # before the look, so that nothing comes in between
            if result := self._known(key):
                return result
            failure = self._cache.get(FAILURES, key)
            if failure and failure != old:
                with contextlib.suppress(ValidationError):  # another version's
                    line = Failure.model_validate_json(failure).line
                    raise Relayed(line.error, line.status)
            if not running:
                return None
        raise DeadlinePassed("The picture was not there in time.")
