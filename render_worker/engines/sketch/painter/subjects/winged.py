"""Winged animals: birds, owl, swan, penguin, butterfly, dragon, bat."""

from ..canvas.color import BLACK, WHITE, darker, lighter, mix, rgb
from ..canvas.outline import mirrored, outline, stroke
from ..canvas.pen import Pen
from .look import Look

_DRAGON_WING = outline("92,54 88,34! 74,8! 62,-6! 58,10 50,16 34,10! 36,26 30,34 16,36! 28,46 34,52 28,66! 48,60 66,62")
_BUTTERFLY = (
    outline("50,50 54,26 72,6 92,4 98,18 92,40 72,52 54,56"),
    outline("50,54 68,52 84,62 86,80 74,92 60,84 52,68"),
)


def bird(pen: Pen, look: Look) -> None:
    """Paint a small bird in flight, both wings raised."""
    coat = look.of("#3f6fb0", "#d9584a", "#e8a23d", "#4a8f7a")
    pen.shape(outline("66,50 58,28 40,8 22,0! 30,20 34,36 46,56"), darker(coat, 0.3))
    pen.shape(outline("34,66 14,72 0,84! 6,68 -4,66! 16,58 34,54"), darker(coat, 0.2))
    pen.shape(outline("28,60 42,50 62,46 78,38 92,38 98,46 92,56 78,68 56,74 38,70"), coat)
    pen.shape(outline("44,68 60,66 78,58 92,54 84,64 70,72 54,75"), lighter(coat, 0.65))
    pen.shape(outline("74,52 76,32 66,12 54,-6! 50,14 44,26 46,44 56,58 66,60"), lighter(coat, 0.12))
    pen.shape([(96, 44), (108, 48), (96, 51)], rgb("#f2b23d"))
    pen.oval(90, 45, 2, 2.1, BLACK)
    pen.oval(89.4, 44.4, 0.7, 0.7, WHITE)


def flock(pen: Pen, look: Look) -> None:
    """Paint a loose flock of far birds."""
    tone = look.of("#2a2d3c")
    for x, y, s in ((20, 40, 13), (52, 20, 16), (86, 46, 12), (118, 26, 14), (70, 70, 10), (140, 62, 9), (104, 84, 8)):
        for side in (-1, 1):
            pen.ribbon(
                stroke(f"{x},{y} {x + side * s * 0.5},{y - s * 0.42} {x + side * s},{y - s * 0.1}"),
                (2.6, 2.0, 0.4),
                tone,
            )
        pen.oval(x, y + 0.6, 2.2, 1.6, tone)


def owl(pen: Pen, look: Look) -> None:
    """Paint an owl on a branch, facing the viewer."""
    coat = look.of("#8a6244", "#6f6372", "#a98a66")
    pen.ribbon(stroke("-8,94 20,90 50,93 86,88"), (6, 5, 3), rgb("#4f382c"))
    pen.shape(outline("38,6 58,14 66,36 64,66 54,88 38,92 22,88 12,66 10,36 18,14"), coat)
    for side in (-1, 1):
        pen.shape([(38 + side * 24, 22), (38 + side * 25, -2), (38 + side * 8, 10)], coat)
        pen.shape(
            outline(f"{38 + side * 26},34 {38 + side * 31},60 {38 + side * 18},88 {38 + side * 15},56"),
            darker(coat, 0.25),
        )
    pen.oval(38, 64, 16, 22, lighter(coat, 0.5))
    for row in range(4):
        for k in range(-2, 3):
            pen.shape(
                [(36 + k * 6.4, 52 + row * 8), (40 + k * 6.4, 52 + row * 8), (38 + k * 6.4, 56 + row * 8)],
                darker(coat, 0.1),
            )
    for side in (-1, 1):
        pen.oval(38 + side * 11.5, 30, 12.5, 13, lighter(coat, 0.62))
        pen.oval(38 + side * 11, 30, 7.4, 7.6, rgb("#f6b73c"))
        pen.oval(38 + side * 11, 30, 4.2, 4.4, BLACK)
        pen.oval(36.5 + side * 11, 28.2, 1.5, 1.5, WHITE)
        pen.box(32 + side * 9, 88, 38 + side * 9, 94, rgb("#e8a23d"), 2)
    pen.shape(outline("34,36! 42,36! 38,46!"), rgb("#e8a23d"))


