"""People, simply dressed: a walker, a couple, a child, a knight, a wizard, a dancer, a princess, an astronaut."""

from render_worker.painter.color import BLACK, RGB, WHITE, darker, lighter, mix, rgb
from render_worker.painter.look import Look
from render_worker.painter.outline import moved, outline, stroke
from render_worker.painter.pen import Pen

_SKINS = ("#f2c9a5", "#d9a06f", "#a86d48", "#6f452f")
_HAIRS = ("#2c2126", "#5a3825", "#a8672f", "#d9b36a", "#8a3b2a")
_COATS = ("#c8453a", "#2f6f8f", "#e0a23d", "#4f8a5a", "#7a4f9a", "#d96f8f")
_TORSO = outline("14,19 21,16.5 28,19 31,26 30,42 31,58 21,60 11,58 12,42 11,26")
_SKIRT = outline("14,19 21,16.5 28,19 30,28 28,40 36,74 21,77 6,74 14,40 12,28")
_GOWN = outline("29,20 35,18 41,20 43,30 41,42 50,66 64,97 35,100 6,97 20,66 29,42 27,30")
_ROBE = outline("30,22 38,20 46,24 52,44 60,97 36,100 12,97 20,60 25,36")


def _head(pen: Pen, x: float, y: float, size: float, look: Look, long: bool) -> RGB:
    """A small head with hair; returns the skin's colour."""
    skin, hair = look.pick(*_SKINS), look.pick(*_HAIRS)
    if long:
        pen.shape(moved(outline("0,-9 7,-7 9,0 10,12 6,17 0,15 -6,17 -10,12 -9,0 -7,-7"), x, y, size), hair)
    pen.box(x - 2.2 * size, y + 4 * size, x + 2.2 * size, y + 11 * size, darker(skin, 0.14))
    pen.oval(x, y, 6.4 * size, 7.4 * size, skin)
    pen.shape(moved(outline("-7,0 -7,-6 0,-9.4 7,-6 7,0! 4,-3 -2,-4! -5,-2"), x, y, size), hair)
    return skin


