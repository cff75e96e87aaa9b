"""Household and garden objects: robot, umbrella, clock, book, lamp, candle, vase, gift, snowman, campfire, heart."""

import math

from ..canvas.color import BLACK, WHITE, darker, lighter, mix, rgb
from ..canvas.outline import mirrored, outline, stroke
from ..canvas.pen import Pen
from .look import Look

_HEART = outline("55,96! 26,72 4,48 4,22 22,6 42,8 55,26! 68,8 88,6 106,22 106,48 84,72")


def robot(pen: Pen, look: Look) -> None:
    """Paint a friendly robot."""
    body = look.of("#8fa9b8", "#d9a24a", "#c9664f", "#7fb0a0")
    metal = rgb("#5a6272")
    pen.line([(36, 6), (36, -6)], 1.6, metal)
    pen.lit([(36 + 3 * math.cos(a / 2), -7 + 3 * math.sin(a / 2)) for a in range(13)], rgb("#ff7a5a"))
    for s in (-1, 1):
        pen.ribbon(stroke(f"{36 + s * 20},46 {36 + s * 31},56 {36 + s * 29},70"), (7, 6, 6), metal)
        pen.ring(36 + s * 29, 75, 5, 3, darker(metal, 0.2))
        pen.box(36 + s * 10 - 5, 74, 36 + s * 10 + 5, 94, metal, 2)
        pen.box(36 + s * 11 - 8, 91, 36 + s * 11 + 8, 100, darker(body, 0.3), 4)
        pen.box(36 + s * 23 - 3, 16, 36 + s * 23 + 3, 27, darker(body, 0.35), 2)
    pen.box(30, 34, 42, 42, metal)
    pen.box(13, 6, 59, 37, body, 8)
    pen.box(18, 12, 54, 31, rgb("#232a3a"), 6)
    for x in (28, 44):
        pen.lit([(x + 4.2 * math.cos(a / 3), 20 + 4.6 * math.sin(a / 3)) for a in range(19)], rgb("#7ff0e0"))
    pen.line(stroke("30,27 36,29 42,27"), 1.2, rgb("#7ff0e0"))
    pen.box(14, 40, 58, 78, body, 7)
    pen.box(46, 40, 58, 78, darker(body, 0.15), 7)
    pen.box(21, 48, 51, 62, darker(body, 0.4), 3)
    for x, c in ((27, "#f25c54"), (36, "#ffd23f"), (45, "#6fd08a")):
        pen.oval(x, 55, 3, 3, rgb(c))
    for y in (67, 71):
        pen.box(24, y, 48, y + 2, darker(body, 0.3), 1)


def umbrella(pen: Pen, look: Look) -> None:
    """Paint an open umbrella."""
    cloth = look.of("#d9403a", "#f0b53a", "#3f7fb5", "#8a4fa0")
    pen.line(stroke("47,40 47,90 51,98 59,98 62,91"), 2.6, rgb("#6b4530"))
    for k in range(8):
        a0, a1 = math.pi * (1 + k / 8), math.pi * (1 + (k + 1) / 8)
        x0, x1 = 47 + 47 * math.cos(a0), 47 + 47 * math.cos(a1)
        arc = [
            (47 + 47 * math.cos(a0) * math.sin(t * math.pi / 12), 46 - 40 * math.cos(t * math.pi / 12))
            for t in range(7)
        ]
        back = [
            (47 + 47 * math.cos(a1) * math.sin(t * math.pi / 12), 46 - 40 * math.cos(t * math.pi / 12))
            for t in range(7)
        ]
        pen.shape(
            [*arc, ((x0 + x1) / 2, 42), *back[::-1]],
            cloth if k % 2 else lighter(cloth, 0.22) if k < 5 else darker(cloth, 0.12),
        )
    pen.line([(47, 7), (47, 0)], 2, rgb("#6b4530"))


