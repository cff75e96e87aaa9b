"""From a recipe to what the generation thread is asked for, and from its picture to the engine's."""

import random

from render_worker.contract import MAX_SEED, Recipe, Size
from render_worker.engines.base import GeneratedImage
from render_worker.engines.diffusers.generation.image_to_image import strength_of
from render_worker.engines.diffusers.generation.request import DiffusionPicture, DiffusionRequest, LoraUse
from render_worker.engines.diffusers.generation.schedulers import scheduler_name
from render_worker.engines.diffusers.models.layout import Layout
from render_worker.engines.diffusers.models.registry import ModelSource
from render_worker.imaging import SourcePicture

NOTHING_SPECIAL: float = Recipe.model_fields["guidance_scale"].default
OWN_GUIDANCE = {Layout.FLUX: 3.5}
"""Of models for which the usual scale is far from good, if the recipe asks for nothing special."""


def to_request(
    recipe: Recipe, source: ModelSource, size: Size, usual_steps: int, image: SourcePicture | None, lora: str | None
) -> DiffusionRequest:
    """Return the request for a recipe's picture of a size, without its callbacks.

    Raises InvalidParameter if the model cannot use the scheduler.
    """
    steps = recipe.steps or usual_steps
    scheduler = recipe.scheduler
    if scheduler and source.layout:  # which is not known before a download: then the thread looks
        scheduler = scheduler_name(source.layout, scheduler, steps)
    named = recipe.seed >= 0
    return DiffusionRequest(
        model=source.name,
        prompt=recipe.prompt,
        negative_prompt=recipe.negative_prompt,
        size=size,
        steps=steps,
        guidance_scale=_guidance(recipe, source.layout),
        scheduler=scheduler,
        seed=recipe.seed if named else random.randint(0, MAX_SEED),
        seed_named=named,
        image=image,
        strength=recipe.strength,
        lora=LoraUse(lora, 1.0 if recipe.lora_scale is None else recipe.lora_scale) if lora else None,
        smaller_allowed=not (recipe.exact_size and recipe.size_required),
    )


def _guidance(recipe: Recipe, layout: Layout | None) -> float:
    asks_nothing = recipe.guidance_scale == NOTHING_SPECIAL
    return OWN_GUIDANCE.get(layout, NOTHING_SPECIAL) if layout and asks_nothing else recipe.guidance_scale


def to_image(request: DiffusionRequest, picture: DiffusionPicture, *, has_guidance: bool) -> GeneratedImage:
    """Return the engine's picture; `has_guidance`: whether the model has a guidance scale."""
    return GeneratedImage(
        picture.data,
        picture.seed,
        request.guidance_scale if has_guidance else None,
        nsfw=picture.nsfw,
        note=picture.note,
        model=request.model,
        made=None if picture.size == request.size else picture.size,
        steps=picture.steps,
        scheduler=picture.scheduler,
        strength=strength_of(request) if request.image else None,
        ignored=("negative_prompt",) if request.negative_prompt and not picture.is_guided else (),
    )
