"""Vehicles of land and water: boats, a ship, a train, a car, a bus, a bicycle."""

import math

from ..canvas.color import RGB, WHITE, darker, lighter, mix, rgb
from ..canvas.outline import outline, stroke
from ..canvas.pen import Pen
from .look import Look


def sailboat(pen: Pen, look: Look) -> None:
    """Paint a sloop with two sails; the words' colour goes to the hull and sail trim."""
    hull = look.of("#c8453a", "#2f5f8a", "#f2efe8", "#3a4a5f")
    sail = rgb("#fbf5e6") if look.colour is None else lighter(look.colour, 0.55)
    pen.line([(42, 84), (42, 0)], 1.8, rgb("#6b4a32"))
    pen.shape(outline("44,2! 56,24 70,50 80,74! 60,77 44,78!"), sail)
    pen.shape(outline("40,8! 30,32 18,56 8,76! 24,78 40,78!"), darker(sail, 0.12))
    pen.shape(outline("44,58! 74,60 80,74! 60,77 44,78!"), mix(sail, hull, 0.75))
    for y in (22, 40):
        pen.line([(44, y), (46 + y * 0.44, y + 3)], 0.7, darker(sail, 0.2))
    pen.shape([(42, -2), (54, 2), (42, 6)], hull)
    pen.shape(outline("0,83! 20,85 60,86 88,80! 84,92 74,100! 18,100! 6,92"), hull)
    pen.shape(outline("0,83! 20,85 60,86 88,80! 87,84 60,89.4 20,88.6 2,87!"), lighter(hull, 0.4))
    pen.shape([(14, 97), (77, 97), (74, 100), (18, 100)], darker(hull, 0.4))


def ship(pen: Pen, look: Look) -> None:
    """Paint a three-masted tall ship under full sail."""
    hull = look.of("#6b4330", "#4a3a3f", "#7a4a2a")
    sail = rgb("#f6ecd2") if look.colour is None else lighter(look.colour, 0.5)
    for x, top in ((28, 12), (58, 0), (88, 14)):
        pen.line([(x, 82), (x, top)], 2, darker(hull, 0.3))
        span = 80 - top
        for row, wide in ((0.06, 9), (0.3, 13), (0.6, 16)):
            y, tall = top + span * row, span * (0.21 if row < 0.2 else 0.27)
            pen.shape(outline(f"{x - wide * 0.8},{y}! {x + wide * 0.8},{y}! "
                f"{x + wide + 3},{y + tall * 0.5} {x + wide},{y + tall}! "
                              f"{x},{y + tall * 0.86} {x - wide},{y + tall}! "
                                  f"{x - wide + 3},{y + tall * 0.5}"), sail)  # fmt: skip
            pen.line([(x - wide, y), (x + wide, y)], 1.2, darker(hull, 0.3))
        pen.shape([(x, top), (x - 11, top - 3), (x, top - 7)], rgb("#c8453a"))
    pen.shape(outline("94,40! 112,66 120,70! 100,74 92,74!"), darker(sail, 0.08))
    pen.line([(98, 80), (126, 66)], 1.8, darker(hull, 0.2))
    pen.shape(outline("4,70! 18,74! 22,82! 84,82 104,78! 100,92 90,100! 22,100! 10,90"), hull)
    pen.shape(outline("7,78! 22,85 84,85 103,81! 102,85 84,89 22,89 8,83!"), rgb("#d9a83d"))
    for x in range(26, 92, 11):
        pen.lit_box(x, 91, x + 4, 94.4, look.palette.glow) if look.dark else pen.box(
            x, 91, x + 4, 94.4, darker(hull, 0.5)
        )


def rowboat(pen: Pen, look: Look) -> None:
    """Paint a rowing boat with a rower."""
    hull = look.of("#8a5a3a", "#c8453a", "#3f7a6a")
    coat = look.pick("#c8453a", "#2f5f8a", "#e0a23d")
    pen.shape(outline("62,36 76,34 88,44 90,72 60,74 58,50"), coat)
    pen.oval(76, 22, 11, 12.5, rgb("#e0ab80"))
    pen.shape(outline("60,19! 66,8 76,5 88,10 94,19! 76,16"), rgb("#e8cf8a"))
    pen.ribbon(stroke("68,44 54,52 50,58"), (10, 8, 6), darker(coat, 0.15))
    pen.line([(64, 48), (10, 106)], 3, rgb("#d9b98a"))
    pen.shape([(14, 96), (22, 100), (4, 112), (-2, 106)], rgb("#d9b98a"))
    pen.shape(outline("-4,54! 20,66 75,70 130,66 156,52! 146,84 126,100! 24,100! 8,84"), hull)
    pen.shape(outline("-4,54! 20,66 75,70 130,66 156,52! 152,62 130,74 75,78 20,74 0,62!"), lighter(hull, 0.3))


