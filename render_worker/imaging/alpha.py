"""Transparency: kept by PNG and WebP, composited over white for JPEG."""

from functools import reduce

from PIL import Image, ImageChops


def without_needless_alpha(image: Image.Image) -> Image.Image:
    """Return the picture as RGB, or as RGBA if any of its pixels is not opaque."""
    if image.mode == "RGB":
        return image
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image if image.mode == "RGBA" else image.convert("RGBA")
    least, _ = image.getchannel("A").getextrema()
    return image.convert("RGB") if least == 255 else image


def over_white(image: Image.Image) -> Image.Image:
    """Return the picture as it looks on a white page; itself if it is opaque."""
    if image.mode != "RGBA":
        return image
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image)
    return page


def with_color_key(image: Image.Image, low_bytes: Image.Image, color: bytes) -> Image.Image:
    """Return the picture transparent where it has the colour: three samples of 16 bits, of which it has the high bytes.

    `low_bytes`: the picture of the others. Near colours stay opaque.
    """
    differing = (
        part.getchannel(channel).point([0 if value == color[2 * channel + place] else 255 for value in range(256)])
        for place, part in enumerate((image, low_bytes))
        for channel in range(3)
    )
    image.putalpha(reduce(ImageChops.lighter, differing))
    return image
