"""Pictures of Gemini's image models, by `generate_content`.

Their page, https://docs.cloud.google.com/vertex-ai/generative-ai/docs/models/gemini/3-1-flash-image, promises aspect
ratios and image sizes, and no seed, negative prompt or guidance scale. How they decline a prompt is on
https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/capabilities/gemini-image-responsible-ai.
"""

import asyncio
from typing import TYPE_CHECKING

from render_worker.contract import Recipe
from render_worker.engines.base import GeneratedImage
from render_worker.engines.capabilities import Capabilities
from render_worker.engines.vertex.models import sizes_of
from render_worker.engines.vertex.outputs import output_of
from render_worker.engines.vertex.replies import content_refused
from render_worker.errors import BadPicture, UnexpectedReply
from render_worker.imaging import SourcePicture, file_within

if TYPE_CHECKING:
    import PIL.Image
    from google.genai import Client
    from google.genai.types import File, GenerateContentResponse, Part

MAX_INLINE_BYTES = (
    4 * 1024 * 1024
)  # Google takes 7 MB of a picture within a request; base64 and JSON cost the loop time

REFUSAL_REASONS = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)
"""The finish reasons that mean the content."""


def capabilities_of(model: str) -> Capabilities:
    """Return what that model honours; how far it departs from an image is a matter of the prompt's words."""
    return Capabilities(sizes_of(model), image=True)


async def make(client: "Client", model: str, recipe: Recipe, image: SourcePicture | None) -> GeneratedImage:
    """Make one picture, that begins with the image if there is one; Gemini does not say its seed."""
    from google.genai.types import AutomaticFunctionCallingConfig, GenerateContentConfig, ImageConfig

    output = output_of(recipe, model)
    config = GenerateContentConfig(
        response_modalities=["IMAGE"],
        image_config=ImageConfig(
            aspect_ratio=output.aspect_ratio,
            image_size=output.image_size,
            output_mime_type=output.mime_type,
            output_compression_quality=output.quality,
        ),
        automatic_continuation=False,  # else it sends, and pays for, as many requests as the service says
        automatic_function_calling=AutomaticFunctionCallingConfig(disable=True),
    )
    contents: list[str | PIL.Image.Image | File | Part] = [await _part(image)] if image else []
    contents.append(recipe.prompt)
    reply = await client.aio.models.generate_content(model=model, contents=contents, config=config)
    return GeneratedImage(_picture(reply), None, None, model=model)


async def _part(image: SourcePicture) -> "Part":
    from google.genai.types import Part

    mime_type, data = await asyncio.to_thread(file_within, image, MAX_INLINE_BYTES)
    return Part.from_bytes(data=data, mime_type=mime_type)


def _picture(reply: "GenerateContentResponse") -> bytes:
    """Return the picture of a reply. Raises ContentRefused if a reason means the content, else BadPicture.

    Words alone are no refusal: they may be a question or a whim.
    """
    feedback = reply.prompt_feedback
    if feedback and feedback.block_reason:
        raise content_refused(feedback.block_reason.name)
    if not reply.candidates:
        raise UnexpectedReply("Vertex AI answered without a picture and without a reason.")
    candidate = reply.candidates[0]
    reason = candidate.finish_reason.name if candidate.finish_reason else "STOP"
    if reason in REFUSAL_REASONS:
        raise content_refused(reason)
    parts = [part for part in (candidate.content and candidate.content.parts) or [] if not part.thought]
    for part in parts:
        if part.inline_data and part.inline_data.data is not None:
            return part.inline_data.data
    if reason == "STOP" and any(part.text for part in parts):
        raise BadPicture("missing", "Vertex AI answered with words in place of a picture.")
    raise BadPicture("missing", f"Vertex AI made no picture ({reason}).")