def clock(pen: Pen, look: Look) -> None:
    """Paint a twin-bell alarm clock."""
    case = look.of("#c8453a", "#3f7a8a", "#d9a23d")
    for s in (-1, 1):
        pen.oval(45 + s * 24, 13, 16, 14, lighter(case, 0.2))
        pen.limb([(45 + s * 24, 84), (45 + s * 32, 98)], 7, 5, darker(case, 0.3))
    pen.line([(45, 14), (45, 0)], 4, darker(case, 0.3))
    pen.oval(45, 56, 42, 42, case)
    pen.oval(45, 56, 34, 34, rgb("#fbf5e6"))
    for k in range(12):
        a = k * math.pi / 6
        r = 26 if k % 3 == 0 else 29
        pen.line(
            [(45 + 31 * math.cos(a), 56 + 31 * math.sin(a)), (45 + r * math.cos(a), 56 + r * math.sin(a))],
            1.8,
            rgb("#3a3340"),
        )
    hour = look.rng.uniform(0, 6.28)
    pen.limb([(45, 56), (45 + 16 * math.cos(hour), 56 + 16 * math.sin(hour))], 3.6, 2, rgb("#2f2a36"))
    pen.limb([(45, 56), (45 + 25 * math.cos(hour * 12), 56 + 25 * math.sin(hour * 12))], 2.6, 1.2, rgb("#2f2a36"))
    pen.oval(45, 56, 2.6, 2.6, case)


def book(pen: Pen, look: Look) -> None:
    """Paint an open book; its lines are only strokes."""
    cover = look.of("#8a3a3f", "#2f5f7a", "#4f7a52")
    for flip in (False, True):
        for path, tone in (
            ("67,24! 40,8 0,14! 0,92! 40,86 67,100!", cover),
            ("67,22! 40,6 5,11! 5,86! 40,80 67,96!", rgb("#fbf3de" if not flip else "#f0e4c8")),
        ):
            shape = outline(path)
            pen.shape(mirrored(shape, 67) if flip else shape, tone)
        for k in range(8):
            line = stroke(f"12,{21 + k * 7.4} 38,{17 + k * 7.4} 60,{28 + k * 7.6}")
            pen.line(mirrored(line, 67) if flip else line, 1, rgb("#c4b59a"))
    pen.line([(67, 22), (67, 97)], 1.6, darker(rgb("#d9c8a5"), 0.2))
    pen.shape([(92, 12), (100, 12), (100, 48), (96, 43), (92, 48)], rgb("#d9443a"))


def lantern(pen: Pen, look: Look) -> None:
    """Paint a glowing lantern."""
    frame = look.of("#3f3a44", "#6b4a34")
    pen.arc((14, -10, 42, 24), 180, 360, 2.4, frame)
    pen.shape(outline("10,22! 20,10 36,10 46,22!"), frame)
    pen.lit(outline("12,24! 44,24! 47,52 42,86! 14,86! 9,52"), rgb("#ffd07a"))
    pen.lit(outline("28,44! 34,56 34,66 28,72 22,66 22,56"), rgb("#fff6d0"))
    for side in (0, 1):
        rib = outline("9,30! 12,24! 15,56! 14,86! 10,86! 7,52!")
        pen.lit(mirrored(rib, 28) if side else rib, darker(frame, 0.1))
    pen.shape(outline("10,85! 46,85! 50,99! 6,99!"), frame)


def candle(pen: Pen, look: Look) -> None:
    """Paint a burning candle in its holder."""
    wax = look.of("#f4ead2", "#d9664f")
    pen.oval(22, 95, 24, 6, rgb("#b98a3d"))
    pen.box(12, 40, 32, 95, wax, 3)
    pen.box(25, 42, 32, 95, darker(wax, 0.12), 3)
    for x, foot in ((15, 58), (21, 49), (29, 66)):
        pen.limb([(x, 42), (x, foot)], 4, 5, lighter(wax, 0.4))
    pen.line([(22, 41), (22, 34)], 1.4, BLACK)
    pen.lit(outline("22,4! 29,20 29,30 22,37 15,30 15,20"), rgb("#ffb63f"))


