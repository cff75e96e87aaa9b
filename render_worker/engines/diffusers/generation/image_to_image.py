"""Pictures that begin with one: what the pipelines get of it, and when there is nothing to do."""

import io

from PIL import Image

from render_worker.contract import Size
from render_worker.engines.base import GeneratedImage
from render_worker.engines.diffusers.generation.request import DiffusionRequest
from render_worker.imaging import SourcePicture

USUAL_STRENGTH = 0.75
UNCHANGED = "The image as it was sent: strength times steps is less than one step."


def strength_of(request: DiffusionRequest) -> float:
    """Return how far the picture may depart from the one that it begins with."""
    return USUAL_STRENGTH if request.strength is None else request.strength


def takes_no_step(request: DiffusionRequest) -> bool:
    """Return whether strength and steps leave none: the pipelines crash then, or take one all the same."""
    return int(request.steps * strength_of(request)) < 1


def unchanged(request: DiffusionRequest, image: SourcePicture) -> GeneratedImage:
    """Return the picture itself, as no step is taken from it."""
    return GeneratedImage(image.data, request.seed, None, note=UNCHANGED, model=request.model, steps=0)


def opened(picture: SourcePicture, size: Size) -> Image.Image:
    """Return the picture's pixels in a size: diffusers would cut a side that is no multiple of 8."""
    with Image.open(io.BytesIO(picture.data), formats=("PNG",)) as image:
        pixels = image.convert("RGB")
    return pixels if pixels.size == size else pixels.resize(size, Image.Resampling.LANCZOS)
