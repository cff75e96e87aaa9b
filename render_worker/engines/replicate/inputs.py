"""The inputs of a model at Replicate by its own schema, and a recipe translated to them.

A version's `openapi_schema` describes the inputs at components.schemas.Input.properties; the values of an enum are
elsewhere, behind `allOf` and `$ref`. Only its name says what an input means, and models follow conventions for it.
"""

import math
import re
import secrets
from dataclasses import dataclass

from render_worker.contract import MAX_SEED, Recipe
from render_worker.engines.capabilities import Capabilities
from render_worker.errors import RequestInvalid
from render_worker.sizes import Sizes

GUIDANCE = ("guidance_scale", "guidance", "cfg")
FORMATS = ("png", "webp", "jpg", "jpeg")  # the pipeline encodes the picture again, so the best comes first
RATIO = re.compile(r"([1-9]\d{0,3}):([1-9]\d{0,3})")
GROWTH = (1, 1.5, 2)  # of a shape's size: each makes sides that are whole multiples of 64 pixels
LARGEST = 2**53  # a number beyond that bounds nothing here, and some are too large to count with
DEFAULT_GUIDANCE = Recipe.model_fields["guidance_scale"].default

Property = dict[str, object]


@dataclass(frozen=True)
class ModelInput:
    """A recipe translated to a model's inputs, and what the model will really use."""

    sent: dict[str, object]
    seed: int | None
    guidance_scale: float | None


class Inputs:
    """The inputs that one model takes."""

    def __init__(self, openapi_schema: object) -> None:
        schemas = _at(openapi_schema, "components", "schemas")
        properties = _at(schemas, "Input", "properties")
        self._properties = {name: _resolved(about, schemas) for name, about in properties.items()}
        self._guidance = next((name for name in GUIDANCE if name in self._properties), None)

    @property
    def takes_a_prompt(self) -> bool:
        """Return whether it makes a picture from a text."""
        return "prompt" in self._properties

    @property
    def capabilities(self) -> Capabilities:
        """Return what the model has an input for."""
        return Capabilities(
            Sizes(),
            seed="seed" in self._properties,
            negative_prompt="negative_prompt" in self._properties,
            guidance_scale=self._guidance is not None,
        )

    def for_recipe(self, recipe: Recipe) -> ModelInput:
        """Translate a recipe; an input that is left out keeps the model's default.

        Raises RequestInvalid if the model does not take the seed.
        """
        sent: dict[str, object] = {"prompt": recipe.prompt, **self._shape(recipe)}
        if "negative_prompt" in self._properties and recipe.negative_prompt:
            sent["negative_prompt"] = recipe.negative_prompt
        if "num_outputs" in self._properties:
            sent["num_outputs"] = 1
        formats = _values(self._properties.get("output_format"))
        if best := next((kind for kind in FORMATS if kind in formats), None):
            sent["output_format"] = best
        seed = self._seed(recipe.seed)
        if seed is not None:
            sent["seed"] = seed
            if recipe.seed >= 0 and "go_fast" in self._properties:
                sent["go_fast"] = False  # FLUX: "outputs will not be deterministic when this is enabled"
        guidance = self._guidance_scale(recipe.guidance_scale, sent)
        return ModelInput(sent, seed, guidance)

    def _seed(self, seed: int) -> int | None:
        about = self._properties.get("seed")
        if about is None:
            return None
        low, high = (int(bound) for bound in _bounds(about, 0, MAX_SEED))
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
            return _number(about.get("default"))
        low, high = _bounds(about, 0.0, math.inf)
        used = min(max(scale, low), high)
        sent[self._guidance] = round(used) if about.get("type") == "integer" else used
        return _number(sent[self._guidance])

    def _shape(self, recipe: Recipe) -> dict[str, object]:
        """Return the input for the nearest aspect ratio, else for a size; {} if the model has neither."""
        width, height = self.capabilities.sizes.plan(recipe).made
        ratios = [text for text in _values(self._properties.get("aspect_ratio")) if RATIO.fullmatch(text)]
        if ratios:
            return {"aspect_ratio": min(ratios, key=lambda text: abs(math.log(_ratio(text) * height / width)))}
        if not {"width", "height"} <= self._properties.keys():
            return {}
        return self._size(width, height)

    def _size(self, width: int, height: int) -> dict[str, object]:
        """Return the input for the multiple of a size that is nearest to the model's own number of pixels.

        A model does best near the size that it was made for, which is its default.
        """
        across, down = self._properties["width"], self._properties["height"]
        own = (_number(across.get("default")) or width) * (_number(down.get("default")) or height)
        possible = [size for growth in GROWTH if _fits(size := (width * growth, height * growth), across, down)]
        if not possible:
            return {}
        best = min(possible, key=lambda size: abs(size[0] * size[1] - own))
        return {"width": int(best[0]), "height": int(best[1])}


def _fits(size: tuple[float, float], across: Property, down: Property) -> bool:
    return all(
        low <= side <= high
        for side, (low, high) in zip(size, (_bounds(about, 1, math.inf) for about in (across, down)), strict=True)
    )


def _ratio(text: str) -> float:
    across, down = text.split(":")
    return int(across) / int(down)


def _at(document: object, *names: str) -> dict[str, object]:
    """Return the object at a path of names; {} if there is none."""
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def _resolved(about: object, schemas: dict[str, object]) -> Property:
    """Return a property merged with what it refers to; its own entries come first."""
    parts = [about]
    for word in ("allOf", "anyOf", "oneOf"):
        more = about.get(word) if isinstance(about, dict) else None
        parts += more if isinstance(more, list) else []
    found: Property = {}
    for part in parts:
        if not isinstance(part, dict):
            continue
        name = str(part.get("$ref", "")).rpartition("/")[2]
        found = {**part, **_at(schemas, name), **found}
    return found


def _values(about: Property | None) -> list[str]:
    values = about.get("enum") if about else None
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def _number(value: object) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
    return value if usable else None  # type: ignore[return-value]  # `usable` says that it is a number


def _bounds(about: Property, low: float, high: float) -> tuple[float, float]:
    """Return a property's own bounds within these; these alone if its own leave nothing."""
    lowest = max(low, value) if (value := _number(about.get("minimum"))) is not None else low
    highest = min(high, value) if (value := _number(about.get("maximum"))) is not None else high
    return (lowest, highest) if lowest <= highest else (low, high)
