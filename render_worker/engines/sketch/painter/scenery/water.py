"""Floors of water: sea, lake, river, beach, waterfall; all reflect what stands above the horizon."""

import math

from PIL import Image

from ..canvas.color import RGB, WHITE, darker, lighter, mix, rgb
from ..canvas.outline import Point, curve
from ..canvas.raster import Canvas, gradient
from .view import View


def mirror(view: View, deep: RGB, near: float, far: float) -> None:
    """Fill everything below the horizon with a rippled reflection that sinks into a deep colour."""
    canvas, top = view.canvas, round(view.horizon)
    high = canvas.height - top
    if high < 2 or top < 2:
        return
    take = min(top, round(high * 1.35))
    flipped = canvas.image.crop((0, top - take, canvas.width, top)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    flipped = flipped.resize((canvas.width, high), Image.Resampling.BILINEAR)
    depth = gradient((canvas.width, high), (mix(view.palette.haze, deep, 0.45), deep, darker(deep, 0.35)))
    ramp = gradient((canvas.width, high), tuple((round(255 * v),) * 3 for v in (far, (far + near) / 2, near)))
    water = Image.composite(flipped, depth, ramp.getchannel(0))
    phase, y = view.rng.uniform(0, 6), 0
    while y < high:
        strip = max(1, round(1 + 5 * y / high))
        reach = canvas.unit * 0.012 * (0.25 + y / high)
        shift = round(reach * (math.sin(y * 0.9 + phase) + 0.6 * math.sin(y * 0.23 + phase)))
        band = water.crop((0, y, canvas.width, min(high, y + strip)))
        canvas.image.paste(band, (0, top + y))
        if shift:
            canvas.image.paste(band, (shift, top + y))
        y += strip


def streaks(view: View, colour: RGB, alpha: float, count: int, top: float | None = None) -> None:
    """Paint short level glints, closer together and thinner towards the horizon."""
    canvas, rng = view.canvas, view.rng
    start = view.horizon if top is None else top
    high = canvas.height - start
    lens = []
    for _ in range(count):
        t = rng.random() ** 1.6
        y = start + high * (0.02 + t * 0.98)
        long = canvas.unit * rng.uniform(0.03, 0.14) * (0.3 + t)
        x = rng.uniform(-0.05, 1.05) * canvas.width
        thick = max(0.5, canvas.unit * 0.0022 * (0.4 + 1.4 * t))
        lens.append(lens_shape(x, y, long, thick))
    canvas.shapes(lens, colour, alpha)


def lens_shape(x: float, y: float, long: float, thick: float) -> list[Point]:
    """Return a flat pointed glint."""
    return [(x - long / 2, y), (x - long * 0.2, y - thick), (x + long * 0.2, y - thick), (x + long / 2, y),
            (x + long * 0.15, y + thick), (x - long * 0.25, y + thick)]  # fmt: skip


def glitter(view: View) -> None:
    """Paint the path of light under the sun or moon."""
    if view.scene.has("storm", "rain", "fog"):
        return
    canvas, rng = view.canvas, view.rng
    x, high = view.light[0], canvas.height - view.horizon
    tone = mix(view.palette.sun, WHITE, 0.35)
    canvas.halo(x, view.horizon, canvas.unit * 0.3, high * 0.8, tone, 0.0, 2.0)
    lens = []
    for _ in range(110):
        t = rng.random() ** 1.3
        spread = canvas.unit * (0.012 + 0.11 * t)
        long = canvas.unit * rng.uniform(0.02, 0.09) * (0.35 + t)
        lens.append(
            lens_shape(x + rng.gauss(0, 0.6) * spread, view.horizon + high * t, long, canvas.unit * 0.0035 * (0.25 + t))
        )
    canvas.shapes(lens, tone, 0.72 if view.palette.time != "day" else 0.5)


def sea(view: View) -> None:
    """Paint open sea with swell lines and a path of light."""
    deep = view.palette.lit(view.tint("sea", view.palette.water))
    mirror(view, deep, 0.08, 0.5)
    storm = view.scene.has("storm", "wind")
    waves(view, deep, 0.05 if storm else 0.016)
    glitter(view)
    streaks(view, mix(deep, view.palette.sky[-1], 0.65), 0.5, 34)


def waves(view: View, deep: RGB, tall: float) -> None:
    """Paint rows of swell, higher towards the viewer, with a pale crest line."""
    canvas, rng = view.canvas, view.rng
    high = canvas.height - view.horizon
    for i in range(7):
        t = ((i + 1) / 8) ** 1.6
        y, phase = view.horizon + high * t, rng.uniform(0, 6)
        size = canvas.unit * tall * (0.4 + 1.5 * t)
        long = canvas.unit * (0.09 + 0.16 * t)
        bend = rng.uniform(1.6, 2.9)
        crest = [
            (x, y - size * _trochoid(x / long + phase + 0.5 * math.sin(x / long / bend)))
            for x in range(-4, canvas.width + 12, 6)
        ]
        tone = mix(darker(deep, 0.12 + 0.2 * t), view.palette.haze, 0.28 * (1 - t))
        foot = [(x, py + size * 3.4 + 4) for x, py in crest]
        canvas.polygon([*crest, *foot[::-1]], (lighter(tone, 0.12), tone), 0.45)
        foam = [(x, py + max(0.8, (y - py) * 0.22)) for x, py in crest]
        canvas.polygon([*crest, *foam[::-1]], mix(view.palette.sky[-1], WHITE, 0.4), 0.3 + (0.35 if tall > 0.03 else 0))


def _trochoid(turn: float) -> float:
    """Return a wave's height 0..1 along its length: narrow crests, wide troughs."""
    low = 1 - abs(math.sin(turn / 2))
    return low * math.sqrt(low)


def lake(view: View) -> None:
    """Paint a still lake, nearly a mirror, with a reedy near shore."""
    deep = view.palette.lit(view.tint("lake", view.palette.water))
    mirror(view, deep, 0.3, 0.86)
    view.canvas.veil(view.horizon - 2, view.horizon + view.canvas.unit * 0.03, view.palette.haze, 0.5, 0.0)
    glitter(view)
    streaks(view, mix(view.palette.haze, WHITE, 0.3), 0.35, 30)
    _reeds(view)


def _reeds(view: View) -> None:
    canvas, rng = view.canvas, view.rng
    side = rng.choice((0.0, 1.0))
    tone = darker(view.palette.lit(view.palette.leaf), 0.45)
    blades, heads = [], []
    for _ in range(46):
        far = rng.random() ** 2 * 0.36
        x = canvas.width * (side + (0.5 - side) * 2 * far)
        tall = canvas.unit * rng.uniform(0.06, 0.2) * (1.15 - far * 2)
        lean = rng.uniform(-0.2, 0.2) * tall
        wide = canvas.unit * 0.0045
        blades.append([(x - wide, canvas.height), (x + lean, canvas.height - tall), (x + wide, canvas.height)])
        if rng.random() < 0.25:
            heads.append((x + lean, canvas.height - tall, wide * 1.2, wide * 5))
    canvas.shapes(blades, tone)
    canvas.ovals(heads, view.palette.lit(rgb("#6b4330")))


def river(view: View) -> None:
    """Paint a river winding from the horizon to the viewer through the ground already painted there."""
    canvas, rng = view.canvas, view.rng
    high, turn = canvas.height - view.horizon, rng.choice((-1, 1))
    before = canvas.image.copy()
    deep = view.palette.lit(view.tint("river", view.palette.water))
    mirror(view, deep, 0.25, 0.8)
    streaks(view, mix(view.palette.sky[-1], WHITE, 0.35), 0.5, 70)
    left: list[Point] = []
    right: list[Point] = []
    for i in range(8):
        t = i / 7
        middle = canvas.width * (0.5 + turn * 0.24 * math.sin(t * 4.6 + 0.4) * (0.25 + 0.75 * t))
        half = canvas.unit * (0.008 + 0.3 * t**1.8)
        left.append((middle - half, view.horizon + high * t**1.25 * 1.02))
        right.append((middle + half, view.horizon + high * t**1.25 * 1.02))
    bed = [*curve(left, False), *curve(right, False)[::-1]]
    _keep_inside(canvas, before, bed)
    bank = darker(view.palette.lit(view.palette.grass), 0.4)
    canvas.lines([curve(left, False), curve(right, False)], canvas.unit * 0.006, bank, 0.7)


def _keep_inside(canvas: Canvas, before: Image.Image, shape: list[Point]) -> None:
    """Put the earlier picture back everywhere outside a shape."""
    after = canvas.image
    canvas.image = Image.new("RGB", after.size)
    canvas.polygon(shape, WHITE)
    mask = canvas.image.getchannel(0)
    canvas.image = Image.composite(after, before, mask)


def beach(view: View) -> None:
    """Paint sea, foam and a curve of sand in front."""
    sea(view)
    canvas, rng, palette = view.canvas, view.rng, view.palette
    high = canvas.height - view.horizon
    sand = palette.lit(view.tint("beach", palette.sand))
    lean = rng.choice((-1, 1))
    knots = [(canvas.width * t, view.horizon + high * (0.52 + 0.16 * lean * (t - 0.5) * 2 + rng.uniform(-0.04, 0.04)))
             for t in (-0.1, 0.2, 0.5, 0.8, 1.1)]  # fmt: skip
    shore = curve(knots, False)
    for drop, colour, alpha in (
        (-0.05, lighter(palette.lit(palette.water), 0.4), 0.4),
        (-0.02, WHITE, 0.85),
        (0.0, darker(sand, 0.2), 1.0),
    ):
        line = [(x, y + high * drop) for x, y in shore]
        canvas.polygon([*line, (canvas.width * 1.1, canvas.height), (-canvas.width * 0.1, canvas.height)],
                       mix(colour, palette.ambient, palette.share * 0.5), alpha)  # fmt: skip
    line = [(x, y + high * 0.05) for x, y in shore]
    canvas.polygon([*line, (canvas.width * 1.1, canvas.height + 1), (-canvas.width * 0.1, canvas.height + 1)],
                   (darker(sand, 0.04), lighter(sand, 0.1), darker(sand, 0.1)))  # fmt: skip
    pebbles(view, sand, 0.62)


def pebbles(view: View, ground: RGB, top: float) -> None:
    """Paint a scatter of small stones below a share of the floor."""
    canvas, rng = view.canvas, view.rng
    high = canvas.height - view.horizon
    dots = []
    for _ in range(40):
        t = rng.uniform(top + 0.1, 1.0)
        r = canvas.unit * rng.uniform(0.001, 0.0045) * t
        dots.append((rng.uniform(0, canvas.width), view.horizon + high * t, r * 1.7, r))
    canvas.ovals(dots, darker(ground, 0.25), 0.6)
