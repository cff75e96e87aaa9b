"""The one use case: validate what the caller asks for, have it made, return the result. It knows no Flask."""

import hashlib
import json
import logging
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from image_api.cache import Cache
from image_api.dispatch.direct import DirectDispatch
from image_api.dispatch.waking import Report
from image_api.errors import DeadlinePassed, Stopping, TooMany
from image_api.joining import Flight, Flights
from image_api.outcomes import Outcomes
from image_api.settings import Settings
from render_worker.contract import GenerateRequest, GenerateResult, Progress, Recipe

HEARTBEAT_SECONDS = 10.0
END = "end"
GRACE_SECONDS = 4.0  # the dispatch has a deadline of its own, whose sentence says more

log = logging.getLogger(__name__)


Source = Literal["HIT", "MISS", "JOINED"]


@dataclass(frozen=True)
class Answer:
    """A picture, and whether it was known, made for this caller, or made for an earlier one who still waits."""

    result: GenerateResult
    source: Source


@dataclass(frozen=True)
class News:
    """How far a generation is, or at last its answer; nothing where there was no news for a while.

    `mark` is the place in the stream, from which it can be resumed.
    """

    mark: str = ""
    content: Progress | Answer | None = None


class Generation:
    """Makes pictures for callers, each within one deadline. Thread-safe."""

    def __init__(self, dispatch: DirectDispatch, cache: Cache, settings: Settings) -> None:
        self._dispatch = dispatch
        self._cache = cache
        self._timeout_seconds = settings.request_timeout_seconds
        self._cache_seconds = settings.cache_expiration_hours * 3600
        self._places = threading.BoundedSemaphore(settings.max_generations)
        self._flights = Flights(cache, self._known)
        self._outcomes = Outcomes(cache)
        self.ending = False
        """Whether this service is being stopped, and who asks for nothing now is to be let go."""

    def generate(self, recipe: Recipe, request_id: str, *, cache: bool = True, seedless: bool = False) -> Answer:
        """One picture; an ApiError says why there is none.

        A recipe with a seed of its own, or with `seedless` any, is answered by a picture that was made for the same
        recipe before, or joins the one that is being made. Without `cache` it is made anew.
        """
        *_, last = self.follow(recipe, request_id, cache=cache, seedless=seedless, patience=self._timeout_seconds)
        assert isinstance(last.content, Answer)  # noqa: S101 - follow ends so
        return last.content

    def follow(
        self,
        recipe: Recipe,
        request_id: str,
        *,
        cache: bool = True,
        seedless: bool = False,
        patience: float = HEARTBEAT_SECONDS,
    ) -> Iterator[News]:
        """The same as news, of which the last is the Answer; one without content after each `patience` seconds."""
        recipe = Recipe(**recipe.model_dump(include=set(Recipe.model_fields)))
        key = _key(recipe) if (recipe.seed >= 0 or seedless) and self._cache_seconds else None
        if key and cache and (known := self._known(key)):
            result = known.model_copy(update={"cached": True, "request_id": request_id})
            yield News(_mark(request_id, END), Answer(result, "HIT"))
            return
        if not self._places.acquire(blocking=False):
            raise TooMany("Too many callers wait for a picture already.")
        try:
            yield from self._made(recipe, request_id, key if cache else None, key, patience)
        finally:
            self._places.release()

    def resume(self, mark: str) -> Iterator[News] | None:
        """What followed after that place in a stream; None where nothing does. StreamLost where nobody knows it."""
        name, _, place = mark.rpartition(":")
        if place == END:
            return None
        if flight := self._flights.find(name):
            return self._news(flight, int(place) if place.isdigit() else 0, HEARTBEAT_SECONDS, "JOINED")
        return (
            News(_mark(name, END), Answer(result, "JOINED")) if result else News() for result in self._outcomes.of(name)
        )

    def make_again(self, name: str, request_id: str) -> GenerateResult | None:
        """Another picture in place of a known one whose file is gone; None where its recipe is not known."""
        found = self._cache.get(_recipe_key(name))
        if found is None:
            return None
        recipe = Recipe.model_validate_json(found)
        key = _key(recipe)
        known = self._known(key)
        if known and _name_of(known) != name:
            return known  # made again already
        log.info("%s makes %s again, whose file is gone", request_id, name)
        self._cache.drop(key)
        return self.generate(recipe, request_id, seedless=True).result

    def stop(self) -> None:
        """Let nobody wait any longer: whoever still does is told that this service is being stopped."""
        self._dispatch.stop()
        self._flights.stop(Stopping("This service is being stopped."))

    def _made(
        self, recipe: Recipe, request_id: str, shared: str | None, key: str | None, patience: float
    ) -> Iterator[News]:
        """News of a flight of this caller's, or of the one for the key `shared`; `key` is where the result goes."""
        end = time.monotonic() + self._timeout_seconds

        def make(seconds: float, report: Report) -> GenerateResult:
            request = GenerateRequest(**recipe.model_dump(), request_id=request_id, timeout_seconds=max(seconds, 0.001))
            result = self._dispatch.generate(request, report)
            if key:
                self._remember(key, recipe, result)
            return result

        while True:
            if shared:
                flight, mine = self._flights.joined(shared, request_id, make, end)
            else:
                flight, mine = self._flights.alone(request_id, make, end), True
            try:
                yield from self._news(
                    flight, 0, patience, "MISS" if mine else "JOINED", end + GRACE_SECONDS, request_id
                )
            except DeadlinePassed:
                # Of the one who began it: his time may be over before this caller's.
                if mine or time.monotonic() >= end:
                    raise
            else:
                return

    def _news(
        self,
        flight: Flight,
        after: int,
        patience: float,
        source: Source,
        end: float = math.inf,
        request_id: str | None = None,
    ) -> Iterator[News]:
        if patience < self._timeout_seconds:  # somebody wants to see it, and may lose the connection
            self._outcomes.keep(flight)
        while not flight.landed.done() and time.monotonic() < end:
            news = flight.news(after, min(patience, end - time.monotonic()))
            for progress in news:
                after += 1
                yield News(_mark(flight.name, str(after)), progress)
            if not news and not flight.landed.done():
                yield News()
        result = flight.result(end)
        if source == "JOINED":
            result = result.model_copy(update={"request_id": request_id or flight.name})
        yield News(_mark(flight.name, END), Answer(result, source))

    def _known(self, key: str) -> GenerateResult | None:
        found = self._cache.get(key)
        try:
            return GenerateResult.model_validate_json(found) if found else None
        except ValidationError:
            return None  # another version's

    def _remember(self, key: str, recipe: Recipe, result: GenerateResult) -> None:
        self._cache.put(key, result.model_dump_json(exclude_none=True).encode(), self._cache_seconds)
        if result.image_url.startswith("/"):
            self._cache.put(_recipe_key(_name_of(result)), recipe.model_dump_json().encode(), self._cache_seconds)


def _key(recipe: Recipe) -> str:
    normalised = json.dumps(recipe.model_dump(), sort_keys=True)
    return f"img_cache:{hashlib.sha256(normalised.encode()).hexdigest()}"


def _mark(name: str, place: str) -> str:
    return f"{name}:{place}"


def _recipe_key(name: str) -> str:
    return f"img_recipe:{name}"


def _name_of(result: GenerateResult) -> str:
    return result.image_url.rpartition("/")[2]
