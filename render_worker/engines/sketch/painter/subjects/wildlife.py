"""Smaller wild animals: tiger, frog, snake, squirrel."""

from ..canvas.color import BLACK, WHITE, darker, lighter, rgb
from ..canvas.outline import mirrored, outline, stroke
from ..canvas.pen import Pen
from .look import Look

_TIGER = outline("22,44 40,38 64,38 88,36 100,44 100,58 84,66 60,64 40,66 26,64 20,54")


def tiger(pen: Pen, look: Look) -> None:
    """Paint a striped tiger, walking."""
    coat = look.of("#e8862e", "#dd7a26")
    black, pale = rgb("#2a2026"), lighter(coat, 0.8)
    pen.ribbon(stroke("24,48 8,44 2,58 10,72"), (6, 5, 4), coat)
    pen.oval(10, 72, 3.4, 4, black)
    for line in ("36,58 42,78 40,95", "86,58 92,78 94,95"):
        pen.ribbon(stroke(line), (13, 8, 7), darker(coat, 0.3))
    pen.shape(_TIGER, coat)
    pen.shade(outline("20,58 60,60 100,56 100,72 20,72"), pale, _TIGER)
    for line in ("30,56 24,78 26,95", "80,56 76,78 76,95"):
        pen.ribbon(stroke(line), (16, 9, 8), coat)
        x = float(line.split()[2].split(",")[0])
        pen.oval(x + 2, 96, 6.4, 3.4, pale)
    for x in (34, 44, 54, 64, 74, 84):
        pen.ribbon(stroke(f"{x},38 {x + 2},47 {x - 1},56"), (3.6, 2.6, 0.6), black)
    for x in (91, 113):
        pen.oval(x, 20, 6, 6, coat)
        pen.oval(x, 20.6, 3, 3, black)
    pen.shape(outline("102,16 114,20 121,32 119,44 110,52 94,52 85,44 83,32 90,20"), coat)
    pen.oval(95, 44, 7, 6.4, pale)
    pen.oval(109, 44, 7, 6.4, pale)
    for flip in (False, True):
        for line in ("84,32 89,34", "85,39 90,39", "96,18 98,24"):
            cut = stroke(line)
            pen.line(mirrored(cut, 102) if flip else cut, 2.2, black)
        eye = 109 if flip else 95
        pen.oval(eye, 33, 3, 2.8, rgb("#f4d45a"))
        pen.oval(eye, 33, 1.4, 2.2, BLACK)
    pen.line([(102, 17), (102, 25)], 2.2, black)
    pen.shape([(98.6, 39), (105.4, 39), (102, 43)], rgb("#c8605a"))
    pen.line(stroke("96,45 102,47.4 108,45"), 1, black)


def frog(pen: Pen, look: Look) -> None:
    """Paint a frog, sitting."""
    skin = look.of("#5aa83f", "#3f9a5a", "#7ab83a")
    for flip in (False, True):
        for text, tone in (("18,62 34,50 44,70 36,90 18,94 6,80", 0.14), ("4,90 30,88 34,97 2,98", 0.25)):
            leg = outline(text)
            pen.shape(mirrored(leg, 60) if flip else leg, darker(skin, tone))
    pen.shape(outline("60,34 84,42 92,66 86,88 60,96 34,88 28,66 36,42"), skin)
    pen.oval(60, 74, 22, 20, lighter(skin, 0.6))
    for flip in (False, True):
        arm = stroke("36,66 38,82 40,95")
        pen.ribbon(mirrored(arm, 60) if flip else arm, (9, 8, 8), darker(skin, 0.08))
        at = 82 if flip else 38
        pen.oval(at, 22, 13, 13, skin)
        pen.oval(at, 21, 8.6, 8.6, rgb("#f6efc8"))
        pen.oval(at, 21.6, 4.4, 5.6, BLACK)
        pen.oval(at - 1.6, 19, 1.5, 1.5, WHITE)
    pen.shape(outline("60,22 86,28 96,42 86,54 60,58 34,54 24,42 34,28"), skin)
    pen.line(stroke("32,42 46,49 60,50 74,49 88,42"), 1.8, darker(skin, 0.55))
    for x in (56, 64):
        pen.oval(x, 34, 1, 1, darker(skin, 0.5))


def snake(pen: Pen, look: Look) -> None:
    """Paint a snake in a coil, its head raised."""
    skin = look.of("#5a9a3f", "#b5883a", "#4a8a6a")
    for y, r in ((86, 46), (74, 36), (63, 26)):
        pen.oval(58, y, r, 12, darker(skin, 0.3))
        pen.oval(58, y - 3, r - 1, 10, skin)
        for i in range(-3, 4):
            pen.oval(58 + i * r * 0.27, y + 3 - abs(i), 3, 2.4, lighter(skin, 0.5))
    pen.ribbon(stroke("12,88 2,92 -4,84"), (9, 5, 1.4), skin)
    neck = stroke("70,62 84,52 78,36 62,30 60,20 72,14")
    pen.ribbon(neck, (15, 14, 12, 11, 10, 10), skin)
    pen.ribbon(stroke("78,60 89,50 82,36 66,29"), (4, 4, 3, 2), lighter(skin, 0.5))
    pen.shape(outline("62,8 76,4 92,10 97,16 90,21 74,24 62,20"), skin)
    pen.line(stroke("96,17 106,18 110,15"), 1.2, rgb("#d83a44"))
    pen.line([(105, 18), (110, 21)], 1.2, rgb("#d83a44"))
    pen.oval(82, 11, 2.8, 2.8, rgb("#f4d45a"))
    pen.oval(82.4, 11, 1, 2.4, BLACK)


def squirrel(pen: Pen, look: Look) -> None:
    """Paint a squirrel with a bushy tail and a nut."""
    fur = look.of("#b5602c", "#a8562a", "#8a6a54")
    pen.ribbon(stroke("42,92 16,86 8,60 20,38 14,18 28,6 38,16"), (12, 24, 26, 24, 24, 18, 8), darker(fur, 0.14))
    pen.ribbon(stroke("34,88 18,78 15,60 25,40 22,22"), (3, 7, 8, 7, 4), lighter(fur, 0.35))
    pen.shape(outline("54,40 68,46 76,66 74,88 60,98 42,96 38,78 44,56"), fur)
    pen.oval(64, 74, 10, 18, lighter(fur, 0.7))
    pen.oval(50, 86, 13, 11, darker(fur, 0.1))
    pen.oval(60, 97, 12, 3.4, darker(fur, 0.25))
    for x, lean in ((55, -3), (67, 1)):
        pen.shape([(x - 4, 26), (x + lean, 8), (x + 5, 24)], darker(fur, 0.1))
    pen.shape(outline("60,20 74,24 84,34 82,42 70,47 56,46 48,36 51,25"), fur)
    pen.oval(76, 40, 7, 5, lighter(fur, 0.6))
    pen.oval(84, 35, 2.2, 2, rgb("#3a2422"))
    pen.oval(69, 32, 3, 3.4, BLACK)
    pen.oval(68, 30.8, 1, 1, WHITE)
    pen.oval(82, 60, 6, 6.6, rgb("#8a5a2c"))
    pen.shape(outline("75,57 82,52 89,57! 82,59"), rgb("#5a3a22"))
    pen.ribbon(stroke("62,56 70,64 79,62"), (7, 6, 5), darker(fur, 0.08))


WILDLIFE = {"tiger": tiger, "frog": frog, "snake": snake, "squirrel": squirrel}
