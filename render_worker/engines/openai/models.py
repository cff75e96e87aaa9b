"""What is known of models: their sizes, their prices as US dollars a picture, and when they ended.

OpenAI's sizes and ends are of its documentation and Python client 3.57.0, its prices of litellm 1.110.2's list and
OpenAI's price list, as of November 2026. Of other services: their price lists in 2026, as third parties quote them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from render_worker.contract import Size
from render_worker.sizes import SizeRange, Sizes

THREE: tuple[Size, ...] = ((1024, 1024), (1536, 1024), (1024, 1536))
CLASSIC = Sizes(THREE)
# The smallest area that is taken was not found in its documentation: what is smaller is scaled down from a megapixel.
FREE = Sizes(THREE, SizeRange(16, 3840, 16, 3840 * 2160, 1024 * 1024, most_ratio=3))
FLUX = Sizes(((1024, 1024), (1216, 832), (832, 1216)), SizeRange(256, 1440, 32))
OWN = Sizes(FLUX.native, SizeRange(256, 2048, 64, 2 * 1024 * 1024))
"""Of a server of one's own, whose model is not known: what Stable Diffusion 1.5 and FLUX both take."""

MEGAPIXEL = 1024 * 1024
# OpenAI bills tokens. A token has a byte of text at least; the rest are the dearest of its image models.
TEXT_BYTE_DOLLARS = 5e-6
IMAGE_INPUT_DOLLARS = 0.07
PARTIAL_IMAGE_DOLLARS = 100 * 32e-6

QUALITIES = (
    (r"gpt-image-2|flux[.-]?2.*(pro|max)|gemini-3|grok-imagine-image-2|seedream-[45]", 4),
    (r"gpt-image|flux|z-?image|qwen-image|sd-?3|stable-diffusion-3|kontext|grok-imagine|nano-?banana|dall-e-3", 3),
    (r"dreamshaper|lcm|sdxl-turbo|sd-turbo|dall-e-2", 1),
)
USUAL_QUALITY = 2


@dataclass(frozen=True)
class ImageModel:
    """What is known of the models whose name begins in a certain way."""

    start: str = ""
    sizes: Sizes | None = None
    """None if they are the server's."""
    dollars: float | Mapping[str, float] | None = None
    """A picture's price, or that of a megapixel by `quality`; None if it is not known."""
    end: date | None = None
    """From which day its service has it no more."""
    end_announced: bool = False
    """Whether the end is known from third parties' lists alone: the service is asked all the same."""

    @property
    def has_qualities(self) -> bool:
        """Return whether it takes `quality`."""
        return isinstance(self.dollars, Mapping)

    def has_ended(self, today: date | None = None) -> bool:
        """Return whether its end is over."""
        return self.end is not None and self.end <= (today or datetime.now(UTC).date())

    def price(self, quality: str, pixels: int) -> float | None:
        """Return the most that a picture costs; None if it is not known."""
        if not isinstance(self.dollars, Mapping):
            return self.dollars
        each = self.dollars.get(quality, max(self.dollars.values()))
        return each * max(1.0, pixels / MEGAPIXEL)


def _by_quality(low: float, medium: float, high: float) -> dict[str, float]:
    return {"low": low, "medium": medium, "high": high}


ENDED = date(2026, 5, 12)
LISTED = date(2026, 12, 1)

GPT_IMAGE = (
    ImageModel("gpt-image-2.5", FREE, _by_quality(0.006, 0.013, 0.05)),
    ImageModel("gpt-image-2", FREE, _by_quality(0.006, 0.053, 0.211)),
    ImageModel("gpt-image-1.5", CLASSIC, _by_quality(0.009, 0.034, 0.133), LISTED, end_announced=True),
    ImageModel("chatgpt-image-latest", CLASSIC, _by_quality(0.009, 0.034, 0.133), LISTED, end_announced=True),
    ImageModel("gpt-image-1-mini", CLASSIC, _by_quality(0.005, 0.011, 0.036), LISTED, end_announced=True),
    ImageModel("gpt-image-1", CLASSIC, _by_quality(0.011, 0.042, 0.167), date(2026, 10, 23)),
    ImageModel("gpt-image-", FREE, _by_quality(0.006, 0.053, 0.211)),  # what is newer
    ImageModel("dall-e-", CLASSIC, None, ENDED),
)
GROK = (
    ImageModel("grok-imagine-image-quality", end=date(2026, 11, 2), end_announced=True),
    ImageModel("grok-imagine-image-2", dollars=0.06),
    ImageModel("grok-imagine-image", dollars=0.02),
)
POLLINATIONS = (
    ImageModel("dreamshaper", dollars=0.0001),
    ImageModel("sana", dollars=0.0001),
    ImageModel("flux", dollars=0.002),
    ImageModel("zimage", dollars=0.004),
    ImageModel("kontext", dollars=0.04),
)
TOGETHER = (ImageModel("flux.1-schnell", dollars=0.006),)  # $0.0027 a megapixel; FLUX' range has two


def model_named(name: str | None, known: tuple[ImageModel, ...]) -> ImageModel:
    """Return what is known of a model; a provider before a slash does not count."""
    bare = (name or "").rpartition("/")[2].lower()
    return next((it for it in known if bare.startswith(it.start)), ImageModel())


def quality_of(name: str | None) -> int:
    """Return how good a model's pictures are, by its name."""
    found = (level for pattern, level in QUALITIES if re.search(pattern, (name or "").lower()))
    return next(found, USUAL_QUALITY)
