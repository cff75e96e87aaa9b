"""The sketch engine: no network, no AI, the same bytes for the same recipe."""

import asyncio
import random
import sys
from concurrent.futures import ThreadPoolExecutor

from render_worker.contract import MAX_SEED, Recipe, Size
from render_worker.engines.base import Engine, GeneratedImage, Reporter
from render_worker.engines.capabilities import TEXT_PARAMETERS, Capabilities
from render_worker.engines.settings import EngineSettings
from render_worker.engines.slots import Slots
from render_worker.sizes import SizeRange, Sizes

# Painting takes up to 33 bytes a pixel, and 0.5 to 4.3 seconds of a core for 2048x2048. With that one and its encoding
# a worker comes to 235 MB, and its browser has 240, of the 512 of a small plan.
SIZES = Sizes(
    ((768, 768), (768, 512), (512, 768)), SizeRange(least=64, most=4096, most_pixels=2048 * 2048), promised=True
)
LARGE_PIXELS = 768 * 768  # larger ones are painted one at a time
NOTE = "Painted procedurally from the words of the prompt; no AI model was involved."


class SketchEngine(Engine):
    """The procedural painter as an engine: paints what the words of the prompt name."""

    name = "sketch"
    description = "Procedural painter, no network; deterministic from prompt and seed. It is no AI."
    typical_seconds = 1
    dollars = 0.0
    quality = 0
    cheap = True
    needs = "nothing: no network and no account"
    capabilities = Capabilities.of(TEXT_PARAMETERS, SIZES)

    def __init__(self, settings: EngineSettings) -> None:
        self.slots = Slots(sys.maxsize, cheap=self.cheap)  # the limit of all engines together is lower
        self._one_at_a_time = ThreadPoolExecutor(1, "large-sketch")

    async def stop(self) -> None:
        self._one_at_a_time.shutdown(wait=False, cancel_futures=True)

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        report("generating", "Painting the scene.")
        seed = recipe.seed if recipe.seed >= 0 else random.randint(0, MAX_SEED)
        size = self.plan(recipe).made
        threads = self._one_at_a_time if size[0] * size[1] > LARGE_PIXELS else None
        data = await asyncio.get_running_loop().run_in_executor(threads, _paint, recipe, seed, size)
        return GeneratedImage(data, seed, recipe.guidance_scale, note=NOTE)


def _paint(recipe: Recipe, seed: int, size: Size) -> bytes:
    """Return the PNG file of the picture that a recipe describes."""
    # On first use: a quarter of the worker's cold start, seconds on a small plan.
    from render_worker.engines.sketch.painter import paint
    from render_worker.imaging import encode_png

    width, height = size
    image = paint(
        recipe.prompt,
        negative_prompt=recipe.negative_prompt,
        seed=seed,
        guidance_scale=recipe.guidance_scale,
        width=width,
        height=height,
    )
    return encode_png(image, {})  # which the pipeline keeps, with its texts
