"""Everyday people, full length: a man or a woman, a couple, a child."""

from ..canvas.color import RGB, darker, lighter, rgb
from ..canvas.outline import Outline, moved, outline, stroke
from ..canvas.pen import Pen
from .heads import Person, choose_person, head
from .look import Look

COATS = ("#c8453a", "#2f6f8f", "#e0a23d", "#4f8a5a", "#7a4f9a", "#d96f8f")
_SUITS = ("#2f5f8f", "#4f7a4a", "#8a4a34", "#b5763a", "#4a4f66", "#a83f3a")
_JACKET = outline("11,20 21,16.5 31,20 34,26 31.5,42 31.5,58 21,60 10.5,58 10.5,42 8,26")
_SKIRT = outline("14,19 21,16.5 28,19 30,28 28,40 36,74 21,77 6,74 14,40 12,28")
_LONG_SKIRT = outline("14,19 21,16.5 28,19 31,28 30,42 35,84 21,88 7,84 12,42 11,28")
_SHADE = outline("21,17 28,19 31,26 30,42 31,58 24,60 25,36")


def _legs(pen: Pen, x: float, person: Person, look: Look) -> None:
    trousers = look.pick("#2f3447", "#4a4038", "#3a4a5a")
    legs = trousers if person.male else darker(person.skin, 0.05)
    wide = 1.15 if person.male else 0.9
    pen.ribbon(moved(stroke("24,54 27,74 30,95"), x - 21, 0), (9 * wide, 6 * wide, 4.4 * wide), darker(legs, 0.25))
    pen.ribbon(moved(stroke("18,54 17,76 13,95"), x - 21, 0), (10 * wide, 6.4 * wide, 4.6 * wide), legs)
    for fx in (33.0, 15.5):
        pen.oval(fx + x - 21, 97, 4.8, 2.4, rgb("#2b2228"))


def walker(pen: Pen, look: Look, x: float, coat: RGB, person: Person, pole: bool = False) -> None:
    """Paint one standing person about x, mid-stride."""

    def at(points: Outline) -> Outline:
        return moved(points, x - 21, 0)

    out = 2.5 if person.male else 0.0
    _legs(pen, x, person, look)
    pen.ribbon(moved(stroke("29,22 34,36 35,50"), x - 21 + out, 0), (6.6, 5, 3.8), darker(coat, 0.28))
    pen.oval(x + 14 + out, 51.5, 2.4, 2.6, person.skin)
    body = _JACKET if person.male else _LONG_SKIRT if person.old else _SKIRT
    pen.shape(at(body), coat)
    pen.shade(at(_SHADE), darker(coat, 0.14), at(body))
    if person.male:
        pen.shape(at(outline("17.5,17! 21,16.4 24.5,17! 21,31!")), rgb("#efeae0"))
        pen.box(x - 10.4, 55.5, x + 10.4, 58.5, darker(coat, 0.5))
        pen.line([(x, 31), (x, 55)], 0.7, darker(coat, 0.35))
    else:
        pen.box(x - 8, 39.4, x + 8, 42.4, darker(coat, 0.3), 1)
    pen.ribbon(moved(stroke("13,22 9,36 12,50"), x - 21 - out, 0), (7, 5.4, 4), lighter(coat, 0.1))
    pen.oval(x - 8.6 - out, 52, 2.5, 2.7, person.skin)
    head(pen, x, 9.5, 1.0, look, person)
    if pole:
        pen.line([(x + 15 + out, 40), (x + 19 + out, 98)], 1.4, rgb("#6b4a32"))
        if not person.old:
            pen.box(x - 10.5 - out, 23, x - 4 - out, 44, look.pick("#b5643c", "#4f6f52"), 3)


def person(pen: Pen, look: Look) -> None:
    """Paint a man or a woman, sometimes with a stick and a pack, always with a stick if old."""
    person = choose_person(look)
    coat = look.of(*(_SUITS if person.male else COATS))
    walker(pen, look, 21, coat, person, person.old or look.rng.random() < 0.3)


def couple(pen: Pen, look: Look) -> None:
    """Paint two people hand in hand."""
    plain = Look(None, look.palette, look.rng, look.traits & {"old"})
    first, second = choose_person(plain, 0.0), choose_person(plain, 1.0)
    walker(pen, plain, 25, look.of(*_SUITS), first)
    walker(pen, plain, 55, look.pick(*COATS), second)
    pen.oval(40, 51.5, 3, 3, first.skin)


def child(pen: Pen, look: Look) -> None:
    """Paint a boy or a girl, sometimes with a toy balloon."""
    person = choose_person(Look(look.colour, look.palette, look.rng, look.traits - {"old", "beard"}, look.accents))
    coat, skin = look.of(*COATS), person.skin
    if look.rng.random() < 0.55:
        pen.line(stroke("35,62 40,40 38,18"), 0.7, rgb("#f0ece4"))
        pen.oval(39, 6, 10, 12, rgb("#e24a4a"))
        pen.oval(35.5, 1.5, 2.6, 3.4, rgb("#f7a8a0"))
    legs = rgb("#3a4664") if person.male else darker(skin, 0.05)
    for x in (17, 25):
        pen.limb([(x, 76), (x, 95)], 7, 5.4, legs)
        pen.oval(x + 1, 97, 5, 2.6, rgb("#d9483f"))
    pen.ribbon(stroke("29,56 34,60 36,62"), (6, 4.4, 4), darker(coat, 0.1))
    if person.male:
        pen.box(12.6, 70, 29.4, 84, legs, 2)
        pen.shape(outline("12,54 21,50 30,54 31,74 21,76 11,74"), coat)
        for y in (60, 67):
            pen.box(13, y, 29.6, y + 3, lighter(coat, 0.45))
    else:
        pen.shape(outline("13,54 21,50 29,54 36,84 21,88 6,84"), coat)
    pen.limb([(13, 57), (8, 72)], 6, 4.4, lighter(coat, 0.1))
    pen.oval(7.6, 74, 2.6, 2.6, skin)
    head(pen, 21, 39, 1.5, look, person)


FIGURES = {"person": person, "couple": couple, "child": child}
