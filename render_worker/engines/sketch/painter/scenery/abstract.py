"""Pictures for prompts without a subject: five families of colour and rhythm, chosen by the words' digest."""

import math
import random
from collections.abc import Callable

from ..canvas.board import Board
from ..canvas.color import RGB, darker, hsv, lighter, mix
from ..canvas.outline import Point, curve
from ..canvas.raster import Canvas, gradient
from ..language.scene import Scene
from .palette import TONES

Colours = tuple[RGB, ...]


def paint_abstract(canvas: Canvas, scene: Scene, rng: random.Random) -> None:
    """Fill the canvas with one of the families."""
    colours = _colours(scene, rng)
    canvas.image.paste(
        gradient((canvas.width, canvas.height), (colours[0], mix(colours[0], colours[1], 0.6), colours[1])), (0, 0)
    )
    rng.choice(FAMILIES)(canvas, colours, rng)


def _colours(scene: Scene, rng: random.Random) -> Colours:
    hue, spread = rng.random(), rng.choice((0.08, 0.14, 0.33, 0.45))
    dark = rng.random() < 0.5
    tones = [hsv(hue, 0.6, 0.25 if dark else 0.95), hsv(hue + spread / 3, 0.5, 0.5 if dark else 0.98)]
    tones += [hsv(hue + spread * k / 3, rng.uniform(0.45, 0.85), rng.uniform(0.7, 1.0)) for k in range(1, 5)]
    if scene.hues:
        own = scene.hues[0]
        tones = [darker(own, 0.55), darker(own, 0.2), own, lighter(own, 0.35), scene.hues[-1], lighter(own, 0.7)]
    for tone in scene.tones:
        tones = [TONES[tone](colour) for colour in tones]
    return tuple(tones)


def _ribbons(canvas: Canvas, colours: Colours, rng: random.Random) -> None:
    """Paint flowing bands, one over another."""
    count = rng.randint(7, 11)
    phase, turns = rng.uniform(0, 6), rng.uniform(0.6, 1.4)
    canvas.glow(
        canvas.width * rng.uniform(0.2, 0.8), canvas.height * 0.22, canvas.unit * 0.8, lighter(colours[3], 0.5), 0.7
    )
    r = canvas.unit * rng.uniform(0.08, 0.16)
    canvas.ovals([(canvas.width * rng.uniform(0.25, 0.75), canvas.height * 0.24, r, r)], lighter(colours[4], 0.5), 0.9)
    for i in range(count):
        t = i / count
        level = canvas.height * (0.22 + 0.82 * t)
        swing = canvas.unit * rng.uniform(0.06, 0.13)
        line = [
            (
                x,
                level
                + swing * math.sin(x / canvas.width * math.tau * turns + phase + i * 0.7)
                + swing * 0.4 * math.sin(x / canvas.width * 9 + i),
            )
            for x in range(0, canvas.width + 9, 8)
        ]
        tone = mix(colours[2 + i % 3], colours[0], t * 0.55)
        canvas.polygon(
            [*line, (canvas.width, canvas.height + 1), (0, canvas.height + 1)],
            (lighter(tone, 0.22), tone, darker(tone, 0.2)),
            0.94,
        )


def _bubbles(canvas: Canvas, colours: Colours, rng: random.Random) -> None:
    """Paint overlapping translucent disks with rims."""
    for i in range(26):
        r = canvas.unit * rng.uniform(0.03, 0.24) * (1.2 - i / 40)
        x, y = rng.uniform(0, canvas.width), rng.uniform(0, canvas.height)
        tone = rng.choice(colours[2:])
        canvas.ovals([(x, y, r, r)], tone, rng.uniform(0.25, 0.6))
        canvas.glow(x - r * 0.3, y - r * 0.35, r * 0.8, lighter(tone, 0.7), 0.6)