def vase(pen: Pen, look: Look) -> None:
    """Paint a vase of flowers."""
    clay = look.of("#3f7a9a", "#c9764f", "#e2dccf")
    for x, y in ((6, 26), (18, 10), (34, 2), (48, 14), (56, 30), (30, 24)):
        pen.ribbon(stroke(f"{x},{y} {(x + 30) / 2},{y + 26} 30,58"), (1.4, 1.6, 2), rgb("#4f8a4a"))
    for k, (x, y) in enumerate(((6, 26), (18, 10), (34, 2), (48, 14), (56, 30), (30, 24))):
        tone = rgb(("#f25c7a", "#ffd23f", "#f7f3ec", "#f2904a", "#b58fe8", "#f79ac0")[k])
        for a in range(7):
            pen.oval(x + 6 * math.cos(a * 0.9), y + 6 * math.sin(a * 0.9), 4.4, 4.4, tone)
        pen.oval(x, y, 4, 4, darker(tone, 0.2))
    pen.shape(outline("20,52! 40,52! 38,60 52,74 50,90 40,100! 20,100! 10,90 8,74 22,60"), clay)
    pen.line(stroke("10,76 30,82 50,76"), 2.6, lighter(clay, 0.45))
    pen.shape(outline("16,72 22,66 20,80 18,90 14,84"), lighter(clay, 0.3))


def gift(pen: Pen, look: Look) -> None:
    """Paint a wrapped present."""
    paper, ribbon = look.of("#d9444f", "#3f8fa0", "#7a5fc0"), rgb("#f7d774")
    pen.box(8, 38, 88, 99, paper, 2)
    pen.box(62, 38, 88, 99, darker(paper, 0.14), 2)
    pen.box(3, 24, 93, 42, lighter(paper, 0.15), 2)
    pen.box(41, 24, 55, 99, ribbon)
    for s in (-1, 1):
        pen.shape(outline(f"48,24 {48 + s * 14},2 {48 + s * 34},2 {48 + s * 32},18"), darker(ribbon, 0.1))
        pen.shape(outline(f"48,23 {48 + s * 14},8 {48 + s * 26},6 {48 + s * 24},16"), darker(ribbon, 0.35))
    pen.oval(48, 22, 6, 5, ribbon)


def snowman(pen: Pen, look: Look) -> None:
    """Paint a snowman with a scarf and hat."""
    scarf = look.of("#d9403f", "#3f8f6a")
    for s in (-1, 1):
        pen.ribbon(stroke(f"{40 + s * 18},52 {40 + s * 34},42 {40 + s * 42},32"), (2.4, 2, 1.2), rgb("#5a3f33"))
    for y, r in ((78, 25), (46, 19), (20, 14)):
        pen.oval(40, y, r, r * 0.96, rgb("#f6f9fc"))
    pen.box(26, 30, 54, 37, scarf, 3)
    pen.shape([(46, 34), (54, 34), (58, 56), (50, 58)], darker(scarf, 0.15))
    pen.shape([(40, 20), (58, 24), (40, 24.6)], rgb("#f08a2f"))
    for x, y in ((35, 15), (45, 15), (40, 44), (40, 53), (40, 72)):
        pen.oval(x, y, 2, 2.1, rgb("#2a2630"))
    pen.box(26, 5, 54, 9, rgb("#2f2c3a"), 1)
    pen.box(31, -10, 49, 7, rgb("#2f2c3a"), 1)
    pen.box(31, 1, 49, 5, scarf)


