"""A waterfall between mossy cliffs."""

import random

from ..canvas.board import Board
from ..canvas.color import RGB, WHITE, darker, lighter, mix
from ..canvas.outline import Point
from .view import View
from .water import lake


def waterfall(view: View) -> None:
    """Paint a cliff with falling water, mist and a pool."""
    canvas, rng, palette = view.canvas, view.rng, view.palette
    x, wide = canvas.width * rng.uniform(0.42, 0.58), canvas.unit * 0.13
    top, foot = view.horizon * 0.3, view.horizon + (canvas.height - view.horizon) * 0.12
    rock = palette.lit(darker(palette.rock, 0.15), 0.1)
    for side in (-1, 1):
        _cliff(view, rock, (x + side * wide * 0.62, canvas.width * (0.5 + side * 0.56)), top, foot)
    fall = mix(palette.lit(palette.water), WHITE, 0.62)
    sheet = [(x - wide * 0.8, top), (x + wide * 0.8, top), (x + wide, foot), (x - wide, foot)]
    canvas.polygon(sheet, (lighter(fall, 0.4), fall, lighter(fall, 0.6)))
    threads = [_thread(rng, x, wide, top, foot) for _ in range(26)]
    canvas.shapes(threads, WHITE, 0.5)
    lake(view)
    for k in range(6):
        canvas.halo(
            x + wide * rng.uniform(-1.2, 1.2),
            foot,
            wide * rng.uniform(0.8, 1.5),
            wide * 0.7,
            mix(palette.haze, WHITE, 0.6),
            0.5 - k * 0.03,
            1.5,
        )


def _cliff(view: View, rock: RGB, span: tuple[float, float], top: float, foot: float) -> None:
    """Paint one side of the gorge: columns of rock under a mossy edge, stepping down to the water."""
    canvas, rng, palette = view.canvas, view.rng, view.palette
    moss = palette.lit(palette.leaf, 0.05)
    tops = [top + canvas.unit * rng.uniform(-0.05, 0.03) for _ in range(7)]
    with Board(canvas, 0, foot + 4) as board:
        for i, rise in enumerate(tops):
            a, b = (span[0] + (span[1] - span[0]) * (i + k) / 7 for k in (0.0, 1.12))
            tone = mix(rock, lighter(rock, 0.22), rng.random())
            low = foot - (foot - top) * rng.uniform(0.0, 0.2)
            board.polygon([(a, rise), (b, rise), (b, foot + 4), (a, foot + 4)], tone)
            board.polygon(
                [(a, rise), (a + (b - a) * 0.3, rise), (a + (b - a) * 0.2, low), (a, foot)], darker(tone, 0.22)
            )
            board.polygon([(a, low), (b, low + canvas.unit * 0.03), (b, foot + 4), (a, foot + 4)], darker(tone, 0.12))
    bushes = []
    for i, rise in enumerate(tops):
        for _ in range(6):
            r = canvas.unit * rng.uniform(0.014, 0.032)
            bushes.append(
                (span[0] + (span[1] - span[0]) * (i + rng.random()) / 7, rise + r * rng.uniform(-0.4, 0.5), r * 1.3, r)
            )
    canvas.ovals(bushes, darker(moss, 0.22))
    canvas.ovals([(x - r * 0.2, y - r * 0.5, r * 0.8, r * 0.7) for x, y, _, r in bushes], moss)


def _thread(rng: random.Random, x: float, wide: float, top: float, foot: float) -> list[Point]:
    t, thin = rng.uniform(-0.9, 0.9), wide * rng.uniform(0.01, 0.05)
    start, end = top + (foot - top) * rng.uniform(0, 0.5), foot - (foot - top) * rng.uniform(0, 0.3)
    return [
        (x + wide * t * 0.82, start),
        (x + wide * t + thin, (start + end) / 2),
        (x + wide * t, end),
        (x + wide * t - thin, (start + end) / 2),
    ]
