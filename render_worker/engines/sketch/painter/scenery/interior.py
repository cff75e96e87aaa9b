"""Locations that fill the whole picture: a room, a table, a plain studio, outer space, under water."""

import math

from PIL import Image

from ..canvas.board import Board
from ..canvas.color import RGB, WHITE, darker, lighter, mix, rgb
from ..canvas.outline import Point
from ..canvas.raster import contrast, gradient, noise
from .view import View

_NEBULAE = ("#7a3fd0 #2f6fe0 #e060b0", "#1f9ea8 #3a5fd0 #8a5ae0", "#e0703f #c03f8a #4a3ab0", "#3f7ae0 #40c0c8 #a060e0")
_WALLS = ("#cfd8c8", "#e6cbb5", "#b9c9d6", "#e3d3a8", "#d9b8b4", "#a9bdb4")


def room(view: View) -> None:
    """Paint a room with a window on the sky already painted, a floor, a curtain and a rug."""
    canvas, palette, rng = view.canvas, view.palette, view.rng
    w, h, u = canvas.width, canvas.height, canvas.unit
    wall = palette.lit(view.toned_tint("room", rgb(rng.choice(_WALLS))))
    inside = mix(wall, palette.glow, 0.16) if palette.dark else wall
    left = rng.random() < 0.5
    wide, tall = u * 0.42, u * 0.5
    x0 = w * 0.1 if left else w * 0.9 - wide
    y0 = max(h * 0.07, view.horizon * 0.46 - tall / 2)
    pane = canvas.image.resize((max(2, round(wide)), max(2, round(tall))), box=(0, 0, w, min(h, view.horizon * 1.1)))
    canvas.image.paste(gradient((w, h), (inside, darker(inside, 0.08), darker(inside, 0.14))), (0, 0))
    canvas.image.paste(pane, (round(x0), round(y0)))
    frame = lighter(inside, 0.45)
    with Board(canvas, 0, h) as board:
        floor_y = view.horizon + (h - view.horizon) * 0.2
        _boards(view, board, floor_y)
        board.box(0, floor_y - u * 0.03, w, floor_y, frame)
        edge = u * 0.018
        for x in (x0, x0 + wide / 2, x0 + wide):
            board.box(x - edge / 2, y0, x + edge / 2, y0 + tall, frame)
        for y in (y0, y0 + tall * 0.45, y0 + tall):
            board.box(x0 - edge, y - edge / 2, x0 + wide + edge, y + edge / 2, frame)
        board.box(x0 - edge * 3, y0 + tall, x0 + wide + edge * 3, y0 + tall + edge * 1.6, darker(frame, 0.08))
        _curtains(view, board, (x0, y0, x0 + wide, y0 + tall * 1.12))
        _picture(view, board, (x0 + wide + u * 0.16) if left else (x0 - u * 0.34), y0 + tall * 0.08)
    spill = [
        (x0, floor_y),
        (x0 + wide, floor_y),
        (x0 + wide + u * (0.3 if left else -0.1), h),
        (x0 + u * (0.1 if left else -0.3), h),
    ]
    canvas.polygon(spill, mix(palette.sun, WHITE, 0.2), 0.16)
    if palette.dark:
        canvas.glow(w * (0.85 if left else 0.15), h * 0.3, u * 0.7, palette.glow, 0.4)


def _boards(view: View, board: Board, top: float) -> None:
    w, h = view.canvas.width, view.canvas.height
    wood = view.palette.lit(rgb("#a8714a"))
    board.box(0, top, w, h, wood)
    for k in range(-8, 17):
        tone = mix(wood, darker(wood, 0.3), ((k * 37) % 10) / 14)
        a, b = w * k / 8, w * (k + 0.96) / 8
        middle = w / 2
        board.polygon([(middle + (a - middle) * 0.5, top), (middle + (b - middle) * 0.5, top), (b, h), (a, h)], tone)


def _curtains(view: View, board: Board, box: tuple[float, float, float, float]) -> None:
    u = view.canvas.unit
    tone = view.palette.lit(view.rng.choice(view.palette.blooms))
    x0, y0, x1, y1 = box
    for x, side in ((x0, 1), (x1, -1)):
        for k in range(3):
            a = x + side * (k - 1.6) * u * 0.036
            board.polygon(
                [
                    (a, y0 - u * 0.03),
                    (a + side * u * 0.042, y0 - u * 0.03),
                    (a + side * u * 0.03, y1),
                    (a - side * u * 0.012, y1),
                ],
                darker(tone, 0.12 * k),
            )
    board.box(x0 - u * 0.1, y0 - u * 0.042, x1 + u * 0.1, y0 - u * 0.026, darker(tone, 0.5))


