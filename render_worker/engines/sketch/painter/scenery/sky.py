"""The sky: its gradient, sun, moon, stars and clouds."""

import math
import random

from PIL import Image, ImageDraw, ImageFilter

from ..canvas.color import RGB, WHITE, darker, mix
from ..canvas.raster import Canvas, contrast, gradient, noise
from ..language.scene import Scene
from .palette import Palette


def paint_sky(
    canvas: Canvas, scene: Scene, palette: Palette, rng: random.Random, horizon: float
) -> tuple[float, float]:
    """Paint the sky down to the horizon and return x and y of its light."""
    height = min(canvas.height, max(8, round(horizon * 1.04)))
    canvas.image.paste(palette.haze, (0, 0, canvas.width, canvas.height))
    canvas.image.paste(gradient((canvas.width, height), palette.sky), (0, 0))
    if palette.time == "night" or scene.has("stars", "milkyway"):
        _stars(canvas, scene, rng, horizon)
    if scene.has("aurora"):
        _aurora(canvas, rng, horizon)
    spot = _light(canvas, scene, palette, rng, horizon)
    if "clouds" not in scene.banned:  # a rising or setting sun is painted in front of them, by sun.py
        _clouds(canvas, scene, palette, rng, horizon)
    if scene.has("rainbow"):
        _rainbow(canvas, rng, horizon)
    return spot


def _light(canvas: Canvas, scene: Scene, palette: Palette, rng: random.Random, horizon: float) -> tuple[float, float]:
    """Paint the sun or the moon and return its x and y."""
    u = canvas.unit
    side = rng.choice((rng.uniform(0.14, 0.34), rng.uniform(0.66, 0.86)))
    x = canvas.width * side
    moon = palette.time == "night" or (scene.has("moon") and not scene.has("sun"))
    if moon:
        y = horizon * rng.uniform(0.2, 0.42)
        if "moon" not in scene.banned and not scene.has("storm"):
            _moon(canvas, scene, palette, rng, x, y, u * (0.085 if scene.has("moon") else 0.05))
        return x, y
    low = {"day": (0.2, 0.4), "dawn": (0.62, 0.85), "sunset": (0.66, 0.92), "dusk": (1.0, 1.1)}[palette.time]
    y = horizon * rng.uniform(*low)
    if "sun" in scene.banned or scene.has("storm", "rain"):
        return x, y
    veiled = 0.4 if scene.has("fog", "snowfall") else 1.0
    reach = 0.95 if palette.time in ("sunset", "dawn") else 0.6
    canvas.glow(x, y, u * reach, palette.sun, 0.62 * veiled, 2.2)
    canvas.glow(x, y, u * 0.28, mix(palette.sun, WHITE, 0.3), 0.65 * veiled, 2.0)
    if palette.time == "day":
        r = u * (0.075 if scene.has("sun") else 0.05)
        canvas.ovals([(x, y, r, r)], mix(palette.sun, WHITE, 0.45), 0.97 * veiled)
    return x, y


