"""A recipe translated to the inputs of a model at Replicate.

Only its name says what an input means, and models follow conventions for it.
"""

import math
import secrets
from dataclasses import dataclass

from render_worker.contract import MAX_SEED, Recipe
from render_worker.engines.capabilities import Capabilities
from render_worker.engines.replicate.schema import bounds_of, is_number, number_of, properties_of, values
from render_worker.engines.replicate.sizes import size_input
from render_worker.errors import RequestInvalid

GUIDANCE = ("guidance_scale", "guidance", "cfg")
LOSSLESS_FIRST = ("png", "webp", "jpg", "jpeg")
QUALITY = 90  # of a JPEG or WebP, as of those that the worker encodes itself
DEFAULT_GUIDANCE = Recipe.model_fields["guidance_scale"].default


@dataclass(frozen=True)
class ModelInput:
    """A recipe translated to a model's inputs, and what the model will really use."""

    sent: dict[str, object]
    seed: int | None
    guidance_scale: float | None


class Inputs:
    """The inputs that one model takes."""

    def __init__(self, openapi_schema: object, model: str) -> None:
        self._properties = properties_of(openapi_schema)
        self._guidance = next((name for name in GUIDANCE if name in self._properties), None)
        self._size = size_input(model, self._properties)

    @property
    def takes_a_prompt(self) -> bool:
        """Return whether it makes a picture from a text."""
        return "prompt" in self._properties

    @property
    def capabilities(self) -> Capabilities:
        """Return what the model has an input for."""
        return Capabilities(
            self._size.sizes,
            seed="seed" in self._properties,
            negative_prompt="negative_prompt" in self._properties,
            guidance_scale=self._guidance is not None,
        )

    def for_recipe(self, recipe: Recipe) -> ModelInput:
        """Translate a recipe; an input that is left out keeps the model's default.

        Raises RequestInvalid if the model does not take the seed.
        """
        plan = self._size.sizes.plan(recipe)
        sent: dict[str, object] = {"prompt": recipe.prompt, **self._size.of(plan)}
        if "negative_prompt" in self._properties and recipe.negative_prompt:
            sent["negative_prompt"] = recipe.negative_prompt
        if "num_outputs" in self._properties:
            sent["num_outputs"] = 1
        sent |= self._format(recipe, kept=plan.keeps_file)
        seed = self._seed(recipe.seed)
        if seed is not None:
            sent["seed"] = seed
            if recipe.seed >= 0 and "go_fast" in self._properties:
                sent["go_fast"] = False  # FLUX: "outputs will not be deterministic when this is enabled"
        guidance = self._guidance_scale(recipe.guidance_scale, sent)
        return ModelInput(sent, seed, guidance)

    def _format(self, recipe: Recipe, kept: bool) -> dict[str, object]:
        """Return the inputs for the wanted format, if the model has it and its file would be `kept` as it comes.

        Else a lossless one comes first: it is encoded here, or by the API tier of what is stored, with no loss before.
        """
        wanted = {"jpeg": ("jpg", "jpeg"), "webp": ("webp",)}.get(recipe.output_format, ())
        kinds = (*(wanted if kept and recipe.output_compression is None else ()), *LOSSLESS_FIRST)
        formats, quality = values(self._properties.get("output_format")), self._properties.get("output_quality")
        kind = next((kind for kind in kinds if kind in formats), None)
        found: dict[str, object] = {"output_format": kind} if kind else {}
        if kind != "png" and quality is not None and is_number(quality):
            low, high = bounds_of(quality, 0, 100)
            found["output_quality"] = round(min(max(QUALITY if kind in wanted else high, low), high))
        return found

    def _seed(self, seed: int) -> int | None:
        about = self._properties.get("seed")
        if about is None:
            return None
        low, high = (int(bound) for bound in bounds_of(about, 0, MAX_SEED))
        if seed < 0:
            return low + secrets.randbelow(high - low + 1)
        if not low <= seed <= high:  # another seed would be another picture
            raise RequestInvalid(f"The model at Replicate takes a seed from {low} to {high}, and {seed} is none.")
        return seed

    def _guidance_scale(self, scale: float, sent: dict[str, object]) -> float | None:
        """Return the scale to be used: the model's own, as defaults differ, unless another one was asked for."""
        if self._guidance is None:
            return None
        about = self._properties[self._guidance]
        if scale == DEFAULT_GUIDANCE:
            return number_of(about.get("default"))
        low, high = bounds_of(about, 0.0, math.inf)
        used = min(max(scale, low), high)
        sent[self._guidance] = round(used) if about.get("type") == "integer" else used
        return number_of(sent[self._guidance])
