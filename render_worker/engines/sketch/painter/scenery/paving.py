"""Paved floors: a street with lamps, a road, a roof top."""

from ..canvas.board import Board
from ..canvas.color import darker, lighter, mix, rgb
from .ground import tufts, turf
from .view import View


def street(view: View) -> None:
    """Paint paving with a pavement edge, wet and shining if it rains."""
    canvas, palette = view.canvas, view.palette
    high, top = canvas.height - view.horizon, view.horizon
    stone = palette.lit(view.tint("street", rgb("#6d7180")), 0.1)
    canvas.polygon([(0, top), (canvas.width, top), (canvas.width, canvas.height), (0, canvas.height)],
                   (mix(stone, palette.haze, 0.4), stone, darker(stone, 0.25)))  # fmt: skip
    vanish = canvas.width / 2
    joints = [[(vanish + (x - vanish) * 0.15, top), (x, float(canvas.height))]
              for x in (canvas.width * k / 6 for k in range(-9, 16, 3))]  # fmt: skip
    levels = [[(0.0, top + high * t), (float(canvas.width), top + high * t)] for t in (0.06, 0.16, 0.32, 0.55, 0.84)]
    canvas.lines([*joints, *levels], max(1.0, canvas.unit * 0.002), darker(stone, 0.22), 0.55)
    if view.palette.dark or view.scene.has("rain", "storm"):
        canvas.halo(view.light[0], top + high * 0.1, canvas.unit * 0.5, high * 0.9, palette.glow, 0.3, 1.6)
    _lamps(view)


def _lamps(view: View) -> None:
    """Paint a few street lamps with their glow."""
    canvas, palette = view.canvas, view.palette
    for x in (0.12, 0.88):
        foot = canvas.height * 0.9
        top = foot - canvas.unit * 0.42
        at = canvas.width * (x + view.rng.uniform(-0.03, 0.03))
        post = palette.lit(rgb("#2a2d3a"))
        canvas.lines([[(at, foot), (at, top)], [(at, top), (at + canvas.unit * 0.05, top)]], canvas.unit * 0.009, post)
        if palette.dark:
            canvas.glow(at + canvas.unit * 0.05, top, canvas.unit * 0.2, palette.glow, 0.85)


def road(view: View) -> None:
    """Paint a road running to the horizon through grass."""
    season = view.scene.season
    turf(view, view.palette.snow if season == "winter" else view.tint("meadow", view.palette.grass))
    canvas, palette = view.canvas, view.palette
    high, top = canvas.height - view.horizon, view.horizon
    x = canvas.width * view.rng.uniform(0.42, 0.58)
    tar = palette.lit(view.tint("road", rgb("#4b4d5a")), 0.08)
    wide = canvas.unit * 0.62
    body = [
        (x - wide * 0.03, top),
        (x + wide * 0.03, top),
        (canvas.width / 2 + wide, canvas.height),
        (canvas.width / 2 - wide, canvas.height),
    ]
    canvas.polygon(body, (mix(tar, palette.haze, 0.5), tar, darker(tar, 0.2)))
    dashes = []
    for i in range(9):
        a, b = (i / 9) ** 2, ((i + 0.55) / 9) ** 2
        half = [canvas.unit * 0.02 * t for t in (a, b)]
        xs = [x + (canvas.width / 2 - x) * t for t in (a, b)]
        ys = [top + high * t for t in (a, b)]
        dashes.append(
            [(xs[0] - half[0], ys[0]), (xs[0] + half[0], ys[0]), (xs[1] + half[1], ys[1]), (xs[1] - half[1], ys[1])]
        )
    canvas.shapes(dashes, palette.lit(rgb("#f3e3b0")), 0.9)
    tufts(view, darker(palette.lit(palette.leaf), 0.15), 40)


def roof(view: View) -> None:
    """Paint a near roof ridge, or battlements if there is a castle."""
    canvas, palette = view.canvas, view.palette
    top = view.horizon + (canvas.height - view.horizon) * 0.42
    stone = any(thing.name == "castle" for thing in view.scene.things)
    tone = palette.lit(view.tint("roof", rgb("#8d8797") if stone else palette.roof))
    below = canvas.height - top
    with Board(canvas, view.horizon, canvas.height) as board:
        board.box(0, top, canvas.width, canvas.height, tone)
        size = canvas.unit * 0.085
        rows = max(2, round(below / (size * 0.55)))
        for row in range(rows):
            y, shift = top + below * row / rows, size * 0.5 * (row % 2)
            for i in range(-1, round(canvas.width / size) + 2):
                x = i * size + shift
                board.box(
                    x + size * 0.04,
                    y + size * 0.05,
                    x + size * 0.98,
                    y + size * 0.6,
                    darker(tone, 0.06 + 0.05 * ((i * 7 + row * 3) % 5) + 0.1 * row / rows),
                )
        if stone:
            for i in range(-1, round(canvas.width / size / 1.7) + 2):
                board.box(i * size * 1.7, top - size * 0.7, i * size * 1.7 + size, top + 2, darker(tone, 0.08))
                board.box(
                    i * size * 1.7, top - size * 0.7, i * size * 1.7 + size, top - size * 0.58, lighter(tone, 0.15)
                )
        board.box(0, top - size * 0.06, canvas.width, top + size * 0.12, lighter(tone, 0.12))