def _moon(canvas: Canvas, scene: Scene, palette: Palette, rng: random.Random, x: float, y: float, r: float) -> None:
    pale = mix(palette.sun, (255, 250, 232), 0.6)
    canvas.glow(x, y, r * 6.5, pale, 0.42, 2.4)
    canvas.glow(x, y, r * 2.2, pale, 0.5, 1.6)
    if rng.random() < 0.4 and not scene.has("fullmoon"):
        size = round(r * 8)
        disk = Image.new("L", (size, size))
        draw = ImageDraw.Draw(disk)
        draw.ellipse((size / 4, size / 4, size * 0.75, size * 0.75), fill=255)
        shift = size * 0.13
        draw.ellipse((size / 4 + shift, size / 4 - shift * 0.5, size * 0.75 + shift, size * 0.75 - shift * 0.5), fill=0)
        mask = disk.resize((max(1, size // 2), max(1, size // 2)), Image.Resampling.BOX)
        canvas.image.paste(pale, (round(x - size / 4), round(y - size / 4)), mask)
        return
    canvas.ovals([(x, y, r, r)], pale)
    craters = [(-0.3, -0.25, 0.26), (0.28, 0.1, 0.2), (-0.1, 0.42, 0.17), (0.32, -0.42, 0.12), (-0.5, 0.2, 0.11)]
    canvas.ovals([(x + cx * r, y + cy * r, s * r, s * r) for cx, cy, s in craters], darker(pale, 0.14), 0.7)


def _stars(canvas: Canvas, scene: Scene, rng: random.Random, horizon: float) -> None:
    if scene.has("storm", "rain", "fog", "snowfall") or "stars" in scene.banned:
        return
    u = canvas.unit
    if scene.has("milkyway"):
        _milky_way(canvas, rng, horizon)
    count = 260 if scene.has("stars", "milkyway") else 130
    for alpha, share, size in ((0.5, 0.6, 0.0011), (0.8, 0.3, 0.0016), (1.0, 0.1, 0.0025)):
        dots = []
        for _ in range(round(count * share)):
            r = max(0.55, u * size * rng.uniform(0.8, 1.3))
            dots.append((rng.uniform(0, canvas.width), horizon * rng.random() ** 1.25, r, r))
        canvas.ovals(dots, (255, 252, 240), alpha)


def _milky_way(canvas: Canvas, rng: random.Random, horizon: float) -> None:
    w, h = canvas.width, max(8, round(horizon))
    small = (max(2, w // 4), max(2, h // 4))
    lean = rng.choice((-1, 1)) * rng.uniform(0.35, 0.7)
    middle = rng.uniform(0.4, 0.6)
    band = Image.new("L", small)
    draw = ImageDraw.Draw(band)
    for share, value in ((0.2, 70), (0.13, 130), (0.06, 200)):
        half = small[0] * share
        x0, x1 = small[0] * (middle - lean / 2), small[0] * (middle + lean / 2)
        draw.polygon([(x0 - half, 0), (x0 + half, 0), (x1 + half, small[1]), (x1 - half, small[1])], fill=value)
    band = band.filter(ImageFilter.BoxBlur(max(2, small[0] // 14)))
    dust = contrast(noise(rng, small, (12, 12)), 40, 225)
    fine = contrast(noise(rng, small, (34, 34)), 20, 235)
    cloud = Image.composite(band, Image.new("L", small), Image.blend(dust, fine, 0.45)).resize((w, h))
    for colour, gain in (((150, 110, 210), 0.9), ((240, 225, 255), 0.55)):
        canvas.stamp(cloud.point([min(255, round(v * gain)) for v in range(256)]), (0, 0, w, h), colour)
    dots = []
    for _ in range(420):
        t = rng.random()
        x = w * (middle + lean * (t - 0.5) + rng.gauss(0, 0.09))
        dots.append((x, h * t, max(0.5, canvas.unit * 0.001), max(0.5, canvas.unit * 0.001)))
    canvas.ovals(dots, WHITE, 0.75)


def _aurora(canvas: Canvas, rng: random.Random, horizon: float) -> None:
    w, h = max(8, canvas.width // 4), max(8, round(horizon) // 4)
    phase = rng.uniform(0, 6)
    for colour, base, gain in (((60, 240, 160), 0.72, 0.95), ((90, 190, 255), 0.56, 0.6), ((200, 90, 240), 0.44, 0.6)):
        mask = Image.new("L", (w, h))
        draw = ImageDraw.Draw(mask)
        for x in range(w):
            t = x / w
            bottom = h * (base + 0.13 * math.sin(t * 5 + phase) + 0.06 * math.sin(t * 13 + phase * 2))
            tall = h * (0.42 + 0.16 * math.sin(t * 9 + phase * 3))
            bright = 0.55 + 0.3 * math.sin(t * 21 + phase) + 0.15 * math.sin(t * 47)
            for i in range(8):
                y = bottom - tall * i / 8
                draw.line((x, y, x, y - tall / 8), fill=max(0, round(235 * bright * (1 - i / 8) ** 1.5)))
        mask = mask.filter(ImageFilter.BoxBlur(max(1, h // 50))).resize((canvas.width, max(8, round(horizon))))
        canvas.stamp(mask, (0, 0, *mask.size), colour, gain)
        phase += 1.7


def _rainbow(canvas: Canvas, rng: random.Random, horizon: float) -> None:
    w, h = canvas.width, max(8, round(horizon))
    bands = Image.new("RGBA", (w, h))
    draw = ImageDraw.Draw(bands)
    x, radius = w * rng.uniform(0.35, 0.65), max(w * 0.46, canvas.unit * 0.5)
    wide = canvas.unit * 0.014
    hues = (
        (226, 70, 70),
        (240, 150, 60),
        (250, 225, 90),
        (100, 200, 110),
        (80, 160, 230),
        (100, 100, 210),
        (160, 90, 200),
    )
    for i, hue in enumerate(hues):
        r = radius - i * wide
        draw.ellipse((x - r, h - r * 0.82, x + r, h + r * 1.18), fill=(*hue, 150))
    r = radius - len(hues) * wide
    draw.ellipse((x - r, h - r * 0.82, x + r, h + r * 1.18), fill=(0, 0, 0, 0))
    alpha = bands.getchannel("A").filter(ImageFilter.BoxBlur(2))
    canvas.image.paste(bands.convert("RGB").filter(ImageFilter.BoxBlur(2)), (0, 0), alpha)


def _clouds(canvas: Canvas, scene: Scene, palette: Palette, rng: random.Random, horizon: float) -> None:
    if scene.has("storm"):
        _storm_clouds(canvas, palette, rng, horizon)
        return
    count = rng.randint(2, 4)
    if scene.has("clouds", "clouds_heavy", "rain", "wind"):
        count = 9
    elif palette.time == "night":
        count = rng.randint(0, 2)
    for i in range(count):
        t = (i + rng.random()) / count
        y = horizon * (0.12 + 0.68 * t)
        size = canvas.unit * (0.34 - 0.2 * t) * rng.uniform(0.7, 1.25)
        _cloud(canvas, palette, rng, rng.uniform(-0.05, 1.05) * canvas.width, y, size)


def _cloud(canvas: Canvas, palette: Palette, rng: random.Random, x: float, y: float, size: float) -> None:
    w, h = max(8, round(size * 2)), max(6, round(size))
    mask = Image.new("L", (w, h))
    draw = ImageDraw.Draw(mask)
    base = h * 0.78
    for i in range(7):
        t = (i + 0.5) / 7
        r = h * (0.1 + 0.26 * math.sin(math.pi * t) * rng.uniform(0.6, 1.2))
        cx = w * (0.12 + 0.76 * t)
        draw.ellipse((cx - r * 1.25, base - r * 1.7, cx + r * 1.25, base + r * 0.5), fill=255)
    draw.rectangle((0, base, w, h), fill=0)
    draw.rounded_rectangle((w * 0.04, base - h * 0.1, w * 0.96, base + h * 0.04), h * 0.07, fill=255)
    mask = mask.reduce(2) if min(w, h) > 8 else mask
    tone = cloud_colour(palette)
    fade = gradient(mask.size, ((240, 240, 240), (215, 215, 215), (120, 120, 120), (55, 55, 55))).getchannel(0)
    mask = Image.composite(fade, Image.new("L", mask.size), mask)
    box = (round(x - mask.width / 2), round(y - mask.height / 2))
    canvas.image.paste(tone, box, mask)


def cloud_colour(palette: Palette) -> RGB:
    """Return the colour of the lit side of a cloud."""
    if palette.time == "night":
        return mix(palette.sky[-1], (210, 220, 245), 0.22)
    return mix(
        mix(palette.sun, WHITE, 0.55),
        palette.sky[-2],
        {"day": 0.08, "dawn": 0.2, "sunset": 0.4, "dusk": 0.55}[palette.time],
    )


def _storm_clouds(canvas: Canvas, palette: Palette, rng: random.Random, horizon: float) -> None:
    w, h = canvas.width, max(8, round(horizon))
    for colour, low, cells in (
        (darker(palette.sky[0], 0.35), 90, (6, 9)),
        (mix(palette.sky[-1], WHITE, 0.14), 140, (8, 12)),
    ):
        mask = contrast(noise(rng, (max(2, w // 3), max(2, h // 3)), cells), low, 240)
        fade = gradient(mask.size, ((255, 255, 255), (230, 230, 230), (60, 60, 60))).getchannel(0)
        mask = Image.composite(mask, Image.new("L", mask.size), fade).resize((w, h))
        canvas.stamp(mask, (0, 0, w, h), colour, 0.85)
    for row in range(3):
        puffs = []
        y = horizon * (0.3 - row * 0.13)
        for i in range(9):
            r = canvas.unit * rng.uniform(0.09, 0.2)
            puffs.append((w * (i + rng.uniform(-0.3, 1.3)) / 9, y - r * 0.6, r * 1.5, r))
        canvas.ovals(puffs, mix(darker(palette.sky[0], 0.1 + 0.18 * row), palette.haze, 0.14 - 0.04 * row), 0.8)
