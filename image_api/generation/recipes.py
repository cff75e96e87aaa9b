"""Recipes by the addresses of their pictures, and what replaced a picture that was lost: so that every link heals.

The result cache has the recipes of pictures that were requested with a seed, or by a route without seeds. Here are all
others, with the seed that was used, in room of their own. A render worker keeps those of its own folder, too.
"""

from collections.abc import Callable

from image_api.generation.cache import Cache, Kind
from image_api.generation.results import MIB, ResultCache, Store, address_key, recipe_key, valid_seconds
from render_worker.contract import GenerateResult, Recipe

USED_RECIPES = Kind("img_recipe_used:{}", 16 * MIB)
REPLACEMENTS = Kind("img_replaced:{}", 4 * MIB)
UNCACHED_SECONDS = 24 * 3600.0  # for which recipes are stored if the cache of results is off
MAX_REPLACEMENTS = 16  # of one picture, one after the other

KeptRecipe = Callable[[str, str | None], Recipe | None]
"""Returns the recipe that a render worker keeps of the picture at an address, for a client; None if it keeps none."""


class RecipeStore:
    """How each picture was made, and what is returned in place of a lost one. Thread-safe."""

    def __init__(self, cache: Cache, results: ResultCache, seconds: float, kept: KeptRecipe) -> None:
        """Store each for a TTL of `seconds`, or a day if that is 0; `kept` is asked for what is not stored."""
        self._results = results
        self._used = Store(cache, USED_RECIPES, Recipe.model_validate_json, exclude_none=False)
        self._replacements = Store(cache, REPLACEMENTS, GenerateResult.model_validate_json)
        self._seconds = seconds or UNCACHED_SECONDS
        self._kept = kept

    def save(self, recipe: Recipe, result: GenerateResult, *, cached: bool) -> None:
        """Store the recipe of a result with the seed used, unless the result cache has just the same.

        What replaced the picture when it was lost is dropped: it is there again, and so nothing leads in a circle.
        """
        used = recipe.with_seed_used(result.seed)
        if not (cached and used.seed == recipe.seed):
            self._used.put(address_key(result.image_url), used, self._seconds)
        self._replacements.drop(address_key(result.image_url))

    def shared_recipe_of(self, address: str) -> Recipe | None:
        """Return the recipe that requests share the result at an address by; None if none can."""
        return self._results.recipe_of(address)

    def recipe_of(self, address: str, client: str | None) -> Recipe | None:
        """Return the recipe of the picture at an address, with the seed used; None if it is not known."""
        stored = self._used.get(address_key(address)) or self._results.recipe_of(address)
        return stored or self._kept(address, client)

    def replacement_of(self, address: str) -> GenerateResult | None:
        """Return what was made in place of the lost picture at an address, and of that if it was lost as well."""
        newest = None
        for _ in range(MAX_REPLACEMENTS):
            replacement = self._replacements.get(address_key(address))
            if replacement is None or valid_seconds(replacement) <= 0:
                break
            newest, address = replacement, replacement.image_url
        return newest

    def replace(self, address: str, result: GenerateResult) -> None:
        """Return a result in place of the lost picture at an address from now on."""
        if result.image_url != address:
            self._replacements.put(address_key(address), result, self._seconds)

    def share(self, recipe: Recipe, result: GenerateResult) -> None:
        """Cache a regenerated result for the requests that share it by a recipe without a seed."""
        ignored = [name for name in result.ignored or () if name != "seed"] or None  # no client named one
        self._results.save(recipe_key(recipe), recipe, result.model_copy(update={"ignored": ignored}))

    def forget(self, address: str) -> None:
        """Erase what is stored of a picture that the operator deleted."""
        self._results.drop_address(address)
        for store in (self._used, self._replacements):
            store.drop(address_key(address))
