"""Small animals that sit and look at the viewer: cat, dog, rabbit, bear, fox, mouse, panda."""

from ..canvas.color import BLACK, RGB, WHITE, darker, lighter, mix, rgb
from ..canvas.outline import outline, stroke
from ..canvas.pen import Pen
from .look import Look

_SITTING = outline("40,34 53,40 62,58 67,82 62,96 40,99 18,96 13,82 18,58 27,40")
_CAT_TAIL = stroke("60,94 76,95 86,84 84,70 78,62")
_CAT_HEAD = outline("40,8 50,9 58,16 61,25 57,34 48,40 40,41.5 32,40 23,34 19,25 22,16 30,9")
_CAT_EARS = (outline("21,20 20,-3! 37,9 30,16"), outline("59,20 60,-3! 43,9 50,16"))
_CAT_INNER = (outline("24,15 22.5,2! 33,10"), outline("56,15 57.5,2! 47,10"))
_DOG_HEAD = outline("40,4 54,8 59,20 56,30 50,42 40,46 30,42 24,30 21,20 26,8")
_DOG_EARS = (outline("27,7 17,10 11,26 15,38 21,36 26,22"), outline("53,7 63,10 69,26 65,38 59,36 54,22"))
_RABBIT_EARS = (outline("34,26 25,12 24,-6 30,-8 36,6 39,24"), outline("46,26 55,12 56,-6 50,-8 44,6 41,24"))
_RABBIT_INNER = (outline("33,18 28.5,8 28,-3 33,6 35,18"), outline("47,18 51.5,8 52,-3 47,6 45,18"))


def _sitting(pen: Pen, coat: RGB, chest: RGB) -> None:
    """Paint the shared pear-shaped body with haunches and paws."""
    pen.shape(_SITTING, coat)
    pen.oval(20, 86, 11, 12, darker(coat, 0.1))
    pen.oval(60, 86, 11, 12, darker(coat, 0.1))
    pen.oval(40, 58, 12, 20, chest)
    for x in (33, 47):
        pen.box(x - 6, 60, x + 6, 97, mix(coat, chest, 0.25), 6)
        pen.oval(x, 96, 7.5, 4.6, chest)
    pen.line([(40, 72), (40, 95)], 0.8, darker(coat, 0.3))


def _eyes(pen: Pen, y: float, apart: float, size: float, colour: RGB) -> None:
    for side in (-1, 1):
        x = 40 + side * apart
        pen.oval(x, y, size, size * 1.1, colour)
        pen.oval(x, y, size * 0.5, size * 0.95, (16, 14, 22))
        pen.oval(x - size * 0.3, y - size * 0.35, size * 0.28, size * 0.28, WHITE)


def cat(pen: Pen, look: Look) -> None:
    """Paint a sitting cat, its tail curled to one side."""
    coat = look.of("#e09a4a", "#6b6470", "#2f2b36", "#d8c3a5", "#8a5f45")
    chest = lighter(coat, 0.5)
    pen.limb(_CAT_TAIL, 8.5, 6.5, darker(coat, 0.12))
    _sitting(pen, coat, chest)
    for ear, inner in zip(_CAT_EARS, _CAT_INNER, strict=True):
        pen.shape(ear, coat)
        pen.shape(inner, mix(coat, rgb("#f0a8a0"), 0.7))
    pen.shape(_CAT_HEAD, coat)
    stripe = darker(coat, 0.35)
    for x in (35, 40, 45):
        pen.line([(x, 9 + abs(x - 40) * 0.2), (40 + (x - 40) * 0.8, 16)], 1.5, stripe)
    for y in (56, 66, 76):
        for side in (-1, 1):
            pen.line([(40 + side * (24 - (76 - y) * 0.2), y), (40 + side * 16, y + 2)], 1.8, stripe)
    pen.oval(40, 34, 9.5, 6.5, chest)
    _eyes(pen, 25, 9.5, 4.2, look.pick("#b8d84a", "#f2c53d", "#6fc7c0"))
    pen.shape([(37.4, 30.5), (42.6, 30.5), (40, 33.4)], rgb("#d9747c"))
    pen.line([(40, 33), (40, 35.5), (36.5, 37.4)], 0.8, darker(coat, 0.5))
    pen.line([(40, 35.5), (43.5, 37.4)], 0.8, darker(coat, 0.5))
    for side in (-1, 1):
        for drop in (-1.2, 1, 3.2):
            pen.line(
                [(40 + side * 9, 33.5 + drop * 0.4), (40 + side * 26, 31.5 + drop * 1.6)], 0.5, lighter(coat, 0.75)
            )


