"""Everything that is stored in the cache, typed: its keys, kinds, JSON and expiry.

Processes that share a cache may be of two versions: keys and JSON are the same in both, and an entry that this version
cannot parse is a miss.
"""

import hashlib
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from image_api.errors import ApiError, Relayed
from image_api.generation.cache import Cache, Kind
from image_api.generation.options import RECIPE_FIELDS
from render_worker.contract import ErrorLine, GenerateResult, Recipe, ResultLine

MIB = 1024 * 1024
MARGIN_SECONDS = 300.0  # for which an address from the cache is valid at least, so that a client has time to use it
DEGRADED_TTL_SECONDS = 60.0
LORA_ENDING = ".safetensors"
PERMANENT = "engine_not_configured"  # the code of an engine that will not be available at the next request either
RESERVED = b""
MAX_PARSED = 256  # results that are memoised as they were parsed, of 4 KB each
RECIPE_VERSION = 2  # before, every picture was scaled to the sizes of Perchance's shapes

RESULTS = Kind("img_cache:{}", 16 * MIB)
# From a recipe a lost picture is generated again, so recipes have the most room: some 20,000 of the usual size.
RECIPES = Kind("img_recipe:{}", 32 * MIB)
REGENERATIONS = Kind("img_again:{}", 2 * MIB)
REPLAYS = Kind("img_outcome:{}", 8 * MIB)
FAILURES = Kind("img_cache:{}:failure", 1 * MIB)

GenerationOutcome = ResultLine | ErrorLine
"""How a generation ended: the last line of its stream."""
_OUTCOME: TypeAdapter[ResultLine | ErrorLine] = TypeAdapter(ResultLine | ErrorLine)


class FlightFailure(BaseModel):
    """Why a flight failed, for the processes that wait for it. Each has a `flight` id of its own."""

    flight: str
    line: ErrorLine


T = TypeVar("T", bound=BaseModel)


class Store(Generic[T]):
    """The entries of one kind as values of one type, and the leases of their keys. Thread-safe."""

    def __init__(self, cache: Cache, kind: Kind, parse: Callable[[bytes], T], *, exclude_none: bool = True) -> None:
        self._cache = cache
        self._kind = kind
        self._parse = parse
        self._exclude_none = exclude_none

    @property
    def shared(self) -> bool:
        """Return whether other processes may have entries and leases here, too."""
        return self._cache.shared

    def get(self, key: str) -> T | None:
        """Return the value; None if there is none, if it has expired, or if this version cannot parse it."""
        text = self._cache.get(self._kind, key)
        try:
            return self._parse(text) if text else None
        except ValidationError:
            return None

    def put(self, key: str, value: T, seconds: float) -> None:
        """Store a value for `seconds`."""
        text = value.model_dump_json(exclude_none=self._exclude_none)
        self._cache.put(self._kind, key, text.encode(), seconds)

    def drop(self, key: str) -> None:
        """Delete the value, or the reservation."""
        self._cache.drop(self._kind, key)

    def reserve(self, key: str, seconds: float) -> bool:
        """Reserve the key for a value to come, for up to `seconds`. Returns False if it has an entry."""
        return self._cache.add(self._kind, key, RESERVED, seconds)

    def is_reserved(self, key: str) -> bool:
        """Return whether the key has a reservation and no value."""
        return self._cache.get(self._kind, key) == RESERVED

    def lease(self, key: str) -> bool:
        """Take the lease of the key until it is released. Returns False if another process has it."""
        return self._cache.lease(self._kind, key)

    def is_leased(self, key: str) -> bool:
        """Return whether a process has the lease of the key."""
        return self._cache.leased(self._kind, key)

    def release(self, key: str) -> None:
        """Release the lease."""
        self._cache.release(self._kind, key)


