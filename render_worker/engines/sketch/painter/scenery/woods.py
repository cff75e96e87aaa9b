"""Trees as backdrops: rows of firs and round trees, jungle, and the simple trees that fill a scene."""

import math
import random

from ..canvas.board import Board
from ..canvas.color import RGB, darker, lighter, mix, rgb
from ..canvas.outline import Point
from .view import View


def paint_fir(board: Board, x: float, y: float, tall: float, colour: RGB, snow: RGB | None = None) -> None:
    """Paint a layered fir with its foot at x, y."""
    board.box(x - tall * 0.025, y - tall * 0.15, x + tall * 0.025, y, darker(colour, 0.5))
    for i in range(4):
        foot = y - tall * (0.1 + 0.2 * i)
        half = tall * (0.23 - 0.045 * i)
        tip = foot - tall * (0.34 if i < 3 else 0.3)
        board.polygon([(x, tip), (x + half, foot), (x, foot - half * 0.18), (x - half, foot)], colour)
        board.polygon([(x, tip), (x + half, foot), (x, foot - half * 0.18)], darker(colour, 0.18))
        if snow:
            board.polygon(
                [
                    (x, tip),
                    (x + half * 0.5, foot - tall * 0.14),
                    (x + half * 0.16, foot - tall * 0.12),
                    (x - half * 0.2, foot - tall * 0.08),
                    (x - half * 0.62, foot - tall * 0.11),
                ],
                snow,
            )


def round_tree(board: Board, rng: random.Random, spot: Point, tall: float, leaf: RGB, trunk: RGB) -> None:
    """Paint a tree with a trunk and a crown of round tufts, lit from above."""
    x, y = spot
    board.polygon([(x - tall * 0.045, y), (x - tall * 0.022, y - tall * 0.55), (x + tall * 0.022, y - tall * 0.55),
                   (x + tall * 0.05, y)], trunk)  # fmt: skip
    tufts = [(rng.uniform(-0.22, 0.22), rng.uniform(0.48, 0.82), rng.uniform(0.13, 0.19)) for _ in range(7)]
    tufts += [(0.0, 0.68, 0.24)]
    for shift, tone in ((0.0, darker(leaf, 0.2)), (0.05, leaf), (0.1, lighter(leaf, 0.16))):
        for dx, dy, r in tufts:
            size = r * tall * (1.08 - shift * 4.2)
            board.oval(x + (dx - shift * 0.5) * tall, y - (dy + shift) * tall, size, size * 0.94, tone)


def forest(view: View) -> None:
    """Paint rows of trees, each nearer row darker and taller."""
    canvas, palette, rng, horizon = view.canvas, view.palette, view.rng, view.horizon
    leaf = view.tint("forest", palette.leaf)
    pines = view.scene.season == "winter" or (rng.random() < 0.55 and view.scene.season != "spring")
    reach = min(horizon * 0.75, canvas.unit * 0.5)
    for depth, share, count in ((0.72, 0.95, 26), (0.5, 0.85, 20), (0.22, 0.74, 15)):
        tall = reach * share
        count = max(4, round(count * canvas.width / canvas.unit / 1.1))
        with Board(canvas, horizon - tall * 1.25, horizon + 3) as board:
            for i in rng.sample(range(count), count):
                x = canvas.width * (i + rng.uniform(0.1, 0.9)) / count
                size = tall * rng.uniform(0.62, 1.1)
                tone = palette.lit(_leaf_tone(rng, leaf, view.scene.season), depth)
                if pines:
                    snow = palette.lit(palette.snow, depth * 0.6) if view.scene.season == "winter" else None
                    tone = darker(mix(tone, palette.lit(rgb("#1f5148"), depth), 0.45), 0.08)
                    paint_fir(board, x, horizon + 2, size, tone, snow)
                else:
                    round_tree(board, rng, (x, horizon + 2), size, tone, palette.lit(palette.trunk, depth))
        canvas.veil(horizon - tall * 0.45, horizon, palette.haze, 0.0, 0.42 * depth + 0.1)
    _undergrowth(view, leaf, reach)


def frame(view: View) -> None:
    """Paint dark near trees at both sides, which give a wood its depth."""
    canvas, palette, rng = view.canvas, view.palette, view.rng
    w, h = canvas.width, canvas.height
    winter = palette.season == "winter"
    leaf = _leaf_tone(rng, view.tint("forest", palette.leaf), view.scene.season)
    pines = winter or rng.random() < 0.5
    dark = darker(palette.lit(mix(leaf, rgb("#1f5148"), 0.5 if pines else 0.2)), 0.36)
    with Board(canvas, 0, h) as board:
        for side in (0.0, 1.0):
            inward = 1 - 2 * side
            for far, share in ((0.1, 0.78), (0.0, 1.02)):
                spot = (w * side + inward * canvas.unit * (far + rng.uniform(-0.03, 0.02)), h * (0.97 + 0.06 * share))
                tall = min(h * share, canvas.unit * 1.15 * share)
                tone = mix(dark, palette.haze, 0.16 if far else 0.0)
                if pines:
                    paint_fir(board, *spot, tall, tone, palette.lit(palette.snow, 0.1) if winter else None)
                else:
                    _column(
                        board,
                        spot,
                        tall * 0.06,
                        mix(darker(palette.lit(palette.trunk), 0.3), palette.haze, 0.12 if far else 0.0),
                    )
        if not pines:
            _canopy(view, board, dark)


