"""Four-legged animals from the side, facing right: horse, deer, wolf, fox, elephant, lion."""

from collections.abc import Sequence

from ..canvas.color import BLACK, RGB, WHITE, darker, lighter, mix, rgb
from ..canvas.outline import Point, curve, outline, stroke
from ..canvas.pen import Pen
from .look import Look

_HORSE = outline(
    "24,45 31,38 44,38 58,41 69,37 77,27 85,13 90,6! 92,1! 96,6 102,12 108,21 112,28 110,33 104,34 97,28 93,28 "
    "91,36 89,47 85,58 75,64 58,63 44,67 31,65 24,57"
)
_MANE = outline("90,3 84,8 77,20 69,33 62,40 70,44 78,36 84,26 90,14")
_HORSE_TAIL = outline("27,41 17,44 10,56 10,72 5,86! 16,80 20,66 24,54 31,48")
_WOLF = outline(
    "63,1! 67,4 63,14 60,25 63,38 61,54 61,72 64,97! 53,97 51,78 46,70 49,86 51,97! 24,97 15,90 14,74 20,56 31,38 "
    "39,27 42,18 37,7! 46,12 54,9"
)
_FOX = outline(
    "34,54 48,47 70,46 84,44 92,36 95,18! 102,27 108,27 115,16! 117,30 122,41 133,49! 124,54 113,57 104,63 97,70 "
    "84,73 66,70 48,75 36,69"
)
_FOX_TAIL = outline("40,54 26,44 10,47 -2,60 -7,76! 6,80 20,77 32,72 42,66")
_ELEPHANT = outline(
    "16,52 20,34 34,22 54,18 72,21 82,17 94,12 106,16 112,28 114,42 112,52 104,56 96,56 90,66 76,72 52,74 30,72 19,66"
)
_LION = outline("22,50 34,42 56,42 76,40 90,44 94,58 84,68 64,66 46,70 30,70 22,62")


def legs(pen: Pen, paths: Sequence[Sequence[Point]], widths: Sequence[float], colour: RGB, foot: RGB) -> None:
    """Draw tapering legs and their feet."""
    for path in paths:
        line = curve(path, closed=False)
        pen.ribbon(line, widths, colour)
        x, y = path[-1]
        wide = widths[-1] * 0.75
        pen.shape([(x - wide, y + 3), (x - wide * 0.7, y - 2), (x + wide * 0.8, y - 2), (x + wide * 1.3, y + 3)], foot)


def _horse(pen: Pen, coat: RGB, hair: RGB) -> None:
    far = darker(coat, 0.32)
    legs(
        pen,
        [[(36, 56), (43, 70), (40, 82), (47, 96)], [(84, 54), (95, 66), (94, 78), (88, 86)]],
        (13, 6, 4.4),
        far,
        darker(hair, 0.4),
    )
    pen.shape(_HORSE_TAIL, hair)
    pen.shape(_HORSE, coat)
    legs(
        pen,
        [[(33, 54), (25, 70), (29, 82), (23, 96)], [(82, 54), (82, 70), (80, 82), (80, 96)]],
        (16, 6.5, 4.6),
        coat,
        darker(hair, 0.4),
    )
    pen.shape(_MANE, hair)
    pen.shape([(86, 7), (88, -3), (92, 5)], coat)
    pen.oval(99, 15, 1.4, 1.6, BLACK)
    pen.oval(109.5, 28, 1.0, 1.2, darker(coat, 0.6))


def horse(pen: Pen, look: Look) -> None:
    """Paint a trotting horse."""
    coat = look.of("#8a5638", "#5f4034", "#b98a5a", "#4a4450", "#d9c7b0")
    _horse(pen, coat, darker(coat, 0.5))


def unicorn(pen: Pen, look: Look) -> None:
    """Paint a pale horse with a shining horn."""
    _horse(pen, look.of("#f7f1f8"), look.pick("#d79ae0", "#8fc4ef", "#f4a6c0"))
    pen.lit([(90, 7), (104, -11), (94, 8)], rgb("#ffe9a0"))