def _walker(pen: Pen, look: Look, x: float, coat: RGB, skirt: bool, pole: bool = False) -> None:
    """One standing figure about x, mid-stride."""

    def at(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        return moved(points, x - 21, 0)

    trousers = look.pick("#2f3447", "#4a4038", "#3a4a5a")
    skin = look.pick(*_SKINS)
    legs = trousers if not skirt else darker(skin, 0.05)
    pen.ribbon(at(stroke("24,54 27,74 30,95")), (9, 6, 4.4), darker(legs, 0.25))
    pen.ribbon(at(stroke("18,54 17,76 13,95")), (10, 6.4, 4.6), legs)
    for fx, fy in ((33, 97), (15.5, 97)):
        pen.oval(fx + x - 21, fy, 4.8, 2.4, rgb("#2b2228"))
    pen.ribbon(at(stroke("29,22 34,36 35,50")), (6.6, 5, 3.8), darker(coat, 0.28))
    pen.oval(x + 14, 51.5, 2.4, 2.6, skin)
    pen.shape(at(_SKIRT if skirt else _TORSO), coat)
    pen.shape(at(outline("21,17 28,19 31,26 30,42 31,58 24,60 25,36")), darker(coat, 0.14))
    pen.ribbon(at(stroke("13,22 9,36 12,50")), (7, 5.4, 4), lighter(coat, 0.1))
    pen.oval(x - 8.6, 52, 2.5, 2.7, skin)
    _head(pen, x, 9.5, 1.0, look, skirt)
    if pole:
        pen.line([(x + 15, 40), (x + 19, 98)], 1.4, rgb("#6b4a32"))
        pen.box(x - 10.5, 23, x - 4, 44, look.pick("#b5643c", "#4f6f52"), 3)


def person(pen: Pen, look: Look) -> None:
    """A walker with a coat, sometimes a stick and a pack."""
    _walker(pen, look, 21, look.of(*_COATS), look.rng.random() < 0.45, look.rng.random() < 0.4)


def couple(pen: Pen, look: Look) -> None:
    """Two people hand in hand."""
    _walker(pen, look, 25, look.of(*_COATS), False)
    _walker(pen, look, 55, look.pick(*_COATS), True)
    pen.oval(40, 51.5, 3, 3, rgb(_SKINS[1]))


def child(pen: Pen, look: Look) -> None:
    """A child with a toy balloon."""
    coat = look.of(*_COATS)
    skin = look.pick(*_SKINS)
    pen.line(stroke("35,62 40,40 38,18"), 0.7, rgb("#f0ece4"))
    pen.oval(39, 6, 10, 12, rgb("#e24a4a"))
    pen.oval(35.5, 1.5, 2.6, 3.4, rgb("#f7a8a0"))
    for x in (17, 25):
        pen.limb([(x, 76), (x, 95)], 7, 5.4, rgb("#3a4664"))
        pen.oval(x + 1, 97, 5, 2.6, rgb("#d9483f"))
    pen.ribbon(stroke("29,56 34,60 36,62"), (6, 4.4, 4), darker(coat, 0.1))
    pen.shape(outline("13,54 21,50 29,54 33,80 21,83 9,80"), coat)
    pen.limb([(13, 57), (8, 72)], 6, 4.4, lighter(coat, 0.1))
    pen.oval(7.6, 74, 2.6, 2.6, skin)
    _head(pen, 21, 39, 1.5, look, look.rng.random() < 0.5)


def knight(pen: Pen, look: Look) -> None:
    """A knight with plume, sword and shield."""
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
    """A wizard with a tall hat and a shining staff."""
    robe = look.of("#4a3f9a", "#2f5f7a", "#6a2f6f")
    pen.line([(62, 99), (60, 14)], 2.6, rgb("#6b4a32"))
    pen.ribbon(stroke("57,20 54,10 60,4 67,10 64,20"), (1.6, 2, 2, 2, 1.6), rgb("#6b4a32"))
    pen.shape(_ROBE, robe)
    pen.shape(outline("38,21 46,24 52,44 60,97 44,100 46,60"), darker(robe, 0.22))
    pen.ribbon(stroke("46,30 56,40 60,48"), (9, 12, 9), darker(robe, 0.1))
    pen.oval(60.5, 48, 3, 3, rgb(_SKINS[0]))
    pen.ribbon(stroke("28,30 22,46 30,56"), (9, 11, 9), lighter(robe, 0.12))
    pen.oval(38, 20, 7, 7.6, rgb(_SKINS[0]))
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
    """A dancer on one toe, arms up, in a wide skirt."""
    dress = look.of("#d9486a", "#e86f8f", "#3f7fb5", "#8a4fa8")
    skin = look.pick(*_SKINS)
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
    hair = look.pick(*_HAIRS)
    pen.shape(outline("36,13 36,6 42,4 48,7 48,13! 45,9 40,8"), hair)
    pen.oval(42, 2.6, 3.6, 3.2, hair)


def princess(pen: Pen, look: Look) -> None:
    """A figure in a long gown and a crown."""
    gown = look.of("#d98fb5", "#6f8fd0", "#c9a23f", "#8a5fb0")
    skin, hair = look.pick(*_SKINS), look.pick(*_HAIRS)
    pen.shape(outline("35,2 44,6 46,20 44,38 35,44 26,38 24,20 26,6"), hair)
    pen.shape(_GOWN, gown)
    pen.shape(outline("35,44 40,48 46,76 48,99 35,100 22,99 24,76 30,48"), lighter(gown, 0.28))
    for s in (-1, 1):
        pen.ribbon(stroke(f"{35 + s * 8},23 {35 + s * 14},36 {35 + s * 6},46"), (5, 4, 3), skin)
        pen.oval(35 + s * 9, 24, 5, 5, lighter(gown, 0.15))
    pen.box(33, 14, 37, 21, darker(skin, 0.1), 1)
    pen.oval(35, 10, 5.8, 7, skin)
    pen.shape(outline("29,11 29,4 35,1.5 41,4 41,11! 38,6 32,6"), hair)
    pen.shape([(29, 2.6), (28, -6), (32, -2), (35, -8), (38, -2), (42, -6), (41, 2.6)], rgb("#f2c53d"))
    pen.oval(35, -0.2, 1.3, 1.3, rgb("#d9344a"))


def astronaut(pen: Pen, look: Look) -> None:
    """An astronaut in a white suit with a golden visor."""
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


PEOPLE = {
    "person": person, "couple": couple, "child": child, "knight": knight, "wizard": wizard, "dancer": dancer,
    "princess": princess, "astronaut": astronaut,
}  # fmt: skip