def dog(pen: Pen, look: Look) -> None:
    """Paint a sitting dog with hanging ears and its tongue out."""
    coat = look.of("#c58a4e", "#8a5a3a", "#e6d2b0", "#4b4250")
    chest = lighter(coat, 0.55)
    pen.limb(stroke("60,92 74,86 82,72"), 8, 4.5, coat)
    _sitting(pen, coat, chest)
    pen.shape(_DOG_HEAD, coat)
    pen.shape(outline("40,6 45,16 46,28 40,32 34,28 35,16"), chest)
    for ear in _DOG_EARS:
        pen.shape(ear, darker(coat, 0.35))
    pen.oval(40, 35, 11.5, 9.5, chest)
    pen.shape(outline("36,41 44,41 44.5,50 40,54 35.5,50"), rgb("#e8707a"))
    pen.oval(40, 30.5, 4.8, 3.6, (30, 24, 30))
    pen.line(stroke("32,39 36,42.5 40,40 44,42.5 48,39"), 1, darker(coat, 0.6))
    _eyes(pen, 21, 9, 3.1, rgb("#4a2f22"))
    pen.box(29, 45.5, 51, 49.5, rgb("#d9483b"), 2)
    pen.oval(40, 52, 3, 3, rgb("#f4c542"))


def rabbit(pen: Pen, look: Look) -> None:
    """Paint a sitting rabbit with tall ears."""
    coat = look.of("#d9cdbd", "#a58a72", "#f1ece6", "#8d8792")
    pen.oval(66, 90, 8, 8, lighter(coat, 0.6))
    _sitting(pen, coat, lighter(coat, 0.5))
    for ear, inner in zip(_RABBIT_EARS, _RABBIT_INNER, strict=True):
        pen.shape(ear, coat)
        pen.shape(inner, mix(coat, rgb("#f2a5a8"), 0.65))
    pen.oval(40, 33, 17, 14.5, coat)
    for x in (35.5, 44.5):
        pen.oval(x, 39, 6, 5, lighter(coat, 0.5))
    _eyes(pen, 30, 10, 3, rgb("#3a2420"))
    pen.oval(40, 36, 2.4, 1.8, rgb("#e08a92"))
    pen.box(38.2, 41, 41.8, 46, WHITE, 1)


def bear(pen: Pen, look: Look) -> None:
    """Paint a round sitting bear."""
    coat = look.of("#7a5238", "#5f4334", "#a5764b")
    _bear(pen, coat, lighter(coat, 0.4), coat)


def panda(pen: Pen, look: Look) -> None:
    """Paint a panda with bamboo."""
    _bear(pen, look.of("#f4f1ea"), WHITE, rgb("#26232b"))
    for x in (31, 49):
        pen.oval(x, 25, 5.5, 6.5, rgb("#26232b"))
    _eyes(pen, 25, 8.5, 2.3, rgb("#f2e6c8"))
    pen.line([(58, 40), (22, 74)], 2.6, rgb("#6fae4a"))
    for x, y in ((54, 40), (60, 46), (46, 52)):
        pen.shape(outline(f"{x},{y} {x + 8},{y - 6} {x + 13},{y - 4}! {x + 6},{y + 2}"), rgb("#8cc75e"))


def _bear(pen: Pen, coat: RGB, chest: RGB, limbs: RGB) -> None:
    pen.oval(40, 72, 29, 28, coat)
    pen.oval(40, 74, 19, 20, chest)
    for side in (-1, 1):
        pen.limb([(40 + side * 22, 54), (40 + side * 29, 70), (40 + side * 20, 80)], 15, 12, limbs)
        pen.oval(40 + side * 20, 93, 13, 9, limbs)
        pen.oval(40 + side * 21, 94, 6.5, 5, lighter(limbs, 0.3))
        pen.oval(40 + side * 19, 12, 8, 8, limbs)
        pen.oval(40 + side * 19, 12.5, 4.5, 4.5, mix(limbs, rgb("#d99a84"), 0.5))
    pen.oval(40, 27, 25, 22, coat)
    pen.oval(40, 36, 11, 8.5, chest)
    pen.oval(40, 32.5, 4.4, 3.2, (28, 22, 26))
    pen.line(stroke("35,39 38,41 40,38.5 42,41 45,39"), 1, BLACK)
    _eyes(pen, 25, 10, 2.6, rgb("#3a2a22"))


def mouse(pen: Pen, look: Look) -> None:
    """Paint a mouse with big round ears."""
    coat = look.of("#9a939c", "#b59a86")
    pen.limb(stroke("60,94 78,98 88,88 84,78 90,70"), 3, 1.4, rgb("#e0a8a0"))
    _sitting(pen, coat, lighter(coat, 0.5))
    for x in (19, 61):
        pen.oval(x, 14, 15, 15, coat)
        pen.oval(x, 15, 10.5, 10.5, mix(coat, rgb("#f0b0b0"), 0.75))
    pen.shape(outline("40,14 54,20 54,32 45,43 40,46 35,43 26,32 26,20"), coat)
    _eyes(pen, 28, 7.5, 3, BLACK)
    pen.oval(40, 43, 3, 2.5, rgb("#e07f88"))


PETS = {"cat": cat, "dog": dog, "rabbit": rabbit, "bear": bear, "panda": panda, "mouse": mouse}
