"""Flowers and other plants as subjects."""

import math

from ..canvas.color import darker, lighter, mix, rgb
from ..canvas.outline import outline, stroke
from ..canvas.pen import Pen
from .look import Look


def flower(pen: Pen, look: Look) -> None:
    """Paint three large daisies."""
    stem = rgb("#4a8a4a")
    for x, y, r, bend in ((16, 40, 11, -8), (54, 48, 10, 6), (36, 20, 16, 0)):
        petal = look.of("#f25c7a", "#ffffff", "#f2a03d", "#8f6bd6", "#5a8fe0")
        pen.ribbon(stroke(f"{x},{y} {(x + 35) / 2 + bend},{(y + 100) / 2} 35,100"), (2, 2.2, 2.6), stem)
        for k in range(12):
            a = k * math.pi / 6
            tone = petal if k % 2 else lighter(petal, 0.2)
            pen.limb(
                [
                    (x + math.cos(a) * r * 0.3, y + math.sin(a) * r * 0.3),
                    (x + math.cos(a) * r * 0.85, y + math.sin(a) * r * 0.85),
                ],
                r * 0.2,
                r * 0.42,
                tone,
            )
        pen.oval(x, y, r * 0.36, r * 0.36, rgb("#f2b92f"))
        pen.oval(x - r * 0.08, y - r * 0.08, r * 0.2, r * 0.2, rgb("#ffdf6b"))
    for path in ("36,88 20,82 10,68! 26,70", "36,84 50,80 62,66! 46,68"):
        pen.shape(outline(path), darker(stem, 0.1))


def sunflower(pen: Pen, look: Look) -> None:
    """Paint a sunflower."""
    stem, gold = rgb("#4f8a3f"), look.of("#f7b92b", "#f2a81f")
    pen.ribbon(stroke("31,34 33,66 30,101"), (4, 4.4, 5), stem)
    pen.shape(outline("32,74 50,60 64,62! 56,78 34,82"), stem)
    pen.shape(outline("31,84 14,68 -2,72! 8,88 30,90"), darker(stem, 0.15))
    for ring, count, tone in ((31, 18, darker(gold, 0.18)), (28, 16, gold)):
        for k in range(count):
            a = k * 2 * math.pi / count + ring
            c, s = math.cos(a), math.sin(a)
            pen.shape(
                outline(
                    f"{31 + c * 13 - s * 5},{30 + s * 13 + c * 5} {31 + c * ring},{30 + s * ring}! "
                    f"{31 + c * 13 + s * 5},{30 + s * 13 - c * 5}"
                ),
                tone,
            )
    pen.oval(31, 30, 16, 16, rgb("#5a3820"))
    pen.oval(31, 30, 11, 11, rgb("#3f2616"))
    for k in range(60):
        a, r = k * 2.39996, 1.9 * math.sqrt(k)
        pen.oval(31 + r * math.cos(a), 30 + r * math.sin(a), 0.8, 0.8, rgb("#a8743a"))


def rose(pen: Pen, look: Look) -> None:
    """Paint a single rose."""
    red, stem = look.of("#cf2f45", "#e0566f"), rgb("#3f7a45")
    pen.ribbon(stroke("30,40 32,70 28,101"), (2.6, 2.8, 3), stem)
    for path in ("31,66 46,56 58,58! 52,70 34,74", "30,80 16,72 4,76! 12,86 28,86"):
        pen.shape(outline(path), stem)
    pen.shape(outline("30,48 12,40! 22,36 38,36 48,40!"), darker(stem, 0.1))
    pen.shape(outline("30,50 12,42 6,24 12,10 22,14 30,6 38,14 48,10 54,24 48,42"), darker(red, 0.2))
    pen.shape(outline("30,48 16,38 12,22 22,18 30,26 38,18 48,22 44,38"), red)
    pen.shape(outline("30,46 20,34 20,22 30,16 40,22 40,34"), lighter(red, 0.14))
    pen.shape(outline("30,38 23,30 25,21 31,18 38,24 36,33"), darker(red, 0.12))
    pen.line(stroke("26,28 30,22 35,25 33,31 28,31"), 1.8, lighter(red, 0.3))


def tulip(pen: Pen, look: Look) -> None:
    """Paint three tulips."""
    stem = rgb("#4f9a52")
    for x, y, s in ((10, 40, 0.8), (42, 34, 0.85), (25, 14, 1.1)):
        tone = look.of("#e2483f", "#f2b53a", "#d96fb0", "#8f5fd0")
        pen.ribbon(stroke(f"{x},{y + 14} {(x + 25) / 2},{70} 25,101"), (2, 2.2, 2.4), stem)
        for path, shade in (
            ("0,22 -12,14 -13,-4 -10,-14! -3,-4", 0.0),
            ("0,22 12,14 13,-4 10,-14! 3,-4", 0.16),
            ("0,22 -8,10 -6,-4 0,-14! 6,-4 8,10", -0.1),
        ):
            pts = [(x + px * s, y + py * s) for px, py in outline(path)]
            pen.shape(pts, darker(tone, shade) if shade >= 0 else lighter(tone, 0.16))
    pen.shape(outline("24,101 8,80 2,52! 16,70 26,94"), darker(stem, 0.08))
    pen.shape(outline("26,101 42,78 50,56! 36,70 25,92"), darker(stem, 0.2))