def zebra(pen: Pen, look: Look) -> None:
    """Paint a striped horse."""
    _horse(pen, look.of("#f4f1ea"), rgb("#2a2730"))
    for i in range(11):
        x = 28 + i * 5.4
        pen.shade([(x, 30), (x + 2.6, 30), (x + 1 - i * 0.5, 70), (x - 1.6 - i * 0.5, 70)], rgb("#2a2730"), _HORSE)


def deer(pen: Pen, look: Look) -> None:
    """Paint a stag with branching antlers."""
    coat = look.of("#a8693e", "#8f5a3c")
    far, bone = darker(coat, 0.35), rgb("#e6cfa5")
    legs(
        pen,
        [[(40, 62), (45, 74), (43, 84), (47, 96)], [(76, 62), (82, 74), (81, 84), (84, 96)]],
        (10, 4.4, 3),
        far,
        darker(coat, 0.7),
    )
    for tilt in (0.0, -7.0):
        pen.ribbon(
            stroke(f"90,27 {92 + tilt},14 {84 + tilt},4 {86 + tilt},-8"),
            (2.6, 2, 1),
            darker(bone, 0.25) if tilt else bone,
        )
        for x, y, tx, ty in ((91, 16, 100, 8), (87, 8, 96, -2), (84, 3, 78, -6)):
            pen.ribbon([(x + tilt, y), (tx + tilt, ty)], (2, 0.9), darker(bone, 0.25) if tilt else bone)
    pen.shape(
        outline(
            "30,52 40,47 58,49 70,48 78,42 84,32 88,26 80,22! 90,22 97,26 106,33 "
            "107,37 100,39 94,38 91,46 88,58 82,66 66,66 50,69 36,69 30,62"
        ),
        coat,
    )
    pen.shape(outline("30,52 26,58 29,64 34,60"), lighter(coat, 0.75))
    pen.shape(outline("88,40 93,40 90,52 84,62 82,56"), lighter(coat, 0.4))
    legs(
        pen,
        [[(36, 60), (30, 74), (33, 84), (29, 96)], [(82, 60), (80, 74), (79, 84), (77, 96)]],
        (12, 4.8, 3.2),
        coat,
        darker(coat, 0.7),
    )
    pen.oval(95.5, 29.5, 1.2, 1.4, BLACK)
    pen.oval(106, 34.5, 1.4, 1.2, BLACK)
    for x, y in ((44, 52), (52, 55), (60, 53), (46, 59), (66, 56)):
        pen.oval(x, y, 1, 0.8, lighter(coat, 0.55))


def wolf(pen: Pen, look: Look) -> None:
    """Paint a wolf that sits and howls."""
    coat = look.of("#6f7684", "#4f5663", "#8d8a8c")
    pen.ribbon(stroke("22,92 10,97 -2,92 -8,84"), (9, 11, 3), darker(coat, 0.2))
    pen.shape(_WOLF, coat)
    pen.shape(outline("62,14 60,25 63,38 61,56 55,60 51,44 52,30"), lighter(coat, 0.45))
    pen.shape(outline("26,60 38,62 46,74 50,97 30,97 22,88 20,72"), darker(coat, 0.14))
    pen.shape([(40, 12), (38, 7), (44, 13)], darker(coat, 0.4))
    pen.oval(64.5, 2.5, 2.2, 1.8, (24, 22, 28))
    pen.line([(53, 12.5), (56, 11.2)], 1.1, (24, 22, 28))


