"""The one use case: validate what the caller asks for, have it made, return the result. It knows no Flask."""

import hashlib
import json
import logging
import re
import threading
import time
from dataclasses import dataclass
from typing import Literal, Self
from urllib.parse import parse_qsl

from pydantic import Field, ValidationError

from image_api.cache import Cache
from image_api.dispatch.direct import DirectDispatch
from image_api.errors import DeadlinePassed, Stopping, TooMany
from image_api.joining import Flights
from image_api.settings import Settings
from render_worker.contract import GenerateRequest, GenerateResult, InvalidField, Recipe

INTEGER = re.compile(r"-?[0-9]{1,12}")
NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,20})?")
BOOLEANS = {"true": True, "false": False}
MAX_QUERY_FIELDS = 100
GRACE_SECONDS = 4.0  # the dispatch has a deadline of its own, whose sentence says more

log = logging.getLogger(__name__)


class Wanted(Recipe):
    """What a caller of /generate can say."""

    format: Literal["json", "redirect"] | None = Field(None, description="json or redirect")
    cache: bool = Field(True, description="true or false")

    @classmethod
    def parse_query(cls, query: bytes) -> Self:
        """Read the part of an address behind the question mark; InvalidField as in `parse`."""
        # What is no UTF-8 becomes lone surrogates, which the field's own check refuses by name.
        text = query.decode(errors="surrogateescape")
        try:
            pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=MAX_QUERY_FIELDS)
        except ValueError:
            raise InvalidField(f"The query must have at most {MAX_QUERY_FIELDS} parameters.") from None
        return cls.parse((name, cls._typed(name, text)) for name, text in pairs)

    @classmethod
    def _typed(cls, name: str, text: str) -> object:
        kind = cls.model_fields[name].annotation if name in cls.model_fields else str
        if kind is int and INTEGER.fullmatch(text):
            return int(text)
        if kind is bool and text in BOOLEANS:
            return BOOLEANS[text]
        if kind is float and NUMBER.fullmatch(text):
            return float(text)
        return text  # no number: the field's own check says what it wants


Source = Literal["HIT", "MISS", "JOINED"]


@dataclass(frozen=True)
class Answer:
    """A picture, and whether it was known, made for this caller, or made for an earlier one who still waits."""

    result: GenerateResult
    source: Source


class Generation:
    """Makes pictures for callers, each within one deadline. Thread-safe."""

    def __init__(self, dispatch: DirectDispatch, cache: Cache, settings: Settings) -> None:
        self._dispatch = dispatch
        self._cache = cache
        self._timeout_seconds = settings.request_timeout_seconds
        self._cache_seconds = settings.cache_expiration_hours * 3600
        self._places = threading.BoundedSemaphore(settings.max_generations)
        self._flights = Flights(cache, self._known)

    def generate(self, recipe: Recipe, request_id: str, *, cache: bool = True, seedless: bool = False) -> Answer:
        """One picture; an ApiError says why there is none.

        A recipe with a seed of its own, or with `seedless` any, is answered by a picture that was made for the same
        recipe before, or joins the one that is being made. Without `cache` it is made anew.
        """
        recipe = Recipe(**recipe.model_dump(include=set(Recipe.model_fields)))
        key = _key(recipe) if (recipe.seed >= 0 or seedless) and self._cache_seconds else None
        if key and cache and (known := self._known(key)):
            return Answer(known.model_copy(update={"cached": True, "request_id": request_id}), "HIT")
        if not self._places.acquire(blocking=False):
            raise TooMany("Too many callers wait for a picture already.")
        try:
            return self._made(recipe, request_id, key, join=cache)
        finally:
            self._places.release()

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
        return self._made(recipe, request_id, key, join=True).result

    def stop(self) -> None:
        """Let nobody wait any longer: whoever still does is told that this service is being stopped."""
        self._dispatch.stop()
        self._flights.stop(Stopping("This service is being stopped."))

    def _made(self, recipe: Recipe, request_id: str, key: str | None, *, join: bool) -> Answer:
        end = time.monotonic() + self._timeout_seconds

        def make(seconds: float) -> GenerateResult:
            request = GenerateRequest(**recipe.model_dump(), request_id=request_id, timeout_seconds=max(seconds, 0.001))
            result = self._dispatch.generate(request)
            if key:
                self._remember(key, recipe, result)
            return result

        while True:
            flight, mine = (
                self._flights.joined(key, make, end) if key and join else (self._flights.alone(make, end), True)
            )
            try:
                result = flight.result(end + GRACE_SECONDS)
            except DeadlinePassed:
                # Of the one who began it: his time may be over before this caller's.
                if mine or time.monotonic() >= end:
                    raise
                continue
            if mine:
                return Answer(result, "MISS")
            return Answer(result.model_copy(update={"request_id": request_id}), "JOINED")

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


def _recipe_key(name: str) -> str:
    return f"img_recipe:{name}"


def _name_of(result: GenerateResult) -> str:
    return result.image_url.rpartition("/")[2]
