"""The registry of styles. A style takes a finished picture and returns it in another manner."""

import random
from collections.abc import Callable

from PIL import Image

from . import assembled, drawn, printed
from .focus import OUTLINED, kept_whole, outlined, set_off

Style = Callable[[Image.Image, random.Random], Image.Image]
STYLES: dict[str, Style] = {
    "watercolour": drawn.watercolour,
    "pixel": assembled.pixel,
    "woodcut": printed.woodcut,
    "oil": drawn.oil,
    "pencil": drawn.pencil,
    "lowpoly": assembled.lowpoly,
    "ukiyoe": printed.ukiyoe,
    "minimalist": assembled.minimalist,
    "vintage": printed.vintage,
    "mono": printed.mono,
    "glass": assembled.glass,
    "mosaic": assembled.mosaic,
    "popart": printed.popart,
    "pointillism": drawn.pointillism,
    "ink": drawn.ink,
    "papercut": assembled.papercut,
    "blueprint": printed.blueprint,
    "chalk": drawn.chalk,
}


def apply_styles(
    image: Image.Image, names: tuple[str, ...], rng: random.Random, focus: Image.Image | None = None
) -> Image.Image:
    """Return the picture in at most two of the named styles, one after the other; focus is white on the subjects."""
    for name in names[:2]:
        if focus is None or name not in OUTLINED:
            image = STYLES[name](image, rng)
            continue
        plain = set_off(image, focus)
        image = STYLES[name](plain, rng)
        if name == "glass":
            image = kept_whole(plain, image, focus)
        image = outlined(image, focus, (22, 18, 26))
    return image
