"""What Vertex AI is asked for beside the prompt: a size that it knows, and a file of the wanted kind.

Its files are PNG or JPEG, by `ImageConfig.ImageOutputOptions`.
"""

from dataclasses import dataclass

from render_worker.contract import Recipe
from render_worker.engines.vertex.models import LARGEST, named_sizes, sizes_of

JPEG_QUALITY = 90  # Google's own, 75, shows
LARGEST_QUALITY = 95


@dataclass(frozen=True)
class Output:
    """The size and file, in the API's terms. None: the model's default."""

    aspect_ratio: str
    image_size: str | None
    mime_type: str | None
    quality: int | None


def output_of(recipe: Recipe, model: str) -> Output:
    """Return what to ask the model for, so that the picture is compressed with a loss once at most."""
    plan = sizes_of(model).plan(recipe)
    size = named_sizes(model)[plan.made]
    mime_type, quality = _file(recipe, plan.keeps_file, size.image_size)
    return Output(size.aspect_ratio, size.image_size, mime_type, quality)


def _file(recipe: Recipe, kept: bool, image_size: str | None) -> tuple[str | None, int | None]:
    """Return the media type and its quality; `kept`: whether the file is neither scaled nor cut afterwards."""
    if image_size == LARGEST:  # as PNG and in base64, 17 megapixels are more than a small worker holds
        return "image/jpeg", LARGEST_QUALITY
    if recipe.output_format == "auto":
        return None, None
    if recipe.output_format == "jpeg" and kept and recipe.output_compression is None:
        return "image/jpeg", JPEG_QUALITY
    return "image/png", None
