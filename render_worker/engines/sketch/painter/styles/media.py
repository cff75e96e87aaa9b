"""Styles: each takes the finished picture and returns it as if made in another way."""

import random
from collections.abc import Callable

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from ..canvas.color import RGB, rgb
from ..canvas.raster import contrast, noise

Style = Callable[[Image.Image, random.Random], Image.Image]


def paper(image: Image.Image, rng: random.Random, strength: float) -> Image.Image:
    """Multiply by a fine paper texture."""
    w, h = image.size
    grain = Image.frombytes("L", (w // 2 + 1, h // 2 + 1), rng.randbytes((w // 2 + 1) * (h // 2 + 1)))
    grain = grain.filter(ImageFilter.BoxBlur(1)).resize((w, h), Image.Resampling.BILINEAR)
    low = 255 * (1 - strength)
    tone = grain.point([min(255, round(low + (v - 60) * strength * 1.5)) for v in range(256)])
    return ImageChops.multiply(image, Image.merge("RGB", (tone, tone, tone)))


def contours(image: Image.Image, gain: float) -> Image.Image:
    """Dark-on-light contour lines as a mask that is white where lines are."""
    grey = image.convert("L").filter(ImageFilter.BoxBlur(1))
    step = ImageChops.add(
        ImageChops.difference(grey, ImageChops.offset(grey, 1, 0)),
        ImageChops.difference(grey, ImageChops.offset(grey, 0, 1)),
    )
    return step.point([min(255, round(max(0, v - 5) * gain)) for v in range(256)])


def watercolour(image: Image.Image, rng: random.Random) -> Image.Image:
    """Pale washes with pooled edges, blooms and an unpainted border."""
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


def pixel(image: Image.Image, rng: random.Random) -> Image.Image:
    """Large square pixels in few colours."""
    w, h = image.size
    step = max(2, round(max(w, h) / 110))
    small = ImageEnhance.Color(image.resize((max(2, w // step), max(2, h // step)), Image.Resampling.BOX)).enhance(1.25)
    few = small.quantize(28, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    return few.resize((w, h), Image.Resampling.NEAREST)


def woodcut(image: Image.Image, rng: random.Random) -> Image.Image:
    """Black ink on cream paper, mid tones cut as parallel lines."""
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


def oil(image: Image.Image, rng: random.Random) -> Image.Image:
    """Short thick strokes that keep the colours beneath."""
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
    """Light the strokes from one side, as thick paint would be."""
    grey = image.convert("L")
    ridge = ImageChops.subtract(grey, ImageChops.offset(grey, 2, 2), 1.6, 128)
    return ImageChops.overlay(image, Image.merge("RGB", (ridge, ridge, ridge)))


def pencil(image: Image.Image, rng: random.Random) -> Image.Image:
    """Graphite contours and hatching on paper."""
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


def lowpoly(image: Image.Image, rng: random.Random) -> Image.Image:
    """A mesh of flat triangles."""
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


def flattened(image: Image.Image, colours: int) -> Image.Image:
    """Reduce to some flat colours, found on a small copy and applied to a half-size one to keep the edges."""
    w, h = image.size
    few = image.resize((max(2, w // 5), max(2, h // 5)), Image.Resampling.BOX).quantize(
        colours, Image.Quantize.MEDIANCUT
    )
    half = image.resize((max(2, w // 2), max(2, h // 2)), Image.Resampling.BOX)
    flat = half.quantize(palette=few, dither=Image.Dither.NONE).convert("RGB")
    return flat.resize((w, h), Image.Resampling.BICUBIC)


def ukiyoe(image: Image.Image, rng: random.Random) -> Image.Image:
    """Flat printed colours, ink contours, aged paper."""
    aged = Image.blend(ImageEnhance.Color(image).enhance(1.3), Image.new("RGB", image.size, rgb("#ecd9b0")), 0.22)
    flat = flattened(aged, 22)
    flat.paste(rgb("#1f2c4a"), (0, 0), contours(image, 9))
    return paper(flat, rng, 0.14)


def minimalist(image: Image.Image, rng: random.Random) -> Image.Image:
    """Few flat tones and soft colour."""
    return Image.blend(flattened(image, 12), Image.new("RGB", image.size, (246, 240, 232)), 0.16)


def vintage(image: Image.Image, rng: random.Random) -> Image.Image:
    """A sepia print with darkened corners."""
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
    """Rich black and white."""
    grey = ImageOps.autocontrast(image.convert("L"), 1)
    return Image.merge("RGB", (grey, grey, grey))