def swan(pen: Pen, look: Look) -> None:
    """Paint a swan afloat, wings folded up."""
    coat = look.of("#fbf8f4")
    pen.ribbon(stroke("84,78 100,66 100,46 88,32 90,16 102,12"), (16, 11, 8.5, 8, 8, 9), coat)
    pen.shape(outline("12,80 0,66! 18,66 34,58 56,56 78,62 94,74 96,86 84,97 50,99 24,95"), coat)
    pen.shape(outline("8,62! 26,62 30,46! 46,54 70,58 84,70 76,84 50,86 26,80"), darker(coat, 0.07))
    for y in (68, 74, 80):
        pen.line(stroke(f"{24 + y - 68},{y} {46},{y + 2} {70},{y - 4}"), 1, darker(coat, 0.2))
    pen.oval(103, 12, 7, 5.6, coat)
    pen.shape(outline("107,8! 120,16! 107,17!"), rgb("#ee7d32"))
    pen.shape([(104, 10), (110, 9), (108, 13)], BLACK)


def duck(pen: Pen, look: Look) -> None:
    """Paint a duck afloat."""
    coat = look.of("#a98a66", "#f2cf4a")
    pen.shape(outline("8,70 2,56! 22,62 44,58 64,60 78,70 80,84 66,97 36,98 16,90"), coat)
    pen.shape(outline("22,72 44,66 62,72 54,86 34,88"), darker(coat, 0.2))
    head = rgb("#2f7a5a") if look.colour is None and coat[2] > 90 else coat
    pen.ribbon([(72, 76), (74, 56)], (15, 13), head)
    pen.oval(77, 48, 13, 12, head)
    pen.shape(outline("87,46 102,50 100,55 86,54"), rgb("#f2a03d"))
    pen.oval(80, 45, 1.9, 2.1, BLACK)
    pen.box(66, 64, 80, 67, WHITE, 1)


def penguin(pen: Pen, look: Look) -> None:
    """Paint a penguin."""
    coat = look.of("#2b3144")
    pen.shape(outline("36,2 50,8 54,24 60,46 58,76 48,94 36,97 24,94 14,76 12,46 18,24 22,8"), coat)
    pen.shape(outline("36,30 48,38 52,60 48,84 36,93 24,84 20,60 24,38"), rgb("#fbf7ee"))
    for side in (-1, 1):
        pen.shape(
            outline(f"{36 + side * 20},36 {36 + side * 32},56 {36 + side * 30},74 {36 + side * 20},58"),
            darker(coat, 0.3),
        )
        pen.oval(36 + side * 9, 97, 9, 4, rgb("#f0a03a"))
        pen.oval(36 + side * 8, 18, 6, 7, WHITE)
        pen.oval(36 + side * 7, 18, 2.2, 2.5, BLACK)
        pen.oval(36 + side * 15, 32, 4, 5, rgb("#f6c35a"))
    pen.shape(outline("31,23! 41,23! 36,31!"), rgb("#f0a03a"))


def butterfly(pen: Pen, look: Look) -> None:
    """Paint a butterfly with open wings."""
    coat = look.of("#f08a3c", "#4f8fe0", "#b05fd0", "#f2c23d")
    edge = darker(coat, 0.65)
    for side in (False, True):
        for shape, (cx, cy) in zip(_BUTTERFLY, ((72, 30), (70, 70)), strict=True):
            points = mirrored(shape, 50) if side else shape
            centre = 100 - cx if side else cx
            pen.shape(points, edge)
            for scale, tone in ((0.82, coat), (0.5, lighter(coat, 0.35))):
                pen.shape([(centre + (x - centre) * scale, cy + (y - cy) * scale) for x, y in points], tone)
        s = -1 if side else 1
        for x, y in ((92, 12), (95, 22), (90, 33), (82, 78), (76, 86)):
            pen.oval(50 + s * (x - 50), y, 1.8, 1.8, WHITE)
        pen.line(stroke(f"50,28 {50 + s * 8},14 {50 + s * 15},8"), 1.2, edge)
        pen.oval(50 + s * 15, 8, 1.8, 1.8, edge)
    pen.ribbon([(50, 28), (50, 50), (50, 84)], (4, 6, 3), edge)
    pen.oval(50, 27, 4, 4, edge)


