"""Legibility of subjects in styles that would lose them: contrast before, an outline after."""

from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps, ImageStat

from ..canvas.color import RGB

OUTLINED = ("woodcut", "glass")


def set_off(image: Image.Image, focus: Image.Image) -> Image.Image:
    """Return the picture with stronger subjects and the air round them pale, or dark if they are pale."""
    w, h = image.size
    inside = ImageStat.Stat(image.convert("L"), focus.point([0] * 128 + [255] * 128)).mean[0]
    pale = inside < 150
    reach = max(2, round(min(w, h) / 26))
    near = focus.reduce(4) if min(w, h) > 128 else focus
    near = near.filter(ImageFilter.BoxBlur(max(1, reach * near.width // w))).filter(ImageFilter.BoxBlur(2))
    near = near.resize((w, h), Image.Resampling.BILINEAR).point([min(225, round(v * 2.6)) for v in range(256)])
    air = Image.blend(image, Image.new("RGB", (w, h), (250, 244, 230) if pale else (26, 22, 34)), 0.82)
    out = Image.composite(air, image, near)
    strong = ImageEnhance.Contrast(ImageEnhance.Color(image).enhance(1.25)).enhance(1.3)
    strong = ImageEnhance.Brightness(strong).enhance(1.25 if pale else 1.12)
    return Image.composite(strong, out, focus)


def outlined(image: Image.Image, focus: Image.Image, ink: RGB) -> Image.Image:
    """Return the picture with a firm line round the subjects."""
    wide = max(3, round(min(image.size) / 150) | 1)
    solid = focus.point([0] * 100 + [255] * 156)
    edge = ImageChops.difference(solid.filter(ImageFilter.MaxFilter(wide)), solid.filter(ImageFilter.MinFilter(3)))
    out = image.copy()
    out.paste(ink, (0, 0), edge.filter(ImageFilter.BoxBlur(1)))
    return out


def kept_whole(plain: Image.Image, styled: Image.Image, focus: Image.Image) -> Image.Image:
    """Return the styled picture with more of the plain one inside the subjects."""
    return Image.composite(Image.blend(styled, ImageOps.posterize(plain, 4), 0.45), styled, focus)
