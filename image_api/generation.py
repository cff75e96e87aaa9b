"""The one use case: validate what the caller asks for, have it made, return the result. It knows no Flask."""

import hashlib
import json
import logging
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from image_api.cache import Cache
from image_api.dispatch.direct import DirectDispatch
from image_api.dispatch.waking import Report
from image_api.errors import DeadlinePassed, InvalidParameter, Stopping
from image_api.expiry import good_seconds
from image_api.joining import Flight, Flights
from image_api.outcomes import Outcomes
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


class Generation:
    """Makes pictures for callers, each within one deadline. Thread-safe."""

    def __init__(self, dispatch: DirectDispatch, cache: Cache, settings: Settings) -> None:
        self._dispatch = dispatch
        self._cache = cache
        self._timeout_seconds = settings.request_timeout_seconds
        self._cache_seconds = settings.cache_expiration_hours * 3600
        self._flights = Flights(cache, self._known, settings.max_generations)
        self._outcomes = Outcomes(cache)
        self.ending = False
        """Whether this service is being stopped, and who asks for nothing now is to be let go."""

    def generate(
        self,
        recipe: Recipe,
        request_id: str,
        *,
        cache: bool = True,
        seedless: bool = False,
        within: float | None = None,
    ) -> Answer:
        """One picture; an ApiError says why there is none.

        A recipe with a seed of its own, or with `seedless` any, is answered by a picture that was made for the same
        recipe before, or joins the one that is being made. Without `cache` it is made anew. With `within` only an
        engine is asked that is expected to be done in so many seconds, and no other's flight is joined.
        """
        *_, last = self._wanted(recipe, request_id, cache, seedless, within, followed=False)
        assert isinstance(last.content, Answer)  # noqa: S101 - it ends so
        return last.content

    def follow(
        self, recipe: Recipe, request_id: str, *, cache: bool = True, within: float | None = None
    ) -> Iterator[News]:
        """The same as news, of which the last is the Answer; one without content where there was none for a while."""
        return self._wanted(recipe, request_id, cache, False, within, followed=True)

    def resume(self, mark: str) -> Iterator[News] | None:
        """What followed after that place in a stream; None where nothing does. StreamLost where nobody knows it."""
        name, _, place = mark.rpartition(":")
        if place == END:
            return None
        if flight := self._flights.find(name):
            after = int(place) if PLACE.fullmatch(place) else 0
            return self._news(flight, "JOINED", name, math.inf, after=after)
        return (
            News(_mark(name, END), Answer(result, "JOINED")) if result else News() for result in self._outcomes.of(name)
        )

    def make_again(self, address: str, request_id: str) -> GenerateResult | None:
        """A picture in place of a known one whose file is gone; None where its recipe is not known.

        What was made again a moment ago is not made once more, whether it is to be had or not.
        """
        recipe = self._recipe_of(address)
        if recipe is None:
            return None
        key = _key(recipe.model_dump())
        known = self._known(key)
        if known and known.image_url != address:
            return known
        if self._cache.get(_again_key(address)) is None:
            log.info("%s makes %s again, whose file is gone", request_id, address.partition("?")[0])
            self._cache.put(_again_key(address), b"1", AGAIN_SECONDS)
            self._cache.drop(key)
        return self.generate(recipe, request_id, seedless=True).result

    def forget(self, address: str) -> None:
        """A picture is not to be had and not to be made again: whoever asks for its like gets another one."""
        recipe = self._recipe_of(address)
        if recipe is None:
            return
        key = _key(recipe.model_dump())
        known = self._known(key)
        if known and known.image_url == address:  # and not one that was made since
            self._cache.drop(key)

    def stop(self) -> None:
        """Let nobody wait any longer: whoever still does is told that this service is being stopped."""
        self._flights.stop(Stopping("This service is being stopped."))  # first, for the next ends waits by other words
        self._dispatch.stop()

    def _wanted(
        self, recipe: Recipe, request_id: str, cache: bool, seedless: bool, within: float | None, *, followed: bool
    ) -> Iterator[News]:
        _check_within(within, recipe.model)
        fields = recipe.model_dump(include=RECIPE_FIELDS)
        key = _key(fields) if (recipe.seed >= 0 or seedless) and self._cache_seconds else None
        if key and cache and (known := self._known(key)):
            result = known.model_copy(update={"cached": True, "request_id": request_id})
            yield News(_mark(request_id, END), Answer(result, "HIT"))
            return
        end = time.monotonic() + self._timeout_seconds
        recipe = Recipe(**fields)

        def make(seconds: float, report: Report) -> GenerateResult:
            left = max(seconds, 0.001)
            request = GenerateRequest(**fields, request_id=request_id, timeout_seconds=left, within=within)
            result = self._dispatch.generate(request, report)
            if key:
                self._remember(key, recipe, result)
            return result

        while True:
            if key and cache and within is None:
                flight, mine = self._flights.joined(key, request_id, make, end)
            else:
                flight, mine = self._flights.alone(request_id, make, end), True
            if followed:
                self._outcomes.keep(flight)
            try:
                yield from self._news(flight, "MISS" if mine else "JOINED", request_id, end + GRACE_SECONDS)
            except DeadlinePassed:
                # Of the one who began it: his time may be over before this caller's.
                if mine or time.monotonic() >= end:
                    raise
            else:
                return

    def _news(self, flight: Flight, source: Source, request_id: str, end: float, after: int = 0) -> Iterator[News]:
        patience = FIRST_SECONDS  # then the caller gets to know the place to which he can come back
        while not flight.landed.done() and time.monotonic() < end:
            news = flight.news(after, min(patience, end - time.monotonic()))
            for progress in news:
                after += 1
                yield News(_mark(flight.name, str(after)), progress)
            if not news and not flight.landed.done():
                yield News(_mark(flight.name, str(after)))
            patience = HEARTBEAT_SECONDS
        result = flight.result(end)
        source = "JOINED" if flight.made_elsewhere else source
        if source == "JOINED":
            result = result.model_copy(update={"request_id": request_id})
        yield News(_mark(flight.name, END), Answer(result, source))

    def _known(self, key: str) -> GenerateResult | None:
        found = self._cache.get(key)
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
            self._cache.put(key, result.model_dump_json(exclude_none=True).encode(), seconds)
        self._cache.put(_recipe_key(result.image_url), recipe.model_dump_json().encode(), self._cache_seconds)

    def _recipe_of(self, address: str) -> Recipe | None:
        found = self._cache.get(_recipe_key(address))
        try:
            return Recipe.model_validate_json(found) if found else None
        except ValidationError:
            return None  # another version's


def _check_within(within: float | None, model: str) -> None:
    if within is not None and model != "auto":
        raise InvalidParameter("within only goes with model=auto.")


def _key(fields: dict[str, Any]) -> str:
    normalised = json.dumps(fields, sort_keys=True)
    return f"img_cache:{hashlib.sha256(normalised.encode()).hexdigest()}"


def _mark(name: str, place: str) -> str:
    return f"{name}:{place}"


def _recipe_key(address: str) -> str:
    return f"img_recipe:{hashlib.sha256(address.encode()).hexdigest()}"


def _again_key(address: str) -> str:
    return f"img_again:{hashlib.sha256(address.encode()).hexdigest()}"
