"""Floors of land: meadow, garden, snow, sand, woodland and field."""

import math

from ..canvas.board import Board
from ..canvas.color import RGB, WHITE, darker, lighter, mix, rgb
from ..canvas.outline import Point
from .land import close, swell
from .view import View
from .water import pebbles
from .woods import paint_fir


def turf(view: View, colour: RGB) -> None:
    """Paint a ground plane in three overlapping rolls, darker towards the viewer."""
    canvas, palette, rng = view.canvas, view.palette, view.rng
    high = canvas.height - view.horizon
    canvas.image.paste(palette.lit(colour, 0.3), (0, round(view.horizon), canvas.width, canvas.height))
    for i, start in enumerate((0.03, 0.26, 0.62)):
        line = swell(rng, canvas.width, view.horizon + high * (start + 0.1), high * 0.12)
        tone = palette.lit(mix(colour, palette.leaf, 0.15 * i), 0.26 - 0.12 * i)
        canvas.polygon(close(line, canvas.height + 1), (lighter(tone, 0.1), darker(tone, 0.2)))


def meadow(view: View) -> None:
    """Paint grass with tufts and a few flowers."""
    grass = view.tint("meadow", view.palette.grass)
    turf(view, grass)
    if view.scene.season == "winter":
        return
    tufts(view, darker(view.palette.lit(mix(grass, view.palette.leaf, 0.5)), 0.2), 90)
    flowers(view, 46 if view.scene.season == "spring" else 22, 1.0)


def tufts(view: View, colour: RGB, count: int) -> None:
    """Paint grass blades, taller towards the viewer."""
    canvas, rng = view.canvas, view.rng
    high = canvas.height - view.horizon
    blades: list[list[Point]] = []
    for _ in range(count):
        t = rng.random() ** 0.7
        x, y = rng.uniform(0, canvas.width), view.horizon + high * (0.12 + 0.9 * t)
        tall = canvas.unit * 0.034 * (0.15 + t)
        foot = tall * 0.1
        blades += [[(x - foot, y), (x + lean * tall, y - tall), (x + foot, y)] for lean in (-0.5, 0.1, 0.6)]
    canvas.shapes(blades, colour, 0.8)


def flowers(view: View, count: int, size: float) -> None:
    """Paint small blossoms on stems, sorted so that nearer ones cover farther ones."""
    canvas, rng, palette = view.canvas, view.rng, view.palette
    high = canvas.height - view.horizon
    stem = darker(palette.lit(palette.leaf), 0.25)
    spots = sorted((rng.random() ** 0.7, rng.uniform(0, canvas.width)) for _ in range(count))
    with Board(canvas, view.horizon, canvas.height) as board:
        for t, x in spots:
            y = view.horizon + high * (0.14 + 0.84 * t)
            r = canvas.unit * 0.011 * (0.2 + t) * size
            tall = r * rng.uniform(3.0, 5.0)
            colour = (
                palette.lit(rng.choice(palette.blooms), 0.12 * (1 - t))
                if palette.time != "night"
                else palette.lit(mix(rng.choice(palette.blooms), WHITE, 0.3))
            )
            board.line([(x, y), (x + r * 0.4, y - tall)], max(0.6, r * 0.22), stem)
            for k in range(5):
                a = k * 1.2566 + x
                board.oval(
                    x + r * 0.4 + math.cos(a) * r * 0.72, y - tall + math.sin(a) * r * 0.66, r * 0.55, r * 0.5, colour
                )
            board.oval(x + r * 0.4, y - tall, r * 0.42, r * 0.4, palette.lit(rgb("#ffd75e")))


def garden(view: View) -> None:
    """Paint a full flower garden with a path."""
    turf(view, view.tint("garden", view.palette.grass))
    canvas, palette = view.canvas, view.palette
    high = canvas.height - view.horizon
    path = palette.lit(mix(palette.sand, palette.wall, 0.4), 0.1)
    x = canvas.width * view.rng.uniform(0.4, 0.6)
    canvas.polygon(
        [
            (x - canvas.unit * 0.02, view.horizon + high * 0.14),
            (x + canvas.unit * 0.02, view.horizon + high * 0.14),
            (x + canvas.unit * 0.22, canvas.height),
            (x - canvas.unit * 0.22, canvas.height),
        ],
        (path, lighter(path, 0.15)),
        0.9,
    )
    tufts(view, darker(palette.lit(palette.leaf), 0.1), 130)
    flowers(view, 170, 1.5)


