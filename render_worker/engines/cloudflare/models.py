"""The models of Workers AI that make pictures: what each takes, its sizes, and what a picture costs in neurons.

The forms are the models' own schemas at https://developers.cloudflare.com/workers-ai/models, the prices those of
https://developers.cloudflare.com/workers-ai/platform/pricing as of August 2026. The sizes of FLUX.2 are those that its
maker promises (docs.bfl.ml); which of them Cloudflare takes was not found.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from render_worker.contract import Recipe, Size
from render_worker.engines.capabilities import Capabilities, requested
from render_worker.sizes import SizeRange, Sizes

TILE_PIXELS = 512
MEGAPIXEL = 1024 * 1024

_SQUARE = Sizes(((1024, 1024),))
_FLUX_2 = Sizes(((1024, 1024), (1248, 832), (832, 1248)), SizeRange(256, 1440, 32))
# Both sides from 256 to 2048 by the schema; within that what each was made for.
_SDXL = Sizes(((1024, 1024), (1216, 832), (832, 1216)), SizeRange(512, 1536, 8, 1536 * 1024, 768 * 768))
_DREAMSHAPER = Sizes(((768, 768), (768, 512), (512, 768)), SizeRange(384, 1024, 8, 768 * 768, 512 * 512))
_LEONARDO = Sizes(((1024, 1024), (1248, 832), (832, 1248)), SizeRange(512, 1536, 8, 1536 * 1024, 512 * 512))


@dataclass(frozen=True)
class CloudflareModel:
    """One model: the fields of its request, what it honours and what it costs."""

    capabilities: Capabilities
    quality: int
    neurons: Callable[[Size], float] | None = None
    """Of a picture of that size; None if they are not known."""
    multipart: bool = False
    """Whether the fields travel as a form and not as JSON."""
    sized: bool = True
    """Whether it takes width and height; the schema of FLUX.1 schnell forbids what it does not list."""
    steps: int | None = None

    def fields(self, recipe: Recipe, seed: int | None) -> dict[str, str | int | float]:
        """Return the request's fields; a default guidance is the model's own."""
        honoured = self.capabilities.parameters & set(requested(recipe))
        width, height = self.capabilities.sizes.plan(recipe).made
        given = {
            "prompt": recipe.prompt,
            "steps": self.steps,
            "width": width if self.sized else None,
            "height": height if self.sized else None,
            "seed": seed,
            "negative_prompt": recipe.negative_prompt if "negative_prompt" in honoured else None,
            "guidance": recipe.guidance_scale if "guidance_scale" in honoured else None,
        }
        return {name: value for name, value in given.items() if value is not None}


def _by_tile(each: float, steps: float = 0.0) -> Callable[[Size], float]:
    """Return the price of a model that is charged by begun tiles of 512 pixels, and by `steps` once."""
    return lambda size: each * math.prod(math.ceil(side / TILE_PIXELS) for side in size) + steps


def _by_megapixel(first: float, further: float) -> Callable[[Size], float]:
    return lambda size: first + further * max(0, math.ceil(math.prod(size) / MEGAPIXEL) - 1)


_DEV_STEPS = 25  # as its page's example has it

MODELS = {
    "cf/black-forest-labs/flux-1-schnell": CloudflareModel(
        Capabilities(_SQUARE), 3, _by_tile(4.80, 4 * 9.60), sized=False, steps=4
    ),
    "cf/black-forest-labs/flux-2-klein-4b": CloudflareModel(Capabilities(_FLUX_2), 3, _by_tile(26.05), multipart=True),
    "cf/black-forest-labs/flux-2-klein-9b": CloudflareModel(
        Capabilities(_FLUX_2), 3, _by_megapixel(1363.64, 181.82), multipart=True
    ),
    "cf/black-forest-labs/flux-2-dev": CloudflareModel(
        Capabilities(_FLUX_2), 3, _by_tile(37.5 * _DEV_STEPS), multipart=True, steps=_DEV_STEPS
    ),
    "cf/leonardo/lucid-origin": CloudflareModel(Capabilities(_LEONARDO, seed=True), 3, _by_tile(625)),
    "cf/leonardo/phoenix-1.0": CloudflareModel(
        Capabilities(_LEONARDO, seed=True, negative_prompt=True), 3, _by_tile(550)
    ),
    "cf/stabilityai/stable-diffusion-xl-base-1.0": CloudflareModel(
        Capabilities(_SDXL, seed=True, negative_prompt=True, guidance_scale=True), 2
    ),
    # Distilled: guidance does them no good.
    "cf/bytedance/stable-diffusion-xl-lightning": CloudflareModel(
        Capabilities(_SDXL, seed=True, negative_prompt=True), 1
    ),
    "cf/lykon/dreamshaper-8-lcm": CloudflareModel(Capabilities(_DREAMSHAPER, seed=True, negative_prompt=True), 1),
}
UNKNOWN = CloudflareModel(Capabilities(Sizes()), 2, sized=False)
"""A model that is not listed: every one takes a prompt."""
