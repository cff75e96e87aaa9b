"""More styles, and the table of them all."""

import random

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from ..canvas.color import rgb
from ..canvas.raster import contrast, noise
from . import media
from .focus import OUTLINED, kept_whole, outlined, set_off
from .media import Style, contours, flattened, paper


def glass(image: Image.Image, rng: random.Random) -> Image.Image:
    """Bright panes between dark leads."""
    w, h = image.size
    step = min(w, h) / 11
    across, down = round(w / step) + 1, round(h / step) + 1
    grid = [
        [
            (
                w * (i - 0.5) / (across - 1) + step * rng.uniform(-0.36, 0.36),
                h * (j - 0.5) / (down - 1) + step * rng.uniform(-0.36, 0.36),
            )
            for i in range(across + 1)
        ]
        for j in range(down + 1)
    ]
    bright = ImageEnhance.Color(ImageEnhance.Brightness(image).enhance(1.12)).enhance(1.7)
    flat = flattened(bright, 26)
    leads = Image.new("L", (w * 2, h * 2))
    draw = ImageDraw.Draw(leads)
    wide = max(3, round(min(w, h) / 120))
    for j in range(down):
        for i in range(across):
            a, b, c = grid[j][i], grid[j][i + 1], grid[j + 1][i]
            draw.line([(x * 2, y * 2) for x, y in (b, a, c)], fill=255, width=wide)
            if (i * 7 + j * 5) % 3 == 0:
                draw.line([(x * 2, y * 2) for x, y in (b, c)], fill=255, width=wide)
    flat.paste((22, 18, 26), (0, 0), contours(image, 8))
    flat.paste((22, 18, 26), (0, 0), leads.reduce(2))
    return flat


