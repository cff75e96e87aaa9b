"""Things to eat and drink."""

import math

from ..canvas.color import RGB, WHITE, darker, lighter, mix, rgb
from ..canvas.outline import moved, outline, stroke
from ..canvas.pen import Pen
from .look import Look

_APPLE = outline("48,26 62,16 80,18 92,34 92,58 80,84 62,97 48,93 34,97 16,84 4,58 4,34 16,18 34,16")
_PEAR = outline("38,14 48,18 52,34 60,50 70,68 66,88 50,98 38,99 26,98 10,88 6,68 16,50 24,34 28,18")
_BOWL = outline("8,46! 112,46! 108,68 92,86 76,94 44,94 28,86 12,68")


def cake(pen: Pen, look: Look) -> None:
    """Paint a two-tier cake with icing and candles."""
    icing = look.of("#f7a8bf", "#8fd0c4", "#f2d27a", "#c7a7eb")
    sponge = rgb("#f4e3c4")
    pen.oval(52, 95, 52, 6, rgb("#e8edf2"))
    for x0, x1, top, foot in ((10, 94, 56, 95), (26, 78, 24, 58)):
        pen.box(x0, top, x1, foot, sponge, 3)
        pen.box(x0, top + (foot - top) * 0.62, x1, top + (foot - top) * 0.72, mix(icing, rgb("#b8474a"), 0.5))
        pen.box(x0, top, x1, top + 9, icing, 4)
        n = round((x1 - x0) / 10)
        for i in range(n):
            x = x0 + (i + 0.5) * (x1 - x0) / n
            pen.oval(x, top + 9 + (i % 3) * 2.4, (x1 - x0) / n * 0.5, 5 + (i % 3) * 1.6, icing)
            pen.oval(x, top, 4, 3.4, lighter(icing, 0.45))
    for x in (36, 52, 68):
        pen.box(x - 1.6, 6, x + 1.6, 23, look.pick("#6fb5e0", "#f2784a", "#8f6bd6"), 1)
        pen.lit(outline(f"{x},-6! {x + 2.6},1 {x},5 {x - 2.6},1"), rgb("#ffc84f"))


def _apple(pen: Pen, x: float, y: float, s: float, skin: RGB) -> None:
    pen.line(moved(stroke("48,26 49,14 55,4"), x, y, s), 4 * s, rgb("#5a3a26"))
    pen.shape(moved(outline("50,16 62,0 84,-2! 76,14 60,18"), x, y, s), rgb("#5fa048"))
    pen.shape(moved(_APPLE, x, y, s), skin)
    pen.shape(moved(outline("48,22 60,25 48,31 36,25"), x, y, s), darker(skin, 0.3))
    pen.shape(moved(outline("18,32 28,26 26,42 20,56 14,50"), x, y, s), lighter(skin, 0.5))


def apple(pen: Pen, look: Look) -> None:
    """Paint an apple."""
    _apple(pen, 0, 0, 1.0, look.of("#d9382f", "#c92f3f", "#8fb53a"))


def pear(pen: Pen, look: Look) -> None:
    """Paint a pear."""
    skin = look.of("#c9c04a", "#b5c04f")
    pen.line(stroke("38,14 40,4 46,-4"), 3, rgb("#5a3a26"))
    pen.shape(_PEAR, skin)
    pen.shape(outline("16,62 24,52 26,66 22,82 16,78"), lighter(skin, 0.5))
    pen.shape(outline("42,6 56,-2 66,4! 54,10"), rgb("#5fa048"))