def fox(pen: Pen, look: Look) -> None:
    """Paint a walking fox with a brush."""
    coat = look.of("#d9692c", "#c85a2a")
    dark = rgb("#3a2622")
    legs(
        pen,
        [[(48, 66), (54, 80), (52, 96)], [(88, 66), (96, 80), (100, 94)]],
        (9, 4.4, 3.6),
        darker(dark, 0.2),
        darker(dark, 0.3),
    )
    pen.shape(_FOX_TAIL, coat)
    pen.shade(outline("8,44 -10,60 -12,84 10,84 4,68"), WHITE, _FOX_TAIL)
    pen.shape(_FOX, coat)
    pen.shape(outline("104,46 114,50 128,50 122,55 112,58 103,66 97,71 92,62 97,50"), lighter(coat, 0.85))
    legs(pen, [[(42, 66), (38, 80), (40, 96)], [(92, 66), (88, 80), (87, 96)]], (11, 4.6, 3.8), dark, darker(dark, 0.3))
    for ear in ([(96, 22), (99, 29), (101, 27)], [(114, 20), (109, 27), (115, 28)]):
        pen.shape(ear, dark)
    pen.oval(132, 49, 2, 1.8, BLACK)
    pen.oval(114, 41, 1.7, 1.9, BLACK)
    pen.oval(113.5, 40.4, 0.5, 0.5, WHITE)


def elephant(pen: Pen, look: Look) -> None:
    """Paint a big elephant with its trunk curled forward."""
    coat = look.of("#8b8f9c", "#7d7a86", "#9a94a0")
    far = darker(coat, 0.3)
    for x in (38, 80):
        pen.ribbon([(x, 60), (x + 3, 96)], (17, 13), far)
    pen.ribbon(stroke("17,44 10,58 11,70"), (3, 1.5), far)
    pen.shape(_ELEPHANT, coat)
    pen.ribbon(stroke("106,34 115,50 116,68 113,82 120,88 126,82"), (21, 13, 9, 6, 4), coat)
    for x in (27, 69):
        pen.ribbon([(x, 56), (x, 95)], (22, 15), coat)
        for toe in (-4.5, 0, 4.5):
            pen.oval(x + toe, 98, 2.2, 2.2, lighter(coat, 0.5))
    pen.shape(outline("103,52 112,60 122,60 127,54! 120,68 108,66 100,58"), rgb("#f6efdc"))
    pen.shape(outline("92,16 78,15 68,26 68,44 77,58 88,58 95,46 96,28"), darker(coat, 0.16))
    pen.shape(outline("90,22 80,22 74,30 75,44 81,51 88,48 91,36"), mix(darker(coat, 0.1), rgb("#c98f92"), 0.35))
    pen.oval(104, 30, 1.7, 1.9, BLACK)


def lion(pen: Pen, look: Look) -> None:
    """Paint a lion with a full mane."""
    coat = look.of("#d9a04e", "#c98f45")
    mane = darker(mix(coat, rgb("#8a3f1c"), 0.6), 0.1)
    legs(
        pen,
        [[(38, 60), (42, 78), (40, 94)], [(82, 58), (90, 78), (92, 94)]],
        (12, 7, 6),
        darker(coat, 0.3),
        darker(coat, 0.3),
    )
    pen.ribbon(stroke("24,48 10,50 4,64 8,78"), (4, 3, 2.4), coat)
    pen.oval(8, 80, 4, 6, mane)
    pen.shape(_LION, coat)
    legs(pen, [[(32, 58), (26, 78), (28, 94)], [(84, 58), (80, 78), (80, 94)]], (16, 8, 6.5), coat, darker(coat, 0.1))
    for r, tone in ((25, darker(mane, 0.2)), (21, mane)):
        for x, y in ((92, 34), (86, 24), (96, 18), (106, 24), (84, 40), (90, 50), (100, 52), (108, 42)):
            pen.oval(98 + (x - 97) * r / 22, 35 + (y - 35) * r / 22, 10, 10, tone)
    pen.shape(outline("94,20 104,21 112,28 116,38 113,46 104,49 95,45 90,34"), coat)
    pen.oval(110, 42, 7, 5.4, lighter(coat, 0.45))
    pen.shape([(111, 36), (117, 37), (115, 41)], rgb("#4a2a22"))
    pen.oval(105, 32, 1.8, 1.8, BLACK)
    pen.oval(93, 22, 4.5, 4.5, coat)


BEASTS = {
    "horse": horse, "unicorn": unicorn, "zebra": zebra, "deer": deer, "wolf": wolf, "fox": fox, "elephant": elephant,
    "lion": lion,
}  # fmt: skip