def _picture(view: View, board: Board, x: float, y: float) -> None:
    u, palette = view.canvas.unit, view.palette
    if "picture" in view.scene.banned:
        return
    board.box(x, y, x + u * 0.18, y + u * 0.22, palette.lit(rgb("#6b4a35")))
    board.box(x + u * 0.014, y + u * 0.014, x + u * 0.166, y + u * 0.206, palette.lit(rgb("#f3e6cc")))
    board.oval(x + u * 0.09, y + u * 0.09, u * 0.035, u * 0.035, palette.lit(palette.blooms[1]))
    board.polygon(
        [(x + u * 0.02, y + u * 0.2), (x + u * 0.08, y + u * 0.12), (x + u * 0.16, y + u * 0.2)],
        palette.lit(palette.leaf),
    )


def table(view: View) -> None:
    """Paint a table top before a soft wall, for still lifes."""
    canvas, palette, rng = view.canvas, view.palette, view.rng
    w, h, u = canvas.width, canvas.height, canvas.unit
    wall = palette.lit(
        view.toned_tint(
            "table", rgb(rng.choice(("#8fb0a9", "#d8a48f", "#7f95b8", "#c9a9c4", "#e0c48a", "#6f8f7f", "#a86f6a")))
        )
    )
    canvas.image.paste(gradient((w, h), (darker(wall, 0.25), wall, lighter(wall, 0.12))), (0, 0))
    canvas.glow(w * (0.3 if view.side < 0 else 0.7), h * 0.25, u * 0.9, lighter(wall, 0.6), 0.55)
    top = view.horizon + (h - view.horizon) * 0.12
    wood = palette.lit(view.toned_tint("wood", rgb(rng.choice(("#b98657", "#8a5f42", "#e8ddcd", "#5d4a44")))))
    canvas.polygon([(0, top), (w, top), (w, h), (0, h)], (lighter(wood, 0.2), wood, darker(wood, 0.22)))
    canvas.lines(
        [[(0, top + (h - top) * t), (w, top + (h - top) * (t + rng.uniform(-0.02, 0.02)))] for t in (0.3, 0.52, 0.78)],
        max(1.0, u * 0.002),
        darker(wood, 0.2),
        0.5,
    )
    canvas.veil(top, top + u * 0.02, darker(wood, 0.4), 0.45, 0.0)


def studio(view: View) -> None:
    """Paint a plain backdrop of soft light and two large quiet shapes, for portraits."""
    canvas, palette, rng = view.canvas, view.palette, view.rng
    w, h, u = canvas.width, canvas.height, canvas.unit
    tones = [
        palette.lit(view.toned_tint("studio", rgb(t)))
        for t in rng.choice(
            (
                ("#e9b08a", "#c9665a"),
                ("#7fb0b5", "#2f6f7f"),
                ("#d7b3cf", "#8a5a92"),
                ("#e8cf8a", "#c98a3d"),
                ("#a9c19a", "#4f7f6a"),
            )
        )
    ]
    canvas.image.paste(gradient((w, h), (lighter(tones[0], 0.15), tones[0], darker(tones[1], 0.1))), (0, 0))
    canvas.ovals([(w * 0.5, h * 0.42, u * 0.43, u * 0.43)], lighter(tones[0], 0.32), 0.75)
    canvas.ovals(
        [
            (w * rng.uniform(0.05, 0.25), h * 0.85, u * 0.35, u * 0.35),
            (w * rng.uniform(0.8, 1.0), h * 0.2, u * 0.2, u * 0.2),
        ],
        tones[1],
        0.4,
    )


