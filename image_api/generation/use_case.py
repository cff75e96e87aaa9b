"""The one use case: validate what the caller asks for, have it made, return the result. It knows no Flask."""

import hashlib
import json
import logging
import math
import re
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from image_api.admission import Admission, Waiter
from image_api.dispatch.base import Dispatch
from image_api.errors import DeadlinePassed, InvalidParameter, Stopping
from image_api.generation.cache import RECIPES, RESULTS, Cache
from image_api.generation.expiry import good_seconds
from image_api.generation.regeneration import Regenerations
from image_api.generation.replay import ReplayStore
from image_api.generation.single_flight import Flight, SingleFlight
from image_api.settings import Settings
from render_worker.contract import GenerateRequest, GenerateResult, Progress, Recipe

HEARTBEAT_SECONDS = 10.0
FIRST_SECONDS = 1.0
AGAIN_SECONDS = 60.0
NEVER = "engine_not_configured"  # the code of an engine that will not be up the next time either
PLACE = re.compile(r"[0-9]{1,6}", re.ASCII)
END = "end"
RECIPE_FIELDS = set(Recipe.model_fields)  # of what a caller says, those that decide how the picture looks
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


Stream = Generator[News, None, None]


class Generation:
    """Makes pictures for callers, each within one deadline. Thread-safe."""

    def __init__(self, dispatch: Dispatch, cache: Cache, settings: Settings) -> None:
        self._dispatch = dispatch
        self._cache = cache
        self._timeout_seconds = settings.request_timeout_seconds
        self._cache_seconds = settings.cache_expiration_hours * 3600
        self.admission = Admission(settings.max_generations, settings.max_streams_per_client)
        """The slots of all that wait here; whoever makes a Waiter releases it."""
        self._flights = SingleFlight(cache, self._known, self.admission)
        self._outcomes = ReplayStore(cache)
        self._remakes = Regenerations(cache)
        self.ending = False
        """Whether this service is being stopped, and who asks for nothing now is to be let go."""

    def generate(
        self,
        recipe: Recipe,
        request_id: str,
        waiter: Waiter,
        *,
        cache: bool = True,
        seedless: bool = False,
        within: float | None = None,
    ) -> Answer:
        """One picture; an ApiError says why there is none. The waiter holds no slot any more afterwards.

        A recipe with a seed of its own, or with `seedless` any, is answered by a picture that was made for the same
        recipe before, or joins the one that is being made. Without `cache` it is made anew. With `within` only an
        engine is asked that is expected to be done in so many seconds, and no other's flight is joined.
        """
        try:
            *_, last = self._wanted(recipe, request_id, waiter, cache, seedless, within, followed=False)
        finally:
            self.admission.release(waiter)
        assert isinstance(last.content, Answer)  # noqa: S101 - it ends so
        return last.content

    def follow(
        self, recipe: Recipe, request_id: str, waiter: Waiter, *, cache: bool = True, within: float | None = None
    ) -> Stream:
        """The same as news, of which the last is the Answer; one without content where there was none for a while.

        The waiter is admitted as soon as there is something to wait for. Whoever made it closes the news and releases
        it; it may follow one generation after the other.
        """
        return self._wanted(recipe, request_id, waiter, cache, False, within, followed=True)

    def resume(self, mark: str, waiter: Waiter) -> Stream | None:
        """What followed after that place in a stream; None where nothing does. StreamLost where nobody knows it."""
        name, _, place = mark.rpartition(":")
        if place == END:
            return None
        if flight := self._flights.find(name):
            after = int(place) if PLACE.fullmatch(place) else 0
            self._flights.board(flight, waiter)
            return self._news(flight, "JOINED", name, waiter, math.inf, after=after)
        return self._outcome(name, waiter)

    def make_again(self, address: str, request_id: str, waiter: Waiter) -> GenerateResult | None:
        """A picture in place of a known one whose file is gone; None if its recipe is not known.

        What was made again a moment ago is not made once more, whether it is to be had or not, or failed.
        """
        recipe = self._recipe_of(address)
        if recipe is None:
            return None
        key = _key(recipe.model_dump())
        known = self._known(key)
        if known and known.image_url != address:
            return known
        for _ in range(2):  # the one that is waited for may be refused, or die with its process
            if self._remakes.begins(key, self._timeout_seconds + 2 * GRACE_SECONDS):
                log.info("%s makes %s again, whose file is gone", request_id, address.partition("?")[0])
                self._cache.drop(RESULTS, key)
                return self._remakes.once(key, lambda: self.generate(recipe, request_id, waiter, seedless=True).result)
            if made := self._made_again(key, waiter):
                return made
        return None

    def forget(self, address: str) -> None:
        """A picture is not to be had and not to be made again: whoever asks for its like gets another one."""
        recipe = self._recipe_of(address)
        if recipe is None:
            return
        key = _key(recipe.model_dump())
        known = self._known(key)
        if known and known.image_url == address:  # and not one that was made since
            self._cache.drop(RESULTS, key)

    def stop(self) -> None:
        """Let nobody wait any longer: whoever still does is told that this service is being stopped."""
        self._flights.stop(Stopping("This service is being stopped."))  # first, for the next ends waits by other words
        self._dispatch.stop()

    def _made_again(self, key: str, waiter: Waiter) -> GenerateResult | None:
        """Return what another request has made again in the last minute, or does."""
        try:
            for result in self._remakes.outcome(key):
                if result:
                    return result
                self.admission.admit(waiter)
        finally:
            self.admission.release(waiter)
        return None

    def _outcome(self, name: str, waiter: Waiter) -> Stream:
        for result in self._outcomes.of(name):
            if result is None:
                self.admission.admit(waiter)
            yield News(_mark(name, END), Answer(result, "JOINED")) if result else News()

    def _wanted(
        self,
        recipe: Recipe,
        request_id: str,
        waiter: Waiter,
        cache: bool,
        seedless: bool,
        within: float | None,
        *,
        followed: bool,
    ) -> Stream:
        _check_within(within, recipe.model)
        fields = recipe.model_dump(include=RECIPE_FIELDS)
        key = _key(fields) if (recipe.seed >= 0 or seedless) and self._cache_seconds else None
        if key and cache and (known := self._known(key)):
            result = known.model_copy(update={"cached": True, "request_id": request_id})
            yield News(_mark(request_id, END), Answer(result, "HIT"))
            return
        end = time.monotonic() + self._timeout_seconds
        recipe = Recipe(**fields)

        def make(seconds: float, flight: Flight) -> GenerateResult:
            left = max(seconds, 0.001)
            request = GenerateRequest(**fields, request_id=request_id, timeout_seconds=left, within=within)
            result = self._dispatch.generate(request, flight.tell, waiter.client, flight.abort)
            if key:
                self._remember(key, recipe, result)
            return result

        while True:
            if key and cache and within is None:
                flight, mine = self._flights.joined(key, request_id, make, end, waiter)
            else:
                flight, mine = self._flights.alone(request_id, make, end, waiter), True
            if followed:
                self._outcomes.keep(flight)
            try:
                yield from self._news(flight, "MISS" if mine else "JOINED", request_id, waiter, end + GRACE_SECONDS)
            except DeadlinePassed:
                # Of the one who began it: his time may be over before this caller's.
                if mine or time.monotonic() >= end:
                    raise
            else:
                return

    def _news(
        self, flight: Flight, source: Source, request_id: str, waiter: Waiter, end: float, after: int = 0
    ) -> Stream:
        """Yield the news of a flight that the waiter has boarded, and have it leave."""
        try:
            yield from self._progress(flight, waiter, end, after)
            result = flight.result(end)
        finally:
            self._flights.leave(flight, waiter)
        source = "JOINED" if flight.made_elsewhere else source
        if source == "JOINED":
            result = result.model_copy(update={"request_id": request_id})
        yield News(_mark(flight.name, END), Answer(result, source))

    def _progress(self, flight: Flight, waiter: Waiter, end: float, after: int) -> Stream:
        patience = FIRST_SECONDS  # then the caller gets to know the place to which he can come back
        while not flight.landed.done() and time.monotonic() < end:
            news = flight.news(after, min(patience, end - time.monotonic()), waiter)
            for progress in news:
                after += 1
                yield News(_mark(flight.name, str(after)), progress)
            if not news and not flight.landed.done():
                yield News(_mark(flight.name, str(after)))
            patience = HEARTBEAT_SECONDS

    def _known(self, key: str) -> GenerateResult | None:
        found = self._cache.get(RESULTS, key)
        try:
            result = GenerateResult.model_validate_json(found) if found else None
        except ValidationError:
            return None  # another version's
        return result if result and good_seconds(result) > 0 else None

    def _remember(self, key: str, recipe: Recipe, result: GenerateResult) -> None:
        seconds = min(self._cache_seconds, good_seconds(result))
        if result.ignored and any(it.code != NEVER for it in result.fallback_from or ()):
            seconds = min(seconds, AGAIN_SECONDS)  # who comes before that engine may honour all the next time
        if seconds > 0:
            self._cache.put(RESULTS, key, result.model_dump_json(exclude_none=True).encode(), seconds)
        self._cache.put(RECIPES, _digest(result.image_url), recipe.model_dump_json().encode(), self._cache_seconds)

    def _recipe_of(self, address: str) -> Recipe | None:
        found = self._cache.get(RECIPES, _digest(address))
        try:
            return Recipe.model_validate_json(found) if found else None
        except ValidationError:
            return None  # another version's


def _check_within(within: float | None, model: str) -> None:
    if within is not None and model != "auto":
        raise InvalidParameter("within only goes with model=auto.")


def _key(fields: dict[str, Any]) -> str:
    return _digest(json.dumps(fields, sort_keys=True))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _mark(name: str, place: str) -> str:
    return f"{name}:{place}"