def _column(board: Board, foot: Point, half: float, colour: RGB) -> None:
    """Paint a near trunk that leaves the picture at its top, with spreading roots and one lit side."""
    x, y = foot
    board.polygon(
        [
            (x - half * 1.9, y),
            (x - half, y - half * 3),
            (x - half * 0.8, 0),
            (x + half * 0.8, 0),
            (x + half, y - half * 3),
            (x + half * 1.9, y),
        ],
        colour,
    )
    board.polygon(
        [(x - half, y - half * 3), (x - half * 0.8, 0), (x - half * 0.35, 0), (x - half * 0.5, y - half * 2)],
        lighter(colour, 0.12),
    )


def _canopy(view: View, board: Board, colour: RGB) -> None:
    """Paint leaves hanging over the top, thick at the sides and thin in the middle."""
    canvas, rng = view.canvas, view.rng
    for tone, reach in ((darker(colour, 0.2), 1.0), (colour, 0.8), (lighter(colour, 0.1), 0.55)):
        for _ in range(60):
            t = rng.random()
            drop = canvas.unit * (0.05 + 0.3 * abs(2 * t - 1) ** 2.2) * reach * rng.random()
            r = canvas.unit * rng.uniform(0.018, 0.04)
            board.oval(canvas.width * t, drop, r * 1.3, r, tone)


def _undergrowth(view: View, leaf: RGB, reach: float) -> None:
    """Paint bushes along the foot of the last row, so that no trunk ends in a line."""
    canvas, palette, rng = view.canvas, view.palette, view.rng
    base = palette.snow if palette.season == "winter" else darker(leaf, 0.2)
    for depth, size in ((0.34, 0.075), (0.2, 0.05)):
        bushes = []
        x = -reach * 0.1
        while x < canvas.width + reach * 0.1:
            r = reach * size * rng.uniform(0.5, 1.25)
            bushes.append((x, view.horizon + reach * 0.01, r * 1.5, r))
            x += r * rng.uniform(0.8, 1.7)
        canvas.ovals(bushes, palette.lit(base, depth))


def _leaf_tone(rng: random.Random, leaf: RGB, season: str | None) -> RGB:
    if season == "autumn":
        return rgb(rng.choice(("#d2722b", "#c8502b", "#e2a03a", "#a8452a", "#d98a2f")))
    if season == "spring" and rng.random() < 0.4:
        return rgb(rng.choice(("#f3b4c8", "#f7cfdc", "#b9d77e")))
    return mix(leaf, rng.choice((lighter(leaf, 0.2), darker(leaf, 0.2))), rng.random())


def fronds(view: View) -> None:
    """Paint broad leaves in the foreground, closing the view on both sides."""
    canvas, palette, rng, horizon = view.canvas, view.palette, view.rng, view.horizon
    tall = min(horizon, canvas.unit * 0.5)
    with Board(canvas, 0, canvas.height) as board:
        for side in (0.0, 1.0):
            for _ in range(7):
                foot = (
                    canvas.width * (side + (0.5 - side) * rng.uniform(0, 0.35)),
                    horizon + tall * rng.uniform(0, 0.35),
                )
                tone = palette.lit(mix(rgb("#1f7a4a"), rgb("#0f4a3c"), rng.random()), 0.05)
                for _ in range(4):
                    broad_leaf(board, foot, tall * rng.uniform(0.4, 0.75), rng.uniform(-2.5, -0.6), tone)


def broad_leaf(board: Board, foot: Point, long: float, angle: float, colour: RGB) -> None:
    """Paint one pointed leaf with a paler midrib."""
    dx, dy = math.cos(angle), math.sin(angle)
    left: list[Point] = []
    right: list[Point] = []
    spine: list[Point] = []
    for i in range(9):
        t = i / 8
        x, y = foot[0] + dx * long * t, foot[1] + dy * long * t + long * 0.3 * t * t
        half = long * 0.16 * math.sin(math.pi * min(1.0, t**0.8))
        left.append((x - dy * half, y + dx * half))
        right.append((x + dy * half, y - dx * half))
        spine.append((x, y))
    board.polygon([*left, *right[::-1]], colour)
    board.polygon([*left, *spine[::-1]], darker(colour, 0.16))
    board.line(spine, max(1.0, long * 0.008), lighter(colour, 0.2))