def cactus(pen: Pen, look: Look) -> None:
    """Paint a tall cactus with arms and a flower."""
    green = look.of("#4f9a62", "#3f8a6a")
    for path, widths in (
        ("35,101 35,14", (19, 17)),
        ("35,66 14,64 12,44 12,38", (11, 11, 10, 10)),
        ("35,56 56,54 58,34 58,26", (11, 11, 10, 10)),
    ):
        pen.ribbon(stroke(path), widths, green)
    for x in (29, 35, 41):
        pen.line([(x, 12), (x, 99)], 0.9, darker(green, 0.2))
    for k in range(13):
        pen.line([(31 + (k % 3) * 4, 14 + k * 6.6), (33 + (k % 3) * 4, 12 + k * 6.6)], 0.6, lighter(green, 0.6))
    for a in range(5):
        pen.oval(35 + 4.4 * math.cos(a * 1.257), 3 + 3.6 * math.sin(a * 1.257), 3.4, 3, rgb("#f2628a"))
    pen.oval(35, 3, 2, 2, rgb("#ffdf6b"))


def mushroom(pen: Pen, look: Look) -> None:
    """Paint a toadstool and its young."""
    cap = look.of("#d23c34")
    for x, y, s in ((66, 60, 0.42), (0, 0, 1.0)):
        place = [(px * s + x, py * s + y) for px, py in outline("32,50! 34,74 28,98! 54,98! 48,74 50,50!")]
        pen.shape(place, rgb("#f2e8d6"))
        pen.shape(
            [(px * s + x, py * s + y) for px, py in outline("6,52 41,44 78,52 60,60 41,62 22,60")], rgb("#d9c7ab")
        )
        pen.shape(
            [
                (px * s + x, py * s + y)
                for px, py in outline("2,52! 6,28 24,8 42,3 60,8 78,28 82,52! 60,47 42,45 22,47")
            ],
            cap,
        )
        for px, py, r in ((24, 26, 6), (44, 16, 6.6), (62, 30, 5.6), (42, 34, 4.4), (14, 42, 3.6), (71, 43, 3.4)):
            pen.oval(px * s + x, py * s + y, r * s, r * s * 0.85, rgb("#fdf6ea"))
        pen.line([(px * s + x, py * s + y) for px, py in stroke("34,66 41,69 49,66")], 2.4 * s, rgb("#e0d2b8"))


def bamboo(pen: Pen, look: Look) -> None:
    """Paint a stand of bamboo."""
    green = look.of("#6fa84a", "#5f9a52")
    for x, w, shade in ((12, 6, 0.25), (62, 6.4, 0.2), (28, 8, 0.05), (46, 7.4, 0.0), (72, 5, 0.3)):
        tone = darker(green, shade)
        for k in range(7):
            top = -6 + k * 15.6
            pen.box(x - w / 2, top, x + w / 2, top + 14.8, tone, 1)
            pen.box(x - w / 2, top, x - w / 5, top + 14.8, lighter(tone, 0.25), 1)
        for k in range(5):
            y = 4 + k * 17 + shade * 30
            for s in (-1, 1):
                pen.shape(
                    outline(f"{x},{y} {x + s * 8},{y + 1} {x + s * 17},{y + 9}! {x + s * 7},{y + 6}"),
                    mix(tone, rgb("#a8cf5a"), 0.35),
                )


def pumpkin(pen: Pen, look: Look) -> None:
    """Paint a pumpkin, which grins if it is dark."""
    skin = look.of("#e8842b", "#dd7a22")
    pen.ribbon(stroke("57,24 56,8 66,0"), (8, 6, 5), rgb("#5f7a3a"))
    for x, w, shade in ((20, 22, 0.2), (94, 22, 0.26), (36, 24, 0.08), (78, 24, 0.14), (57, 24, 0.0)):
        pen.oval(x, 60, w, 39, darker(skin, shade))
    if look.dark:
        for path in ([(32, 46), (48, 52), (32, 58)], [(82, 46), (66, 52), (82, 58)], [(57, 58), (61, 66), (53, 66)]):
            pen.lit(path, rgb("#ffd24f"))
        pen.lit(outline("26,70! 42,78 57,80 72,78 88,70! 80,88 57,94 34,88"), rgb("#ffd24f"))


PLANTS = { "flower": flower,
    "sunflower": sunflower, "rose": rose, "tulip": tulip, "cactus": cactus, "mushroom": mushroom, "bamboo": bamboo,
    "pumpkin": pumpkin,
}  # fmt: skip
