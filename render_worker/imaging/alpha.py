"""Transparency: kept by PNG and WebP, composited over white for JPEG."""

from PIL import Image


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
