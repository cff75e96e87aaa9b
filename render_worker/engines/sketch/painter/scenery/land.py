"""Backdrops of land: mountains, hills, dunes, cliffs, a volcano; layered and paler with distance."""

import math
import random
from itertools import pairwise

from ..canvas.board import Board
from ..canvas.color import RGB, darker, lighter, mix, rgb
from ..canvas.outline import Point, curve
from .view import View


def ridge(rng: random.Random, width: float, base: float, tall: float, rough: float, steps: int = 7) -> list[Point]:
    """Return a rough skyline by midpoint displacement, from x = 0 to the width."""
    heights = [rng.uniform(0.2, 0.8), rng.uniform(0.3, 1.0), rng.uniform(0.2, 0.8)]
    jitter = 0.42
    for _ in range(steps - 2):
        finer: list[float] = []
        for a, b in pairwise(heights):
            finer += [a, (a + b) / 2 + rng.uniform(-jitter, jitter)]
        heights = [*finer, heights[-1]]
        jitter *= rough
    last = len(heights) - 1
    return [(width * i / last, base - tall * max(0.02, value)) for i, value in enumerate(heights)]


def swell(rng: random.Random, width: float, base: float, tall: float) -> list[Point]:
    """Return a soft rolling skyline."""
    count = rng.randint(4, 6)
    knots = [(width * (i - 0.5) / (count - 1.5), base - tall * rng.uniform(0.1, 1.0)) for i in range(count + 1)]
    return list(curve(knots, closed=False))


def close(line: list[Point], bottom: float) -> list[Point]:
    """Return a skyline closed into a polygon down to y = bottom."""
    return [*line, (line[-1][0], bottom), (line[0][0], bottom)]


def mountains(view: View) -> None:
    """Paint snowy faceted peaks between paler ranges behind and dark foothills before."""
    canvas, palette, rng, horizon = view.canvas, view.palette, view.rng, view.horizon
    rock = view.tint("mountains", palette.rock)
    reach = min(horizon * 0.8, canvas.unit * 0.72)
    for depth, tall in ((0.82, 0.62), (0.66, 0.5)):
        line = ridge(rng, canvas.width, horizon, reach * tall, 0.52)
        tone = palette.lit(rock, depth)
        canvas.polygon(close(line, horizon + 2), (tone, mix(tone, palette.haze, 0.4)))
    with Board(canvas, horizon - reach * 1.15, horizon + 2) as board:
        spots = _peak_spots(rng, canvas.width, canvas.unit)
        for x, share in spots:
            _peak(view, board, rock, (x, horizon - reach * share), reach * share)
    canvas.veil(horizon - reach * 0.5, horizon, palette.haze, 0.0, 0.6)
    line = ridge(rng, canvas.width, horizon, reach * 0.16, 0.5)
    foot = mix(palette.leaf, rock, 0.4)
    canvas.polygon(close(line, horizon + 2), (palette.lit(foot, 0.34), palette.lit(foot, 0.5)))


def _peak_spots(rng: random.Random, width: float, unit: float) -> list[tuple[float, float]]:
    count = max(3, round(width / unit * 3.4))
    spots = []
    tallest = rng.randrange(count)
    for i in range(count):
        share = 0.98 if i == tallest else rng.uniform(0.42, 0.78)
        spots.append((width * (i + rng.uniform(0.2, 0.8)) / count, share))
    return sorted(spots, key=lambda spot: -spot[1] + rng.uniform(0, 0.2))


def _peak(view: View, board: Board, rock: RGB, top: Point, tall: float) -> None:
    rng, palette = view.rng, view.palette
    x, y = top
    wide = tall * rng.uniform(0.75, 1.0)
    left = _edge(rng, top, (x - wide * rng.uniform(0.8, 1.15), y + tall))
    right = _edge(rng, top, (x + wide * rng.uniform(0.8, 1.15), y + tall))
    middle = _edge(rng, top, (x + wide * rng.uniform(-0.22, 0.22), y + tall), 0.09)
    bright, dim = palette.lit(lighter(rock, 0.22), 0.32), palette.lit(darker(rock, 0.22), 0.32)
    snow, snow_dim = palette.lit(palette.snow, 0.08), palette.lit(mix(palette.snow, rgb("#7d98c4"), 0.5), 0.16)
    sunny, shady = (left, right) if view.side < 0 else (right, left)
    board.polygon([*sunny, *middle[::-1]], bright)
    board.polygon([*shady, *middle[::-1]], dim)
    line = rng.uniform(0.3, 0.42) if view.scene.season != "winter" else 0.75
    board.polygon(_cap(rng, sunny, middle, line), snow)
    board.polygon(_cap(rng, shady, middle, line), snow_dim)


