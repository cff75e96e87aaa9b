"""Pictures of Imagen, by `generate_images`.

Google's reference, https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api, says: no seed
beside a watermark or with the prompt's enhancement, no negative prompt from imagen-3.0-generate-002 on; and it has no
guidance scale. Google announced Imagen's end for August 2026; it replies HTTP 404 for a model that is gone.
"""

import warnings
from typing import TYPE_CHECKING

from render_worker.contract import Recipe
from render_worker.engines.base import GeneratedImage
from render_worker.engines.capabilities import Capabilities
from render_worker.engines.vertex.models import sizes_of
from render_worker.engines.vertex.outputs import output_of
from render_worker.engines.vertex.replies import content_refused

if TYPE_CHECKING:
    from google.genai import Client
    from google.genai.types import GenerateImagesResponse

WITH_NEGATIVE_PROMPT = ("imagen-3.0-generate-001", "imagen-3.0-fast-generate-001", "imagen-3.0-capability-001")


def capabilities_of(model: str) -> Capabilities:
    """Return what that model of Imagen's honours."""
    return Capabilities(sizes_of(model), seed=True, negative_prompt=model in WITH_NEGATIVE_PROMPT)


async def make(client: "Client", model: str, recipe: Recipe) -> GeneratedImage:
    """Make one picture. It keeps its invisible watermark unless a seed is requested: Imagen takes none beside it."""
    from google.genai.types import GenerateImagesConfig

    output = output_of(recipe, model)
    config = GenerateImagesConfig(
        number_of_images=1,
        aspect_ratio=output.aspect_ratio,
        image_size=output.image_size,
        output_mime_type=output.mime_type,
        output_compression_quality=output.quality,
        include_rai_reason=True,
        negative_prompt=recipe.negative_prompt,
    )
    seed = recipe.seed if recipe.seed >= 0 else None
    if seed is not None:
        config.seed, config.add_watermark, config.enhance_prompt = seed, False, False
    warnings.filterwarnings("ignore", "The generate_images method is deprecated")  # the operator chose Imagen
    reply = await client.aio.models.generate_images(model=model, prompt=recipe.prompt, config=config)
    return GeneratedImage(_picture(reply), seed, None, model=model)


def _picture(reply: "GenerateImagesResponse") -> bytes:
    """Return the picture of a reply. Raises ContentRefused if a filter held it back."""
    for generated in reply.generated_images or []:
        if generated.rai_filtered_reason:
            raise content_refused("its filter held the picture back")
        if generated.image and generated.image.image_bytes is not None:
            return generated.image.image_bytes
    raise content_refused("no picture passed its filter")
