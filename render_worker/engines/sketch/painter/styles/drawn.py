"""Styles of brush, pen and chalk."""

import random

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from ..canvas.color import RGB, rgb
from ..canvas.raster import contrast, noise
from .effects import contours, paper


def watercolour(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture as pale washes with pooled edges, blooms and an unpainted border."""
    w, h = image.size
    wash = (
        image.resize((max(2, w // 3), max(2, h // 3)), Image.Resampling.BOX)
        .filter(ImageFilter.MedianFilter(5))
        .resize((w, h), Image.Resampling.BICUBIC)
    )
    wash = Image.blend(wash, image, 0.42)
    wash = ImageEnhance.Color(Image.blend(wash, Image.new("RGB", (w, h), (255, 252, 244)), 0.24)).enhance(1.15)
    bloom = contrast(noise(rng, (w, h), (9, 9)), 60, 255)
    wash.paste((255, 252, 244), (0, 0), bloom.point([round(v * 0.3) for v in range(256)]))
    wash.paste((60, 50, 80), (0, 0), contours(image, 5).point([round(v * 0.32) for v in range(256)]))
    return paper(_border(wash, rng, (253, 250, 242)), rng, 0.12)


def _border(image: Image.Image, rng: random.Random, paper: RGB) -> Image.Image:
    w, h = image.size
    small = (max(8, w // 4), max(8, h // 4))
    inside = Image.new("L", small)
    pad = max(2, min(small) // 22)
    ImageDraw.Draw(inside).rectangle((pad, pad, small[0] - pad, small[1] - pad), fill=255)
    inside = inside.filter(ImageFilter.BoxBlur(max(1, pad // 2)))
    ragged = ImageChops.add(inside, noise(rng, small, (small[0] // 5 + 2, small[1] // 5 + 2)), 1, -128)
    mask = contrast(ragged, 96, 150).resize((w, h), Image.Resampling.BICUBIC)
    return Image.composite(image, Image.new("RGB", (w, h), paper), mask)


def oil(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture as short thick strokes that keep the colours beneath."""
    w, h = image.size
    base = ImageEnhance.Color(image).enhance(1.2)
    source = base.filter(ImageFilter.BoxBlur(2))
    out, pixels = source.copy(), source.load()
    draw = ImageDraw.Draw(out)
    unit = min(w, h)
    if pixels is None:
        return out
    for size, count in ((0.02, 1500), (0.011, 2300)):
        for _ in range(count):
            x, y = rng.randrange(w), rng.randrange(h)
            r, g, b = pixels[x, y]  # type: ignore[misc]  # an RGB picture's pixels are triples
            shift = rng.randrange(-14, 15)
            long = unit * size * (0.7 + rng.random())
            lean = (0.35 + 0.5 * ((x * 3 // w) % 2)) * long
            draw.line(
                (x - long, y + lean * 0.5, x, y, x + long, y - lean * 0.5),
                fill=(r + shift, g + shift, b + shift),
                width=max(2, round(unit * size * 0.5)),
            )
    return _relief(Image.blend(out, base, 0.3))


def _relief(image: Image.Image) -> Image.Image:
    """Return the strokes lit from one side, as thick paint would be."""
    grey = image.convert("L")
    ridge = ImageChops.subtract(grey, ImageChops.offset(grey, 2, 2), 1.6, 128)
    return ImageChops.overlay(image, Image.merge("RGB", (ridge, ridge, ridge)))


def pencil(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture as graphite contours and hatching on paper."""
    w, h = image.size
    grey = ImageOps.autocontrast(image.convert("L"), 1)
    soft = ImageOps.invert(grey).filter(ImageFilter.BoxBlur(max(2, min(w, h) // 90)))
    sketch = ImageChops.add(grey, soft, 1, 0).point(
        [max(0, min(255, round(255 - (255 - v) * 2.4))) for v in range(256)]
    )
    hatch = Image.new("L", (w, h), 255)
    draw = ImageDraw.Draw(hatch)
    for k in range(0, w + h, 5):
        x = k + rng.randrange(3)
        draw.line((x, 0, x - h, h), fill=150 + rng.randrange(60))
    dark = grey.point([min(255, max(0, round((150 - v) * 2))) for v in range(256)])
    shaded = Image.composite(ImageChops.multiply(hatch, hatch), Image.new("L", (w, h), 255), dark)
    tone = grey.point([175 + v * 80 // 255 for v in range(256)])
    out = ImageChops.subtract(
        ImageChops.multiply(ImageChops.multiply(sketch, shaded), tone),
        contours(image, 4).point([round(v * 0.6) for v in range(256)]),
    )
    return paper(ImageOps.colorize(out, (40, 40, 48), (250, 248, 242)), rng, 0.1)


def pointillism(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture as thousands of dots of pure colour."""
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
    """Return the picture as a wash of black ink on rice paper."""
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


def chalk(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture as coloured chalk on a dark board."""
    w, h = image.size
    grain = contrast(Image.frombytes("L", (w, h), rng.randbytes(w * h)).filter(ImageFilter.BoxBlur(1)), 44, 128)
    soft = ImageEnhance.Color(ImageEnhance.Brightness(image).enhance(1.1)).enhance(1.15)
    mask = ImageChops.multiply(grain, image.convert("L").point([min(255, 150 + v * 3 // 5) for v in range(256)]))
    out = Image.composite(soft, Image.new("RGB", (w, h), rgb("#2a3230")), mask)
    out.paste((240, 238, 228), (0, 0), ImageChops.multiply(contours(image, 6), grain))
    return out
