"""People in costume: a knight, a wizard, a dancer, an astronaut; and the table of all people."""

from ..canvas.color import BLACK, WHITE, darker, lighter, mix, rgb
from ..canvas.outline import outline, stroke
from ..canvas.pen import Pen
from .figures import FIGURES
from .heads import HAIRS, SKINS
from .look import Look
from .royals import ROYALS

_ROBE = outline("30,22 38,20 46,24 52,44 60,97 36,100 12,97 20,60 25,36")


def knight(pen: Pen, look: Look) -> None:
    """Paint a knight with plume, sword and shield."""
    steel = look.of("#aab2c2", "#8d96ab")
    cloth = look.pick("#b5343c", "#2f5fa8", "#7a3f9a")
    pen.shape(outline("26,22 40,22 50,60 58,88 34,94 12,86 20,50"), darker(cloth, 0.25))
    for x, tone in ((27, darker(steel, 0.2)), (39, steel)):
        pen.ribbon([(x, 56), (x, 76), (x + 1, 95)], (11, 8, 6), tone)
        pen.oval(x, 75, 5, 4, lighter(steel, 0.3))
        pen.shape([(x - 4, 99), (x - 3, 93), (x + 4, 93), (x + 9, 99)], darker(steel, 0.3))
    pen.shape(outline("22,24 33,20 45,24 47,40 44,60 33,64 23,60 20,40"), steel)
    pen.shape(outline("26,40 33,38 41,40 43,68 33,74 24,68"), cloth)
    pen.ribbon(stroke("45,26 54,38 56,50"), (10, 8, 6), steel)
    pen.shape([(55.4, 54), (57, 0), (58.6, -6), (60.2, 0), (60, 54)], lighter(steel, 0.55))
    pen.box(51, 51, 64, 54, rgb("#d9a83d"), 1)
    pen.box(56, 54, 59.4, 62, rgb("#5a3a2a"), 1)
    pen.shape(outline("8,34! 20,31 31,34! 30,54 20,66 9,54"), cloth)
    pen.shape([(18.4, 35), (21.4, 35), (21.4, 60), (18.4, 60)], rgb("#f0d98a"))
    pen.shape([(11, 43), (28.6, 43), (28.6, 46), (11, 46)], rgb("#f0d98a"))
    pen.shape(outline("25,10 33,3 41,10 42,21 33,26 24,21"), lighter(steel, 0.15))
    pen.box(27, 12.5, 40, 15, (24, 24, 34), 0.5)
    pen.ribbon(stroke("33,4 27,-5 16,-3 11,7"), (3, 7, 6, 1.5), cloth)


def wizard(pen: Pen, look: Look) -> None:
    """Paint a wizard with a tall hat and a shining staff."""
    robe = look.of("#4a3f9a", "#2f5f7a", "#6a2f6f")
    pen.line([(62, 99), (60, 14)], 2.6, rgb("#6b4a32"))
    pen.ribbon(stroke("57,20 54,10 60,4 67,10 64,20"), (1.6, 2, 2, 2, 1.6), rgb("#6b4a32"))
    pen.shape(_ROBE, robe)
    pen.shape(outline("38,21 46,24 52,44 60,97 44,100 46,60"), darker(robe, 0.22))
    pen.ribbon(stroke("46,30 56,40 60,48"), (9, 12, 9), darker(robe, 0.1))
    pen.oval(60.5, 48, 3, 3, rgb(SKINS[0]))
    pen.ribbon(stroke("28,30 22,46 30,56"), (9, 11, 9), lighter(robe, 0.12))
    pen.oval(38, 20, 7, 7.6, rgb(SKINS[0]))
    pen.shape(outline("31,21 38,24 45,21 47,34 42,46 38,56! 34,46 29,34"), rgb("#ece8e2"))
    pen.shape(outline("23,15! 30,11 34,-2 44,-10! 43,0 46,11 54,15! 38,18"), darker(robe, 0.12))
    pen.box(30, 9.4, 46.4, 12.4, rgb("#e8bf4f"), 1)
    for x, y in ((30, 70), (40, 84), (26, 88), (44, 66)):
        pen.shape(
            [
                (x, y - 2.4),
                (x + 0.8, y - 0.7),
                (x + 2.4, y),
                (x + 0.8, y + 0.7),
                (x, y + 2.4),
                (x - 0.8, y + 0.7),
                (x - 2.4, y),
                (x - 0.8, y - 0.7),
            ],
            rgb("#f2d36b"),
        )
    pen.lit(outline("60.5,5 65,10 60.5,15 56,10"), rgb("#8fe8ff"))


