"""Animals that graze, from the side, facing right: cow, sheep, giraffe, camel."""

from ..canvas.color import BLACK, WHITE, darker, rgb
from ..canvas.outline import outline, stroke
from ..canvas.pen import Pen
from .beasts import legs
from .look import Look

_COW = outline(
    "18,40 24,34 50,34 76,32 88,30 98,22 108,24 116,36 118,44 110,48 102,46 96,54 88,66 70,70 46,70 28,68 18,60"
)


def cow(pen: Pen, look: Look) -> None:
    """Paint a spotted cow."""
    coat, patch = look.of("#f4efe6"), rgb("#4a3a38")
    legs(pen, [[(38, 62), (40, 80), (39, 95)], [(86, 62), (90, 80), (89, 95)]], (12, 6, 5.4), darker(coat, 0.3), BLACK)
    pen.ribbon(stroke("18,40 10,50 11,70"), (3, 2), coat)
    pen.oval(11, 73, 3, 5, patch)
    pen.oval(48, 70, 9, 6, rgb("#eaa9a4"))
    pen.shape(_COW, coat)
    for spot in (
        "30,30 46,32 48,46 38,52 28,46",
        "62,32 80,32 78,46 66,50 58,42",
        "46,60 58,56 62,66 54,72",
        "100,22 110,24 108,34 100,34",
    ):
        pen.shade(outline(spot), patch, _COW)
    legs(pen, [[(28, 62), (27, 80), (28, 95)], [(80, 62), (78, 80), (78, 95)]], (15, 7, 6), coat, BLACK)
    pen.oval(114, 42, 6.5, 6, rgb("#eaa9a4"))
    pen.ribbon(stroke("102,23 102,15 108,12"), (3, 1), rgb("#e2d2b0"))
    pen.shape(outline("98,24 88,22 86,28 96,30"), patch)
    pen.oval(107, 31, 1.5, 1.8, BLACK)


def sheep(pen: Pen, look: Look) -> None:
    """Paint a woolly sheep."""
    wool, face = look.of("#f3eee4"), rgb("#453b40")
    legs(
        pen,
        [[(34, 70), (34, 94)], [(46, 70), (47, 94)], [(76, 70), (76, 94)], [(88, 70), (89, 94)]],
        (7, 5),
        darker(face, 0.2),
        BLACK,
    )
    for shift, tone in ((3, darker(wool, 0.14)), (0, wool)):
        for x, y, r in (
            (30, 54, 16),
            (42, 42, 16),
            (58, 38, 17),
            (76, 42, 16),
            (88, 54, 15),
            (78, 64, 16),
            (58, 66, 18),
            (40, 66, 16),
            (60, 52, 22),
        ):
            pen.oval(x, y + shift, r, r - 1, tone)
    pen.shape(outline("92,38 104,36 112,46 113,58 106,63 98,58 92,50"), face)
    pen.shape(outline("94,42 86,40 82,46 92,48"), face)
    pen.oval(97, 36, 9, 7, wool)
    pen.oval(105, 46, 1.6, 1.8, WHITE)
    pen.oval(105.4, 46.2, 0.9, 1.1, BLACK)


def giraffe(pen: Pen, look: Look) -> None:
    """Paint a giraffe with a long neck."""
    coat = look.of("#e6bb62")
    body = outline(
        "16,58 24,52 38,52 46,46 54,24 58,8 60,3 66,3 76,10 78,14 72,17 66,16 62,30 58,50 54,62 40,66 24,67 16,64"
    )
    legs(
        pen,
        [[(26, 62), (29, 78), (29, 97)], [(52, 60), (56, 78), (56, 97)]],
        (6, 3.2, 2.6),
        darker(coat, 0.3),
        rgb("#5a4030"),
    )
    pen.ribbon(stroke("17,58 12,68 13,76"), (2, 1.4), darker(coat, 0.4))
    pen.shape(body, coat)
    legs(pen, [[(21, 62), (19, 78), (20, 97)], [(48, 60), (47, 78), (46, 97)]], (8, 3.6, 2.8), coat, rgb("#5a4030"))
    for x, y, r in (
        (24, 57, 4),
        (33, 59, 4.5),
        (42, 57, 4.5),
        (49, 50, 4),
        (52, 40, 3.4),
        (55, 31, 3.2),
        (57, 22, 2.8),
        (60, 14, 2.3),
        (28, 64, 3),
        (39, 65, 3),
        (50, 60, 3),
    ):
        pen.shade(
            outline(
                f"{x - r},{y - r * 0.4} {x},{y - r * 0.9} {x + r},{y - r * 0.3} "
                f"{x + r * 0.7},{y + r * 0.8} {x - r * 0.6},{y + r * 0.8}"
            ),
            rgb("#a8642e"),
            body,
        )
    for horn in (61, 64.5):
        pen.line([(horn, 4), (horn - 1, -2)], 1.2, darker(coat, 0.4))
    pen.oval(67.5, 8.4, 1, 1.1, BLACK)


def camel(pen: Pen, look: Look) -> None:
    """Paint a camel with two humps."""
    coat = look.of("#c99a5f")
    legs(
        pen,
        [[(36, 62), (39, 78), (38, 96)], [(76, 62), (80, 78), (79, 96)]],
        (9, 4.6, 4),
        darker(coat, 0.3),
        darker(coat, 0.5),
    )
    pen.shape(
        outline(
            "20,54 28,46 34,30 42,26 48,40 54,44 60,30 68,26 74,38 80,48 88,50 95,42 98,28 "
            "102,20 112,20 120,26 119,31 110,33 106,36 104,50 96,62 82,66 60,66 40,68 24,66"
        ),
        coat,
    )
    legs(pen, [[(28, 62), (26, 78), (27, 96)], [(84, 60), (82, 78), (81, 96)]], (12, 5, 4.4), coat, darker(coat, 0.5))
    pen.shape(outline("46,40 56,40 60,56 42,56"), rgb("#c8443a"))
    pen.line([(43, 53), (59, 53)], 1.6, rgb("#f2c14e"))
    pen.oval(108, 24, 1.2, 1.3, BLACK)
    pen.shape([(101, 21), (99, 15), (105, 19)], darker(coat, 0.2))


GRAZERS = {"cow": cow, "sheep": sheep, "giraffe": giraffe, "camel": camel}
