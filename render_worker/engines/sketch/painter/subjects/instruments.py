"""Instruments and emblems: guitar, piano, key, crown, sword, chair, telescope, skull."""

from ..canvas.color import WHITE, darker, lighter, rgb
from ..canvas.outline import outline, stroke
from ..canvas.pen import Pen
from .look import Look


def guitar(pen: Pen, look: Look) -> None:
    """Paint an upright acoustic guitar."""
    wood = look.of("#c9803f", "#a8562f", "#d9a45a")
    pen.shape(
        outline("25,42 38,44 42,54 37,64 46,76 45,92 34,100 25,101 16,100 5,92 4,76 13,64 8,54 12,44"),
        darker(wood, 0.35),
    )
    pen.shape(outline("25,44 36,46 40,54 35,64 44,77 43,91 33,98 25,99 17,98 7,91 6,77 15,64 10,54 14,46"), wood)
    pen.oval(25, 66, 8, 8, darker(wood, 0.3))
    pen.oval(25, 66, 6.4, 6.4, rgb("#2a1c18"))
    pen.box(22, 2, 28, 62, rgb("#3f2a22"), 0.5)
    for y in range(8, 58, 6):
        pen.line([(22, y), (28, y)], 0.6, rgb("#d9c9a0"))
    pen.shape([(20, 2), (19, -10), (31, -10), (30, 2)], darker(wood, 0.4))
    for y in (-7, -3, 1):
        for x in (18, 32):
            pen.oval(x, y, 1.8, 1.4, rgb("#e8dcc0"))
    pen.box(17, 83, 33, 86, rgb("#3f2a22"), 1)
    for string in (23, 24.4, 25.6, 27):
        pen.line([(string, -6), (string, 84)], 0.35, rgb("#f4ead2"))


def piano(pen: Pen, look: Look) -> None:
    """Paint a grand piano with its lid up."""
    black = look.of("#26242e")
    pen.shape(outline("24,46! 34,6! 104,-6 132,10! 134,46!"), darker(black, 0.2))
    pen.shape(outline("30,44! 38,12! 102,0 126,13! 128,44!"), rgb("#b9803f"))
    pen.line([(112, 44), (104, 8)], 1.6, darker(black, 0.3))
    pen.shape(outline("8,46! 136,46! 138,66! 120,72 8,72!"), black)
    pen.box(0, 58, 40, 68, black, 1)
    pen.box(2, 56, 38, 60, WHITE)
    for k in range(9):
        pen.box(4 + k * 3.8, 56, 5.8 + k * 3.8, 58.6, rgb("#26242e"))
    for x in (14, 76, 126):
        pen.limb([(x, 70), (x, 97)], 6, 4, black)
        pen.oval(x, 98, 3.4, 2.4, rgb("#c9a23d"))
    pen.line([(8, 48), (136, 48)], 1, lighter(black, 0.4))
    pen.box(-10, 78, 8, 84, rgb("#6b2f34"), 2)
    for x in (-7, 5):
        pen.line([(x, 84), (x, 98)], 2, black)


def key(pen: Pen, look: Look) -> None:
    """Paint an old ornate key."""
    gold = look.of("#d9a83d", "#b0b4bf")
    pen.box(21.6, 36, 28.4, 98, gold, 2)
    for top, long in ((78, 16), (88, 12), (95, 18)):
        pen.box(27, top, 28 + long, top + 5, gold, 1)
    for x, y in ((25, 8), (11, 22), (39, 22)):
        pen.ring(x, y, 12, 5, gold)
    pen.oval(25, 20, 5, 5, rgb("#c8344a"))
    pen.box(18, 38, 32, 43, darker(gold, 0.15), 2)
    pen.line([(23, 46), (23, 94)], 1, lighter(gold, 0.6))


def crown(pen: Pen, look: Look) -> None:
    """Paint a jewelled crown."""
    gold = look.of("#eeb93a")
    pen.shape([(8, 96), (0, 28), (30, 56), (60, 8), (90, 56), (120, 28), (112, 96)], gold)
    pen.shape([(60, 8), (90, 56), (120, 28), (112, 96), (60, 96)], darker(gold, 0.1))
    pen.box(6, 80, 114, 98, lighter(gold, 0.15), 3)
    for x, c in ((24, "#2f7fd0"), (42, "#d9344f"), (60, "#2fa06a"), (78, "#d9344f"), (96, "#2f7fd0")):
        pen.shape(outline(f"{x},83 {x + 5},89 {x},95 {x - 5},89"), rgb(c))
        pen.oval(x - 1.4, 87, 1.3, 1.3, WHITE)
    for x, y in ((0, 25), (60, 4), (120, 25)):
        pen.oval(x, y, 6, 6, rgb("#d9344f") if x == 60 else lighter(gold, 0.35))


