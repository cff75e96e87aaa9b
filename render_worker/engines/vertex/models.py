"""Google's image models: their sizes as its API names them, by an aspect ratio and an image size, prices and ends.

The sizes are in the tables of https://ai.google.dev/gemini-api/docs/image-generation. A picture may come in another
size all the same: https://github.com/googleapis/js-genai/issues/1461.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from render_worker.contract import Size
from render_worker.sizes import Sizes

GEMINI_2_5: dict[str, Size] = {
    "1:1": (1024, 1024),
    "2:3": (832, 1248),
    "3:2": (1248, 832),
    "3:4": (864, 1184),
    "4:3": (1184, 864),
    "4:5": (896, 1152),
    "5:4": (1152, 896),
    "9:16": (768, 1344),
    "16:9": (1344, 768),
    "21:9": (1536, 672),
}
GEMINI_3: dict[str, Size] = {
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
}
GEMINI_3_1 = {**GEMINI_3, "1:4": (512, 2048), "4:1": (2048, 512)}  # and 1:8 and 8:1, which no client can ask for

LARGEST = "4K"
ONE_SIZE = (None,)
# Gemini 3.1 makes 512 pixels as well, by a name that Vertex AI's own reference of ImageConfig lacks.
THREE_SIZES = (None, "2K", LARGEST)


@dataclass(frozen=True)
class NamedSize:
    """A size as the API names it."""

    aspect_ratio: str
    image_size: str | None = None
    """None if it is the model's default, of about a megapixel."""


FAMILIES: tuple[tuple[str, dict[str, Size], tuple[str | None, ...]], ...] = (
    ("gemini-2.5-", GEMINI_2_5, ONE_SIZE),
    ("gemini-3-pro-image", GEMINI_3, THREE_SIZES),
    ("gemini-3.1-flash-image", GEMINI_3_1, THREE_SIZES),
    ("gemini-nano-banana-2.1", GEMINI_3, THREE_SIZES),
    ("", GEMINI_3, ONE_SIZE),  # gemini-3.1-flash-lite-image, and what is newer
)
"""The beginning of a model's name, its sizes of about a megapixel, and its image sizes, each twice the one before."""


@functools.cache
def named_sizes(model: str) -> Mapping[Size, NamedSize]:
    """Return the model's sizes in pixels with the API's names; the first of a proportion is the default one."""
    ratios, image_sizes = next((ratios, names) for start, ratios, names in FAMILIES if model.startswith(start))
    return {
        (width << doubled, height << doubled): NamedSize(ratio, name)
        for doubled, name in enumerate(image_sizes)
        for ratio, (width, height) in ratios.items()
    }


@functools.cache
def sizes_of(model: str) -> Sizes:
    """Return the sizes that the model makes."""
    return Sizes(tuple(named_sizes(model)))


@dataclass(frozen=True)
class GoogleModel:
    """What is known of a model beside its sizes."""

    dollars: Mapping[str | None, float]
    """US dollars for a picture, by image size; the tokens of prompt and source picture add less than half a cent."""
    quality: int
    ends: date | None = None
    """When Google ends it, as it announced; it has put such dates off."""
    successor: str = ""
    gone: bool = False
    """Whether it has ended for certain."""

    def has_ended(self, today: date) -> bool:
        """Return whether the announced end has come."""
        return self.ends is not None and today >= self.ends


# Of a megapixel, and the ends: litellm 1.110.2's list (November 2026). Of 2K and 4K: Google's own,
# https://ai.google.dev/gemini-api/docs/pricing, as others quoted it in 2026.
KNOWN = {
    "gemini-3.1-flash-image": GoogleModel(
        {None: 0.067, "2K": 0.101, LARGEST: 0.151}, 4, date(2027, 5, 28), "gemini-nano-banana-2.1"
    ),
    "gemini-3.1-flash-lite-image": GoogleModel({None: 0.034}, 3),
    "gemini-nano-banana-2.1": GoogleModel({None: 0.034}, 4),
    "gemini-3-pro-image": GoogleModel({None: 0.134, "2K": 0.134, LARGEST: 0.24}, 4),
    "gemini-2.5-flash-image": GoogleModel({None: 0.039}, 3, date(2027, 3, 15), "gemini-3.1-flash-image"),
}
UNKNOWN = GoogleModel({}, 3)


def _imagen(successor: str) -> GoogleModel:
    """Return a model of Imagen: https://firebase.google.com/docs/ai-logic/imagen-models-migration has the end of all,
    and what to use in their place; litellm has dropped them since.
    """
    return GoogleModel({}, 3, date(2026, 8, 17), successor, gone=True)


GONE = (("imagen-4.0-ultra", _imagen("gemini-3-pro-image")), ("imagen", _imagen("gemini-3.1-flash-image")))
"""The beginnings of names."""


def known(model: str) -> GoogleModel:
    """Return what is known of a model, or of the one that it is a preview of."""
    gone = next((it for start, it in GONE if model.startswith(start)), UNKNOWN)
    return KNOWN.get(model.removesuffix("-preview"), gone)