def _edge(rng: random.Random, top: Point, foot: Point, rough: float = 0.05) -> list[Point]:
    points = [top]
    for i in range(1, 11):
        t = i / 11
        wobble = (rng.uniform(-1, 1) * rough * (foot[1] - top[1])) * (1 - 0.4 * t)
        points.append((top[0] + (foot[0] - top[0]) * t + wobble * 0.8, top[1] + (foot[1] - top[1]) * t + wobble * 0.3))
    return [*points, foot]


def _cap(rng: random.Random, edge: list[Point], middle: list[Point], share: float) -> list[Point]:
    last = max(1, round(11 * share))
    a, b = edge[last], middle[last]
    teeth: list[Point] = []
    for i in range(1, 6):
        t = i / 6
        drop = (b[1] - middle[0][1]) * rng.uniform(0.1, 0.34) * (1 if i % 2 else -0.55)
        teeth.append((a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t + drop))
    return [*edge[: last + 1], *teeth, *middle[last::-1]]


def hills(view: View) -> None:
    """Paint three rolling hills with a few far trees."""
    canvas, palette, rng, horizon = view.canvas, view.palette, view.rng, view.horizon
    reach = min(horizon * 0.42, canvas.unit * 0.26)
    green = view.tint("hills", palette.grass)
    for depth, tall in ((0.78, 1.0), (0.58, 0.72), (0.38, 0.42)):
        line = swell(rng, canvas.width, horizon, reach * tall)
        tone = palette.lit(darker(mix(green, palette.leaf, 0.4), 0.1), depth)
        canvas.polygon(close(line, horizon + 2), (tone, mix(tone, palette.haze, 0.25)))
        puffs = []
        for _ in range(rng.randint(5, 9)):
            x, y = rng.choice(line)
            r = canvas.unit * rng.uniform(0.006, 0.016) * (1.3 - depth)
            puffs += [(x + r * k, y - r * (0.2 + 0.4 * (k == 0)), r, r * 1.15) for k in (-1, 0, 1)]
        canvas.ovals(puffs, darker(tone, 0.16))


def dunes(view: View) -> None:
    """Paint dunes with a sunlit side and a shaded side along a curling crest."""
    canvas, palette, rng, horizon = view.canvas, view.palette, view.rng, view.horizon
    sand = view.tint("desert", palette.sand)
    reach = min(horizon * 0.34, canvas.unit * 0.24)
    for depth, tall in ((0.62, 1.0), (0.42, 0.7), (0.2, 0.42)):
        line = swell(rng, canvas.width, horizon, reach * tall)
        tone = palette.lit(sand, depth)
        canvas.polygon(close(line, horizon + 2), (lighter(tone, 0.12), tone))
        peak = min(line, key=lambda point: point[1])
        way = -view.side
        shaded = _lee(line, peak, way)
        foot = (peak[0] + way * reach * tall * 0.5, horizon + 2)
        snake = curve([peak, (peak[0] + way * reach * 0.24, peak[1] + (horizon - peak[1]) * 0.4), foot], closed=False)
        if abs(shaded[-1][0] - peak[0]) > reach * 0.4:
            canvas.polygon([*snake[::-1], *shaded], darker(tone, 0.2), 0.6)


def _lee(line: list[Point], peak: Point, way: int) -> list[Point]:
    """Return the skyline from a crest down to the next valley on one side."""
    side = sorted((p for p in line if (p[0] - peak[0]) * way >= 0), key=lambda p: (p[0] - peak[0]) * way)
    out = [peak]
    for point in side:
        if point[1] < out[-1][1] - 0.01:
            break
        out.append(point)
    return out


