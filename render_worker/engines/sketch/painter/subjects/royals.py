"""Kings and queens, princes and princesses."""

from ..canvas.color import RGB, WHITE, darker, lighter, rgb
from ..canvas.outline import moved, outline, stroke
from ..canvas.pen import Pen
from .heads import Person, choose_person, head
from .look import Look

_GOWN = outline("29,20 35,18 41,20 43,30 41,42 50,66 64,97 35,100 6,97 20,66 29,42 27,30")
_MANTLE = outline("22,22 35,18 48,22 55,44 62,97 35,100 8,97 15,44")
_TUNIC = outline("26,22 35,19 44,22 46,38 45,60 49,76 35,79 21,76 25,60 24,38")


def royal(pen: Pen, look: Look) -> None:
    """Paint a king in his mantle, or a queen or princess in a long gown."""
    person = choose_person(look, 1.0)
    if person.male:
        _king(pen, look, person)
    else:
        _queen(pen, look, person)
    _crown(pen)


def _crown(pen: Pen) -> None:
    pen.shape([(29, 2.6), (28, -6), (32, -2), (35, -8), (38, -2), (42, -6), (41, 2.6)], rgb("#f2c53d"))
    pen.oval(35, -0.2, 1.3, 1.3, rgb("#d9344a"))


def _king(pen: Pen, look: Look, person: Person) -> None:
    mantle: RGB = look.of("#a82a34", "#5a2f8a", "#2f4f9a", "#1f6f5a")
    young = "young" in look.traits
    tunic = look.pick("#e3c98a", "#cfd3dc", "#d8b06a")
    pen.shape(_MANTLE, mantle)
    pen.shape(outline("40,22 48,22 55,44 62,97 48,99 46,60"), darker(mantle, 0.25))
    for x, tone in ((30, 0.2), (40, 0.35)):
        pen.ribbon([(x, 74), (x, 86), (x, 95)], (8, 7, 5.4), darker(rgb("#4a4058"), tone))
        pen.oval(x + (-1 if x < 35 else 2), 97, 5.4, 2.8, rgb("#2b2228"))
    pen.shape(_TUNIC, tunic)
    pen.shade(outline("36,10 70,10 70,90 38,90"), darker(tunic, 0.14), _TUNIC)
    pen.box(24.6, 50, 45.4, 54, rgb("#5a3a2a"), 1)
    pen.box(32.5, 49.4, 37.5, 54.6, rgb("#f2c53d"), 1)
    for s in (-1, 1):
        pen.ribbon(stroke(f"{35 + s * 12},24 {35 + s * 17},38 {35 + s * 12},50"), (9, 7, 5), darker(mantle, 0.1))
        pen.oval(35 + s * 12, 51, 2.8, 2.8, person.skin)
    pen.line([(49, 36), (46, 72)], 1.6, rgb("#e8bf4f"))
    pen.oval(49.2, 34.5, 3, 3, rgb("#f2c53d"))
    pen.ribbon(stroke("22,24 35,30 48,24"), (5, 6.4, 5), lighter(WHITE, 0.1))
    for x, y in ((26, 26), (31, 28.6), (39, 28.6), (44, 26)):
        pen.oval(x, y, 0.7, 1.2, (30, 26, 34))
    bearded = Look(look.colour, look.palette, look.rng, look.traits if young else look.traits | {"beard"}, look.accents)
    head(pen, 35, 10, 0.98, bearded, person)


def _queen(pen: Pen, look: Look, person: Person) -> None:
    gown = look.of("#d98fb5", "#6f8fd0", "#c9a23f", "#8a5fb0")
    skin, hair = person.skin, person.hair
    pen.shape(outline("35,2 44,6 46,20 44,38 35,44 26,38 24,20 26,6"), hair)
    pen.shape(_GOWN, gown)
    pen.shape(outline("35,44 40,48 46,76 48,99 35,100 22,99 24,76 30,48"), lighter(gown, 0.28))
    for s in (-1, 1):
        pen.ribbon(stroke(f"{35 + s * 8},23 {35 + s * 14},36 {35 + s * 6},46"), (5, 4, 3), skin)
        pen.oval(35 + s * 9, 24, 5, 5, lighter(gown, 0.15))
    pen.box(33, 14, 37, 21, darker(skin, 0.1), 1)
    pen.oval(35, 10, 5.8, 7, skin)
    pen.shape(moved(outline("-6,1 -6,-6 0,-8.5 6,-6 6,1! 3,-4 -3,-4"), 35, 10), hair)


ROYALS = {"princess": royal}