def dancer(pen: Pen, look: Look) -> None:
    """Paint a dancer on one toe, arms up, in a wide skirt."""
    dress = look.of("#d9486a", "#e86f8f", "#3f7fb5", "#8a4fa8")
    skin = look.pick(*SKINS)
    pen.ribbon(stroke("44,56 62,64 84,58"), (8, 6, 2.4), darker(skin, 0.12))
    pen.ribbon(stroke("40,56 41,78 40,98"), (9, 6, 2.2), skin)
    pen.shape([(38, 92), (42.6, 92), (41, 101), (39, 101)], darker(dress, 0.1))
    pen.shape(outline("38,44 46,44 66,52 78,64 62,62 54,68 42,64 30,68 20,60 6,58! 20,50"), dress)
    pen.shape(outline("40,46 52,50 66,56 74,62 58,60 44,56 28,60 18,56 26,50"), lighter(dress, 0.25))
    pen.ribbon(stroke("46,27 58,18 60,4 50,-6"), (5, 4, 3.2, 2), darker(skin, 0.08))
    pen.ribbon(stroke("37,27 26,20 22,6 30,-5"), (5, 4, 3.2, 2), skin)
    pen.shape(outline("36,25 42,23 48,25 47,36 48,46 36,46 37,36"), darker(dress, 0.08))
    pen.box(40, 17, 44, 25, darker(skin, 0.12), 1)
    pen.oval(42, 12, 5.6, 6.6, skin)
    hair = look.pick(*HAIRS)
    pen.shape(outline("36,13 36,6 42,4 48,7 48,13! 45,9 40,8"), hair)
    pen.oval(42, 2.6, 3.6, 3.2, hair)


def astronaut(pen: Pen, look: Look) -> None:
    """Paint an astronaut in a white suit with a golden visor."""
    suit = look.of("#f2f1ee")
    pen.box(12, 30, 50, 66, darker(suit, 0.3), 6)
    for x in (23, 39):
        pen.ribbon([(x, 62), (x, 80), (x, 93)], (15, 13, 11), darker(suit, 0.08))
        pen.box(x - 7, 90, x + 8, 99, darker(suit, 0.45), 3)
    for s in (-1, 1):
        pen.ribbon(
            stroke(f"{31 + s * 16},38 {31 + s * 23},52 {31 + s * 20},66"),
            (13, 11, 9),
            darker(suit, 0.12 if s > 0 else 0.02),
        )
        pen.oval(31 + s * 20, 68, 5, 5, darker(suit, 0.5))
    pen.shape(outline("18,34 31,31 44,34 46,54 44,70 31,72 18,70 16,54"), suit)
    pen.box(23, 45, 39, 56, rgb("#5a6478"), 2)
    for x, tone in ((26, "#e2574a"), (31, "#f2c53d"), (36, "#57b894")):
        pen.oval(x, 50, 1.7, 1.7, rgb(tone))
    pen.oval(31, 17, 19, 18.5, suit)
    pen.shape(outline("31,6 43,9 46,18 42,27 31,29 20,27 16,18 19,9"), rgb("#3a3148"))
    pen.shape(outline("31,8 41,11 44,18 40,25 31,27 22,25 18,18 21,11"), mix(rgb("#e8a23d"), BLACK, 0.12))
    pen.shape(outline("22,12 30,9.6 27,15 21,20"), lighter(rgb("#f2c26b"), 0.5))
    pen.oval(38, 22, 1.6, 1.6, WHITE)


PEOPLE = {**FIGURES, **ROYALS, "knight": knight, "wizard": wizard, "dancer": dancer, "astronaut": astronaut}
