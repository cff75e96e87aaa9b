"""Styles that put the picture together from flat pieces."""

import random

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

from ..canvas.color import rgb
from .effects import contours, flattened, paper


def pixel(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture as large square pixels in few colours."""
    w, h = image.size
    step = max(2, round(max(w, h) / 110))
    small = ImageEnhance.Color(image.resize((max(2, w // step), max(2, h // step)), Image.Resampling.BOX)).enhance(1.25)
    few = small.quantize(28, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    return few.resize((w, h), Image.Resampling.NEAREST)


def lowpoly(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture as a mesh of flat triangles."""
    w, h = image.size
    step = min(w, h) / 34
    across, down = round(w / step), round(h / step)
    grid = [
        [
            (
                w * i / across + (step * rng.uniform(-0.42, 0.42) if 0 < i < across else 0),
                h * j / down + (step * rng.uniform(-0.42, 0.42) if 0 < j < down else 0),
            )
            for i in range(across + 1)
        ]
        for j in range(down + 1)
    ]
    source = ImageEnhance.Color(image.filter(ImageFilter.BoxBlur(2))).enhance(1.15)
    out = image.resize((w * 2, h * 2), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(out)
    for j in range(down):
        for i in range(across):
            a, b, c, d = grid[j][i], grid[j][i + 1], grid[j + 1][i], grid[j + 1][i + 1]
            for triangle in ((a, b, c), (b, d, c)) if (i + j) % 2 else ((a, b, d), (a, d, c)):
                x = min(w - 1, max(0, round(sum(p[0] for p in triangle) / 3)))
                y = min(h - 1, max(0, round(sum(p[1] for p in triangle) / 3)))
                shift = rng.randrange(-9, 10)
                r, g, b2 = source.getpixel((x, y))  # type: ignore[misc]  # an RGB picture's pixels are triples
                draw.polygon([(px * 2, py * 2) for px, py in triangle], fill=(r + shift, g + shift, b2 + shift))
    return out.reduce(2)


def glass(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture as bright panes between dark leads."""
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
    """Return the picture as small square stones in grout."""
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


def papercut(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture as layers of coloured paper with soft shadows."""
    flat = flattened(image, 12)
    grey = flat.convert("L")
    shadow = ImageChops.subtract(ImageChops.offset(grey, 4, 5).filter(ImageFilter.BoxBlur(3)), grey)
    flat.paste((30, 20, 40), (0, 0), shadow.point([min(120, v * 2) for v in range(256)]))
    return paper(ImageEnhance.Color(flat).enhance(1.15), rng, 0.08)


def minimalist(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture as few flat tones and soft colour."""
    return Image.blend(flattened(image, 12), Image.new("RGB", image.size, (246, 240, 232)), 0.16)
