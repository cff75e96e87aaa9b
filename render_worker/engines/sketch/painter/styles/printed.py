"""Styles of the printing press and the darkroom."""

import random

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from ..canvas.color import rgb
from .effects import contours, flattened, paper


def woodcut(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture as black ink on cream paper, mid tones cut as parallel lines."""
    w, h = image.size
    grey = ImageOps.autocontrast(image.convert("L").filter(ImageFilter.BoxBlur(1)), 2)
    grey = grey.point([round(255 * (v / 255) ** 0.72) for v in range(256)])
    pitch = max(5, round(min(w, h) / 70))
    row = Image.new("L", (w + h, 1))
    row.putdata([round(255 * abs(2 * (x % pitch) / pitch - 1)) for x in range(w + h)])
    lines = row.resize((w + h, h), Image.Resampling.NEAREST).transform(
        (w, h), Image.Transform.AFFINE, (1, 0.35, 0, 0, 1, 0), Image.Resampling.BILINEAR
    )
    lines = lines.point([40 + v * 190 // 255 for v in range(256)])
    cut = ImageChops.subtract(grey, lines, 1, 128).point([round(min(255, max(0, (v - 112) * 9))) for v in range(256)])
    cut = ImageChops.subtract(cut, contours(image, 9))
    return Image.composite(Image.new("RGB", (w, h), rgb("#f3e8d0")), Image.new("RGB", (w, h), rgb("#221d22")), cut)


def ukiyoe(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture as flat printed colours, ink contours, aged paper."""
    aged = Image.blend(ImageEnhance.Color(image).enhance(1.3), Image.new("RGB", image.size, rgb("#ecd9b0")), 0.22)
    flat = flattened(aged, 22)
    flat.paste(rgb("#1f2c4a"), (0, 0), contours(image, 9))
    return paper(flat, rng, 0.14)


def popart(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture as comic print: flat strong colours, dots in the shade, ink contours."""
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


def blueprint(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture as white lines on blue with a grid."""
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


def vintage(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture as a sepia print with darkened corners."""
    sepia = ImageOps.colorize(
        ImageOps.autocontrast(image.convert("L"), 1), rgb("#2b1a12"), rgb("#f5e6c5"), rgb("#a37b52")
    )
    out = Image.blend(sepia, image, 0.14)
    corners = (
        Image.radial_gradient("L")
        .resize(image.size)
        .point([max(0, min(190, round((v - 120) * 1.3))) for v in range(256)])
    )
    out.paste(rgb("#24150e"), (0, 0), corners)
    return paper(out, rng, 0.1)


def mono(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture as rich black and white."""
    grey = ImageOps.autocontrast(image.convert("L"), 1)
    return Image.merge("RGB", (grey, grey, grey))