def submarine(pen: Pen, look: Look) -> None:
    """Paint a round yellow submarine."""
    hull = look.of("#f0c23d")
    pen.shape(outline("62,40! 66,14 100,14 106,40!"), darker(hull, 0.1))
    pen.line(stroke("84,16 84,0 96,-2"), 4, darker(hull, 0.3))
    for y in (40, 66):
        pen.oval(2, y + 4, 5, 14, darker(hull, 0.35))
    pen.shape(outline("8,58 30,38 80,32 130,36 156,54 150,74 120,88 70,92 28,80"), hull)
    pen.shape(outline("12,66 60,78 120,76 154,62 148,76 120,88 70,92 28,80"), darker(hull, 0.18))
    for x in (50, 82, 114):
        pen.oval(x, 56, 10, 10, rgb("#7a5a2a"))
        pen.lit([(x + 7 * math.cos(a / 3), 56 + 7 * math.sin(a / 3)) for a in range(19)], rgb("#bfeaf2"))


def _wheel(pen: Pen, x: float, y: float, r: float, tyre: RGB, hub: RGB) -> None:
    pen.oval(x, y, r, r, tyre)
    pen.oval(x, y, r * 0.6, r * 0.6, hub)
    pen.oval(x, y, r * 0.2, r * 0.2, darker(hub, 0.5))


def train(pen: Pen, look: Look) -> None:
    """Paint a steam engine with two carriages and a plume."""
    body = look.of("#b5343c", "#2f6a4f", "#2f4f7a")
    dark = rgb("#2a2a34")
    for i in range(8):
        pen.oval(
            196 - i * 17,
            12 - i * 2.2 + (i % 2) * 3,
            6 + i * 1.9,
            5 + i * 1.3,
            mix(rgb("#f4efe8"), look.palette.haze, 0.12 * i),
        )
    pen.box(-10, 96, 240, 99, darker(rgb("#7a6a5a"), 0.2))
    for start in (2, 68):
        pen.box(start, 44, start + 62, 86, lighter(body, 0.08), 4)
        pen.box(start - 1, 39, start + 63, 46, darker(body, 0.4), 3)
        pen.box(start, 70, start + 62, 73, rgb("#f0d08a"))
        for x in range(start + 6, start + 56, 14):
            pen.box(x, 51, x + 9, 65, look.window, 2) if not look.dark else pen.lit_box(x, 51, x + 9, 65, look.window)
        for x in (start + 14, start + 48):
            _wheel(pen, x, 89, 8, dark, rgb("#8d8792"))
    pen.box(134, 30, 164, 86, body, 3)
    pen.box(130, 25, 168, 32, darker(body, 0.45), 3)
    pen.lit_box(140, 38, 157, 54, look.window) if look.dark else pen.box(140, 38, 157, 54, look.window, 2)
    pen.box(160, 46, 216, 80, darker(dark, 0.0), 12)
    pen.box(162, 48, 214, 55, lighter(dark, 0.2), 5)
    for x in (172, 188, 202):
        pen.box(x, 46, x + 3, 80, rgb("#d9a83d"))
    pen.shape([(190, 47), (192, 28), (187, 20), (205, 20), (200, 28), (202, 47)], dark)
    pen.oval(176, 45, 7, 7, rgb("#d9a83d"))
    pen.box(134, 78, 216, 86, body)
    pen.shape([(214, 80), (216, 84), (230, 97), (208, 97)], darker(body, 0.2))
    pen.lit([(216, 56), (221, 56), (221, 66), (216, 66)], rgb("#ffe79a"))
    for x, r in ((148, 11), (172, 11), (198, 7.5)):
        _wheel(pen, x, 98 - r, r, dark, body)
    pen.line([(148, 88), (196, 90)], 2.4, rgb("#c9ccd6"))


