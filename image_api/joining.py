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

from image_api.cache import Cache
from image_api.errors import ApiError, DeadlinePassed, Relayed, TooMany
from render_worker.contract import ErrorLine, GenerateResult, Progress

LOOK_SECONDS = 0.25
FAILURE_SECONDS = 5.0  # how long the other processes can learn why a flight failed

MADE_ELSEWHERE = "Another process of this service makes this picture already."

Make = Callable[[float, Callable[[Progress], None]], GenerateResult]
"""Makes the picture within so many seconds, telling how far it is; an ApiError says why there is none."""


class Failure(BaseModel):
    """Why a flight failed, for the processes that wait for it; no two are alike."""

    flight: str
    line: ErrorLine


class Flight:
    """One generation under way. Thread-safe."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.landed: Future[GenerateResult] = Future()
        self.landed.add_done_callback(lambda _: self._wake())
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
        """Let all who follow know how far it is."""
        with self._changed:
            self._news.append(progress)
            self._changed.notify_all()

    def news(self, after: int, seconds: float) -> list[Progress]:
        """What was told after the first so many; empty where nothing is within some seconds, or it has landed."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._news) > after or self.landed.done(), seconds)
            return self._news[after:]

    def fail(self, error: BaseException) -> None:
        """End the waiting of all who joined."""
        with contextlib.suppress(InvalidStateError):  # it has landed
            self.landed.set_exception(error)

    def land(self, result: GenerateResult) -> None:
        """Give the picture to all who joined."""
        with contextlib.suppress(InvalidStateError):  # nobody waits any more
            self.landed.set_result(result)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


class Flights:
    """Every flight of this process, and through the cache's leases those of others. Thread-safe.

    `known` looks up the result for a key, which `make` has to leave there; `most` may be under way.
    """

    def __init__(self, cache: Cache, known: Callable[[str], GenerateResult | None], most: int) -> None:
        self._cache = cache
        self._known = known
        self._most = most
        self._flights: dict[str, Flight] = {}
        self._by_key: dict[str, Flight] = {}
        self._lock = threading.Lock()
        self._stopped: ApiError | None = None

    def find(self, name: str) -> Flight | None:
        """The flight of that name, as long as it is under way in this process."""
        return self._flights.get(name)

    def alone(self, name: str, make: Make, end: float) -> Flight:
        """A new flight that nobody joins. TooMany where too many are under way."""
        with self._lock:
            flight = self._departing(name)
        self._depart(flight, lambda: make(end - time.monotonic(), flight.tell), None)
        return flight

    def joined(self, key: str, name: str, make: Make, end: float) -> tuple[Flight, bool]:
        """The flight for that key, and whether it is a new one. TooMany where that would be one too many."""
        with self._lock:
            if flight := self._by_key.get(key):
                return flight, False
            flight = self._by_key[key] = self._departing(name)
        self._depart(flight, lambda: self._made_once(key, flight, make, end), key)
        return flight, True

    def stop(self, error: ApiError) -> None:
        """Let nobody wait any longer, and begin nothing more."""
        with self._lock:
            self._stopped = error
            flights = list(self._flights.values())
        for flight in flights:
            flight.fail(error)

    def _departing(self, name: str) -> Flight:
        if self._stopped:
            raise self._stopped
        if len(self._flights) >= self._most:
            raise TooMany("As many pictures are being made as this service can wait for.")
        flight = self._flights[name] = Flight(name)
        return flight

    def _depart(self, flight: Flight, work: Callable[[], GenerateResult], key: str | None) -> None:
        def fly() -> None:
            result, failure = None, None
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the picture
                failure = error
            self._over(flight, key, result, failure)

        try:
            # In a thread of its own, because it outlives its caller and because a wait for the worker's answer cannot
            # be ended from outside.
            threading.Thread(target=fly, name="flight", daemon=True).start()
        except RuntimeError as error:  # the system has no more threads
            self._over(flight, key, None, error)

    def _over(
        self, flight: Flight, key: str | None, result: GenerateResult | None, failure: BaseException | None
    ) -> None:
        if key is not None:
            with self._lock:  # first, so that whoever comes now does not join what is over
                del self._by_key[key]
        if result:
            flight.land(result)
        elif failure:
            flight.fail(failure)
        with self._lock:  # last, so that it is found until its outcome is
            del self._flights[flight.name]

    def _made_once(self, key: str, flight: Flight, make: Make, end: float) -> GenerateResult:
        """Made here, or by another process that is at it already. Where that one dies, this one takes its place."""
        while not self._cache.lease(key):
            flight.tell(Progress(phase="queued", message=MADE_ELSEWHERE))
            if result := self._elsewhere(key, end):
                flight.made_elsewhere = True
                return result
        try:
            # Another process may have made it since the caller looked.
            if self._cache.shared and (result := self._known(key)):
                flight.made_elsewhere = True
                return result
            return make(end - time.monotonic(), flight.tell)
        except ApiError as error:
            # A deadline is each caller's own, and a stop this process's.
            if self._cache.shared and not self._stopped and not isinstance(error, DeadlinePassed):
                self._publish(key, error)
            raise
        finally:
            self._cache.release(key)

    def _publish(self, key: str, error: ApiError) -> None:
        told = Failure(flight=secrets.token_hex(8), line=error.line())
        self._cache.put(_failure(key), told.model_dump_json().encode(), FAILURE_SECONDS)

    def _elsewhere(self, key: str, end: float) -> GenerateResult | None:
        """What another process makes of it; None where that one died or had no more time, so that this one has to."""
        old = self._cache.get(_failure(key))  # of an earlier flight
        while time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
            running = self._cache.leased(key)  # before the look, so that nothing comes in between
            if result := self._known(key):
                return result
            failure = self._cache.get(_failure(key))
            if failure and failure != old:
                with contextlib.suppress(ValidationError):  # another version's
                    line = Failure.model_validate_json(failure).line
                    raise Relayed(line.error, line.status)
            if not running:
                return None
        raise DeadlinePassed("The picture was not there in time.")


def _failure(key: str) -> str:
    return f"{key}:failure"