def sword(pen: Pen, look: Look) -> None:
    """Paint a sword standing on its point."""
    steel = look.of("#c4ccd8")
    pen.shape([(16, 30), (24, 30), (23, 92), (20, 101), (17, 92)], steel)
    pen.shape([(20, 30), (24, 30), (23, 92), (20, 101)], darker(steel, 0.22))
    pen.line([(20, 32), (20, 84)], 0.8, WHITE)
    pen.shape(outline("0,26 4,22 20,26 36,22 40,26 36,31 20,31 4,31"), rgb("#d9a83d"))
    pen.box(17.4, 6, 22.6, 26, rgb("#5a3030"), 1)
    for y in range(8, 25, 4):
        pen.line([(17.4, y + 2), (22.6, y)], 0.9, rgb("#d9a83d"))
    pen.oval(20, 2, 5, 5, rgb("#d9a83d"))
    pen.oval(20, 2, 2.4, 2.4, rgb("#c8344a"))


def chair(pen: Pen, look: Look) -> None:
    """Paint an armchair."""
    cloth = look.of("#3f7a7a", "#c9764a", "#8a4a5a", "#d9b04a")
    for x in (14, 60):
        pen.limb([(x, 86), (x, 99)], 5, 3, rgb("#5a3a26"))
    pen.shape(outline("12,60! 8,16 18,2 37,-1 56,2 66,16 62,60!"), cloth)
    for x, y in ((28, 20), (46, 20), (37, 34)):
        pen.oval(x, y, 1.6, 1.6, darker(cloth, 0.35))
    pen.box(12, 54, 62, 72, lighter(cloth, 0.16), 6)
    pen.box(10, 68, 64, 90, darker(cloth, 0.12), 3)
    for x in (0, 60):
        pen.box(x, 44, x + 14, 91, lighter(cloth, 0.06), 6)
        pen.oval(x + 7, 49, 8, 7, lighter(cloth, 0.2))


def telescope(pen: Pen, look: Look) -> None:
    """Paint a brass telescope on its tripod."""
    brass = look.of("#c99a3d")
    for foot in ((26, 100), (52, 101), (78, 100)):
        pen.limb([(52, 50), foot], 4, 2.4, rgb("#6b4530"))
    pen.limb([(16, 66), (50, 44)], 9, 10, darker(brass, 0.25))
    pen.limb([(44, 48), (94, 14)], 15, 17, brass)
    pen.limb([(88, 18), (96, 12.6)], 20, 20, darker(brass, 0.3))
    pen.limb([(48, 42), (86, 16)], 3, 3, lighter(brass, 0.5))
    pen.oval(52, 48, 6, 6, darker(brass, 0.4))


def skull(pen: Pen, look: Look) -> None:
    """Paint a skull."""
    bone = look.of("#efe6d2")
    pen.shape(outline("42,2 66,8 80,28 78,50 68,62 64,70 62,92 52,98 32,98 22,92 20,70 16,62 6,50 4,28 18,8"), bone)
    for x in (25, 59):
        pen.shape(outline(f"{x},34 {x + 11},42 {x + 8},56 {x - 2},58 {x - 11},52 {x - 10},40"), rgb("#2f2630"))
    pen.shape(outline("42,56! 48,70 42,68 36,70"), rgb("#2f2630"))
    for x in range(30, 60, 6):
        pen.line([(x, 82), (x, 97)], 1.2, darker(bone, 0.5))
    pen.line(stroke("24,82 42,84 60,82"), 1.2, darker(bone, 0.5))
    pen.shape(outline("18,18 30,9 28,16 20,28"), lighter(bone, 0.6))


INSTRUMENTS = {
    "guitar": guitar, "piano": piano, "key": key, "crown": crown, "sword": sword, "chair": chair,
    "telescope": telescope, "skull": skull,
}  # fmt: skip