def dragon(pen: Pen, look: Look) -> None:
    """Paint a dragon in flight, breathing a little fire."""
    coat = look.of("#b23a3a", "#2f7f5f", "#4a4f9a", "#5a3a6a")
    skin = mix(coat, rgb("#f0b060"), 0.45)
    pen.shape([(x + 22, y + 4) for x, y in _DRAGON_WING], darker(coat, 0.5))
    pen.ribbon(
        stroke("-6,60 6,80 28,88 52,78 74,66 96,58 112,44 116,26 126,18"), (1, 5, 9, 15, 22, 22, 15, 10, 9), coat
    )
    pen.shape([(-6, 60), (-16, 52), (-2, 50), (4, 58)], coat)
    pen.ribbon(stroke("56,86 78,76 100,66 116,50 121,32"), (1, 7, 9, 6, 3), skin)
    for x, y, tx, ty in ((84, 70, 80, 88), (66, 78, 58, 94)):
        pen.ribbon([(x, y), (x + 4, y + 10), (tx, ty)], (9, 6, 3), darker(coat, 0.15))
        for claw in (-3, 0, 3):
            pen.line([(tx, ty), (tx + claw + 2, ty + 4)], 1.2, rgb("#f3e6c8"))
    pen.shape(outline("120,14 130,8 142,14 152,20! 150,25 138,27 128,30 119,26"), coat)
    pen.shape(outline("130,27 140,27 148,30 138,33 128,32"), darker(coat, 0.2))
    for x, y in ((121, 12), (126, 9)):
        pen.shape([(x, y + 4), (x - 12, y - 9), (x + 5, y)], rgb("#f0dfb8"))
    for x, y in ((20, 85), (34, 82), (46, 76), (104, 42), (109, 32)):
        pen.shape([(x - 4, y), (x - 2, y - 8), (x + 5, y - 1)], darker(coat, 0.35))
    pen.shape(_DRAGON_WING, skin)
    for tip in ((62, -6), (34, 10), (16, 36), (28, 66)):
        pen.ribbon([(90, 50), ((86 + tip[0]) / 2, (44 + tip[1]) / 2 - 4), tip], (4, 2.6, 1), coat)
    pen.oval(135, 17, 1.8, 1.6, rgb("#ffe27a"))
    pen.oval(135.4, 17, 0.7, 1.3, BLACK)


def bat(pen: Pen, look: Look) -> None:
    """Paint a bat with spread wings."""
    coat = look.of("#3a3148")
    wing = outline("70,40! 92,14 134,20! 128,34 116,36 110,52! 100,46 90,50 84,64! 78,56 70,62")
    pen.shape(wing, coat)
    pen.shape(mirrored(wing, 70), coat)
    pen.oval(70, 48, 11, 18, darker(coat, 0.3))
    pen.oval(70, 32, 9, 8, darker(coat, 0.3))
    for s in (-1, 1):
        pen.shape([(70 + s * 8, 30), (70 + s * 9, 14), (70 + s * 1, 25)], darker(coat, 0.3))
        pen.oval(70 + s * 3.6, 31, 1.6, 1.6, rgb("#ffd75e"))


WINGED = {
    "bird": bird, "flock": flock, "owl": owl, "swan": swan, "duck": duck, "penguin": penguin, "butterfly": butterfly,
    "dragon": dragon, "bat": bat,
}  # fmt: skip