def car(pen: Pen, look: Look) -> None:
    """Paint a rounded little car."""
    body = look.of("#d9483f", "#2f7fb5", "#e8b23a", "#57a08a", "#f0ebe0")
    shape = outline("6,74! 6,58 18,50 44,46 62,22 84,14 120,14 142,24 158,46 186,52 196,62 197,76! 180,84 20,84")
    pen.shape(shape, body)
    pen.shade([(0, 68), (210, 66), (210, 100), (0, 100)], darker(body, 0.2), shape)
    pen.shape(outline("56,46! 70,26 88,21 98,21! 98,46!"), look.window if look.dark else rgb("#a9d3e0"))
    pen.shape(outline("104,21! 120,21 136,28 148,46! 104,46!"), look.window if look.dark else rgb("#a9d3e0"))
    pen.shape([(76, 28), (84, 24), (74, 44), (66, 44)], rgb("#dff1f4"))
    pen.line([(10, 58), (190, 58)], 1.6, lighter(body, 0.45))
    pen.box(108, 52, 118, 55, lighter(body, 0.7), 1)
    for x in (46, 152):
        pen.oval(x, 82, 21, 21, darker(body, 0.5))
        pen.oval(x, 83, 17, 17, rgb("#26242c"))
        pen.oval(x, 83, 9, 9, rgb("#d6d9e0"))
        pen.oval(x, 83, 3, 3, rgb("#6a6d78"))
    pen.lit(outline("186,56 195,60 195,68 188,66"), rgb("#ffeeb0"))
    pen.box(4, 60, 9, 68, rgb("#e2342f"), 1)
    pen.box(2, 76, 24, 82, rgb("#c9ccd6"), 2)
    pen.box(176, 76, 199, 82, rgb("#c9ccd6"), 2)


def bus(pen: Pen, look: Look) -> None:
    """Paint a bus with a row of windows."""
    body = look.of("#d9483f", "#f0b53a", "#3f8f7a")
    pen.box(4, 10, 166, 86, body, 10)
    pen.box(4, 58, 166, 66, lighter(body, 0.7))
    for x in range(12, 120, 26):
        pen.box(x, 22, x + 21, 48, rgb("#a9d3e0"), 3) if not look.dark else pen.lit_box(x, 22, x + 21, 48, look.window)
    pen.box(142, 20, 164, 52, rgb("#c5e4ec"), 4)
    pen.box(116, 22, 137, 84, darker(body, 0.25), 2)
    for x in (38, 132):
        _wheel(pen, x, 86, 14, rgb("#26242c"), rgb("#c9ccd6"))
    pen.lit_box(162, 68, 167, 75, rgb("#ffeeb0"))


def bicycle(pen: Pen, look: Look) -> None:
    """Paint a bicycle with a basket of flowers."""
    frame = look.of("#d9483f", "#2f7f8f", "#3f4f6a", "#e8a23a")
    dark = rgb("#2f2c36")
    for x in (30, 120):
        pen.ring(x, 70, 30, 3.4, dark)
        pen.ring(x, 70, 26.4, 1, rgb("#c9ccd6"))
        for k in range(12):
            a = k * math.pi / 6
            pen.line([(x, 70), (x + 26 * math.cos(a), 70 + 26 * math.sin(a))], 0.6, rgb("#b9bcc6"))
        pen.oval(x, 70, 3, 3, dark)
    for path in ("30,70 66,72", "30,70 54,30", "66,72 50,22", "54,32 106,30", "66,72 106,30", "104,20 120,70"):
        pen.line(stroke(path), 4, frame)
    pen.shape(outline("38,18! 62,16 62,20 52,25 40,23"), dark)
    pen.line(stroke("104,22 102,10 90,8"), 3, dark)
    pen.oval(88, 8, 4, 2.6, rgb("#6b4a32"))
    pen.oval(66, 72, 8, 8, dark)
    pen.oval(66, 72, 4.6, 4.6, rgb("#c9ccd6"))
    pen.line([(66, 72), (74, 86)], 2.6, dark)
    pen.box(69, 85, 80, 88, dark, 1)
    pen.shape([(108, 16), (134, 16), (130, 36), (112, 36)], rgb("#b98657"))
    for x, y, c in (
        (112, 12, "#f25c7a"),
        (120, 8, "#ffd23f"),
        (128, 12, "#f79ac0"),
        (116, 15, "#fff4e0"),
        (125, 15, "#f2784a"),
    ):
        pen.oval(x, y, 5, 5, rgb(c))
        pen.oval(x, y, 1.8, 1.8, WHITE)


VEHICLES = {
    "sailboat": sailboat, "ship": ship, "rowboat": rowboat, "submarine": submarine, "train": train, "car": car,
    "bus": bus, "bicycle": bicycle,
}  # fmt: skip
