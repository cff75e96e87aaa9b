"""Regeneration of a lost picture: once for all clients that fetch it, and at most once a minute, even if it failed."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from image_api.admission import Admission, Waiter
from image_api.errors import ApiError, Cancelled, ServiceBusy, Stopping
from image_api.generation.options import GenerationOptions
from image_api.generation.recipes import RecipeStore
from image_api.generation.results import GenerationOutcome, ResultCache, Store, outcome_of, recipe_key, result_of
from image_api.limits.errors import RateLimited
from image_api.sent_images import SentImage
from render_worker.contract import GenerateResult, Recipe

REGENERATION_TTL_SECONDS = 60.0
POLL_SECONDS = 0.25
BAD_REQUEST = 400

Generate = Callable[[GenerationOptions], GenerateResult]
"""Generates a picture. Raises an ApiError if it fails."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _LostPicture:
    """A picture whose file is lost, and how it was made."""

    address: str
    recipe: Recipe
    """With the seed that was used."""
    shared: Recipe | None
    """By which requests share its result; None if none can."""
    image: SentImage | None
    """What it begins with."""

    @property
    def keys(self) -> set[str]:
        """Return the keys under which its result may be cached."""
        return {recipe_key(recipe) for recipe in (self.recipe, self.shared) if recipe}


class Regenerations:
    """The regenerations of the last minute, of all processes that share the cache. Thread-safe."""

    def __init__(
        self,
        results: ResultCache,
        recipes: RecipeStore,
        outcomes: Store[GenerationOutcome],
        admission: Admission,
        seconds: float,
    ) -> None:
        """Reserve a recipe for up to `seconds`, which is how long one regeneration may take."""
        self._results = results
        self._recipes = recipes
        self._outcomes = outcomes
        self._admission = admission
        self._seconds = seconds

    def regenerate(
        self, address: str, request_id: str, waiter: Waiter, generate: Generate, image: SentImage | None = None
    ) -> GenerateResult | None:
        """Return a picture in place of the one at an address, whose file is lost.

        Returns None if its recipe is not known, or begins with another image, or if no engine takes it any more.
        `generate` is called if no process has done so within the last minute. Raises the ApiError that it raised.
        """
        if replacement := self._recipes.replacement_of(address):
            return replacement
        recipe = self._recipes.recipe_of(address, waiter.client)
        if recipe is None:
            return None
        lost = _LostPicture(address, recipe, self._recipes.shared_recipe_of(address), image)
        if cached := self._cached_elsewhere(lost):
            return cached
        if recipe.image != (image and image.digest):  # no image is kept: the client has to send it again
            self._recipes.forget(address)
            return None
        try:
            result = self._once(recipe_key(recipe), waiter, lambda: self._make(lost, request_id, generate))
        except ApiError as error:
            if error.status != BAD_REQUEST:
                raise
            return None  # the model that was named is no longer there, or honours less
        if result:
            self._recipes.replace(address, result)
        return result

    def _cached_elsewhere(self, lost: "_LostPicture") -> GenerateResult | None:
        """Return the cached result of the same recipe at another address, None if there is none."""
        cached = (self._results.get(key) for key in lost.keys)
        return next((result for result in cached if result and result.image_url != lost.address), None)

    def _make(self, lost: "_LostPicture", request_id: str, generate: Generate) -> GenerateResult:
        log.info("%s: regenerating %s, its file is lost", request_id, lost.address.partition("?")[0])
        for key in lost.keys:
            self._results.drop(key)
        shared = lost.shared
        fields = {**lost.recipe.model_dump(), "image": lost.image, "cache_without_seed": shared is not None}
        result = generate(GenerationOptions(**fields))
        if shared and shared != lost.recipe:
            self._recipes.share(shared, result)
        return result

    def _once(self, key: str, waiter: Waiter, make: Callable[[], GenerateResult]) -> GenerateResult | None:
        """Return what `make` returns, called here or by another request of the last minute; None if neither is."""
        for _ in range(2):  # the regeneration that is waited for may be refused, or die with its process
            if self._begin(key):
                return self._regenerate_and_store(key, make)
            if result := self._wait_for_other(key, waiter):
                return result
        return None

    def _begin(self, key: str) -> bool:
        """Take the regeneration on. Returns False if another request has within the last minute."""
        begins = self._outcomes.reserve(key, self._seconds)
        if begins:
            self._outcomes.lease(key)
        return begins

    def _regenerate_and_store(self, key: str, generate: Callable[[], GenerateResult]) -> GenerateResult:
        """Return what `generate` returns, or raise its ApiError; stored unless refused or cancelled."""
        try:
            result_or_error: GenerateResult | ApiError = generate()
        except (Cancelled, RateLimited, ServiceBusy, Stopping):  # no other request would fail so
            self._outcomes.drop(key)
            raise
        except ApiError as error:
            result_or_error = error
        except BaseException:  # a fault, or this greenlet's end: other requests may try
            self._outcomes.drop(key)
            raise
        finally:
            self._outcomes.release(key)
        self._outcomes.put(key, outcome_of(result_or_error), REGENERATION_TTL_SECONDS)
        if isinstance(result_or_error, ApiError):
            raise result_or_error
        return result_or_error

    def _wait_for_other(self, key: str, waiter: Waiter) -> GenerateResult | None:
        """Return the result of another request's regeneration; None if it was refused, or if its process died."""
        try:
            for result in self._poll_outcome(key):
                if result:
                    return result
                self._admission.admit(waiter)
        finally:
            self._admission.release(waiter)
        return None

    def _poll_outcome(self, key: str) -> Iterator[GenerateResult | None]:
        """Yield None at each poll, and at last the result if there is one. Raises the ApiError of a failure."""
        while self._outcomes.is_reserved(key):
            yield None
            alive = not self._outcomes.shared or self._outcomes.is_leased(key)
            time.sleep(POLL_SECONDS)
            if not alive and self._outcomes.is_reserved(key):
                self._outcomes.drop(key)
                return
        if outcome := self._outcomes.get(key):
            yield result_of(outcome)
