"""Effects that several styles share: paper, contours, flat colours."""

import random

from PIL import Image, ImageChops, ImageFilter


def paper(image: Image.Image, rng: random.Random, strength: float) -> Image.Image:
    """Return the picture multiplied by a fine paper texture."""
    w, h = image.size
    grain = Image.frombytes("L", (w // 2 + 1, h // 2 + 1), rng.randbytes((w // 2 + 1) * (h // 2 + 1)))
    grain = grain.filter(ImageFilter.BoxBlur(1)).resize((w, h), Image.Resampling.BILINEAR)
    low = 255 * (1 - strength)
    tone = grain.point([min(255, round(low + (v - 60) * strength * 1.5)) for v in range(256)])
    return ImageChops.multiply(image, Image.merge("RGB", (tone, tone, tone)))


def contours(image: Image.Image, gain: float) -> Image.Image:
    """Return a mask that is white on contour lines."""
    grey = image.convert("L").filter(ImageFilter.BoxBlur(1))
    step = ImageChops.add(
        ImageChops.difference(grey, ImageChops.offset(grey, 1, 0)),
        ImageChops.difference(grey, ImageChops.offset(grey, 0, 1)),
    )
    return step.point([min(255, round(max(0, v - 5) * gain)) for v in range(256)])


def flattened(image: Image.Image, colours: int) -> Image.Image:
    """Return the picture in a few flat colours.

    They are found on a small copy and applied to a half-size one, which keeps the edges.
    """
    w, h = image.size
    few = image.resize((max(2, w // 5), max(2, h // 5)), Image.Resampling.BOX).quantize(
        colours, Image.Quantize.MEDIANCUT
    )
    half = image.resize((max(2, w // 2), max(2, h // 2)), Image.Resampling.BOX)
    flat = half.quantize(palette=few, dither=Image.Dither.NONE).convert("RGB")
    return flat.resize((w, h), Image.Resampling.BICUBIC)
