"""Regeneration of a lost picture: once for all clients that fetch it, and at most once a minute, even if it failed."""

import logging
import time
from collections.abc import Callable, Iterator

from image_api.admission import Admission, Waiter
from image_api.errors import ApiError, ServiceBusy, Stopping
from image_api.generation.options import GenerationOptions
from image_api.generation.recipes import RecipeStore
from image_api.generation.results import GenerationOutcome, ResultCache, Store, outcome_of, recipe_key, result_of
from render_worker.contract import GenerateResult

REGENERATION_TTL_SECONDS = 60.0
POLL_SECONDS = 0.25

Generate = Callable[[GenerationOptions], GenerateResult]
"""Generates a picture. Raises an ApiError if it fails."""

log = logging.getLogger(__name__)


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

    def regenerate(self, address: str, request_id: str, waiter: Waiter, generate: Generate) -> GenerateResult | None:
        """Return a picture in place of the one at an address, whose file is lost; None if its recipe is not known.

        `generate` is called if no process has done so within the last minute. Raises the ApiError that it raised.
        """
        if replacement := self._recipes.replacement_of(address):
            return replacement
        recipe = self._recipes.recipe_of(address, waiter.client)
        if recipe is None:
            return None
        shared = self._recipes.shared_recipe_of(address)
        keys = {recipe_key(each) for each in (recipe, shared) if each}
        for cached in map(self._results.get, keys):
            if cached and cached.image_url != address:
                return cached

        def make() -> GenerateResult:
            log.info("%s: regenerating %s, its file is lost", request_id, address.partition("?")[0])
            for key in keys:
                self._results.drop(key)
            result = generate(GenerationOptions(**recipe.model_dump(), cache_without_seed=shared is not None))
            if shared and shared != recipe:
                self._recipes.share(shared, result)
            return result

        result = self._once(recipe_key(recipe), waiter, make)
        if result:
            self._recipes.replace(address, result)
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
        """Return what `generate` returns, or raise its ApiError; either is stored, unless it was refused."""
        try:
            result_or_error: GenerateResult | ApiError = generate()
        except (ServiceBusy, Stopping):
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