def mosaic(image: Image.Image, rng: random.Random) -> Image.Image:
    """Small square stones in grout."""
    w, h = image.size
    step = max(4, round(min(w, h) / 58))
    across, down = w // step + 1, h // step + 1
    small = ImageEnhance.Color(image.resize((across, down), Image.Resampling.BOX)).enhance(1.3)
    speckle = Image.frombytes("L", (across, down), rng.randbytes(across * down)).point(
        [224 + v // 8 for v in range(256)]
    )
    small = ImageChops.multiply(small, Image.merge("RGB", (speckle, speckle, speckle)))
    big = small.resize((across * step, down * step), Image.Resampling.NEAREST).crop((0, 0, w, h))
    draw = ImageDraw.Draw(big)
    grout = rgb("#cfc4b4")
    for x in range(0, w, step):
        draw.line((x, 0, x, h), fill=grout)
    for y in range(0, h, step):
        draw.line((0, y, w, y), fill=grout)
    return big


def popart(image: Image.Image, rng: random.Random) -> Image.Image:
    """Comic print: flat strong colours, dots in the shade, ink contours."""
    w, h = image.size
    strong = ImageOps.posterize(ImageEnhance.Color(ImageOps.autocontrast(image, 1)).enhance(1.6), 3)
    strong = Image.blend(strong, image, 0.15)
    pitch = max(5, round(min(w, h) / 90))
    cell = Image.radial_gradient("L").resize((pitch, pitch))
    row = Image.new("L", (w + pitch, pitch))
    for x in range(0, w + pitch, pitch):
        row.paste(cell, (x, 0))
    dots = Image.new("L", (w, h))
    for k, y in enumerate(range(0, h, pitch)):
        dots.paste(row, (-(pitch // 2) * (k % 2), y))
    grey = image.convert("L")
    mask = ImageChops.subtract(ImageOps.invert(dots), grey, 1, 20).point([min(255, v * 3) for v in range(256)])
    strong.paste((40, 30, 70), (0, 0), mask.point([round(v * 0.5) for v in range(256)]))
    strong.paste((16, 12, 24), (0, 0), contours(image, 12))
    return strong


def pointillism(image: Image.Image, rng: random.Random) -> Image.Image:
    """Thousands of dots of pure colour."""
    w, h = image.size
    source = ImageEnhance.Color(image).enhance(1.45)
    out = Image.blend(source.filter(ImageFilter.BoxBlur(4)), Image.new("RGB", (w, h), (244, 236, 220)), 0.25)
    draw, pixels = ImageDraw.Draw(out), source.load()
    if pixels is None:
        return out
    r = max(1.5, min(w, h) / 150)
    for _ in range(5200):
        x, y = rng.randrange(w), rng.randrange(h)
        red, green, blue = pixels[x, y]  # type: ignore[misc]  # an RGB picture's pixels are triples
        a, b = rng.randrange(-26, 27), rng.randrange(-26, 27)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(red + a, green + b, blue - a))
    return out


def ink(image: Image.Image, rng: random.Random) -> Image.Image:
    """A wash of black ink on rice paper."""
    w, h = image.size
    grey = ImageOps.autocontrast(image.convert("L"), 2)
    wash = (
        grey.resize((max(2, w // 3), max(2, h // 3)), Image.Resampling.BOX)
        .filter(ImageFilter.MedianFilter(5))
        .resize((w, h), Image.Resampling.BICUBIC)
    )
    wash = Image.blend(wash, grey, 0.35).point([min(255, round(70 + v * 0.82)) for v in range(256)])
    bloom = contrast(noise(rng, (w, h), (7, 7)), 40, 255).point([v // 5 for v in range(256)])
    wash = ImageChops.subtract(ImageChops.add(wash, bloom), contours(image, 7))
    return paper(ImageOps.colorize(wash, (18, 18, 26), (247, 242, 230)), rng, 0.1)


def papercut(image: Image.Image, rng: random.Random) -> Image.Image:
    """Layers of coloured paper with soft shadows."""
    flat = flattened(image, 12)
    grey = flat.convert("L")
    shadow = ImageChops.subtract(ImageChops.offset(grey, 4, 5).filter(ImageFilter.BoxBlur(3)), grey)
    flat.paste((30, 20, 40), (0, 0), shadow.point([min(120, v * 2) for v in range(256)]))
    return paper(ImageEnhance.Color(flat).enhance(1.15), rng, 0.08)


def blueprint(image: Image.Image, rng: random.Random) -> Image.Image:
    """White lines on blue with a grid."""
    w, h = image.size
    tone = ImageOps.colorize(image.convert("L"), rgb("#0c2f66"), rgb("#2f6ab5"))
    draw = ImageDraw.Draw(tone)
    step = max(8, round(min(w, h) / 24))
    for x in range(0, w, step):
        draw.line((x, 0, x, h), fill=rgb("#3f78c0"))
    for y in range(0, h, step):
        draw.line((0, y, w, y), fill=rgb("#3f78c0"))
    tone.paste((236, 244, 255), (0, 0), contours(image, 9))
    return tone


def chalk(image: Image.Image, rng: random.Random) -> Image.Image:
    """Coloured chalk on a dark board."""
    w, h = image.size
    grain = contrast(Image.frombytes("L", (w, h), rng.randbytes(w * h)).filter(ImageFilter.BoxBlur(1)), 44, 128)
    soft = ImageEnhance.Color(ImageEnhance.Brightness(image).enhance(1.1)).enhance(1.15)
    mask = ImageChops.multiply(grain, image.convert("L").point([min(255, 150 + v * 3 // 5) for v in range(256)]))
    out = Image.composite(soft, Image.new("RGB", (w, h), rgb("#2a3230")), mask)
    out.paste((240, 238, 228), (0, 0), ImageChops.multiply(contours(image, 6), grain))
    return out


STYLES: dict[str, Style] = {
    "watercolour": media.watercolour,
    "pixel": media.pixel,
    "woodcut": media.woodcut,
    "oil": media.oil,
    "pencil": media.pencil,
    "lowpoly": media.lowpoly,
    "ukiyoe": media.ukiyoe,
    "minimalist": media.minimalist,
    "vintage": media.vintage,
    "mono": media.mono,
    "glass": glass,
    "mosaic": mosaic,
    "popart": popart,
    "pointillism": pointillism,
    "ink": ink,
    "papercut": papercut,
    "blueprint": blueprint,
    "chalk": chalk,
}


def apply_styles(
    image: Image.Image, names: tuple[str, ...], rng: random.Random, focus: Image.Image | None = None
) -> Image.Image:
    """Apply at most two named styles in turn; focus is white where the subjects are."""
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