def snow(view: View) -> None:
    """Paint snow drifts with blue shade and a few small firs."""
    canvas, palette, rng = view.canvas, view.palette, view.rng
    high = canvas.height - view.horizon
    white = view.tint("snow", palette.snow)
    canvas.image.paste(palette.lit(white, 0.3), (0, round(view.horizon), canvas.width, canvas.height))
    for i, start in enumerate((0.03, 0.3, 0.62)):
        line = swell(rng, canvas.width, view.horizon + high * (start + 0.12), high * 0.14)
        tone = palette.lit(white, 0.18 - 0.08 * i)
        canvas.polygon(close(line, canvas.height + 1), (tone, mix(tone, palette.lit(rgb("#9db8dc")), 0.6)))
        if i < 2:
            with Board(canvas, view.horizon - high * 0.2, canvas.height) as board:
                for _ in range(rng.randint(2, 4)):
                    x = canvas.width * rng.choice((rng.uniform(0, 0.25), rng.uniform(0.75, 1)))
                    y = view.horizon + high * (start + 0.1)
                    paint_fir(
                        board,
                        x,
                        y,
                        canvas.unit * rng.uniform(0.1, 0.17) * (1 + i * 0.5),
                        palette.lit(rgb("#2d5a55"), 0.25 - 0.15 * i),
                        palette.lit(white, 0.05),
                    )


def desert(view: View) -> None:
    """Paint rippled sand."""
    canvas, palette, rng = view.canvas, view.palette, view.rng
    high = canvas.height - view.horizon
    sand = view.tint("desert", palette.sand)
    canvas.image.paste(palette.lit(sand, 0.2), (0, round(view.horizon), canvas.width, canvas.height))
    for i, start in enumerate((0.05, 0.34, 0.66)):
        line = swell(rng, canvas.width, view.horizon + high * (start + 0.12), high * 0.16)
        tone = palette.lit(mix(sand, rgb("#c47a3d"), 0.12 * i), 0.16 - 0.07 * i)
        canvas.polygon(close(line, canvas.height + 1), (lighter(tone, 0.14), darker(tone, 0.16)))
        waves = [[(x, y + high * (0.05 + 0.035 * k) * (1 + i)) for x, y in line] for k in range(3)]
        canvas.lines(waves, canvas.unit * 0.0018, darker(tone, 0.22), 0.4)
    pebbles(view, palette.lit(sand), 0.2)


def woodland(view: View) -> None:
    """Paint a mossy forest floor with ferns and fallen leaves."""
    canvas, palette, rng = view.canvas, view.palette, view.rng
    earth = mix(palette.grass, palette.trunk, 0.42)
    turf(view, view.tint("forest", earth) if view.scene.season != "winter" else palette.snow)
    if view.scene.season == "winter":
        return
    tufts(view, darker(palette.lit(palette.leaf), 0.3), 120)
    high = canvas.height - view.horizon
    for tone in (palette.leaf, mix(palette.leaf, rgb("#e0a040"), 0.5), *palette.blooms[:1]):
        dots = []
        for _ in range(26):
            t = rng.random()
            r = canvas.unit * 0.006 * (0.3 + t)
            dots.append((rng.uniform(0, canvas.width), view.horizon + high * (0.15 + 0.85 * t), r * 1.5, r * 0.7))
        canvas.ovals(dots, palette.lit(tone), 0.8)


def field(view: View) -> None:
    """Paint rows of a crop running to the horizon."""
    canvas, palette = view.canvas, view.palette
    high, top = canvas.height - view.horizon, view.horizon
    crop = view.tint("field", rgb("#d9b04a"))
    canvas.polygon([(0, top), (canvas.width, top), (canvas.width, canvas.height), (0, canvas.height)],
                   (palette.lit(crop, 0.35), palette.lit(crop), darker(palette.lit(crop), 0.15)))  # fmt: skip
    vanish = canvas.width * view.rng.uniform(0.3, 0.7)
    rows = []
    for k in range(-14, 15):
        near = canvas.width / 2 + k * canvas.width * 0.14
        half = canvas.width * 0.03
        rows.append([(vanish + k * 3, top), (near + half, canvas.height), (near - half, canvas.height)])
    canvas.shapes(rows, darker(palette.lit(mix(crop, palette.leaf, 0.35)), 0.12), 0.55)
    tufts(view, lighter(palette.lit(crop), 0.25), 150)
    canvas.veil(top, top + high * 0.3, palette.haze, 0.35, 0.0)
