"""Larger works: bridge, windmill, pagoda, pyramid."""

import math

from ..canvas.color import darker, lighter, rgb
from ..canvas.outline import Point, outline
from ..canvas.pen import Pen
from .buildings import pane
from .look import Look


def bridge(pen: Pen, look: Look) -> None:
    """Paint a suspension bridge or an arched stone bridge."""
    if look.rng.random() < 0.5:
        _suspension(pen, look)
    else:
        _arches(pen, look)


def _suspension(pen: Pen, look: Look) -> None:
    steel = look.of("#c8473a", "#5f6f86")
    spans = ((-12.0, 62.0), (62.0, 198.0), (198.0, 272.0))
    for x0, x1 in spans:
        cable: list[Point] = []
        for i in range(25):
            t = i / 24
            sag = (2 * t - 1) ** 2 if x1 - x0 > 100 else (t**2 if x0 < 0 else (1 - t) ** 2)
            cable.append((x0 + (x1 - x0) * t, 62 - 54 * sag))
        for x, y in cable[::2]:
            pen.line([(x, y), (x, 68)], 0.7, lighter(steel, 0.2))
        pen.line(cable, 2, steel)
    pen.box(-12, 66, 272, 72, darker(steel, 0.15))
    pen.box(-12, 64.6, 272, 66.4, lighter(steel, 0.25))
    for x in (62, 198):
        for dx in (-7, 4):
            pen.box(x + dx, 2, x + dx + 4.4, 101, steel)
        for y in (8, 26, 46, 80):
            pen.box(x - 7, y, x + 8, y + 3.4, darker(steel, 0.12))
        pen.box(x - 12, 92, x + 13, 104, rgb("#77727d"), 2)
        pen.lit([(x - 1, 0), (x + 2, 0), (x + 2, 3), (x - 1, 3)], rgb("#ffd27a"))


def _arches(pen: Pen, look: Look) -> None:
    stone = look.of("#b9a88f", "#a89a92")
    points: list[Point] = [(-12, 46), (60, 36), (130, 32), (200, 36), (272, 46), (272, 104), (262, 104)]
    for x in (218, 130, 42):
        points += [(x + 34 * math.cos(a), 104 - 46 * math.sin(a)) for a in (i * math.pi / 14 for i in range(15))]
    points += [(-2, 104), (-12, 104)]
    pen.shape(points, stone)
    for x in (218, 130, 42):
        for i in range(15):
            a = (i + 0.5) * math.pi / 15
            pen.line(
                [(x + 34 * math.cos(a), 104 - 46 * math.sin(a)), (x + 39 * math.cos(a), 104 - 52 * math.sin(a))],
                1,
                darker(stone, 0.25),
            )
    pen.line([(-12, 46), (60, 36), (130, 32), (200, 36), (272, 46)], 5, lighter(stone, 0.25))
    for x in (30, 130, 230):
        y = 33 + abs(x - 130) * 0.1
        pen.line([(x, y), (x, y - 16)], 1.4, rgb("#33313c"))
        pen.lit([(x - 2.4, y - 21), (x + 2.4, y - 21), (x + 1.6, y - 15), (x - 1.6, y - 15)], rgb("#ffd27a"))


def windmill(pen: Pen, look: Look) -> None:
    """Paint a tower mill with four lattice sails."""
    wall = look.of("#efe6d6", "#c98f6a")
    body = outline("28,100! 35,40! 55,40! 62,100!")
    pen.shape(body, wall)
    pen.shade([(48, 30), (80, 30), (80, 104), (50, 104)], darker(wall, 0.15), body)
    pen.shape(outline("32,41! 36,28 45,23 54,28 58,41!"), rgb("#7a4438"))
    pen.shape(outline("40,100! 40,86 45,81 50,86 50,100!"), rgb("#6b4530"))
    for y in (52, 68):
        pane(pen, look, 42, y, 6, 8, True)
    turn = look.rng.uniform(0.2, 1.1)
    for k in range(4):
        a = turn + k * math.pi / 2
        dx, dy = math.cos(a), math.sin(a)
        tip = (45 + dx * 42, 36 + dy * 42)
        pen.line([(45, 36), tip], 1.6, rgb("#5a4034"))
        sail = [(45 + dx * r - dy * s, 36 + dy * r + dx * s) for r, s in ((8, 0.8), (42, 0.8), (42, 10), (8, 10))]
        pen.shape(sail, rgb("#fbf4e2"))
        for r in (16, 24, 32):
            pen.line([(45 + dx * r, 36 + dy * r), (45 + dx * r - dy * 10, 36 + dy * r + dx * 10)], 0.6, rgb("#b39a7a"))
    pen.oval(45, 36, 2.6, 2.6, rgb("#5a4034"))


def pagoda(pen: Pen, look: Look) -> None:
    """Paint a five-storey pagoda."""
    wood = look.of("#b8403a", "#8a4a3a")
    roof = rgb("#3f4a55")
    pen.line([(45, 12), (45, -10)], 1.6, rgb("#d9a83d"))
    for y in (-6, -2, 2):
        pen.oval(45, y, 2.6, 0.9, rgb("#d9a83d"))
    pen.box(14, 94, 76, 100, rgb("#a39a92"))
    for i in range(5):
        top = 76 - i * 16.4
        half = 24 - i * 3
        pen.box(45 - half, top, 45 + half, top + 19, wood)
        pen.box(45 + half * 0.4, top, 45 + half, top + 19, darker(wood, 0.2))
        pane(pen, look, 42, top + 8, 6, 9)
        for s in (-0.6, 0.6):
            pane(pen, look, 43 + s * half, top + 9, 4, 6)
        wide = half + 13
        pen.shape(
            outline(
                f"{45 - wide},{top + 4}! {45 - wide * 0.7},{top + 1} "
                f"{45 - half * 0.6},{top - 6} 45,{top - 7} {45 + half * 0.6},{top - 6} "
                f"{45 + wide * 0.7},{top + 1} {45 + wide},{top + 4}! "
                f"{45 + wide * 0.8},{top + 6.6} 45,{top + 7} {45 - wide * 0.8},{top + 6.6}"
            ),
            roof,
        )
        pen.line([(45 - wide * 0.8, top + 6.4), (45 + wide * 0.8, top + 6.4)], 1, rgb("#d9a83d"))


def pyramid(pen: Pen, look: Look) -> None:
    """Paint a great pyramid and two lesser ones."""
    stone = look.of("#dcb473", "#cfa468")
    for x, y, w, share in ((168, 56, 40, 0.1), (26, 44, 50, 0.05), (100, 2, 92, 0.0)):
        tone = darker(stone, share)
        left, right, ridge = (x - w, 100.0), (x + w, 100.0), (x + w * 0.3, 100.0)
        pen.shape([(x, y), ridge, left], lighter(tone, 0.12))
        pen.shape([(x, y), right, ridge], darker(tone, 0.3))
        for k in range(1, 9):
            t = k / 9
            pen.line([(x - w * t, y + (100 - y) * t), (x + w * 0.3 * t, y + (100 - y) * t)], 0.6, darker(tone, 0.1))


LANDMARKS = {"bridge": bridge, "windmill": windmill, "pagoda": pagoda, "pyramid": pyramid}
