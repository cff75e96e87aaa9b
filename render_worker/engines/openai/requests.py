"""Requests for a picture, in the words of each kind of server."""

import json
from collections.abc import Mapping
from fractions import Fraction

from render_worker.contract import GenerateRequest, Recipe, difference, proportion_of
from render_worker.engines.openai.connection import Connection
from render_worker.engines.openai.presets import ANY_RATIO, TAG
from render_worker.errors import InvalidParameter
from render_worker.sizes import SizePlan

PARTIAL_IMAGES = 2
BAR = "|"

Fields = dict[str, object]


def request_fields(connection: Connection, recipe: Recipe, plan: SizePlan, seed: int, *, previews: bool) -> Fields:
    """Return the fields of a request, whose texts hold no code for the server."""
    preset, extensions = connection.preset, _extensions(connection, recipe, seed)
    fields: Fields = {"prompt": recipe.prompt}
    if connection.model:
        fields["model"] = connection.model
    fields |= _size_fields(connection, plan)
    if preset.response_format:
        fields["response_format"] = preset.response_format
    if recipe.output_format in preset.formats and recipe.output_compression is None:
        fields["output_format"] = recipe.output_format
    if connection.known.has_qualities:
        fields["quality"] = connection.quality
    if previews:
        fields |= {"stream": True, "partial_images": PARTIAL_IMAGES}
    return _with_extensions(fields, extensions, preset.writing)


def require_no_code(connection: Connection, recipe: Recipe) -> None:
    """Raise InvalidParameter if the server reads a part of a text as code."""
    for name in ("prompt", "negative_prompt"):
        text = (getattr(recipe, name) or "").lower()
        for construct in connection.preset.reserved:
            if construct in text:
                raise InvalidParameter(f"{name} must not hold {construct}, which {connection.service} reads as code.")


def wants_previews(recipe: Recipe) -> bool:
    """Return whether the request wants previews."""
    return isinstance(recipe, GenerateRequest) and bool(recipe.previews)


def _extensions(connection: Connection, recipe: Recipe, seed: int) -> Fields:
    """Return what the recipe asks for beyond OpenAI's parameters, by the server's own names."""
    asked: Fields = {
        "seed": _sent_seed(connection, recipe, seed),
        "negative_prompt": recipe.negative_prompt,
        "guidance_scale": sent_guidance(connection, recipe),
        "strength": recipe.strength,
    }
    names = connection.extensions
    return {names[name]: value for name, value in asked.items() if name in names and value is not None}


def _sent_seed(connection: Connection, recipe: Recipe, seed: int) -> int | None:
    """Return the seed that is sent: always one, because some servers have a fixed one of their own.

    A server that says which it used chooses a random one itself; asked for a seed it would pass over its engines
    without seeds.
    """
    return None if connection.preset.tells_seed and recipe.seed < 0 else seed


def sent_guidance(connection: Connection, recipe: Recipe) -> float | None:
    """Return the guidance scale that is sent; None if the model's own applies, which differs from model to model."""
    is_asked = recipe.guidance_scale != Recipe.model_fields["guidance_scale"].default
    return recipe.guidance_scale if is_asked and "guidance_scale" in connection.extensions else None


def _with_extensions(fields: Fields, extensions: Fields, writing: str) -> Fields:
    if writing == "tag":
        return {**fields, "prompt": f"{fields['prompt']} <{TAG}>{json.dumps(_native(extensions))}</{TAG}>"}
    if writing == "bar" and (negative := extensions.pop("negative_prompt", None)):
        fields = {**fields, "prompt": f"{fields['prompt']}{BAR}{negative}"}
    return {**fields, **extensions}


def _native(extensions: Mapping[str, object]) -> Fields:
    """Return the extensions as stable-diffusion.cpp's own request has them."""
    native = {name: value for name, value in extensions.items() if name != "guidance_scale"}
    if "guidance_scale" in extensions:
        native["sample_params"] = {"guidance": {"txt_cfg": extensions["guidance_scale"]}}
    return native


def _size_fields(connection: Connection, plan: SizePlan) -> Fields:
    width, height = plan.made
    match connection.preset.size_form:
        case "sides":
            return {"width": width, "height": height}
        case "ratio":
            return {"aspect_ratio": _nearest_ratio(plan.proportion or Fraction(width, height)), "resolution": "1k"}
        case "own" if plan.exact is None and plan.proportion:
            return {"aspect_ratio": f"{plan.proportion.numerator}:{plan.proportion.denominator}"}
    return {"size": f"{width}x{height}"}


def _nearest_ratio(proportion: Fraction) -> str:
    return min(ANY_RATIO, key=lambda ratio: difference(proportion_of(ratio), proportion))