def volcano(view: View) -> None:
    """Paint one steep smoking cone with glowing lava."""
    canvas, palette, rng, horizon = view.canvas, view.palette, view.rng, view.horizon
    x, tall = canvas.width * rng.uniform(0.36, 0.64), min(horizon * 0.62, canvas.unit * 0.56)
    top, wide = horizon - tall, tall * 1.15
    rock = palette.lit(view.tint("volcano", rgb("#4b3b46")), 0.18)
    canvas.glow(x, top, tall * 0.9, (255, 96, 40), 0.75, 2.0)
    for i in range(13):
        r = tall * (0.07 + 0.028 * i) * rng.uniform(0.8, 1.2)
        drift = tall * 0.045 * i * view.side
        smoke = mix(mix((255, 120, 60), rgb("#5b4f5e"), min(1, i / 4)), palette.haze, 0.3 + 0.03 * i)
        canvas.ovals([(x - drift + rng.uniform(-r, r) * 0.5, top - tall * 0.055 * i, r, r * 0.85)], smoke, 0.7)
    crater = tall * 0.13
    left = curve([(x - wide, horizon + 2), (x - wide * 0.42, horizon - tall * 0.4), (x - crater, top)], False)
    right = curve([(x + crater, top), (x + wide * 0.42, horizon - tall * 0.4), (x + wide, horizon + 2)], False)
    canvas.polygon([*left, (x - crater * 0.3, top + crater * 0.4), (x + crater * 0.4, top + crater * 0.3), *right],
                   (rock, mix(rock, palette.haze, 0.3)))  # fmt: skip
    shade = right if view.side < 0 else left[::-1]
    canvas.polygon([*shade, (x, horizon), (x + crater * 0.2, top + crater * 0.5)], darker(rock, 0.3), 0.7)
    for k in (-0.7, 0.1, 0.8):
        _lava(view, x + crater * k, top + crater * 0.25, tall * rng.uniform(0.5, 0.85), k)
    sparks = []
    for _ in range(26):
        angle, far = rng.uniform(-2.5, -0.6), tall * rng.uniform(0.1, 0.55)
        r = canvas.unit * rng.uniform(0.002, 0.005)
        sparks.append((x + math.cos(angle) * far * 0.7, top + math.sin(angle) * far, r, r))
    canvas.ovals(sparks, (255, 190, 90))


def _lava(view: View, x: float, y: float, long: float, lean: float) -> None:
    rng = view.rng
    path = [
        (x + long * 0.35 * lean * t + rng.uniform(-1, 1) * long * 0.04, y + long * t) for t in (0, 0.25, 0.5, 0.75, 1)
    ]
    line = curve(path, False)
    for wide, colour in ((0.05, (214, 48, 30)), (0.026, (255, 150, 50)), (0.01, (255, 232, 150))):
        half = [long * wide * (1 - 0.75 * i / len(line)) for i in range(len(line))]
        left = [(px - h, py) for (px, py), h in zip(line, half, strict=True)]
        right = [(px + h, py) for (px, py), h in zip(line, half, strict=True)]
        view.canvas.polygon([*left, *right[::-1]], colour)


def cliffs(view: View) -> None:
    """Paint sea cliffs stepping back on one side."""
    canvas, palette, rng, horizon = view.canvas, view.palette, view.rng, view.horizon
    side = -view.side
    edge = canvas.width if side > 0 else 0.0
    rock = view.tint("cliffs", mix(palette.rock, palette.sand, 0.35))
    for depth, reach, tall in ((0.6, 0.62, 0.2), (0.4, 0.44, 0.28), (0.18, 0.3, 0.38)):
        high = canvas.unit * tall
        end = edge - side * canvas.width * reach
        top = [
            (edge, horizon - high),
            (edge - side * canvas.width * reach * 0.6, horizon - high * rng.uniform(0.8, 1.0)),
        ]
        face = [
            (end + side * high * 0.2, horizon - high * 0.72),
            (end + side * high * 0.08, horizon - high * 0.3),
            (end, horizon + 2),
        ]
        tone = palette.lit(rock, depth)
        canvas.polygon([*top, *face, (edge, horizon + 2)], (lighter(tone, 0.1), darker(tone, 0.25)))
        turf = [(x, y + high * 0.1) for x, y in [*top, face[0]]]
        canvas.polygon([*top, face[0], *turf[::-1]], palette.lit(palette.grass, depth))