def campfire(pen: Pen, look: Look) -> None:
    """Paint a campfire of crossed logs."""
    for scale, tone in ((1.0, "#e2482a"), (0.74, "#f78f2f"), (0.48, "#ffd04f"), (0.26, "#fff3c0")):
        flame = outline("50,-6! 62,18 78,30 80,56 70,82 50,90 30,82 18,58 26,40! 34,48 36,24")
        pen.lit(
            [(50 + (x - 50) * scale, 90 + (y - 90) * scale) for x, y in flame],
            look.colour if look.colour and scale == 1.0 else rgb(tone),
        )
        pen.shape([(50 + (x - 50) * scale, 90 + (y - 90) * scale) for x, y in flame], rgb(tone))
    for a, b in (((14, 98), (84, 82)), ((86, 98), (16, 82)), ((24, 99), (78, 97))):
        pen.limb([a, b], 10, 9, rgb("#5a3a2a"))
        pen.oval(*a, 4.4, 5, rgb("#c99a64"))


def hourglass(pen: Pen, look: Look) -> None:
    """Paint an hourglass."""
    wood = look.of("#8a5a3a")
    pen.shape(
        outline("12,8! 48,8! 46,30 33,48 33,54 46,72 48,94! 12,94! 14,72 27,54 27,48 14,30"),
        mix(rgb("#e4f0f4"), look.palette.haze, 0.3),
    )
    pen.shape(outline("16,26! 44,26! 42,34 32,46 30,50 28,46 18,34"), rgb("#e8b65a"))
    pen.shape(outline("14,92! 46,92! 44,82 30,70 16,82"), rgb("#e8b65a"))
    pen.line([(30, 48), (30, 76)], 1.2, rgb("#e8b65a"))
    for y in (2, 92):
        pen.box(4, y, 56, y + 8, wood, 3)
    for x in (8, 52):
        pen.line([(x, 8), (x, 94)], 2.6, darker(wood, 0.2))


def heart(pen: Pen, look: Look) -> None:
    """Paint a shining heart."""
    red = look.of("#e0364f", "#e8566f")
    pen.shape(_HEART, red)
    pen.shade(outline("60,30 120,0 120,110 50,110 90,60"), darker(red, 0.15), _HEART)
    pen.shape(outline("16,26 24,15 34,16 24,24 20,40 15,38"), lighter(red, 0.65))
    pen.oval(40, 17, 2.6, 2.6, WHITE)


def lamp(pen: Pen, look: Look) -> None:
    """Paint a table lamp with a shade."""
    shade = look.of("#e0a24a", "#c8553f", "#3f7a6a", "#4f6fa8")
    pen.oval(38, 95, 19, 5, darker(rgb("#8a6a3f"), 0.2))
    pen.box(36, 44, 40, 62, rgb("#b08a4f"))
    pen.shape(outline("34,58! 42,58! 50,68 51,80 45,92! 31,92! 25,80 26,68"), mix(shade, rgb("#5a4a3f"), 0.35))
    pen.shape(outline("29,70 31,64 33,62 31,74 31,84 28,80"), lighter(shade, 0.5))
    pen.oval(38, 47, 26, 4, rgb("#ffe9a8"))
    pen.shape([(22, 8), (54, 8), (66, 47), (10, 47)], shade)
    pen.shape([(27, 8), (37, 8), (33, 47), (17, 47)], lighter(shade, 0.3))
    pen.lit([(12, 44), (64, 44), (66, 47), (10, 47)], rgb("#ffefb8"))
    pen.line([(54, 47), (54, 58)], 0.8, rgb("#d8c07a"))
    pen.oval(54, 59, 1.5, 1.5, rgb("#d8c07a"))


OBJECTS = {
    "robot": robot, "umbrella": umbrella, "clock": clock, "book": book, "lantern": lantern, "candle": candle,
    "vase": vase, "gift": gift, "snowman": snowman, "campfire": campfire, "hourglass": hourglass, "heart": heart,
    "lamp": lamp,
}  # fmt: skip