def space(view: View) -> None:
    """Paint deep space: nebula clouds and stars."""
    canvas, rng = view.canvas, view.rng
    w, h, u = canvas.width, canvas.height, canvas.unit
    hues = view.scene.hues
    own = view.scene.place("space")
    nebula = [rgb(text) for text in rng.choice(_NEBULAE).split()]
    base = (
        mix(own.colour, (4, 4, 18), 0.75)
        if own and own.colour
        else mix(hues[0], (4, 4, 18), 0.8)
        if hues
        else rgb("#070a1e")
    )
    canvas.image.paste(gradient((w, h), (base, mix(base, nebula[0], 0.22), darker(base, 0.3))), (0, 0))
    small = (max(2, w // 6), max(2, h // 6))
    for k in range(3):
        cloud = Image.blend(noise(rng, small, (4, 4)), noise(rng, small, (11, 11)), 0.4)
        tone = hues[k % len(hues)] if hues else nebula[k]
        mask = contrast(cloud, 118 + 8 * k, 265).resize((w, h), Image.Resampling.BICUBIC)
        canvas.stamp(mask, (0, 0, w, h), tone, 0.5)
    for count, size, alpha in ((260, 0.0011, 0.6), (70, 0.0018, 0.9), (14, 0.003, 1.0)):
        spots = [(rng.uniform(0, w), rng.uniform(0, h)) for _ in range(count)]
        canvas.ovals([(x, y, max(0.55, u * size), max(0.55, u * size)) for x, y in spots], (255, 250, 240), alpha)
        if count < 20:
            for x, y in spots[:6]:
                canvas.glow(x, y, u * 0.03, (200, 220, 255), 0.6)


def moonscape(view: View) -> None:
    """Paint the surface of another world: space above, cratered ground below."""
    space(view)
    canvas, rng, palette = view.canvas, view.rng, view.palette
    high = canvas.height - view.horizon
    dust = mix(view.toned_tint("moonscape", rgb(rng.choice(("#b9b4c0", "#c98a6a", "#9fb0c0")))), (20, 16, 50), 0.12)
    pts: list[Point] = [
        (x, view.horizon + high * 0.1 * math.sin(x / canvas.unit * 4 + 1)) for x in range(0, canvas.width + 9, 8)
    ]
    canvas.polygon(
        [*pts, (canvas.width, canvas.height), (0, canvas.height)], (lighter(dust, 0.15), dust, darker(dust, 0.45))
    )
    for _ in range(11):
        t = rng.random()
        x, y = rng.uniform(0, canvas.width), view.horizon + high * (0.2 + 0.75 * t)
        r = canvas.unit * rng.uniform(0.02, 0.075) * (0.3 + t)
        canvas.ovals([(x, y, r, r * 0.34)], darker(dust, 0.35))
        canvas.ovals([(x + r * 0.06 * view.side, y + r * 0.08, r * 0.92, r * 0.27)], mix(dust, palette.ambient, 0.12))


def underwater(view: View) -> None:
    """Paint the sea from below: light shafts, a sandy floor, weeds, corals and bubbles."""
    canvas, rng, palette = view.canvas, view.rng, view.palette
    w, h, u = canvas.width, canvas.height, canvas.unit
    water = mix(
        view.toned_tint("underwater", rgb(rng.choice(("#1f8fae", "#1a7fa8", "#2a8f9c")))),
        palette.ambient,
        palette.share * 0.6,
    )
    canvas.image.paste(gradient((w, h), (lighter(water, 0.5), water, darker(water, 0.35), darker(water, 0.6))), (0, 0))
    shafts = []
    for _ in range(6):
        x, lean, wide = rng.uniform(-0.1, 1.0) * w, u * 0.25, u * rng.uniform(0.03, 0.1)
        shafts.append([(x, 0), (x + wide, 0), (x + wide * 2.4 - lean, h * 0.85), (x - lean, h * 0.85)])
    for shaft in shafts:
        canvas.polygon(shaft, lighter(water, 0.6), 0.13)
    for depth, top in ((0.5, 0.8), (0.15, 0.88)):
        sand = mix(mix(rgb("#d9c79a"), water, 0.35), darker(water, 0.3), depth)
        line = [(x, h * top + u * 0.03 * math.sin(x / u * 6 + depth * 9)) for x in range(0, w + 9, 8)]
        canvas.polygon([*line, (w, h), (0, h)], (sand, darker(sand, 0.3)))
        with Board(canvas, 0, h) as board:
            for _ in range(6):
                x = w * rng.choice((rng.uniform(-0.02, 0.28), rng.uniform(0.72, 1.02)))
                _weed(
                    view,
                    board,
                    (x, h * (top + 0.05)),
                    u * rng.uniform(0.12, 0.34),
                    mix(rgb(rng.choice(("#2f8f5a", "#d9566a", "#e08a4a", "#7a5ab8"))), water, 0.2 + depth * 0.6),
                )
    bubbles = [(rng.uniform(0, w), rng.uniform(0, h * 0.8), u * rng.uniform(0.002, 0.009)) for _ in range(34)]
    canvas.ovals([(x, y, r, r) for x, y, r in bubbles], lighter(water, 0.75), 0.5)


def _weed(view: View, board: Board, foot: Point, tall: float, colour: RGB) -> None:
    rng = view.rng
    for _ in range(4):
        phase, lean = rng.uniform(0, 6), rng.uniform(-0.25, 0.25)
        size = tall * rng.uniform(0.6, 1.0)
        left: list[Point] = []
        right: list[Point] = []
        for i in range(10):
            t = i / 9
            x = foot[0] + size * (lean * t + 0.07 * math.sin(t * 7 + phase))
            half = size * 0.04 * (1 - t * 0.8)
            left.append((x - half, foot[1] - size * t))
            right.append((x + half, foot[1] - size * t))
        board.polygon([*left, *right[::-1]], mix(colour, darker(colour, 0.3), rng.random()))
