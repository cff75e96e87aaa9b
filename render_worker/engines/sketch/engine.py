"""The sketch engine: no network, no AI, the same bytes for the same recipe."""

import asyncio
import io
import random
import sys

from render_worker.contract import MAX_SEED, Recipe, Size
from render_worker.engines.base import Engine, GeneratedImage, Reporter
from render_worker.engines.capabilities import PARAMETERS, Capabilities
from render_worker.engines.settings import EngineSettings
from render_worker.engines.slots import Slots
from render_worker.sizes import SizeRange, Sizes

NOTE = "Painted procedurally from the words of the prompt; no AI model was involved."


class SketchEngine(Engine):
    """The procedural painter as an engine: paints what the words of the prompt name."""

    name = "sketch"
    description = "Procedural painter, no network; deterministic from prompt and seed. It is no AI."
    typical_seconds = 1
    cheap = True
    needs = "nothing: no network and no account"
    capabilities = Capabilities.of(
        PARAMETERS, Sizes(((768, 768), (768, 512), (512, 768)), SizeRange(64, 2048), promised=True)
    )

    def __init__(self, settings: EngineSettings) -> None:
        self.slots = Slots(sys.maxsize, cheap=self.cheap)  # the limit of all engines together is lower

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        report("generating", "Painting the scene.")
        seed = recipe.seed if recipe.seed >= 0 else random.randint(0, MAX_SEED)
        data = await asyncio.to_thread(_paint, recipe, seed, self.plan(recipe).made)
        return GeneratedImage(data, seed, recipe.guidance_scale, nsfw=False, note=NOTE)


def _paint(recipe: Recipe, seed: int, size: Size) -> bytes:
    """Return the PNG file of the picture that a recipe describes."""
    from render_worker.engines.sketch.painter import (
        paint,  # a quarter of the worker's cold start, seconds on a small plan
    )

    width, height = size
    image = paint(
        recipe.prompt,
        negative_prompt=recipe.negative_prompt,
        seed=seed,
        guidance_scale=recipe.guidance_scale,
        width=width,
        height=height,
    )
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=0)  # the pipeline encodes the picture that is kept
    return out.getvalue()