def _facets(canvas: Canvas, colours: Colours, rng: random.Random) -> None:
    """Paint a mesh of triangles shading from one corner to the other."""
    across = rng.randint(5, 8)
    down = max(2, round(across * canvas.height / canvas.width))
    grid = [
        [
            (
                canvas.width * (i + rng.uniform(-0.38, 0.38)) / across,
                canvas.height * (j + rng.uniform(-0.38, 0.38)) / down,
            )
            for i in range(-1, across + 2)
        ]
        for j in range(-1, down + 2)
    ]
    with Board(canvas, 0, canvas.height) as board:
        for j in range(len(grid) - 1):
            for i in range(len(grid[0]) - 1):
                a, b, c, d = grid[j][i], grid[j][i + 1], grid[j + 1][i], grid[j + 1][i + 1]
                for triangle in ((a, b, c), (b, d, c)):
                    board.polygon(triangle, _facet_tone(canvas, colours, rng, triangle))


def _facet_tone(canvas: Canvas, colours: Colours, rng: random.Random, triangle: tuple[Point, Point, Point]) -> RGB:
    t = (sum(p[0] for p in triangle) / canvas.width + sum(p[1] for p in triangle) / canvas.height) / 6
    at = min(3.99, max(0.0, t * 4))
    tone = mix(colours[1 + int(at)], colours[2 + int(at)] if at < 3.99 else colours[5], at - int(at))
    return lighter(tone, rng.uniform(0, 0.28)) if rng.random() < 0.5 else darker(tone, rng.uniform(0, 0.28))


def _orbits(canvas: Canvas, colours: Colours, rng: random.Random) -> None:
    """Paint rings and arcs about an off-centre point."""
    x, y = canvas.width * rng.uniform(0.3, 0.7), canvas.height * rng.uniform(0.3, 0.7)
    canvas.glow(x, y, canvas.unit * 0.9, lighter(colours[2], 0.3), 0.6)
    for k in range(15, 0, -1):
        r = canvas.unit * 0.05 * k
        start, sweep = rng.uniform(0, 6.28), rng.uniform(1.5, 6.0)
        arc = [(x + r * math.cos(start + sweep * i / 40), y + r * math.sin(start + sweep * i / 40)) for i in range(41)]
        canvas.lines([arc], canvas.unit * rng.uniform(0.006, 0.03), rng.choice(colours[2:]), 0.85)
        end = arc[-1]
        size = canvas.unit * rng.uniform(0.008, 0.03)
        canvas.ovals([(end[0], end[1], size, size)], lighter(rng.choice(colours[2:]), 0.3))
    r = canvas.unit * 0.05
    canvas.ovals([(x, y, r, r)], lighter(colours[4], 0.5))


def _petals(canvas: Canvas, colours: Colours, rng: random.Random) -> None:
    """Paint large leaf shapes growing across the picture."""
    for i in range(16):
        x, y = rng.uniform(0, canvas.width), rng.uniform(0.1, 1.1) * canvas.height
        long, angle = canvas.unit * rng.uniform(0.25, 0.6), rng.uniform(-2.3, -0.8)
        dx, dy = math.cos(angle) * long, math.sin(angle) * long
        leaf = curve(
            [
                (x, y),
                (x, y),
                (x + dx * 0.5 - dy * 0.2, y + dy * 0.5 + dx * 0.2),
                (x + dx, y + dy),
                (x + dx, y + dy),
                (x + dx * 0.5 + dy * 0.2, y + dy * 0.5 - dx * 0.2),
            ],
            closed=True,
        )
        tone = mix(colours[2 + i % 4], colours[0], 0.5 * (1 - i / 16))
        canvas.polygon(leaf, (lighter(tone, 0.25), darker(tone, 0.15)), 0.9)
        canvas.lines([[(x, y), (x + dx * 0.92, y + dy * 0.92)]], canvas.unit * 0.004, lighter(tone, 0.35), 0.8)


Family = Callable[[Canvas, Colours, random.Random], None]
FAMILIES: tuple[Family, ...] = (_ribbons, _bubbles, _facets, _orbits, _petals)