class ResultCache(Store[GenerateResult]):
    """Results by the keys of their recipes, and recipes by the addresses of their results. Thread-safe."""

    def __init__(self, cache: Cache, seconds: float) -> None:
        """Keep both for a TTL of `seconds`; with 0 the cache is off."""
        # Parsing a result takes a tenth of a cached response's time. The results are shared; they are only copied.
        super().__init__(cache, RESULTS, lru_cache(maxsize=MAX_PARSED)(GenerateResult.model_validate_json))
        self._recipes = Store(cache, RECIPES, Recipe.model_validate_json, exclude_none=False)
        self._seconds = seconds
        self.enabled = seconds > 0

    def get(self, key: str) -> GenerateResult | None:
        """Return the result; None if there is none, or if its address expires soon."""
        result = super().get(key)
        return result if result and valid_seconds(result) > 0 else None

    def save(self, key: str, recipe: Recipe, result: GenerateResult, at_most: float = math.inf) -> None:
        """Store a result for as long as its address is valid, and `at_most` so many seconds, and its recipe."""
        seconds = min(at_most, self._seconds, valid_seconds(result), _degraded_seconds(result))
        if seconds > 0:
            self.put(key, result, seconds)
        self._recipes.put(address_key(result.image_url), recipe, self._seconds)

    def recipe_of(self, address: str) -> Recipe | None:
        """Return the recipe of the result at an address, None if it is not stored."""
        return self._recipes.get(address_key(address))

    def drop_address(self, address: str) -> None:
        """Delete the result at an address, so that the next identical request makes another picture, and its recipe."""
        recipe = self.recipe_of(address)
        if recipe is None:
            return
        self._recipes.drop(address_key(address))
        key = recipe_key(recipe)
        cached = self.get(key)
        if cached and cached.image_url == address:  # and not one that was stored since
            self.drop(key)


def absolute_url(address: str, base: str) -> str:
    """Return a picture's URL; an address that begins with a slash is below `base`."""
    return base + address if address.startswith("/") else address


def regenerations(cache: Cache) -> Store[GenerationOutcome]:
    """Return the store of what regenerations came to, by the keys of their recipes."""
    return Store(cache, REGENERATIONS, _OUTCOME.validate_json)


def replays(cache: Cache) -> Store[GenerationOutcome]:
    """Return the store of what recorded flights came to, by their names."""
    return Store(cache, REPLAYS, _OUTCOME.validate_json)


def failures(cache: Cache) -> Store[FlightFailure]:
    """Return the store of why flights failed, by their keys."""
    return Store(cache, FAILURES, FlightFailure.model_validate_json, exclude_none=False)


def outcome_of(result_or_error: GenerateResult | BaseException) -> GenerationOutcome:
    """Return a result or an error as it is stored."""
    if isinstance(result_or_error, GenerateResult):
        return ResultLine(result=result_or_error)
    if isinstance(result_or_error, ApiError):
        return result_or_error.line()
    return ApiError("The service failed by its own fault.").line()


def result_of(outcome: GenerationOutcome) -> GenerateResult:
    """Return the result of a stored outcome. Raises Relayed if it is an error."""
    if isinstance(outcome, ErrorLine):
        raise Relayed(outcome.error, outcome.status)
    return outcome.result


def valid_seconds(result: GenerateResult) -> float:
    """Return for how many seconds the result's address may be given to clients: a storage's signed link expires.

    It is infinite if the address does not expire, and none is left if its expiry is not a moment.
    """
    return _seconds_left(result) - MARGIN_SECONDS


def has_expired(result: GenerateResult) -> bool:
    """Return whether a storage's signed link has expired, so that it leads to no picture any more."""
    return _seconds_left(result) <= 0


def _seconds_left(result: GenerateResult) -> float:
    if result.expires_at is None:
        return math.inf
    try:
        end = datetime.fromisoformat(result.expires_at)
    except ValueError:
        return 0.0
    end = end if end.tzinfo else end.replace(tzinfo=UTC)
    return (end - datetime.now(UTC)).total_seconds()


def _degraded_seconds(result: GenerateResult) -> float:
    """Return the TTL of a degraded result, infinite if it is not one.

    It is one if an option was ignored by a fallback: an engine before that may honour all of them the next time.
    """
    degraded = result.ignored and any(it.code != PERMANENT for it in result.fallback_from or ())
    return DEGRADED_TTL_SECONDS if degraded else math.inf


def recipe_key(recipe: Recipe) -> str:
    """Return the key under which identical requests share a result: a hash of all that decides how it looks."""
    parameters, proportion = recipe.model_dump(include=RECIPE_FIELDS, exclude={"aspect_ratio"}), recipe.proportion
    if size := recipe.exact_size:
        parameters |= {"width": size[0], "height": size[1]}
    if proportion:  # also beside an exact size: an engine that cannot make that keeps to it, and else makes its shape
        parameters["aspect_ratio"] = str(proportion)
    if recipe.lora_path:  # it may be named without its file's ending
        parameters["lora_path"] = recipe.lora_path.removesuffix(LORA_ENDING)
    if recipe.output_format == "auto":  # the quality is that of a variant of the stored picture
        parameters.pop("output_compression", None)
    return _digest(json.dumps({**parameters, "version": RECIPE_VERSION}, sort_keys=True))


def address_key(address: str) -> str:
    """Return the key of what is stored about the picture at an address."""
    return _digest(address)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