def fruit(pen: Pen, look: Look) -> None:
    """Paint a bowl of fruit."""
    for x, y, s, c in ((8, 2, 0.5, "#d9382f"), (84, 6, 0.46, "#8fb53a")):
        _apple(pen, x, y, s, rgb(c))
    pen.shape(moved(_PEAR, 44, -14, 0.72), rgb("#d9cf5a"))
    for x, y in ((44, 44), (60, 48), (104, 44)):
        pen.oval(x, y, 15, 15, rgb("#ee8f2b"))
        pen.oval(x - 5, y - 5, 3.4, 3, rgb("#f9c07a"))
    for i in range(9):
        pen.oval(80 + (i % 3) * 8, 36 + (i // 3) * 8, 5.4, 5.4, rgb("#6a3f8a"))
    bowl = look.of("#3f7a9a", "#e8e2d6", "#a8563a")
    pen.shape(outline("2,50! 66,58 133,50! 124,80 98,97! 36,97! 10,80"), bowl)
    pen.shape(outline("2,50! 66,58 133,50! 131,57 66,66 4,57!"), lighter(bowl, 0.35))
    pen.line(stroke("20,78 66,86 114,78"), 2, lighter(bowl, 0.2))


def watermelon(pen: Pen, look: Look) -> None:
    """Paint a slice of watermelon."""
    pen.slice(70, 30, 70, 68, (0, 180), rgb("#2f7a45"))
    pen.slice(70, 30, 65, 62, (0, 180), rgb("#d9efb5"))
    pen.slice(70, 30, 60, 57, (0, 180), look.of("#e8474f"))
    for x, y in ((34, 44), (52, 58), (70, 46), (88, 58), (106, 44), (70, 72), (52, 40), (88, 40)):
        pen.shape(outline(f"{x},{y - 4}! {x + 2},{y + 1} {x},{y + 3} {x - 2},{y + 1}"), rgb("#2a1f22"))


def strawberry(pen: Pen, look: Look) -> None:
    """Paint a strawberry."""
    red = look.of("#dd3540")
    pen.shape(outline("42,20 64,18 80,32 78,54 60,84 42,98 24,84 6,54 4,32 20,18"), red)
    for row, xs in ((36, (18, 34, 50, 66)), (50, (16, 32, 50, 68)), (64, (26, 42, 58)), (78, (34, 50))):
        for x in xs:
            pen.oval(x, row, 1.6, 2.4, rgb("#f9d98a"))
    for k in range(7):
        a = math.pi * (0.05 + 0.15 * k)
        pen.shape([(36, 18), (48, 18), (42 + 36 * math.cos(a), 18 + 16 * math.sin(a))], rgb("#4f9a48"))
    pen.line([(42, 18), (46, 4)], 3.4, rgb("#4f9a48"))


def pizza(pen: Pen, look: Look) -> None:
    """Paint a pizza from above at a slant, one slice drawn out."""
    pen.oval(72, 60, 76, 39, rgb("#c98a45"))
    pen.oval(72, 57, 76, 38, rgb("#e2a860"))
    pen.oval(72, 57, 67, 32, look.of("#f4c556"))
    for k in range(9):
        a, r = k * 2.4, 0.26 + 0.07 * k
        x, y = 72 + 66 * r * math.cos(a), 57 + 32 * r * math.sin(a)
        pen.oval(x, y, 10, 5.4, rgb("#a8302b"))
        pen.oval(x - 0.6, y - 0.8, 9, 4.6, rgb("#c9443a"))
    for k in range(10):
        a, r = k * 2.4 + 1.1, 0.2 + 0.07 * k
        x, y = 72 + 64 * r * math.cos(a), 57 + 31 * r * math.sin(a)
        pen.shape(outline(f"{x - 5},{y} {x},{y - 3} {x + 6},{y}! {x},{y + 2}"), rgb("#4f9a48"))
    for a in (0.4, 1.45, 2.5, 3.54, 4.6, 5.6):
        pen.line([(72, 57), (72 + 74 * math.cos(a), 57 + 36.5 * math.sin(a))], 1.1, rgb("#b5803a"))


def cup(pen: Pen, look: Look) -> None:
    """Paint a steaming cup on a saucer."""
    china = look.of("#f4efe6", "#d9664f", "#4f8a9a")
    pen.oval(52, 93, 54, 7, darker(china, 0.22))
    pen.oval(52, 91, 54, 6.4, lighter(china, 0.1))
    pen.ribbon(stroke("86,48 106,48 108,64 96,74 80,78"), (7, 6, 6, 6, 5), darker(china, 0.12))
    body = outline("10,38! 94,38! 92,62 80,84 66,91! 38,91! 24,84 12,62")
    pen.shape(body, china)
    pen.shade(outline("60,30 110,30 110,100 56,100 66,66"), darker(china, 0.1), body)
    pen.oval(52, 38, 42, 9, lighter(china, 0.3))
    pen.oval(52, 39.4, 37, 6.6, rgb("#5a3622"))
    pen.shape(outline("52,43! 42,39 44,36.4 52,38 60,36.4 62,39"), rgb("#e8cda5"))
    for x, s in ((36, 1), (52, -1), (68, 1)):
        pen.ribbon(
            stroke(f"{x},28 {x + 5 * s},18 {x - 4 * s},8 {x + 3 * s},-4"),
            (2.4, 3.4, 3, 0.6),
            mix(WHITE, look.palette.haze, 0.3),
        )


def icecream(pen: Pen, look: Look) -> None:
    """Paint three scoops in a cone."""
    pen.shape([(12, 48), (48, 48), (30, 101)], rgb("#dca45a"))
    for k in range(5):
        pen.line([(12 + k * 8, 49), (24 + k * 5, 82 - abs(k - 1) * 3)], 0.9, rgb("#a8703a"))
        pen.line([(48 - k * 8, 49), (36 - k * 5, 82 - abs(k - 1) * 3)], 0.9, rgb("#a8703a"))
    first = look.of("#f79ab5", "#f2c6d0")
    for x, y, c in ((17, 38, rgb("#8fd0b5")), (43, 38, rgb("#f9e3b4")), (30, 18, first)):
        pen.oval(x, y, 17, 16, c)
        for k in range(5):
            pen.oval(x - 13 + k * 6.5, y + 12, 4.4, 4.6, c)
        pen.oval(x - 6, y - 6, 4.6, 3.6, lighter(c, 0.6))
    pen.oval(31, -2, 5, 5, rgb("#cf2f3f"))
    pen.line(stroke("31,-4 34,-12 40,-14"), 1, rgb("#4f7a3a"))


def bread(pen: Pen, look: Look) -> None:
    """Paint a scored loaf."""
    crust = look.of("#c98a45")
    pen.shape(outline("4,76 10,44 40,24 80,18 122,24 150,44 156,76 140,97 80,100 20,97"), crust)
    pen.shape(outline("10,80 80,92 150,80 140,97 80,100 20,97"), darker(crust, 0.25))
    for x in (34, 62, 90, 118):
        pen.shape(outline(f"{x - 8},66! {x - 2},44 {x + 12},30! {x + 8},50"), rgb("#f2d7a5"))


def burger(pen: Pen, look: Look) -> None:
    """Paint a hamburger."""
    bun = look.of("#d9954a")
    pen.box(10, 78, 110, 98, darker(bun, 0.1), 10)
    pen.box(6, 64, 114, 80, rgb("#6b3f2a"), 7)
    pen.shape([(8, 60), (112, 60), (96, 66), (84, 76), (70, 66), (40, 66), (28, 74), (18, 66)], rgb("#f7c63f"))
    pen.shape(outline("4,56 20,50 60,48 100,50 116,56 104,64 92,58 78,65 62,58 48,65 32,58 16,65"), rgb("#7fb84a"))
    pen.box(10, 44, 110, 53, rgb("#d9443a"), 4)
    pen.shape(outline("6,46! 10,20 36,5 60,2 84,5 110,20 114,46!"), bun)
    for x, y in ((32, 20), (48, 12), (62, 22), (78, 13), (90, 25), (24, 33), (50, 32)):
        pen.oval(x, y, 3, 1.8, rgb("#fbeccb"))


def sushi(pen: Pen, look: Look) -> None:
    """Paint sushi on a board."""
    pen.box(0, 84, 170, 94, rgb("#8a5f42"), 2)
    pen.box(14, 93, 30, 101, rgb("#6b4530"))
    pen.box(140, 93, 156, 101, rgb("#6b4530"))
    for x, c in ((8, look.of("#f2784a")), (62, rgb("#d9444a"))):
        pen.box(x + 2, 54, x + 46, 85, rgb("#fbf7ee"), 10)
        pen.shape(
            outline(f"{x - 3},62 {x + 4},42 {x + 24},36 {x + 44},42 {x + 51},62! {x + 40},56 {x + 24},54 {x + 8},56"), c
        )
        for k in range(3):
            pen.line([(x + 8 + k * 12, 54), (x + 14 + k * 12, 40)], 1.6, lighter(c, 0.5))
    for x in (124, 150):
        pen.box(x - 12, 56, x + 12, 85, rgb("#26352f"), 3)
        pen.oval(x, 56, 12, 6, rgb("#fbf7ee"))
        pen.oval(x, 56, 5, 2.8, rgb("#f2784a"))


def wine(pen: Pen, look: Look) -> None:
    """Paint a glass of wine."""
    glass, drink = rgb("#dfe8ee"), look.of("#8a1f38")
    pen.oval(25, 96, 18, 4, glass)
    pen.box(23.6, 56, 26.4, 96, glass, 1)
    pen.shape(outline("8,4! 42,4! 45,30 38,50 25,58 12,50 5,30"), mix(glass, look.palette.haze, 0.3))
    pen.shape(outline("6,26! 44,26! 42,40 36,50 25,56 14,50 8,40"), drink)
    pen.oval(25, 26, 19, 3.6, lighter(drink, 0.2))
    pen.shape(outline("11,10 14,10 13,30 16,44 11,36"), WHITE)


def donut(pen: Pen, look: Look) -> None:
    """Paint an iced doughnut."""
    icing = look.of("#f27fa8", "#6b3f2a", "#8fd0d9")
    pen.oval(55, 56, 54, 44, rgb("#d9a05a"))
    pen.shape(
        outline("55,10 84,14 102,32 106,56 98,74 88,70 80,84 66,80 54,90 42,80 30,84 22,70 12,74 4,56 8,32 26,14"),
        icing,
    )
    pen.oval(55, 48, 19, 13, darker(rgb("#c98a45"), 0.1))
    pen.oval(55, 51, 16, 10, mix(look.palette.lit(look.palette.wall), rgb("#7a5a4a"), 0.5))
    for k in range(26):
        a, r = k * 2.4, 0.55 + 0.38 * ((k * 7) % 10) / 10
        x, y = 55 + 48 * r * math.cos(a), 46 + 34 * r * math.sin(a)
        pen.line(
            [(x, y), (x + 3.4 * math.cos(k), y + 3.4 * math.sin(k))],
            2,
            look.pick("#ffd23f", "#5ac8e0", "#ffffff", "#8f6bd6", "#7fd06a"),
        )


def teapot(pen: Pen, look: Look) -> None:
    """Paint a round teapot."""
    china = look.of("#4f8a9a", "#c9564a", "#e8dcc8")
    pen.ribbon(stroke("98,40 122,34 122,66 100,76"), (6, 6, 6, 6), darker(china, 0.15))
    pen.ribbon(stroke("34,72 14,60 10,40 -2,32"), (18, 11, 8, 7), darker(china, 0.08))
    pen.oval(66, 62, 42, 36, china)
    pen.box(46, 93, 86, 100, darker(china, 0.2), 2)
    pen.slice(66, 32, 26, 14, (180, 360), lighter(china, 0.15))
    pen.oval(66, 15, 6, 5.4, darker(china, 0.1))
    for x, y in ((54, 62), (66, 56), (78, 62), (66, 70)):
        pen.oval(x, y, 5.6, 5.6, lighter(china, 0.6))
    pen.oval(66, 63, 4, 4, rgb("#f2b53a"))


def ramen(pen: Pen, look: Look) -> None:
    """Paint a bowl of noodle soup with egg, greens and chopsticks."""
    bowl = look.of("#b8342f", "#2f4f7f", "#e8e0d0")
    pen.box(38, 91, 82, 99, darker(bowl, 0.3), 2)
    pen.shape(_BOWL, bowl)
    pen.shade(outline("70,40 120,40 120,100 66,100"), darker(bowl, 0.2), _BOWL)
    pen.oval(60, 45, 52, 15, lighter(bowl, 0.35))
    pen.oval(60, 45, 47.5, 12.4, rgb("#c9823a"))
    for i in range(9):
        x, y = 22 + i * 7.2, 44 + (i % 3) * 2.6
        pen.line(stroke(f"{x},{y} {x + 7},{y - 5} {x + 13},{y + 1} {x + 20},{y - 3}"), 2.2, rgb("#f5dc96"))
    for x in (40, 54):
        pen.oval(x, 41, 8, 5.4, WHITE)
        pen.oval(x, 41, 4, 2.8, rgb("#f2a22e"))
    for x, y in ((70, 50), (78, 46), (64, 53), (84, 50), (48, 52)):
        pen.oval(x, y, 3.4, 1.8, rgb("#5a9a44"))
    pen.shape([(78, 40), (88, 22), (100, 28), (92, 44)], rgb("#22302c"))
    for x in (0, 7):
        pen.line([(66 + x, 42), (112 + x * 0.4, 2 + x)], 2.2, rgb("#7a4a2c"))
    for x in (34, 56):
        pen.line(stroke(f"{x},26 {x + 4},18 {x - 2},10 {x + 3},1"), 1.6, rgb("#eef0f0"))


FOOD = {
    "cake": cake, "apple": apple, "pear": pear, "fruit": fruit, "watermelon": watermelon, "strawberry": strawberry,
    "pizza": pizza, "cup": cup, "icecream": icecream, "bread": bread, "burger": burger, "sushi": sushi, "wine": wine,
    "donut": donut, "teapot": teapot, "ramen": ramen,
}  # fmt: skip
