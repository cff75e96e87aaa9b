"""The sizes of model families at Hugging Face, and how far a provider keeps to them."""

from collections.abc import Iterable
from fractions import Fraction

from render_worker.contract import Size
from render_worker.sizes import SizeRange, Sizes

# docs.bfl.ml: a side from 256 to 1440 pixels, a multiple of 32. Its code takes 16, and a megapixel is what it is for.
FLUX = Sizes(((1024, 1024), (1248, 832), (832, 1248)), SizeRange(256, 1440, 32, least_pixels=512 * 512))
# Buckets that it was trained in, as its paper lists them (arXiv 2307.01952, appendix I). Others in steps of 8 pixels,
# by diffusers; a subject comes twice in far more of them, and a smaller one is mush.
SDXL = Sizes(
    (
        *((1024, 1024), (1216, 832), (832, 1216), (1344, 768), (768, 1344)),
        *((1152, 896), (896, 1152), (1536, 640), (640, 1536)),
    ),
    SizeRange(512, 1536, 8, 1536 * 1024, 768 * 768),
)
# Made for 512 pixels a side; diffusers takes steps of 8.
STABLE_DIFFUSION = Sizes(((512, 512), (768, 512), (512, 768)), SizeRange(384, 1024, 8, 768 * 768, 512 * 512))
# The ratios of its model card.
QWEN = Sizes(
    ((1328, 1328), (1584, 1056), (1056, 1584), (1664, 928), (928, 1664)),
    SizeRange(512, 1664, 16, 1328 * 1328, 768 * 768),
)
UNKNOWN = Sizes(FLUX.native)  # most of today's models are for a megapixel

FAMILIES: tuple[tuple[str, Sizes], ...] = (
    # The first whose words are in the model's name counts.
    ("flux", FLUX),
    ("qwen-image", QWEN),
    ("sdxl-turbo", STABLE_DIFFUSION),
    ("sd-turbo", STABLE_DIFFUSION),
    ("sdxl", SDXL),
    ("stable-diffusion-xl", SDXL),
    ("stable-diffusion-3", SDXL),
    ("stable-diffusion", STABLE_DIFFUSION),
)

TOGETHER = "together"
ANY_SIZE = ("fal-ai", "hf-inference")
"""Providers that make any size: fal.ai by `image_size`, Hugging Face's own by the arguments of diffusers."""

ANY_SIZE_OF = ("flux.1-dev", "flux.1-pro", "flux.1.1-pro", "stable-diffusion")
"""Models of which Together makes any size."""
BY_RATIO = ("flux.1-schnell", "flux.1-kontext")
"""Those that take an aspect ratio there (docs.together.ai, "Image generation parameters"), of which no pixels are
told."""


def sizes_at(provider: str, model: str) -> Sizes:
    """Return the sizes of a model at a provider: others than the native ones only if it is known to make those.

    nscale takes a size, and no reference says which.
    """
    family = next((sizes for words, sizes in FAMILIES if words in model.lower()), UNKNOWN)
    any_size = provider in ANY_SIZE or (provider == TOGETHER and _is_one_of(model, ANY_SIZE_OF))
    return family if any_size else Sizes(family.native)


def ratio_at(provider: str, model: str, size: Size) -> dict[str, str]:
    """Return the input by which a model takes the proportion of a native size; {} if its width and height count."""
    if provider != TOGETHER or not _is_one_of(model, BY_RATIO):
        return {}
    across, down = Fraction(*size).as_integer_ratio()
    return {"aspect_ratio": f"{across}:{down}"}


def _is_one_of(model: str, names: Iterable[str]) -> bool:
    return any(words in model.lower() for words in names)
